"""Readings that cannot both be true count once they have lasted."""

from __future__ import annotations

from dataclasses import replace

from ctmo_indi.clock import SystemClock
from ctmo_indi.devices.dome import DomeStatus
from ctmo_indi.devices.interlocks import ShutterState
from ctmo_indi.devices.mount import MountStatus
from ctmo_indi.devices.observatory import ObservatoryStatus
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.safety.contradictions import LASTS_S, Contradictions
from ctmo_indi.testing.fake_clock import FakeClock

GOOD = ObservatoryStatus(
    ObservatoryState.OPEN,
    SystemClock().utc(),
    mount=MountStatus(connected=True, parked=False, tracking=True, slewing=False),
    dome=DomeStatus(connected=True, shutter=ShutterState.OPEN, parked=False, moving=True),
)
ODD = replace(
    GOOD,
    mount=MountStatus(connected=True, parked=True, tracking=True, slewing=True),
    dome=DomeStatus(connected=True, shutter=ShutterState.OPEN, parked=True, moving=True),
)


def test_a_contradiction_counts_when_it_has_lasted():
    clock = FakeClock()
    contradictions = Contradictions(clock)
    assert contradictions.look(ODD) == ()
    clock.advance(LASTS_S)
    found = contradictions.look(ODD)
    assert len(found) == 3
    assert all("for 10 s" in text for text in found)


def test_one_that_was_over_meanwhile_begins_anew():
    clock = FakeClock()
    contradictions = Contradictions(clock)
    for status in (ODD, GOOD, ODD):
        contradictions.look(status)
        clock.advance(LASTS_S - 1.0)
    assert contradictions.look(ODD) == ()


def test_a_device_that_is_away_contradicts_nothing():
    clock = FakeClock()
    contradictions = Contradictions(clock)
    away = replace(ODD, mount=replace(ODD.mount, connected=False), dome=None)
    contradictions.look(away)
    clock.advance(60.0)
    assert contradictions.look(away) == ()
