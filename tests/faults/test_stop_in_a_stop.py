"""``ctmo-indi stop`` ends the closing of a telescope service that is being stopped."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from ..running_fleet import MOUNT, RunningFleet, command_line, until

pytestmark = [pytest.mark.indi, pytest.mark.faults]

MOVING = (f"{MOUNT}.TELESCOPE_PARK._STATE", "Dome Simulator.DOME_SHUTTER._STATE")
OPEN = "Dome Simulator.DOME_SHUTTER.SHUTTER_OPEN"


def test_a_humans_stop_ends_the_closing_and_the_service(tmp_path: Path) -> None:
    with RunningFleet(tmp_path, speed=8.0).running() as fleet:
        receipt = fleet.observe(**{"Exposure Time": 1500.0})
        fleet.exposing(receipt)
        telescope = psutil.Process(fleet.supervisor.pids()["telescope"])

        os.kill(telescope.pid, signal.SIGTERM)
        until(lambda: fleet.indi_value(MOVING[0]) == "Busy", "it parks")
        command = command_line("stop", "--config", fleet.supervisor.config_path, "--json")
        _, complaint = command.communicate(timeout=30.0)
        until(lambda: not telescope.is_running(), "the service has ended", 20.0)
        stands = fleet.indi_get(*MOVING, OPEN)
        fleet.wait_for_restart("telescope", telescope.pid)
        fleet.ask({"WOType": "Control", "Command": "release"}, "safety")

    assert (command.returncode, complaint) == (0, "")
    assert stands[OPEN] == "On"
    assert "Busy" not in stands.values()
