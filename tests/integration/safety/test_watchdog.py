"""INDI's own WatchDog driver with the simulators: beaten, left alone, killed, disarmed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from ctmo_indi import profiles
from ctmo_indi.clock import Clock
from ctmo_indi.devices.observatory import Observatory, driver_executables
from ctmo_indi.devices.opening import open_observatory
from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.events import Event, PropertyUpdated
from ctmo_indi.indi.indiserver import IndiServer
from ctmo_indi.indi.link import LinkState
from ctmo_indi.indi.wire_transport import IndipyTransport
from ctmo_indi.models.coordinates import altaz_to_icrs
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.profiles import Equipment, Role
from ctmo_indi.safety.watchdog_beats import WatchdogBeats, WatchdogState
from ctmo_indi.testing.verdicts import SAFE

from ...conftest import StartSimulators

pytestmark = pytest.mark.indi

SPEED = 20.0
SILENCE_S = 3.0  # machine


def until(condition: Callable[[], object], what: str, timeout_s: float = 15.0) -> None:
    end_s = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end_s, f"not within {timeout_s} s: {what}"
        pause.wait(0.02)


class Stage:
    """An observatory with a WatchDog, beaten by a stand-in for the safety loop."""

    def __init__(self, server: IndiServer, clock: Clock) -> None:
        profile = profiles.load("simulators")
        equipment = {**profile.equipment, Role.WATCHDOG: Equipment(Role.WATCHDOG, "watchdog")}
        self.server = server
        self.clock = clock
        self.profile = replace(
            profile,
            equipment=equipment,
            indiserver=replace(profile.indiserver, port=server.endpoint.port),
            safety=replace(profile.safety, watchdog_silence_s=SILENCE_S),
        )
        self.client = IndiClient(
            lambda: IndipyTransport(server.endpoint, clock), clock, name="safety"
        )
        self.client.start()
        self.client.wait_link(10.0)
        self.observatory = Observatory.build(self.profile, self.client, clock)
        self.observatory.connect_all()
        assert self.observatory.watchdog is not None
        self.watchdog = self.observatory.watchdog
        self.events: list[str] = []
        self.beats = WatchdogBeats(
            self.watchdog,
            self.profile.safety,
            clock,
            context=self.observatory.context,
            link_is_up=lambda: self.client.link is LinkState.UP,
            lock=lambda: None,
            latch=lambda: None,
            publish=lambda _kind, data: self.events.append(str(data["State"])),
        )
        self.beats.start()
        self._stop = threading.Event()
        self._cycles = threading.Event()
        self._cycles.set()
        self._loop = threading.Thread(target=self._run, daemon=True)
        self._loop.start()

    def _run(self) -> None:
        while not self._stop.wait(1.0):
            if self._cycles.is_set():
                self.observatory.hear_verdict(SAFE)
                self.beats.cycle_completed()

    def hang(self) -> None:
        """Let the safety loop complete no more cycles."""
        self._cycles.clear()

    def go_on(self) -> None:
        self._cycles.set()

    def open(self) -> None:
        self.observatory.hear_verdict(SAFE)
        open_observatory(
            self.observatory, self.profile.safety, self.clock, report=lambda _line: None
        )
        place = altaz_to_icrs(40.0, 250.0, self.profile.site, self.clock.utc())
        self.observatory.hear_verdict(SAFE)
        assert self.observatory.mount is not None
        self.observatory.mount.slew(*place)
        assert self.observatory.state() is ObservatoryState.OPEN

    def close(self) -> None:
        self._stop.set()
        self._loop.join(5.0)
        self.beats.stop(5.0, is_closed=False)
        self.client.close()


@pytest.fixture
def stage(indi_simulators: StartSimulators) -> Iterator[Stage]:
    profile = profiles.load("simulators")
    drivers = (*driver_executables(profile), "indi_watchdog")
    server = indi_simulators(drivers, speed=SPEED)
    found = Stage(server, server.clock)
    until(lambda: found.beats.state is WatchdogState.ARMED, "it is armed")
    yield found
    found.close()


def test_it_closes_after_the_silence_and_beats_that_come_back_do_not_hold_it_up(
    stage: Stage,
) -> None:
    stage.open()
    end_s = time.monotonic() + 1.5 * SILENCE_S
    until(lambda: time.monotonic() > end_s, "beaten for longer than the silence")
    assert stage.observatory.state() is ObservatoryState.OPEN
    shutter_began: list[bool | None] = []

    def look(event: Event) -> None:
        if isinstance(event, PropertyUpdated) and event.snapshot.name == "DOME_SHUTTER":
            assert stage.observatory.mount is not None
            shutter_began.append(stage.observatory.mount.status().parked)

    stage.client.subscribe(look)
    stage.hang()
    begun_s = time.monotonic()
    until(lambda: stage.watchdog.status().closing, "it closes", SILENCE_S + 3.0)
    silence_s = time.monotonic() - begun_s
    stage.go_on()
    until(lambda: stage.observatory.state() is ObservatoryState.CLOSED, "closed all the same")
    until(lambda: stage.events[-3:] == ["ARMED", "CLOSING", "ARMED"], "told, and armed anew")
    # The last beat was up to a second before the loop hung; its own step is a (sky) second.
    assert SILENCE_S - 1.2 < silence_s < SILENCE_S + 1.0
    assert shutter_began[0] is True  # the mount was parked first


def test_a_driver_that_died_is_armed_again(stage: Stage) -> None:
    os.kill(stage.server.driver_pids()["indi_watchdog"], signal.SIGKILL)
    until(lambda: stage.watchdog.status().armed is not True, "it is gone")
    until(lambda: stage.watchdog.status().armed is True, "it is armed again")
    assert stage.watchdog.wrong_settings(stage.observatory.context()) == ()


def test_a_disarmed_one_closes_nothing(stage: Stage) -> None:
    stage.open()
    stage.hang()
    stage.beats.disarm()
    until_s = time.monotonic() + 1.5 * SILENCE_S
    until(lambda: time.monotonic() > until_s, "longer than the silence")
    assert stage.observatory.state() is ObservatoryState.OPEN
