"""A file is the old one or a new one, also where two processes write it at once."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ctmo_indi.durable_file import replacing

HOLD = """
import sys
from pathlib import Path
from ctmo_indi.durable_file import replacing
with replacing(Path(sys.argv[1])) as file:
    file.write(b"first" * 1000)
    file.flush()
    print("writing", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def other(tmp_path):
    """Another process in the middle of writing ``file``."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "file")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "writing\n"
        yield process
        process.kill()


def write(path: Path) -> None:
    with replacing(path) as file:
        file.write(b"second")


def test_who_comes_later_waits_and_stays(tmp_path, other):
    path = tmp_path / "file"
    later = threading.Thread(target=write, args=(path,))
    later.start()
    other.communicate("\n", timeout=20.0)
    assert other.returncode == 0
    later.join(20.0)
    assert path.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [path]


def test_one_that_is_written_for_ever_is_told_and_left_alone(tmp_path, other):
    with (
        pytest.raises(BlockingIOError, match="another process writes it"),
        replacing(tmp_path / "file", alone_within_s=0.1),
    ):
        pass
    other.communicate("\n", timeout=20.0)
    assert (tmp_path / "file").read_bytes() == b"first" * 1000


def test_what_a_killed_one_left_is_taken_over(tmp_path, other):
    other.kill()
    other.wait(20.0)
    assert (tmp_path / ".file.part").stat().st_size == 5000
    write(tmp_path / "file")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"second"]


def test_after_an_exception_the_old_file_stands_alone(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    writing = replacing(path)
    writing.__enter__().write(b"new")
    assert writing.__exit__(ValueError, ValueError("spoiled"), None) is False
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
