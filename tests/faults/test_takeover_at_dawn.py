"""Who closes an observatory at dawn while a human has it: safety, when the Sun comes up."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from ctmo_indi import profiles
from ctmo_indi.simulator.rehearsal import coming_night

from ..promises import IS_LONG
from ..running_fleet import MOUNT, NOON, RunningFleet, until

pytestmark = [
    pytest.mark.indi,
    pytest.mark.faults,
    pytest.mark.skipif(not IS_LONG, reason="half a minute: make faults"),
]


def test_a_night_that_ends_under_a_takeover_is_closed_by_safety(tmp_path: Path) -> None:
    night = coming_night(profiles.load("simulators"), NOON)
    length = night.dawn_utc - night.dusk_utc
    fleet = RunningFleet(tmp_path, after_dusk=length - timedelta(minutes=30), resume=False)
    with fleet.running():
        # A simulator that starts is not parked: the telescope closes that first.
        fleet.watch(
            "telescope",
            lambda status: status["Observatory"] == "CLOSED" and not status["Busy"],
            "closed",
        )
        fleet.ask({"WOType": "Control", "Command": "open"}, "telescope")
        fleet.watch("telescope", lambda status: status["Observatory"] == "OPEN", "open")
        fleet.let_sky_pass(120.0)
        fleet.indi_set(f"{MOUNT}.EQUATORIAL_EOD_COORD.RA;DEC=3.0;70.0")
        until(lambda: held(fleet) != "", "it is noticed")
        fleet.watch("safety", lambda status: status["Status"] == "CLOSED", "closed", 60.0)
        reasons = str(fleet.events("safety", "closing_begun"))
        still = held(fleet)

        assert "Sun" in reasons
        assert still != ""


def held(fleet: RunningFleet) -> str:
    return str(fleet.ask({"WOType": "Status"}, "telescope")["Held"])
