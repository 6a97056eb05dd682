"""Kill points kill, and every one that is listed stands in the source."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import ctmo_indi
from ctmo_indi.kill_points import POINTS, VARIABLE

PACKAGE = Path(ctmo_indi.__file__).parent
WALK = (
    "from ctmo_indi.kill_points import passing\n"
    "for number in range(3):\n"
    "    passing('telescope.frame.renamed'); print(number, flush=True)\n"
)


def walk(value: str | None) -> subprocess.CompletedProcess[str]:
    environment = {} if value is None else {VARIABLE: value}
    return subprocess.run(
        [sys.executable, "-c", WALK],
        env=environment,
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_without_the_variable_nothing_happens():
    assert walk(None).returncode == 0
    assert walk("telescope.frame.stored").returncode == 0


@pytest.mark.parametrize(("count", "passed"), [("", ""), (":2", "0\n"), (":3", "0\n1\n")])
def test_the_process_dies_at_the_passage_that_is_meant(count, passed):
    done = walk(f"telescope.frame.renamed{count}")

    assert done.returncode == -signal.SIGKILL
    assert done.stdout == passed
    assert "kill_point_reached name=telescope.frame.renamed" in done.stderr


def test_an_armed_file_kills_once(tmp_path):
    armed = tmp_path / "telescope.frame.renamed"
    armed.write_text("2")

    first, second = walk(f"@{tmp_path}"), walk(f"@{tmp_path}")

    assert (first.returncode, first.stdout) == (-signal.SIGKILL, "0\n")
    assert not armed.exists()
    assert second.returncode == 0


def test_every_listed_point_is_in_the_source_and_no_other():
    called = {
        argument.value
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "passing"
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }
    named_otherwise = {
        name
        for name in POINTS
        if name.startswith("file.")  # by their paths
        or name in ("telescope.hand.done.inside", "telescope.recovery.hand.inside")
    }

    assert called == set(POINTS) - named_otherwise
