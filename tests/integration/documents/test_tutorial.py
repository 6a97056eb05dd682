"""The tutorial is followed word by word: every command, with the output that it promises."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ...documented import ROOT, blocks, command_of
from .conftest import Running, Shell

pytestmark = pytest.mark.indi

TUTORIAL = ROOT / "docs" / "tutorial" / "first-night.md"
DONE_OTHERWISE = {
    "make": "tests/test_packaging.py, and .ci/run in every clone",
    ". .venv/bin/activate": "we run in it",
    "sudo apt-get install indi-bin libfaketime": "make system-packages in .ci/run",
}
MAY_HAVE_NOTHING = {"report": "no night is over yet"}
_FILE = re.compile(r"file `(\S+)`:$")


def begins_with(told: str, promised: str) -> bool:
    """Whether what was told begins as promised; ``...`` stands for anything, blanks are alike."""
    parts = (" ".join(part.split()) for part in promised.split("..."))
    pattern = ".*?".join(re.escape(part) for part in parts if part)
    start = ".*?" if promised.startswith("...") else ""
    return re.match(start + pattern, " ".join(told.split()), re.DOTALL) is not None


@pytest.mark.parametrize(
    ("told", "promised", "is_so"),
    [
        ("a  b\nc", "a b c", True),
        ("a b c", "a ... c", True),
        ("x\na b c", "...\na b", True),
        ("x\na b c", "a b", False),
        ("a b c", "a d", False),
        ("a b c", "... c ... b", False),
    ],
)
def test_what_is_promised(told: str, promised: str, is_so: bool) -> None:
    assert begins_with(told, promised) is is_so


def test_the_first_night(running: Running, home: Path, shell: Shell) -> None:
    told, ran = "", 0
    for block in blocks(TUTORIAL):
        if block.language == "json" and (file := _FILE.search(block.before)):
            (home / file[1]).write_text(block.text)
        elif block.language == "python":
            exec(compile(running.here(block.text), TUTORIAL.name, "exec"), {})
        elif block.language == "text":
            assert begins_with(told, block.text), (block.text, told)
        elif block.language == "sh":
            told = ""
            for line in block.text.splitlines():
                if line in DONE_OTHERWISE:
                    continue
                if line == "ctmo-indi up --speed 300":
                    told += running.as_documented(running.told)
                    continue
                command = command_of(line, TUTORIAL.name)
                assert command is not None, line
                answer = shell(command)
                is_refusal = answer.err.startswith("refused: ")
                has_nothing = command.words[0] in MAY_HAVE_NOTHING
                assert answer.code == 0 or is_refusal or has_nothing, (line, answer)
                told += answer.err + answer.out
                ran += 1
    assert ran >= 15
