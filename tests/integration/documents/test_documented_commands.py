"""Every ``ctmo-indi`` that a page shows as code is taken by the parser, and run where it can be.

What is run may be refused by the state the observatory is in; it is never refused as wrong usage.
"""

from __future__ import annotations

import ast
import json
import re

import pytest
from typer import BadParameter
from typer.core import TyperGroup
from typer.main import get_command

from ctmo_indi.cli import app

from ...documented import ROOT, Command, blocks, commands, pages, shell_lines
from .conftest import Shell

pytestmark = pytest.mark.indi

#: First words of what is parsed only -> why, and who runs it.
PARSED_ONLY = {
    "up": "the observatory of these tests; test_tutorial.py reads what it tells",
    "demo": "a whole night: tests/integration/simulator",
    "simulate": "a minute each: tests/unit/cli/test_simulate.py",
    "preprocess": "a night of frames: tests/integration/preprocessor",
    "trace": "products of a night: tests/unit/cli/test_preprocess.py",
    "token": "writes below /etc as root: tests/unit/cli/test_access.py",
    "--token-file": "a token of the reader's: tests/unit/cli/test_access.py",
    "events --follow": "goes on until Ctrl-C: tests/unit/cli/test_events_and_prediction.py",
    "init": "asks, or needs an INDI server on its usual port: tests/unit/cli, test_init*.py",
    "check --profile mine": "the reader's own profile: tests/integration/fleet",
    "frames --picture": "a file of the reader's: tests of the quick look",
}
ALL = [command for page in pages() for command in commands(page)]
TREE = get_command(app)
_MAKE = re.compile(r"^(?:sudo (?:-H )?)?make(?: [A-Z_]+=\S+)*(?: ([a-z][a-z-]*))?")


def is_parsed_only(command: Command) -> bool:
    line = " ".join(command.words)
    return any(line == words or line.startswith(f"{words} ") for words in PARSED_ONLY)


def test_there_are_commands_and_none_is_excused_in_vain() -> None:
    excused = {
        words for words in PARSED_ONLY for one in ALL if " ".join(one.words).startswith(words)
    }
    assert len(ALL) > 80
    assert excused | {"demo", "init"} == set(PARSED_ONLY)


@pytest.mark.parametrize("command", ALL, ids=str)
def test_the_parser_takes_it(command: Command) -> None:
    group, words, path = TREE, list(command.words), "ctmo-indi"
    while isinstance(group, TyperGroup):
        context = group.make_context(path, list(words), allow_interspersed_args=False)
        words = [*context._protected_args, *context.args]
        if not words:
            assert group.invoke_without_command, command
            return
        path = words.pop(0)
        assert path in group.commands, command
        group = group.commands[path]
    try:
        group.make_context(path, words)
    except BadParameter as wrong:  # the reader's file
        assert "does not exist" in str(wrong), command  # noqa: PT017 - it may be taken as well


def receipt_of(shell: Shell) -> str:
    """Hand in an order of ada's with the ID m31, as the documents have one; return its receipt."""
    order = {
        "WOType": "Observation", "User": "ada", "ID": "m31", "Object": "M 31", "Filter": "V",
        "Exposure Time": 60,
    }  # fmt: skip
    answer = shell(Command("", ("submit", "-", "--json"), json.dumps(order)))
    return str(json.loads(answer.out)["Receipt"])


@pytest.mark.parametrize(
    "words",
    sorted({(one.words, one.stdin) for one in ALL if not is_parsed_only(one)}),
    ids=lambda words: " ".join(words[0]),
)
def test_it_runs(words: tuple[tuple[str, ...], str], shell: Shell) -> None:
    given = list(words[0])
    if given == ["submit", "orders.json"]:
        pytest.skip("of the tutorial, which writes that file")
    if "--plot" in given:
        pytest.importorskip("matplotlib")
    for index, word in enumerate(given):
        if word in {"RECEIPT", "m31"} or word.startswith("O-"):
            receipt = receipt_of(shell)
            given[index] = word if word == "m31" else receipt
    answer = shell(Command("", tuple(given), words[1]))
    if after := {"stop": "release", "lock": "unlock"}.get(given[0]):
        shell(Command("", (after,)))
    told = answer.err.replace("refused: ", "", 1)
    assert "Try ctmo-indi" not in told
    assert "Traceback" not in told
    assert answer.code != 2 or answer.err.startswith("refused: "), answer
    assert answer.code in {0, 1, 2, 4, 5}, answer


def test_targets_of_make_exist() -> None:
    there = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    lines = [line for page in pages() for line in shell_lines(page)]
    used = {match[1] for line in lines if (match := _MAKE.match(line)) and match[1]}
    assert {"demo", "test", "install"} <= used
    assert used <= there


@pytest.mark.parametrize(
    ("page", "code"),
    [
        (page.name, block.text)
        for page in pages()
        for block in blocks(page)
        if block.language == "python"
    ],
)
def test_python_of_the_pages_is_python(page: str, code: str) -> None:
    assert ast.parse(code).body, page
