"""A target is judged for the whole exposure before it begins."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ctmo_indi import profiles
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.errors import Interlocked
from ctmo_indi.indi.link import LinkState
from ctmo_indi.models.coordinates import altaz_to_icrs
from ctmo_indi.models.sun_moon import sun_icrs
from ctmo_indi.telescope.device_hands import DeviceHands
from ctmo_indi.testing.fake_clock import EVENING, FakeClock
from ctmo_indi.testing.fake_instruments import FakeInstruments

PROFILE = profiles.load("simulators")
BEFORE_SUNRISE = datetime(2026, 11, 22, 12, 10, tzinfo=UTC)  # 47 minutes; the Sun at -11 deg


class Up:
    """A link that is up."""

    link = LinkState.UP


def hands_at(utc: datetime) -> DeviceHands:
    clock = FakeClock(utc)
    return DeviceHands(
        Observatory.build(PROFILE, FakeInstruments(clock), clock), Up(), PROFILE, clock
    )


def test_a_target_that_sets_during_the_exposure_is_refused() -> None:
    hands = hands_at(EVENING)
    target = altaz_to_icrs(20.0, 260.0, PROFILE.site, EVENING)
    hands.check_target(*target, 0.0)
    with pytest.raises(Interlocked, match=r"horizon.*\(at the end\)"):
        hands.check_target(*target, 3600.0)


def test_a_target_never_above_the_horizon_is_refused() -> None:
    with pytest.raises(Interlocked, match="horizon"):
        hands_at(EVENING).check_target(100.0, -85.0, 0.0)


def test_a_target_near_the_rising_sun_is_refused_for_the_end_of_the_exposure() -> None:
    hands = hands_at(BEFORE_SUNRISE)
    sun_ra_deg, sun_dec_deg = sun_icrs(BEFORE_SUNRISE)
    near = ((sun_ra_deg - 25.0) % 360.0, sun_dec_deg + 14.0)
    hands.check_target(*near, 0.0)
    with pytest.raises(Interlocked, match=r"distance to the Sun.*\(at the end\)"):
        hands.check_target(*near, 2400.0)
