"""A dome that says Ok and stays open, refuses, or says nothing: three tries, ALARM, no storm.

The peer is scripted and on a real socket; the closing is safety's own. A dome that says CLOSED and
stands open cannot be told from an honest one: a switch of its own on the shutter must say so
(``safety.watch`` of the profile).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ctmo_indi import profiles
from ctmo_indi.clock import ClockAnchor, SystemClock
from ctmo_indi.devices.interlocks import ShutterState
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.endpoint import Endpoint
from ctmo_indi.indi.wire_transport import IndipyTransport
from ctmo_indi.kept_value import KeptValue
from ctmo_indi.profiles import Equipment, Role
from ctmo_indi.safety.closer import RETRY_PAUSE_S, Closer
from ctmo_indi.testing.fake_clock import EVENING
from ctmo_indi.testing.scripted_indi import Answer, Commanded, Scripted, ScriptedIndi

from ..running_fleet import until

pytestmark = pytest.mark.faults

SPEED = 20.0
MOUNT, DOME = "Mount", "Dome"
ON, OFF = True, False
PROPERTIES = [
    Scripted(MOUNT, "CONNECTION", {"CONNECT": ON, "DISCONNECT": OFF}, "Ok"),
    Scripted(MOUNT, "EQUATORIAL_EOD_COORD", {"RA": 1.0, "DEC": 2.0}),
    Scripted(MOUNT, "ON_COORD_SET", {"TRACK": ON, "SLEW": OFF}),
    Scripted(MOUNT, "TELESCOPE_ABORT_MOTION", {"ABORT": OFF}),
    Scripted(MOUNT, "TELESCOPE_PARK", {"PARK": ON, "UNPARK": OFF}, "Ok"),
    Scripted(MOUNT, "GEOGRAPHIC_COORD", {"LAT": 26.0, "LONG": 262.4, "ELEV": 12.0}),
    Scripted(DOME, "CONNECTION", {"CONNECT": ON, "DISCONNECT": OFF}, "Ok"),
    Scripted(DOME, "DOME_SHUTTER", {"SHUTTER_OPEN": ON, "SHUTTER_CLOSE": OFF}, "Ok"),
    Scripted(DOME, "DOME_PARK", {"PARK": OFF, "UNPARK": ON}, "Ok"),
    Scripted(DOME, "DOME_ABORT_MOTION", {"ABORT": OFF}),
    Scripted(DOME, "ABS_DOME_POSITION", {"DOME_ABSOLUTE_POSITION": 90.0}, "Ok"),
]


class Stage:
    """A scripted mount and dome, and safety's closer."""

    def __init__(self, server: ScriptedIndi, folder: Path) -> None:
        self.server = server
        self.clock = SystemClock(ClockAnchor(time.monotonic(), EVENING.timestamp(), SPEED))
        profile = profiles.load("simulators")
        equipment = {
            Role.MOUNT: Equipment(Role.MOUNT, "generic_mount", MOUNT),
            Role.DOME: Equipment(Role.DOME, "generic_dome", DOME),
        }
        profile = replace(profile, equipment=equipment, switches={})
        endpoint = Endpoint("127.0.0.1", server.port, None)
        self.client = IndiClient(
            lambda: IndipyTransport(endpoint, self.clock),
            self.clock,
            ack_floor_s=0.5,
            finish_floor_s=1.0,
        )
        self.observatory = Observatory.build(profile, self.client, self.clock)
        self.said: list[str] = []
        self.closer = Closer(
            self.observatory,
            profile.safety,
            self.clock,
            lambda _kind, text: self.said.append(text),
            KeptValue(folder / "alarm.json"),
        )
        self.client.start()
        self.client.wait_link(10.0)
        self.observatory.connect_all()
        until(lambda: self.shutter() is ShutterState.OPEN, "the dome is seen open")

    def shutter(self) -> ShutterState:
        return self.observatory.dome.status().shutter

    def demanding(self, condition: Callable[[], object]) -> Callable[[], bool]:
        """Demand a closing at each look, as safety's loop does each second."""

        def look() -> bool:
            self.closer.demand("rain")
            return bool(condition())

        return look

    def told(self, prop: str) -> list[Commanded]:
        return [one for one in self.server.commands if one.name == prop]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with ScriptedIndi(PROPERTIES) as server:
        stage = Stage(server, tmp_path)
        yield stage
        stage.closer.join(30.0)
        stage.observatory.close()
        stage.client.close()


@pytest.mark.parametrize("answer", [Answer.OK_UNDONE, Answer.ALERT, Answer.IGNORED])
def test_three_tries_then_the_alarm_then_patience(stage: Stage, answer: Answer) -> None:
    stage.server.script(DOME, "DOME_SHUTTER", answer)
    until(stage.demanding(lambda: stage.closer.alarm is not None), "the alarm", 30.0)
    first = stage.told("DOME_SHUTTER")
    ended_s = stage.clock.elapsed_s()
    until(stage.demanding(lambda: len(stage.told("DOME_SHUTTER")) > 3), "tried again", 30.0)
    paused_s = stage.clock.elapsed_s() - ended_s
    stage.server.script(DOME, "DOME_SHUTTER", Answer.HONEST)
    until(stage.demanding(lambda: stage.shutter() is ShutterState.CLOSED), "closed at last", 30.0)
    stage.closer.join(20.0)

    assert [one.values for one in first] == [{"SHUTTER_CLOSE": ON}] * 3
    assert stage.told("DOME_ABORT_MOTION") == [], "no stop before a close"
    assert paused_s >= 0.8 * RETRY_PAUSE_S
    assert stage.closer.alarm is None
    assert stage.observatory.state() == "CLOSED"


def test_a_closed_dome_is_told_nothing_however_often_it_is_demanded(stage: Stage) -> None:
    until(stage.demanding(lambda: stage.observatory.state() == "CLOSED"), "closed", 20.0)
    stage.closer.join(20.0)
    before = len(stage.server.commands)
    for _ in range(5):
        stage.closer.demand("rain")
        stage.closer.join(20.0)
    assert len(stage.server.commands) == before


def test_a_shutter_that_falls_open_again_is_closed_again(stage: Stage) -> None:
    until(stage.demanding(lambda: stage.observatory.state() == "CLOSED"), "closed", 20.0)
    stage.closer.join(20.0)
    stage.server.say(DOME, "DOME_SHUTTER", "Ok", SHUTTER_OPEN=ON, SHUTTER_CLOSE=OFF)
    until(lambda: stage.shutter() is ShutterState.OPEN, "seen open")
    until(stage.demanding(lambda: stage.observatory.state() == "CLOSED"), "closed again", 20.0)
    assert len(stage.told("DOME_SHUTTER")) == 2
