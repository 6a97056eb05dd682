"""What holds for every command: those that read print JSON, and the start is quick."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from typer.main import get_command

from ctmo_indi import cli

from .test_man_and_completion import leaves

# They run something until it ends, change a file, or print a text that is no answer of a service.
NOT_READING = {
    ("serve",),
    ("up",),
    ("completion",),
    ("token", "revoke"),
}
HELP_S = 0.3


def test_every_command_that_reads_has_json():
    without = {
        words
        for words, command in leaves(get_command(cli.app))
        if not any("--json" in one.opts for one in command.params)
    }
    assert without == NOT_READING


def test_help_is_there_in_a_fraction_of_a_second():
    spent_s = []
    for _ in range(5):
        begun_s = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "ctmo_indi", "--help"], capture_output=True, check=True
        )
        spent_s.append(time.monotonic() - begun_s)
    # The machine may be busy with other tests; the promise of 0.3 s is that of an idle one.
    assert min(spent_s) < 3 * HELP_S, statistics.median(spent_s)
