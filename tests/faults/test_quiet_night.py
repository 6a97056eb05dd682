"""A night without any other INDI client: nothing of ours is taken for somebody else's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ..promises import IS_LONG, Recorder
from ..running_fleet import nothing_left_behind, require_simulators

pytestmark = [pytest.mark.indi, pytest.mark.faults, pytest.mark.promise]

SPEED = 240


@pytest.mark.skipif(not IS_LONG, reason="a whole night takes minutes: make faults")
def test_no_takeover_in_a_whole_night(tmp_path: Path, promise: Recorder) -> None:
    require_simulators()
    with nothing_left_behind():
        demo = subprocess.run(
            [sys.executable, "-m", "ctmo_indi", "demo", "--data", tmp_path, "--speed", str(SPEED)],
            capture_output=True,
            text=True,
            timeout=1200.0,
            check=False,
        )
    log = (tmp_path / "logs" / "telescope.out").read_text()
    frames = log.count("frame_stored")
    false_ones = log.count("foreign_motion")

    assert demo.returncode == 0, demo.stdout
    promise("takeover_false", f"{false_ones} in a night of {frames} frames", holds=false_ones == 0)
