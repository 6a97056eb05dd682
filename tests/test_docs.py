"""What the documents promise is there: linked files, commands, targets of make."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from typer.core import TyperGroup
from typer.main import get_command

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / kind / "README.md" for kind in ("profiles", "devices", "xmlrpc")),
]
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
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


def _command_lines(document: Path) -> list[list[str]]:
    """Words after ctmo-indi, of each line or span of code, up to a comment or a pipe."""
    text = document.read_text("utf-8")
    code = [line for line in text.splitlines() if line.startswith("    ")] + _SPAN.findall(text)
    found = [part for line in code for part in line.split("ctmo-indi ")[1:]]
    return [re.split(r"[#|\"]|&&|  ", part)[0].split() for part in found]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_options_of_the_documents_exist(document: Path) -> None:
    from ctmo_indi.cli import app
    from ctmo_indi.work_orders.model import SchedulerCommand

    lines = _command_lines(document)
    assert lines or document != README, "the README shows no command at all"
    for words in lines:
        group = get_command(app)
        while isinstance(group, TyperGroup) and words and words[0][0].islower():
            assert words[0] in group.commands, words
            group = group.commands[words.pop(0)]
        known = {
            option
            for parameter in group.params
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
        assert {word.split("=")[0] for word in words if len(word) > 1 and word[0] == "-"} <= known
        if group.name == "scheduler" and words and words[0] != "COMMAND":
            assert words[0] in set(SchedulerCommand), words


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
    old = [path.name for path, text in drawer.files().items() if path.read_text() != text]
    assert old == [], "draw anew: python docs/draw_tables.py"
