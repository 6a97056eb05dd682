"""A weather alert in the station's property, from random states: first command, and closed."""

from __future__ import annotations

import random
import statistics
from dataclasses import dataclass
from pathlib import Path

import pytest

from ctmo_indi import profiles
from ctmo_indi.devices.observatory import driver_executables
from ctmo_indi.testing.fake_instruments import WEATHER

from ..conftest import StartSimulators
from ..promises import IS_LONG, Recorder, runs
from ..running_fleet import until
from .closing_rig import STATES, ClosingRig, closing_rig, weather_alert

pytestmark = [pytest.mark.indi, pytest.mark.faults, pytest.mark.promise]

SPEED = 30.0
COMMAND_MACHINE_S = 2.0
DRIVERS = driver_executables(profiles.load("simulators"))


@dataclass(frozen=True, slots=True)
class Closing:
    """How one alert went. ``command_machine_s`` is None where a closing was under way before."""

    state: str
    station_s: float
    command_machine_s: float | None
    closed_s: float


def storm(rig: ClosingRig, state: str) -> Closing:
    """Raise the wind and follow what comes."""
    since, asked_s = len(rig.heard), rig.clock.elapsed_s()
    rig.observer.keep(WEATHER, "WEATHER_CONTROL", {"Wind": 35.0})
    alert = rig.first(since, weather_alert, 30.0, "the station's alert")
    command_s = None
    if state not in ("parking", "closing"):
        told = rig.first(
            rig.index_of(alert), rig.begins_to_close, 10.0, "the first command of a closing"
        )
        command_s = told.machine_s - alert.machine_s
    until(rig.is_closed, f"closed from {state}", 60.0, lambda: rig.safety.loop.verdict)
    return Closing(
        state, alert.elapsed_s - asked_s, command_s, rig.clock.elapsed_s() - alert.elapsed_s
    )


def settle(rig: ClosingRig) -> None:
    """Until both see it closed and no closing runs: the next one begins from the beginning."""
    until(
        lambda: (
            rig.safety.loop.state == "CLOSED"
            and rig.hands.state() == "CLOSED"
            and rig.is_idle()
            and not rig.hands.is_closing
            and not rig.safety.observatory.is_closing
        ),
        "closed and at rest",
        60.0,
    )


@pytest.mark.timeout(3600)
def test_an_alert_closes_from_random_states(
    indi_simulators: StartSimulators, tmp_path: Path, promise: Recorder
) -> None:
    count = runs(4, 100)
    choose = random.Random(20261122)
    states = list(STATES)
    choose.shuffle(states)
    found: list[Closing] = []
    with closing_rig(indi_simulators, DRIVERS, tmp_path / "data", speed=SPEED) as rig:
        policy = rig.profile.safety
        for number in range(count):
            rig.be_safe()
            state = states[number % len(states)]
            rig.arrange(state, choose)
            found.append(storm(rig, state))
            settle(rig)
    commands = [one.command_machine_s for one in found if one.command_machine_s is not None]
    limit_s = policy.park_timeout_s + policy.shutter_timeout_s + 5.0
    slowest = max(found, key=lambda one: one.closed_s)
    promise(
        "alert_to_command",
        f"median {statistics.median(commands):.2f} s, at most {max(commands):.2f} s of the machine "
        f"in {len(commands)} runs; the station's own period {policy.weather_update_s:g} s, "
        f"it took at most {max(one.station_s for one in found):.1f} s",
        holds=max(commands) <= COMMAND_MACHINE_S,
    )
    promise(
        "alert_to_closed",
        f"median {statistics.median(one.closed_s for one in found):.0f} s, at most "
        f"{slowest.closed_s:.0f} s ({slowest.state}), limit {limit_s:.0f} s, {count} of {count}",
        holds=slowest.closed_s <= limit_s,
    )


@pytest.mark.timeout(300)
@pytest.mark.skipif(not IS_LONG, reason="half a minute for one figure: make faults")
def test_at_the_speed_of_the_world_the_first_command_is_as_soon(
    indi_simulators: StartSimulators, tmp_path: Path, promise: Recorder
) -> None:
    """No fast clock here: what a millisecond hides at thirty times the speed shows."""
    quick = {"weather_update_s": 2.0}
    with closing_rig(indi_simulators, DRIVERS, tmp_path / "data", speed=1.0, policy=quick) as rig:
        rig.be_safe()
        rig.arrange("shutter opening", random.Random(1))
        since = len(rig.heard)
        rig.observer.keep(WEATHER, "WEATHER_CONTROL", {"Wind": 35.0})
        alert = rig.first(since, weather_alert, 30.0, "the station's alert")
        told = rig.first(rig.index_of(alert), rig.begins_to_close, 10.0, "the first command")
        settle(rig)
    command_s = told.machine_s - alert.machine_s
    promise(
        "alert_to_command_slow",
        f"{command_s:.2f} s, at speed 1",
        holds=command_s <= COMMAND_MACHINE_S,
    )
