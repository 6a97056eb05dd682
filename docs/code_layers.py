"""The layers of the code, for the site: from the contract that ``make lint`` checks.

What each package is for is the first sentence of its own docstring.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = ROOT / "ctmo_indi"


def layers() -> str:
    """Draw every layer with its packages, from the top down; each knows only those below it."""
    rows = [
        f"| **{number}** `{name}` | {_purpose(name)} |\n"
        for number, names in enumerate(_contract(), start=1)
        for name in names
    ]
    return "| layer, package or module | what it is for |\n| --- | --- |\n" + "".join(rows)


def _contract() -> Iterator[list[str]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    found = next(one for one in contracts if one["type"] == "layers")
    for layer in found["layers"]:
        yield re.split(r"\s*[|:]\s*", layer)


def _purpose(name: str) -> str:
    folder = CODE / name
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split()).replace("``", "`").replace("|", "\\|")


DRAWN = {"layers": layers}
