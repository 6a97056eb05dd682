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


def test_a_stop_ends_the_telescopes_closing_while_safety_is_dead(tmp_path: Path) -> None:
    """Nobody else can latch it: the telescope does, and does not park again after a pause."""
    with RunningFleet(tmp_path, speed=8.0).running() as fleet:
        receipt = fleet.observe(**{"Exposure Time": 1500.0})
        fleet.exposing(receipt)
        fleet.hold_dead("safety")
        fleet.ask({"WOType": "Control", "Command": "close"}, "telescope")
        until(lambda: fleet.indi_value(MOVING[0]) == "Busy", "it parks")

        fault = fleet.fault({"WOType": "Control", "Command": "stop"}, "telescope")

        until(lambda: "Busy" not in fleet.indi_get(*MOVING).values(), "all stands still", 5.0)
        seen = set()
        for _ in range(10):  # a closing that goes on parks again after a pause of 2.5 s at most
            fleet.let_sky_pass(8.0)
            seen |= set(fleet.indi_get(*MOVING).values())
        stands = fleet.indi_value(OPEN)
        verdict = fleet.ask({"WOType": "Status"}, "telescope")["Verdict"]

    assert fault.code == 503
    assert "Busy" not in seen
    assert stands == "On"
    assert verdict["Latch"]["Owner"] == "ada"
