"""What the telescope, killed, left open is closed by safety before ``up`` ends."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from ctmo_indi import profiles
from ctmo_indi.clock import SystemClock
from ctmo_indi.config import Config
from ctmo_indi.fleet_ports import on_free_ports
from ctmo_indi.simulator.rehearsal import coming_night
from ctmo_indi.supervisor import Fleet, Supervisor
from ctmo_indi.work_orders.lifecycle import SETTLED_ATTEMPTS

from ..running_fleet import until

pytestmark = [pytest.mark.indi, pytest.mark.faults]


def test_safety_closes_at_the_end_what_a_dead_telescope_left_open(tmp_path: Path) -> None:
    profile = profiles.load("simulators")
    night = coming_night(profile, SystemClock().utc())
    config = on_free_ports(replace(Config(), data_dir=tmp_path))
    with Supervisor(Fleet(config, profile, speed=60.0, start_utc=night.dusk_utc)) as fleet:
        fleet.start()
        with fleet.client("telescope") as telescope, fleet.client("safety") as safety:
            until(
                lambda: (
                    safety.status()["Verdict"]["Level"] == "SAFE"
                    and telescope.status()["Observatory"] == "CLOSED"
                ),
                "a safe night over a closed dome",
            )
            receipt = telescope.front_desk({"WOType": "Control", "User": "ada", "Command": "open"})[
                "Receipt"
            ]
            opened = telescope.wait_for(str(receipt), 60.0, until=SETTLED_ATTEMPTS)
            assert opened["Status"] == "COMPLETED"
        os.kill(fleet.pids()["telescope"], signal.SIGKILL)
    states = [
        line.split("now=")[1].split()[0]
        for line in (tmp_path / "logs" / "safety.out").read_text().splitlines()
        if "observatory_state" in line
    ]
    assert "OPEN" in states
    assert states[-1] == "CLOSED"
