"""Places in float32 against astropy; slews against the observatory's own model."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import TETE, AltAz, EarthLocation, SkyCoord, get_body
from astropy.time import Time
from astropy.utils import iers

from ctmo_indi import profiles
from ctmo_indi.models.dome_geometry import TubeSide
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.scheduling.feature.site_now import PLANETS, NightFrame, SiteNow, icrs_vectors
from ctmo_indi.scheduling.feature.slews import AskedSlews, slews_of
from ctmo_indi.testing.fake_sky import FakeObservatory

from .feature_world import MIDNIGHT, TRACKING, conditions_of, some_fields

iers.conf.auto_download = False
iers.conf.auto_max_age = None

ARCSEC = 1.0 / 3600.0
FIELDS = some_fields()
INSTANTS = (MIDNIGHT, MIDNIGHT + timedelta(hours=5), MIDNIGHT - timedelta(hours=4))
UT1_TOLERANCE_DEG = 20 * ARCSEC  # UT1 is taken for UTC here: up to 0.9 s of time, 14"; float32 3"


@cache
def sky(utc: datetime) -> tuple[SkyCoord, AltAz]:
    site = profiles.load("simulators").site
    place = EarthLocation.from_geodetic(
        site.longitude_deg * u.deg, site.latitude_deg * u.deg, site.elevation_m * u.m
    )
    frame = AltAz(obstime=Time(utc), location=place, pressure=0 * u.hPa)
    return SkyCoord(FIELDS.ra_deg * u.deg, FIELDS.dec_deg * u.deg), frame


@pytest.mark.parametrize("utc", INSTANTS)
def test_altitude_azimuth_and_airmass_are_astropys(utc: datetime) -> None:
    stars, frame = sky(utc)
    expected = stars.transform_to(frame)
    found = conditions_of(FIELDS, utc)
    np.testing.assert_allclose(found.altitude_deg, expected.alt.deg, atol=UT1_TOLERANCE_DEG)
    low = np.abs(expected.alt.deg) < 80.0  # near the zenith an azimuth is large and says little
    apart = (found.azimuth_deg - expected.az.deg + 180.0) % 360.0 - 180.0
    assert np.max(np.abs(apart[low])) < 6 * UT1_TOLERANCE_DEG
    high = expected.alt.deg > 20.0
    # Kasten and Young against the plane secant: 0.8 % above 20 degrees.
    np.testing.assert_allclose(found.airmass[high], expected.secz[high], rtol=0.009)
    assert np.all(np.isinf(found.airmass[expected.alt.deg < -0.1]))


def test_the_altitude_later_is_that_of_astropy_later() -> None:
    stars, frame = sky(MIDNIGHT + timedelta(hours=5))
    later = conditions_of(FIELDS).sin_altitude_after(5 * 3600.0)
    expected = np.sin(stars.transform_to(frame).alt.rad)
    np.testing.assert_allclose(later, expected, atol=np.radians(UT1_TOLERANCE_DEG))


def test_hour_angles_are_astropys() -> None:
    stars, frame = sky(MIDNIGHT)
    site = profiles.load("simulators").site
    sidereal = Time(MIDNIGHT).sidereal_time("apparent", longitude=site.longitude_deg * u.deg)
    found = np.degrees(conditions_of(FIELDS).hour_angle_rad.astype(np.float64))
    of_date = stars.transform_to(TETE(obstime=Time(MIDNIGHT), location=frame.location))
    expected = (sidereal.deg - of_date.ra.deg + 180.0) % 360.0 - 180.0
    apart = (found - expected + 180.0) % 360.0 - 180.0
    assert np.max(np.abs(apart) * np.cos(np.radians(FIELDS.dec_deg))) < UT1_TOLERANCE_DEG


@pytest.mark.parametrize("utc", INSTANTS)
def test_moon_and_sun_are_astropys(utc: datetime) -> None:
    stars, frame = sky(utc)
    moon = get_body("moon", Time(utc), frame.location)
    found = conditions_of(FIELDS, utc)
    apart = np.degrees(np.arccos(np.clip(found.cos_moon_separation, -1.0, 1.0)))
    here = SkyCoord(moon.transform_to(frame)).separation(stars.transform_to(frame)).deg
    np.testing.assert_allclose(apart, here, atol=0.02)  # moon98: 10"; UT1: 14" of parallax's turn
    assert found.now.moon_altitude_deg == pytest.approx(moon.transform_to(frame).alt.deg, abs=0.02)
    sun = get_body("sun", Time(utc), frame.location).transform_to(frame)
    assert found.now.sun_altitude_deg == pytest.approx(sun.alt.deg, abs=0.03)


def test_apparent_places_are_erfas() -> None:
    site = profiles.load("simulators").site
    night = NightFrame.around(site, MIDNIGHT.timestamp())
    fields = some_fields(3000, 6)
    ra_rad, dec_rad = night.frame.place_rad(fields.ra_deg, fields.dec_deg)
    expected = icrs_vectors(np.degrees(ra_rad), np.degrees(dec_rad))
    found = night.apparent(fields.icrs)
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), 1.0, atol=1e-12)
    apart = np.degrees(np.linalg.norm(np.cross(found.T, expected.T), axis=1)) / ARCSEC
    sun = SiteNow.at(night, MIDNIGHT.timestamp()).sun_vector
    far = sun @ found < np.cos(np.radians(30.0))
    assert apart[far].max() < 0.02  # the Sun's deflection of light at 30 degrees
    assert far.sum() > 2500


@pytest.mark.parametrize("name", PLANETS)
def test_planets_are_where_astropy_has_them(name: str) -> None:
    site = profiles.load("simulators").site
    now = SiteNow.at(NightFrame.around(site, MIDNIGHT.timestamp()), MIDNIGHT.timestamp())
    planet = get_body(name, Time(MIDNIGHT), sky(MIDNIGHT)[1].location)
    # GCRS: its axes are those of ICRS, the direction is seen from here.
    ra_deg, dec_deg = np.array([planet.ra.deg]), np.array([planet.dec.deg])
    vectors = now.night.apparent(icrs_vectors(ra_deg, dec_deg))
    cross = np.linalg.norm(np.cross(vectors[:, 0], now.planet_vector(name)))
    assert np.degrees(np.arcsin(cross)) < 0.06  # plan94: 3'


STATES = {
    "tracking": TRACKING,
    "over the meridian": replace(TRACKING, ra_deg=85.0, tube_side=TubeSide.EAST),
    "parked": ObservatoryModelState(0.0),
    "open, still": replace(TRACKING, is_tracking=False, dome_azimuth_deg=None),
}


@pytest.mark.parametrize("profile", ["simulators", "ctmo"])
@pytest.mark.parametrize("name", STATES)
def test_slews_are_those_of_the_observatory_model(profile: str, name: str) -> None:
    fields = some_fields(1500, 8)
    model = ObservatoryModel.of(profiles.load(profile))
    state = replace(STATES[name], utc_s=MIDNIGHT.timestamp())
    here = conditions_of(fields, state=state, profile=profile, filters=("B", "R", None))
    up = np.degrees(np.arcsin(here.sin_altitude)) < 89.0
    for code, filter_name in enumerate(here.filters):
        expected = model.delays_s(state, fields.ra_deg, fields.dec_deg, [filter_name] * fields.size)
        found = here.of_filter(code).slew_s
        np.testing.assert_allclose(found[up], expected[up], atol=0.02)


def test_a_slow_filter_wheel_is_waited_for() -> None:
    slow = replace(profiles.load("ctmo").kinematics, filter_change_s=40.0, filter_step_s=3.0)
    known = ObservatoryModel.of(profiles.load("ctmo"))
    model = ObservatoryModel(known.site, slow, known.dome, {"B": 1, "R": 3, "I": 8}, 8)
    state = replace(TRACKING, utc_s=MIDNIGHT.timestamp(), is_parked=True)
    here = conditions_of(FIELDS, state=state, filters=("B", "I", "R"))
    here = replace(here, slews=slews_of(model))
    for code, name in enumerate(here.filters):
        expected = model.delays_s(state, FIELDS.ra_deg, FIELDS.dec_deg, [name] * FIELDS.size)
        found = here.of_filter(code).slew_s
        np.testing.assert_allclose(found, expected, atol=0.02)
        assert bool(found.min() > 40.0) == (name != "R")


def test_a_flip_and_what_is_done_before_each_visit_take_their_time() -> None:
    known = ObservatoryModel.of(profiles.load("simulators"))
    slow = replace(known.kinematics, flip_s=50.0, handling_s=3.0)
    model = ObservatoryModel(known.site, slow, known.dome, {"B": 1, "R": 3, "I": 8}, 8)
    fields = some_fields(300, 8)
    for side in (None, *TubeSide):
        state = replace(TRACKING, utc_s=MIDNIGHT.timestamp(), tube_side=side)
        here = conditions_of(fields, state=state, filters=("R",))
        here = replace(here, slews=slews_of(model))
        up = np.degrees(np.arcsin(here.sin_altitude)) < 89.0
        names = ["R"] * fields.size
        expected = model.delays_s(state, fields.ra_deg, fields.dec_deg, names)
        np.testing.assert_allclose(here.of_filter(0).slew_s[up], expected[up], atol=0.02)


def test_an_unknown_observatory_is_asked_itself() -> None:
    slews = AskedSlews(FakeObservatory(slew_s=33.0))
    here = replace(conditions_of(FIELDS, filters=("R", "V")), slews=slews)
    assert set(here.slew_s.tolist()) == {33.0}
    ways = slews.between_s(here)
    assert np.allclose(ways, ways.T)
    assert here.of_filter(1).is_other_filter
    assert not here.is_other_filter


def test_without_a_state_no_slew_is_known() -> None:
    here = conditions_of(FIELDS, state=None, filters=("V",))
    assert not here.slew_s.any()
    assert not here.is_other_filter


def test_some_of_the_places_have_the_same_values() -> None:
    rows = np.array([3, 50, 117])
    here = conditions_of(FIELDS)
    part = here.take(rows)
    for name in ("sin_altitude", "airmass", "hour_angle_rad", "cos_moon_separation", "slew_s"):
        np.testing.assert_array_equal(getattr(part, name), getattr(here, name)[rows])
    assert part.rows.tolist() == rows.tolist()
