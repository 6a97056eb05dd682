"""An observatory of fake simulators on a dark evening, everything allowed and open."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from ctmo_indi import profiles
from ctmo_indi.clock import ClockAnchor, SystemClock
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.models.coordinates import altaz_to_icrs
from ctmo_indi.profiles import Profile
from ctmo_indi.testing.fake_clock import EVENING
from ctmo_indi.testing.fake_instruments import FakeInstruments
from ctmo_indi.testing.verdicts import SAFE


@pytest.fixture
def clock() -> SystemClock:
    """Sky time runs fast, so that the real waits of a motion take milliseconds."""
    return SystemClock(ClockAnchor(time.monotonic(), EVENING.timestamp(), 100.0))


@pytest.fixture
def profile() -> Profile:
    return profiles.load("simulators")


@pytest.fixture
def client(clock: SystemClock) -> FakeInstruments:
    return FakeInstruments(clock)


@pytest.fixture
def observatory(profile: Profile, client: FakeInstruments, clock: SystemClock) -> Observatory:
    """Connected, closed, parked; the verdict is SAFE."""
    observatory = Observatory.build(profile, client, clock)
    observatory.connect_all()
    observatory.hear_verdict(SAFE)
    client.sent.clear()
    return observatory


@pytest.fixture
def opened(observatory: Observatory, client: FakeInstruments) -> Observatory:
    """Open and unparked, not tracking yet."""
    client.set_dome_parked(False)
    client.set_shutter(True)
    client.set_mount_parked(False)
    client.sent.clear()
    return observatory


@pytest.fixture
def target(profile: Profile, clock: SystemClock) -> tuple[float, float]:
    """Return an ICRS position 60 degrees up in the south-east."""
    return altaz_to_icrs(60.0, 135.0, profile.site, clock.utc())


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def report(lines: list[str]) -> Callable[[str], None]:
    return lines.append
