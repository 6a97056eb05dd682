"""A service that lives but hangs is ended and started again by ``up``, as systemd would."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ctmo_indi import supervisor

from ..running_fleet import RunningFleet, until

pytestmark = [pytest.mark.indi, pytest.mark.faults]

LIMIT_S = 3.0


def test_a_frozen_service_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(supervisor._WATCHDOG_S, "preprocessor", LIMIT_S)
    rig = RunningFleet(tmp_path, services=("preprocessor",), resume=False)
    with rig.running() as fleet:
        pid = fleet.supervisor.pids()["preprocessor"]
        os.kill(pid, signal.SIGSTOP)
        until(lambda: fleet.supervisor.pids()["preprocessor"] != pid, "it was ended", 15.0)
        until(lambda: fleet.answers("preprocessor"), "it answers again")
        assert fleet.supervisor.restarts == {"preprocessor": 1}
