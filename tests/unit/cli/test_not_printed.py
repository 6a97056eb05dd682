"""What cannot be printed ends a command with a code and a line, never with a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ctmo_indi import cli

COMMAND = [sys.executable, "-m", "ctmo_indi", "units"]
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(cli.__file__).parents[2])}


def test_a_reader_that_went_away_is_told_nothing():
    with subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        told = process.stderr.read()
    assert (told, process.returncode) == ("", cli.EXIT_NO_READER)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_named():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            COMMAND, stdout=full, stderr=subprocess.PIPE, env=ENVIRONMENT, text=True, check=False
        )
    assert done.returncode == cli.EXIT_FAILED
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
