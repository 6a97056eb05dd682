"""What the documents promise is there: linked files, commands, targets of make."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / kind / "README.md" for kind in ("profiles", "devices", "xmlrpc")),
]
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_NAMED_FILE = re.compile(r"`(\w[\w/-]*\.(?:md|py|yaml))`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_to_files(document: Path) -> None:
    text = _FENCED.sub("", document.read_text("utf-8"))
    links = [link for link in _LINK.findall(text) if "://" not in link and link[0] != "#"]
    missing = [link for link in links if not (document.parent / link.split("#")[0]).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_named_with_their_folder_exist(document: Path) -> None:
    named = {name for name in _NAMED_FILE.findall(document.read_text("utf-8")) if "/" in name}
    bases = (ROOT, ROOT / "ctmo_indi", document.parent)
    missing = {name for name in named if not any((base / name).exists() for base in bases)}
    assert missing == set()


def _shell_lines() -> str:
    text = _FENCED.sub("", README.read_text("utf-8"))
    return "\n".join(line for line in text.splitlines() if line.startswith("    "))


def test_commands_of_the_readme_exist() -> None:
    help_text = subprocess.run(
        [sys.executable, "-m", "ctmo_indi", "--help"],
        capture_output=True, text=True, check=True, timeout=60, cwd=ROOT,
    ).stdout  # fmt: skip
    known = set(re.findall(r"^  ([a-z]+)  ", help_text.partition("Commands:")[2], re.MULTILINE))
    used = set(re.findall(r"ctmo-indi ([a-z]+)", _shell_lines()))
    assert used, "the README shows no command at all"
    assert used <= known


def test_make_targets_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    used = set(re.findall(r"\bmake ([a-z]+)", _shell_lines()))
    assert {"demo", "install", "uninstall"} <= used <= targets


@pytest.fixture(scope="module")
def drawer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_tables", ROOT / "docs" / "draw_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pictures_of_the_tables_are_those_of_the_code(drawer: ModuleType) -> None:
    documents = drawer.documents()
    assert documents, "no document has a place to draw in"
    old = [path.name for path in documents if drawer.drawn(path.read_text()) != path.read_text()]
    assert old == [], "draw anew: python docs/draw_tables.py"
