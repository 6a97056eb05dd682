"""One indiserver with all simulators and one observatory on it, under a fast clock, per module."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ctmo_indi import profiles
from ctmo_indi.clock import ClockAnchor, SystemClock
from ctmo_indi.devices.foreign import ForeignMove, ForeignWatch
from ctmo_indi.devices.observatory import Observatory, driver_executables
from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.indiserver import IndiServer, fake_time_available
from ctmo_indi.indi.opening import open_client
from ctmo_indi.profiles import Equipment, Profile, Role
from ctmo_indi.testing.verdicts import SAFE

EVENING = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
SPEED = 200.0

LX200 = replace(
    profiles.load("simulators"),
    equipment={
        **profiles.load("simulators").equipment,
        Role.MOUNT: Equipment(Role.MOUNT, "lx200gps_simulation"),
        Role.CAMERA: Equipment(Role.CAMERA, "ccd_simulator"),
    },
)


class Stage:
    """A server, a client and an observatory whose verdict stays SAFE."""

    def __init__(self, profile: Profile, folder: Path) -> None:
        anchor = ClockAnchor(time.monotonic(), EVENING.timestamp(), SPEED)
        self.server = IndiServer(
            driver_executables(profile),
            clock=SystemClock(anchor),
            workdir=folder,
            fake_time=True,
        )
        self.server.start()
        self.clock = self.server.calibrate()
        self.client: IndiClient = open_client(self.server.endpoint, self.clock)
        self.client.wait_link(15.0)
        self.observatory = Observatory.build(profile, self.client, self.clock)
        self.observatory.connect_all()
        self.foreign: list[ForeignMove] = []
        self.on_foreign: Callable[[ForeignMove], None] = lambda _: None
        self._watch = ForeignWatch(self.observatory, self._note_foreign)
        self._watch.start()
        self.verdict = SAFE
        self._ended = threading.Event()
        self._beats = threading.Thread(target=self._beat, daemon=True)
        self._beats.start()

    def _beat(self) -> None:
        while not self._ended.is_set():
            self.observatory.hear_verdict(self.verdict)
            self._ended.wait(0.5)

    def _note_foreign(self, move: ForeignMove) -> None:
        self.foreign.append(move)
        self.on_foreign(move)

    def stop(self) -> None:
        self._ended.set()
        self._beats.join(5.0)
        self._watch.stop()
        self.observatory.close()
        self.client.close()
        self.server.stop()


def make(profile: Profile, folder: Path) -> Iterator[Stage]:
    if shutil.which("indiserver") is None or fake_time_available() is None:
        pytest.skip("needs indiserver (indi-bin) and libfaketime")
    stage = Stage(profile, folder)
    yield stage
    stage.stop()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    yield from make(profiles.load("simulators"), tmp_path_factory.mktemp("simulators"))


@pytest.fixture(scope="module")
def lx200_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    yield from make(LX200, tmp_path_factory.mktemp("lx200"))
