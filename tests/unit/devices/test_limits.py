"""Pointings against astropy; the way past the Sun against a brute-force search."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body
from astropy.time import Time
from astropy.utils import iers

from ctmo_indi import profiles
from ctmo_indi.devices.limits import limit_violations, path_sun_separation_deg, pointing_at
from ctmo_indi.devices.motion_kinds import MotionKind, MotionRequest
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.errors import Interlocked
from ctmo_indi.profiles import Limits, Site
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.fake_instruments import FakeInstruments
from ctmo_indi.testing.verdicts import SAFE

PROFILE = profiles.load("simulators")
SITE = Site("CTMO", 25.996, -97.571, 12.0)
NOON = datetime(2026, 6, 21, 18, 30, tzinfo=UTC)


@pytest.mark.parametrize("dec_deg", [-40.0, 5.0, 70.0])
@pytest.mark.parametrize("ra_deg", [20.0, 100.0, 200.0, 300.0])
def test_pointing_agrees_with_astropy(ra_deg: float, dec_deg: float) -> None:
    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("auto_max_age", None):
        utc = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
        time = Time(utc)
        place = EarthLocation(lat=SITE.latitude_deg * u.deg, lon=SITE.longitude_deg * u.deg)
        frame = AltAz(obstime=time, location=place)
        coordinate = SkyCoord(ra_deg * u.deg, dec_deg * u.deg)
        expected = coordinate.transform_to(frame)
        sun = get_body("sun", time, place).transform_to(frame)
        separation_deg = sun.separation(expected).deg
    pointing = pointing_at(ra_deg, dec_deg, SITE, utc)
    # 0.02 deg: UT1 is taken as UTC (14 arcsec), the Sun's parallax is left out (9 arcsec).
    assert pointing.alt_deg == pytest.approx(expected.alt.deg, abs=0.02)
    difference = (pointing.az_deg - expected.az.deg + 180.0) % 360.0 - 180.0
    assert abs(difference * np.cos(expected.alt.rad)) < 0.02
    assert pointing.sun_separation_deg == pytest.approx(separation_deg, abs=0.03)


def test_sun_limit_holds_while_the_sun_is_not_known() -> None:
    utc = datetime(2026, 6, 21, 18, 30, tzinfo=UTC)
    sun_ra_deg, sun_dec_deg = 90.2, 23.4
    pointing = pointing_at(sun_ra_deg, sun_dec_deg, SITE, utc)
    found = limit_violations(pointing, Limits(horizon_deg=-90.0), None)
    assert [violation.name for violation in found] == ["Sun"]
    assert found[0].value < 2.0
    assert limit_violations(pointing, Limits(horizon_deg=-90.0), -7.0) == ()


def test_way_across_the_sun_is_seen() -> None:
    # At the solstice the Sun is at RA 90, Dec 23.4: the way from RA 60 to 120 leads over it.
    assert path_sun_separation_deg((60.0, 23.4), (120.0, 23.4), NOON) < 2.0
    # The same ends by way of the other axis first: the corner counts.
    assert path_sun_separation_deg((90.0, -30.0), (200.0, 23.4), NOON) < 2.0


def test_way_on_the_other_side_of_the_sky_keeps_its_distance() -> None:
    assert path_sun_separation_deg((250.0, -30.0), (290.0, 10.0), NOON) > 100.0


def test_way_takes_the_short_turn_through_ra_zero() -> None:
    assert path_sun_separation_deg((350.0, 23.4), (10.0, 23.4), NOON) > 60.0


@pytest.mark.parametrize("date", ["2026-03-20", "2026-06-21", "2026-09-23", "2026-12-21"])
def test_nothing_opens_before_the_sun_is_low_enough_whatever_the_date(date: str) -> None:
    """When the Sun passes the limit is astropy's word; half a degree is two minutes."""
    place = EarthLocation.from_geodetic(SITE.longitude_deg, SITE.latitude_deg, SITE.elevation_m)
    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("auto_max_age", None):
        times = Time(f"{date} 22:00:00") + np.arange(0, 600) * u.min
        frame = AltAz(obstime=times, location=place, pressure=0 * u.hPa)
        altitude_deg = get_body("sun", times, place).transform_to(frame).alt.deg
    evening = times[altitude_deg < -5.5][0], times[altitude_deg < -6.5][0]
    for instant, is_dark in zip(evening, (False, True), strict=True):
        clock = FakeClock(instant.to_datetime(timezone=UTC))
        observatory = Observatory.build(PROFILE, FakeInstruments(clock), clock)
        observatory.connect_all()
        observatory.hear_verdict(SAFE)
        if is_dark:
            observatory.guard(MotionRequest(MotionKind.UNPARK_DOME))
        else:
            with pytest.raises(Interlocked, match="the Sun is at -5"):
                observatory.guard(MotionRequest(MotionKind.UNPARK_DOME))
