"""A service that lives but hangs is ended and started again by ``up``, as systemd would."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import psutil
import pytest

from ctmo_indi import supervised_child
from ctmo_indi.testing.service_process import service_process

from ..running_fleet import RunningFleet, until

pytestmark = [pytest.mark.indi, pytest.mark.faults]

LIMIT_S = 3.0
BUSY_PERCENT = 30.0


def test_a_frozen_service_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(supervised_child._WATCHDOG_S, "preprocessor", LIMIT_S)
    rig = RunningFleet(tmp_path, services=("preprocessor",), resume=False)
    with rig.running() as fleet:
        pid = fleet.supervisor.pids()["preprocessor"]
        os.kill(pid, signal.SIGSTOP)
        until(lambda: fleet.supervisor.pids()["preprocessor"] != pid, "it was ended", 15.0)
        until(lambda: fleet.answers("preprocessor"), "it answers again")
        assert fleet.supervisor.restarts == {"preprocessor": 1}


def test_a_hanging_service_writes_where_each_thread_hangs(tmp_path: Path) -> None:
    with service_process("telescope", tmp_path) as telescope:
        # A hanging one rests; stacks that change while they are written cannot be read.
        process = psutil.Process(telescope.process.pid)
        until(lambda: process.cpu_percent(0.2) < BUSY_PERCENT, "it has started up")
        telescope.process.send_signal(signal.SIGABRT)  # what up and systemd send
        until(lambda: not telescope.is_alive, "it ended", 10.0)
        said = telescope.output.read_text(errors="replace")
    assert "Fatal Python error: Aborted" in said
    stacks = said.split("most recent call first")[1:]
    for file, function in (("daemon", "serve"), ("telescope/engine", "_run")):
        place = rf'ctmo_indi/{file}\.py", line \d+ in {function}\b'
        assert [stack for stack in stacks if re.search(place, stack)], f"{place}: {said}"
