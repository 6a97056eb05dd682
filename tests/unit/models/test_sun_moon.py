"""Sun and Moon against astropy and astroplan."""

from __future__ import annotations

from datetime import UTC, datetime

import astropy.units as u
import erfa
import numpy as np
import pytest
from astroplan import moon_illumination
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body
from astropy.time import Time
from astropy.utils import iers

from ctmo_indi.models import sun_moon
from ctmo_indi.profiles import Site

iers.conf.auto_download = False
iers.conf.auto_max_age = None  # the tables of the package serve, whatever the date

CTMO = Site("CTMO", 25.996275, -97.571269, 12.0)
# A year in steps that meet every phase of the Moon and every hour of the day.
TIMES_S = datetime(2026, 1, 3, 1, tzinfo=UTC).timestamp() + np.arange(12) * 86400.0 * 26.87
# Sun: UT1 taken as UTC 14", parallax 8.8" left out. Moon: the same and 10" of the theory.
SUN_ARCSEC = 24.0
MOON_ARCSEC = 26.0


@pytest.mark.parametrize(("name", "tolerance"), [("sun", SUN_ARCSEC), ("moon", MOON_ARCSEC)])
def test_the_place_on_the_sky_agrees_with_astropy(name: str, tolerance: float) -> None:
    times = Time(TIMES_S, format="unix")
    location = EarthLocation(
        lon=CTMO.longitude_deg * u.deg, lat=CTMO.latitude_deg * u.deg, height=12 * u.m
    )
    theirs = get_body(name, times, location).transform_to(AltAz(obstime=times, location=location))
    bodies = [getattr(sun_moon, name)(CTMO, when_s) for when_s in TIMES_S]
    ours = AltAz(
        alt=[body.altitude_deg for body in bodies] * u.deg,
        az=[body.azimuth_deg for body in bodies] * u.deg,
        obstime=times,
        location=location,
    )
    flat = SkyCoord(theirs.az, theirs.alt)  # directions only: astropy's bodies carry a distance
    assert SkyCoord(ours.az, ours.alt).separation(flat).arcsec.max() < tolerance


@pytest.mark.parametrize("step_days", [0.01, 0.37])
def test_the_earth_at_many_instants_is_where_it_is_at_each(step_days: float) -> None:
    day, fraction = 2461000.5, step_days * np.arange(2000.0)
    off_au = sun_moon.earth_au(day, fraction) - erfa.epv00(day, fraction)[0]["p"]
    assert np.degrees(np.linalg.norm(off_au, axis=-1).max()) * 3600.0 < 2e-4


def test_the_lit_part_of_the_moon_agrees_with_astroplan() -> None:
    ours = [sun_moon.moon_illumination(when_s) for when_s in TIMES_S]
    theirs = moon_illumination(Time(TIMES_S, format="unix"))
    assert np.abs(np.array(ours) - theirs).max() < 0.002
    days_s = TIMES_S[0] + 3600.0 * np.arange(720.0)  # more instants than days
    each = [sun_moon.moon_illumination(when_s) for when_s in days_s]
    assert sun_moon.moon_illumination(days_s) == pytest.approx(np.array(each), abs=1e-6)
    assert max(ours) > 0.8
    assert min(ours) < 0.2


def test_the_moon_was_new_and_covered_the_sun_in_the_eclipse_of_2024() -> None:
    # Total solar eclipse of 2024 April 8, greatest at 18:17:18 UT, 25.29 N 104.15 W (NASA).
    site = Site("Nazas", 25.29, -104.15, 1200.0)
    utc = datetime(2024, 4, 8, 18, 17, 18, tzinfo=UTC)
    sun = sun_moon.sun(site, utc)
    assert sun.altitude_deg == pytest.approx(69.8, abs=0.2)
    assert sun_moon.moon_separation_deg(sun.ra_deg, sun.dec_deg, site, utc) < 0.02
    assert sun_moon.moon_illumination(utc) < 0.001


def test_separations_are_zero_at_the_body_itself() -> None:
    moon = sun_moon.moon(CTMO, TIMES_S[3])
    assert sun_moon.moon_separation_deg(moon.ra_deg, moon.dec_deg, CTMO, TIMES_S[3]) < 1e-5
    ra_deg, dec_deg = sun_moon.sun_icrs(TIMES_S[3])
    assert sun_moon.sun_separation_deg(ra_deg, dec_deg, TIMES_S[3]) < 1e-9
    assert sun_moon.sun_separation_deg((ra_deg + 180) % 360, -dec_deg, TIMES_S[3]) > 179.999


def test_the_coarse_sun_is_good_to_two_hundredths_of_a_degree() -> None:
    times_s = TIMES_S[0] + np.arange(0.0, 366 * 86400.0, 86400.0 * 3.37)
    exact = [sun_moon.sun_altitude_deg(CTMO, when_s) for when_s in times_s]
    coarse = sun_moon.coarse_sun_altitude_deg(CTMO, times_s)
    assert np.abs(coarse - np.array(exact)).max() < 0.02
