"""What a child writes to its standard streams does not fill the disk."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from ctmo_indi.child_output import keep_short, last_line


@pytest.fixture
def output(tmp_path: Path) -> Path:
    path = tmp_path / "telescope.out"
    path.write_text("first\nsecond\n")
    return path


def test_a_short_one_stays(output: Path) -> None:
    keep_short(output, 1000)
    assert output.read_text() == "first\nsecond\n"
    assert list(output.parent.iterdir()) == [output]


def test_a_long_one_begins_anew_under_the_child_that_writes_it(output: Path) -> None:
    with output.open("ab", buffering=0) as child:  # as a child has it
        child.write(b"third\n")
        keep_short(output, 10)
        child.write(b"fourth\n")
    assert output.read_text() == "fourth\n"
    assert output.with_name("telescope.out.1").read_text() == "first\nsecond\nthird\n"


def test_one_that_is_not_there_is_no_trouble(tmp_path: Path) -> None:
    keep_short(tmp_path / "telescope.out")
    assert list(tmp_path.iterdir()) == []


def test_no_room_for_the_second_file_loses_nothing_and_is_told(
    output: Path, caplog: pytest.LogCaptureFixture
) -> None:
    output.with_name("telescope.out.1").mkdir()
    with caplog.at_level(logging.WARNING):
        keep_short(output, 10)
    assert output.read_text() == "first\nsecond\n"
    assert "child_output_not_cut" in caplog.text


def test_the_last_line_is_found_without_reading_all(output: Path) -> None:
    assert last_line(output) == f"second (log: {output})"
    os.truncate(output, 1 << 33)  # a hole of 8 GiB
    with output.open("ab") as child:
        child.write(b"\nthe end\n\n")
    assert last_line(output) == f"the end (log: {output})"
    assert last_line(output.with_name("none.out")) == ""
