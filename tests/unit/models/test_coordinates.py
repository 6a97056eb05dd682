"""Coordinates against astropy and against published examples."""

from __future__ import annotations

import math
import subprocess
import sys
from datetime import UTC, datetime

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import TETE, AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers
from hypothesis import given
from hypothesis import strategies as st

from ctmo_indi.models import coordinates
from ctmo_indi.profiles import Site

iers.conf.auto_download = False
iers.conf.auto_max_age = None  # the tables of the package serve, whatever the date

CTMO = Site("CTMO", 25.996275, -97.571269, 12.0)
SOUTH = Site("South", -70.0, 20.0, 2400.0)
# UT1 - UTC stays below 0.9 s of time (14"); polar motion and diurnal aberration add 0.6".
ALTAZ_ARCSEC = 15.0
DATES = [
    datetime(1995, 3, 1, 4, 5, 6, tzinfo=UTC),
    datetime(2019, 3, 5, 14, 34, 54, 234000, tzinfo=UTC),
    datetime(2026, 11, 22, 10, 16, 30, tzinfo=UTC),
]
ras = st.floats(0.0, 359.999)
decs = st.floats(-89.9, 89.9)
instants = st.floats(631152000.0, 2208988800.0)  # 1990 to 2040


def _location(site: Site) -> EarthLocation:
    return EarthLocation(
        lon=site.longitude_deg * u.deg, lat=site.latitude_deg * u.deg, height=site.elevation_m * u.m
    )


def _grid() -> SkyCoord:
    ra, dec = np.meshgrid(np.arange(1.0, 360.0, 30.0), np.array([-85.0, -40.0, 0.0, 13.2, 60.0]))
    return SkyCoord(ra.ravel() * u.deg, dec.ravel() * u.deg)


@pytest.mark.parametrize("utc", DATES)
def test_the_apparent_place_agrees_with_astropy_to_a_hundredth_of_an_arcsecond(
    utc: datetime,
) -> None:
    stars = _grid()
    ra_hours, dec_deg = coordinates.icrs_to_eod(stars.ra.deg, stars.dec.deg, utc)
    ours = SkyCoord(ra_hours * u.hourangle, dec_deg * u.deg)
    tete = stars.transform_to(TETE(obstime=Time(utc)))
    theirs = SkyCoord(tete.ra, tete.dec)
    assert ours.separation(theirs).arcsec.max() < 0.01


def test_the_apparent_place_of_theta_persei_is_that_of_meeus() -> None:
    # Astronomical Algorithms, 2nd edition, example 23.a: 2028 November 13.19 TD. The catalogue
    # place is taken to that date with the proper motion given there.
    years = 28.86705
    ra_deg = 15.0 * (2 + 44 / 60 + (11.986 + 0.03425 * years) / 3600)
    dec_deg = 49 + 13 / 60 + (42.48 - 0.0895 * years) / 3600
    utc = datetime(2028, 11, 13, 4, 33, 36, tzinfo=UTC)  # TD - 69 s matters less than 0.001"
    ra_hours, dec_eod_deg = coordinates.icrs_to_eod(ra_deg, dec_deg, utc)
    assert ra_hours * 3600 == pytest.approx(2 * 3600 + 46 * 60 + 14.390, abs=0.01)
    assert dec_eod_deg * 3600 == pytest.approx(49 * 3600 + 21 * 60 + 7.45, abs=0.1)


def test_the_altitude_of_venus_is_that_of_meeus() -> None:
    # Example 13.b: US Naval Observatory, 1987 April 10, 19:21:00 UT; he counts azimuth from south.
    site = Site("USNO", 38 + 55 / 60 + 17 / 3600, -(77 + 3 / 60 + 56 / 3600), 0.0)
    utc = datetime(1987, 4, 10, 19, 21, tzinfo=UTC)
    ra_hours = 23 + 9 / 60 + 16.641 / 3600
    dec_deg = -(6 + 43 / 60 + 11.61 / 3600)
    altitude, azimuth = coordinates.eod_to_altaz(ra_hours, dec_deg, site, utc)
    assert altitude == pytest.approx(15.1249, abs=0.0002)
    assert azimuth == pytest.approx(68.0337 + 180.0, abs=0.0002)
    hour_angle = coordinates.eod_hour_angle_h(ra_hours, site, utc)
    assert hour_angle * 15.0 == pytest.approx(64.352133, abs=0.0002)


@pytest.mark.parametrize("site", [CTMO, SOUTH])
@pytest.mark.parametrize("utc", DATES)
def test_altitude_and_azimuth_agree_with_astropy(site: Site, utc: datetime) -> None:
    stars = _grid()
    altitude, azimuth = coordinates.altaz(stars.ra.deg, stars.dec.deg, site, utc)
    theirs = stars.transform_to(AltAz(obstime=Time(utc), location=_location(site)))
    ours = AltAz(
        alt=altitude * u.deg, az=azimuth * u.deg, obstime=theirs.obstime, location=theirs.location
    )
    assert ours.separation(theirs).arcsec.max() < ALTAZ_ARCSEC


@pytest.mark.parametrize("utc", DATES)
def test_sidereal_time_agrees_with_astropy(utc: datetime) -> None:
    theirs = Time(utc).sidereal_time("apparent", longitude=CTMO.longitude_deg * u.deg)
    off_h = math.remainder(coordinates.sidereal_time_h(CTMO, utc) - theirs.hour, 24.0)
    assert abs(off_h) * 3600.0 < 0.9


@given(ras, decs, instants)
def test_a_mount_position_comes_back_as_the_same_icrs(
    ra_deg: float, dec_deg: float, utc_s: float
) -> None:
    back = coordinates.eod_to_icrs(*coordinates.icrs_to_eod(ra_deg, dec_deg, utc_s), utc_s)
    assert coordinates.separation_deg(ra_deg, dec_deg, *back) * 3600.0 < 1e-3


@given(ras, decs, instants)
def test_altaz_and_its_inverse_agree(ra_deg: float, dec_deg: float, utc_s: float) -> None:
    altitude, azimuth = coordinates.altaz(ra_deg, dec_deg, CTMO, utc_s)
    back = coordinates.altaz_to_icrs(altitude, azimuth, CTMO, utc_s)
    assert 0.0 <= azimuth < 360.0
    assert coordinates.separation_deg(ra_deg, dec_deg, *back) * 3600.0 < 1e-3


@given(ras, decs, instants)
def test_a_place_of_date_and_its_icrs_stand_at_the_same_altitude(
    ra_deg: float, dec_deg: float, utc_s: float
) -> None:
    ra_hours, dec_eod_deg = coordinates.icrs_to_eod(ra_deg, dec_deg, utc_s)
    of_date = coordinates.eod_to_altaz(ra_hours, dec_eod_deg, CTMO, utc_s)
    of_icrs = coordinates.altaz(ra_deg, dec_deg, CTMO, utc_s)
    assert of_date[0] == pytest.approx(of_icrs[0], abs=1e-8)
    hours = coordinates.hour_angle_h(ra_deg, dec_deg, CTMO, utc_s)
    assert math.remainder(
        hours - coordinates.eod_hour_angle_h(ra_hours, CTMO, utc_s), 24.0
    ) == pytest.approx(0.0, abs=1e-9)


def test_arrays_of_positions_and_instants_give_what_single_calls_give() -> None:
    times_s = np.array([1.7e9, 1.75e9, 1.8e9])
    ra = np.array([10.0, 120.0, 350.0])
    dec = np.array([-20.0, 5.0, 70.0])
    together = coordinates.altaz(ra, dec, CTMO, times_s)
    single = [coordinates.altaz(*one, CTMO, t) for *one, t in zip(ra, dec, times_s, strict=True)]
    assert np.allclose(np.transpose(together), single, atol=1e-10)
    assert isinstance(coordinates.altaz(10.0, 5.0, CTMO, 1.7e9)[0], float)


@pytest.mark.parametrize(
    ("seconds", "tai_minus_utc_s"),
    [(1483228799.0, 36.0), (1483228800.0, 37.0), (1.79e9, 37.0), (915148800.0, 32.0)],
)
def test_terrestrial_time_follows_the_leap_seconds(seconds: float, tai_minus_utc_s: float) -> None:
    _, tt_fraction, utc_fraction = coordinates.julian_dates(seconds)
    assert (tt_fraction - utc_fraction) * 86400.0 == pytest.approx(tai_minus_utc_s + 32.184)


def test_mjd_agrees_with_astropy() -> None:
    assert coordinates.mjd(DATES[1]) == pytest.approx(Time(DATES[1]).mjd, abs=1e-9)
    assert coordinates.from_unix_s(coordinates.unix_s(DATES[1])) == DATES[1]


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        coordinates.altaz(1.0, 2.0, CTMO, datetime(2026, 1, 1))  # noqa: DTZ001 - that is the test


def test_airmass_is_the_secant_high_up_and_finite_at_the_horizon() -> None:
    high = np.arange(20.0, 90.0, 0.5)
    secant = 1.0 / np.sin(np.radians(high))
    assert np.abs(coordinates.airmass(high) / secant - 1.0).max() < 0.008
    assert coordinates.airmass(0.0) == pytest.approx(37.92, abs=0.01)  # Kasten and Young 1989
    assert coordinates.airmass(90.0) == 1.0
    assert coordinates.airmass(-0.1) == math.inf
    assert (np.diff(coordinates.airmass(np.arange(0.0, 90.0, 0.5))) <= 0.0).all()


def test_the_sky_needs_no_astropy_so_that_front_desks_come_up_fast() -> None:
    code = "import sys, ctmo_indi.models.sky, ctmo_indi.models.headers\n"
    code += "print('astropy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "False"
