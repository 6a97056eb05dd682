from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ctmo_indi.devices.limits import LimitViolation
from ctmo_indi.devices.limits_watch import LimitWatch
from ctmo_indi.devices.mount import MountStatus
from ctmo_indi.models.coordinates import altaz_to_icrs
from ctmo_indi.models.sun_moon import sun
from ctmo_indi.profiles import Limits, Site
from ctmo_indi.testing.fake_clock import FakeClock

SITE = Site("CTMO", 25.996, -97.571, 12.0)
LIMITS = Limits(horizon_deg=15.0, max_altitude_deg=90.0)


class Watched:
    """A mount under a watch, on a clock of the test."""

    def __init__(self, clock: FakeClock, limits: Limits = LIMITS) -> None:
        self.clock = clock
        self.mount = MountStatus(connected=True, parked=False, tracking=True, slewing=False)
        self.told: list[LimitViolation] = []
        self.watch = LimitWatch(
            lambda: self.mount, SITE, limits, clock, self.told.append, grace_s=300.0
        )

    def point(self, alt_deg: float, az_deg: float, **changes: object) -> None:
        ra_deg, dec_deg = altaz_to_icrs(alt_deg, az_deg, SITE, self.clock.utc())
        self.mount = replace(self.mount, ra_deg=ra_deg, dec_deg=dec_deg, **changes)

    def look(self) -> list[str]:
        return [violation.name for violation in self.watch.look()]


@pytest.fixture
def watched() -> Watched:
    return Watched(FakeClock())


def test_target_that_sets_is_told(watched: Watched) -> None:
    watched.point(20.0, 260.0)
    assert watched.look() == []
    watched.clock.advance(40 * 60.0)
    assert watched.look() == ["horizon"]
    assert [violation.name for violation in watched.told] == ["horizon"]
    assert watched.told[0].limit == 15.0


def test_limit_that_stays_broken_is_told_again_after_a_while(watched: Watched) -> None:
    watched.point(20.0, 260.0)
    watched.look()
    watched.clock.advance(40 * 60.0)
    for _ in range(5):
        watched.look()
        watched.clock.advance(14.0)
    assert len(watched.told) == 1
    watched.look()
    assert len(watched.told) == 2


def test_limit_is_seen_ahead(watched: Watched) -> None:
    watched.point(20.0, 260.0)
    watched.look()
    # 0.225 deg a minute at this azimuth and latitude at most: 15.05 sinks below within 30 s.
    watched.point(15.05, 260.0)
    assert watched.look() == ["horizon"]


def test_park_position_below_the_horizon_has_its_grace(watched: Watched) -> None:
    watched.point(0.0, 90.0)
    assert watched.look() == []
    watched.clock.advance(299.0)
    watched.point(0.0, 90.0)
    assert watched.look() == []
    watched.clock.advance(2.0)
    assert watched.look() == ["horizon"]


def test_under_a_fast_clock_the_grace_is_long_enough_for_a_driver_that_comes_back() -> None:
    watched = Watched(FakeClock(speed=240.0))
    watched.point(0.0, 90.0)
    assert watched.look() == []
    watched.clock.advance(9.9)
    watched.point(0.0, 90.0)
    assert watched.look() == []
    watched.clock.advance(0.2)
    assert watched.look() == ["horizon"]


def test_slew_from_below_the_horizon_is_not_stopped(watched: Watched) -> None:
    watched.point(0.0, 90.0, slewing=True)
    watched.clock.advance(1000.0)
    assert watched.look() == []


def test_hour_angle_limit() -> None:
    watched = Watched(FakeClock(), replace(LIMITS, max_hour_angle_h=2.0))
    watched.point(60.0, 180.0)
    assert watched.look() == []
    watched.clock.advance(3 * 3600.0)
    assert "hour angle" in watched.look()


@pytest.mark.parametrize("changes", [{"slewing": True}, {"tracking": False}, {}])
def test_sun_counts_whatever_the_mount_does(changes: dict[str, object]) -> None:
    watched = Watched(FakeClock(datetime(2026, 6, 21, 15, 0, tzinfo=UTC)))
    body = sun(SITE, watched.clock.utc())
    watched.mount = replace(
        watched.mount, ra_deg=body.ra_deg + 10.0, dec_deg=body.dec_deg, **changes
    )
    assert "Sun" in watched.look()


def test_sun_that_rises_during_an_exposure_is_seen() -> None:
    limits = replace(LIMITS, sun_separation_deg=60.0)
    watched = Watched(FakeClock(datetime(2026, 6, 21, 10, 0, tzinfo=UTC)), limits)
    watched.point(16.5, 65.0)
    assert watched.look() == []  # the Sun is far below -6 degrees
    watched.clock.advance(1.3 * 3600.0)
    assert "Sun" in watched.look()


@pytest.mark.parametrize(
    "mount",
    [
        MountStatus(connected=False),
        MountStatus(connected=True, parked=True, ra_deg=0.0, dec_deg=-80.0, tracking=False),
    ],
)
def test_parked_or_absent_mount_breaks_no_limit(watched: Watched, mount: MountStatus) -> None:
    watched.mount = mount
    assert watched.look() == []


def test_unknown_tracking_counts_as_tracking(watched: Watched) -> None:
    watched.point(40.0, 180.0, tracking=None)
    watched.look()
    watched.point(10.0, 180.0, tracking=None)
    assert watched.look() == ["horizon"]


def test_limit_that_is_kept_again_is_told_again(watched: Watched) -> None:
    for altitude_deg in (40.0, 10.0, 40.0, 10.0):
        watched.point(altitude_deg, 180.0)
        watched.watch.look()
    assert len(watched.told) == 2


def test_unknown_position_counts_once_it_was_known(watched: Watched) -> None:
    watched.point(40.0, 180.0)
    assert watched.look() == []
    watched.mount = replace(watched.mount, ra_deg=None)
    assert watched.look() == ["position"]
