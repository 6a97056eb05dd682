"""What a page of the site is before Sphinx reads it.

* ``<!-- drawn at build: NAME -->`` becomes the table of that name (``reference_tables.py``,
  ``code_layers.py``), and ``<!-- drawn: NAME -->`` ... ``<!-- end -->`` is drawn anew
  (``draw_tables.py``).
* A Mermaid diagram becomes a table (``diagrams.py``).
* A page that is only ``<!-- page: FILE -->`` becomes that file of the repository.
* Links of the repository's pages become links of the site, and so do pages that are named as files.
  A file that is no page of the site is named instead.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import code_layers
import diagrams
import draw_tables
import reference_tables

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
#: Pages of the repository outside ``docs/`` -> where the site has them.
ELSEWHERE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "xmlrpc/README.md": "reference/wire.md",
    "profiles/README.md": "reference/profiles.md",
    "profiles/blocks/README.md": "reference/blocks.md",
    "devices/README.md": "reference/device-files.md",
}
#: What a page may have drawn at build.
DRAWN = {**reference_tables.DRAWN, **code_layers.DRAWN}
_PAGE = re.compile(r"<!-- page: (\S+) -->")
_AT_BUILD = re.compile(r"<!-- drawn at build: (\w+) -->\n")
_DRAWN_ANEW = re.compile(r"<!-- (page|drawn|drawn at build): ")
_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_NAMED = re.compile(r"(?<!\[)`docs/([\w/-]+\.md)`")
_FENCED = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)


def on_source_read(app: Sphinx, docname: str, content: list[str]) -> None:
    """Sphinx's event: change the text of a page in place."""
    path = DOCS / f"{docname}.md"
    content[0] = page(path, content[0])


def on_env_get_outdated(app: Sphinx, env: object, *changes: set[str]) -> list[str]:
    """Sphinx's event: pages whose own text is the same, while what is drawn in them may not be."""
    return [
        str(path.relative_to(DOCS).with_suffix(""))
        for path in DOCS.rglob("*.md")
        if _DRAWN_ANEW.search(path.read_text("utf-8"))
    ]


def page(path: Path, text: str) -> str:
    """Return what the site shows of the page ``path`` whose text is that."""
    if found := _PAGE.search(text):
        path = ROOT / found[1]
        text = path.read_text("utf-8")
    text = draw_tables.drawn(text)
    text = _AT_BUILD.sub(lambda place: DRAWN[place[1]](), text)
    text = diagrams.as_tables(text)
    parts = _FENCED.split(text)
    parts[::2] = [_LINK.sub(lambda link: _of_the_site(link, path), part) for part in parts[::2]]
    parts[::2] = [_NAMED.sub(_by_its_title, part) for part in parts[::2]]
    return "".join(parts)


def _by_its_title(named: re.Match[str]) -> str:
    """A page of the site that is named as a file becomes a link."""
    file = DOCS / named[1]
    if not file.is_file():
        return named[0]
    title = file.read_text("utf-8").partition("\n")[0].lstrip("# ")
    return f"[{title}](/{named[1]})"


def _of_the_site(link: re.Match[str], path: Path) -> str:
    label, target = link[1], link[2]
    if "://" in target or target.startswith(("#", "/", "mailto:")):
        return link[0]
    file, _, anchor = target.partition("#")
    name = (path.parent / file).resolve().relative_to(ROOT)
    if name.parts[0] == "docs" and name.suffix in {".md", ".png", ".webp", ".svg"}:
        inside = str(Path(*name.parts[1:]))
    elif str(name) in ELSEWHERE:
        inside = ELSEWHERE[str(name)]
    else:
        return label if str(name) in label else f"{label} (`{name}`)"
    return f"[{label}](/{inside}{'#' + anchor if anchor else ''})"
