"""``ctmo-indi close`` beside services that close, or stop, and after all were killed at work."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from ..open_by_hand import PARKED, PARKING, SHUT, close, is_closed, open_by_hand, owners_environment
from ..promises import Recorder
from ..running_fleet import RunningFleet, command_line, until

pytestmark = [pytest.mark.indi, pytest.mark.faults]


def test_a_stop_ends_it_and_is_not_fought(tmp_path: Path) -> None:
    fleet = RunningFleet(tmp_path, speed=3.0, services=("safety",), resume=False)
    with fleet.running():
        fleet.hold_dead("safety")
        stop_while_it_closes(fleet)


def stop_while_it_closes(fleet: RunningFleet) -> None:
    open_by_hand(fleet)
    command = command_line(
        "close", "--config", fleet.supervisor.config_path, "--only-indi", "--json",
        env=owners_environment(),
    )  # fmt: skip
    until(lambda: fleet.indi_value(PARKING) == "Busy", "the mount parks", 20.0)
    stop = command_line("stop", "--config", fleet.supervisor.config_path)
    stop.communicate(timeout=30.0)
    out, _ = command.communicate(timeout=60.0)

    steps = json.loads(out)["Steps"]
    assert command.returncode == 5, steps
    assert "is stopped by somebody else" in str(steps)
    assert fleet.indi_get(PARKED, SHUT) == {PARKED: "Off", SHUT: "Off"}


def test_beside_a_closing_of_safetys_nothing_is_fought(tmp_path: Path) -> None:
    fleet = RunningFleet(tmp_path, speed=10.0, services=("safety",), resume=False)
    with fleet.running():
        open_by_hand(fleet)
        fleet.ask({"WOType": "Control", "Command": "close"}, "safety")
        until(lambda: fleet.indi_value(PARKING) == "Busy", "the mount parks", 20.0)
        own = command_line(
            "close", "--config", fleet.supervisor.config_path, "--only-indi", "--json",
            env=owners_environment(),
        )  # fmt: skip
        code, steps = close(fleet)
        out, _ = own.communicate(timeout=60.0)

        assert code == 0, steps
        assert "safety: CLOSED" in steps
        assert own.returncode == 0, out
        assert is_closed(fleet)
        closings = fleet.events("safety", "closing")
        assert not any("not " in str(event["Data"]) for event in closings), closings


@pytest.mark.promise
def test_all_services_killed_while_observing_with_broken_databases(
    tmp_path: Path, promise: Recorder
) -> None:
    fleet = RunningFleet(tmp_path)
    with fleet.running():
        fleet.exposing(fleet.observe(**{"Exposure Time": 3600.0}))
        for service in fleet.supervisor.fleet.services:
            fleet.hold_dead(service)
        for database in tmp_path.glob("*.sqlite3*"):
            database.write_bytes(b"no database")

        begun_s = time.monotonic()
        code, steps = close(fleet)
        took_s = time.monotonic() - begun_s

        promise(
            "last_resort",
            f"exit {code} after {took_s:.0f} s, of which the simulators took a few",
            holds=code == 0 and is_closed(fleet),
        )
        assert "INDI: closed" in steps
        assert fleet.indi_value("CCD Simulator.CCD_EXPOSURE._STATE") != "Busy"
