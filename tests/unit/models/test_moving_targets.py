"""Where targets that move among the stars are, against astropy."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import astropy.units as u
import erfa
import numpy as np
import pytest
from astropy.coordinates import CIRS, EarthLocation, get_body
from astropy.time import Time
from astropy.utils import iers

from ctmo_indi.models import sun_moon
from ctmo_indi.models.coordinates import ApparentFrame, altaz, icrs_to_eod
from ctmo_indi.models.motions import (
    BodyMotion,
    FixedHorizontal,
    Motion,
    Orbit,
    SolarSystemBody,
)
from ctmo_indi.models.moving_targets import (
    GOOD_TO_ARCSEC,
    altitude_deg,
    place_icrs_deg,
    place_rad,
)
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType
from ctmo_indi.profiles import Site

iers.conf.auto_download = False
iers.conf.auto_max_age = None  # the tables of the package serve, whatever the date

CTMO = Site("CTMO", 25.996275, -97.571269, 12.0)
LOCATION = EarthLocation(
    lon=CTMO.longitude_deg * u.deg, lat=CTMO.latitude_deg * u.deg, height=12 * u.m
)
TIMES_S = datetime(2022, 1, 3, 1, tzinfo=UTC).timestamp() + np.arange(16) * 86400.0 * 113.17
# One theory on both sides; left out here: UT1 - UTC in the Moon's parallax, diurnal aberration.
ARCSEC = 2.0


def _request(motion: Motion | None, **place: float) -> ObservationRequest:
    return ObservationRequest("1", "ada", FrameType.LIGHT, 10.0, 1, motion=motion, **place)


@pytest.mark.parametrize("body", SolarSystemBody)
def test_planets_and_moon_are_where_astropy_sees_them_from_the_site(body: SolarSystemBody) -> None:
    times = Time(TIMES_S, format="unix")
    theirs = get_body(body.value.lower(), times, LOCATION, ephemeris="builtin")
    theirs = theirs.transform_to(CIRS(obstime=times, location=LOCATION))
    ours = place_rad(_request(BodyMotion(body)), ApparentFrame.at(TIMES_S), CTMO, TIMES_S)
    apart = erfa.seps(*ours, theirs.ra.rad, theirs.dec.rad)
    assert np.degrees(apart).max() * 3600.0 < ARCSEC


# Topocentric places of the true equator and equinox of date (Unix seconds, degrees) at CTMO by
# VSOP87, as PyEphem 4.2.1 has them: five over twenty years, and where plan94 is worst.
VSOP87 = {
    SolarSystemBody.MERCURY: (
        (1_805_094_720, 329.37357, -13.10157),
        (1_931_325_120, 10.75213, 6.29268),
        (2_057_555_520, 338.89513, -11.25107),
        (2_183_785_920, 345.08253, -3.23970),
        (2_310_016_320, 357.69241, -2.42551),
        (2_327_675_616, 185.34606, -0.43213),
    ),
    SolarSystemBody.VENUS: (
        (1_805_094_720, 319.22066, -15.92030),
        (1_931_325_120, 26.56566, 11.05503),
        (2_057_555_520, 319.77541, -15.80068),
        (2_183_785_920, 27.09472, 11.30644),
        (2_248_430_400, 349.11342, 2.44591),
        (2_310_016_320, 320.34572, -15.67921),
    ),
    SolarSystemBody.MARS: (
        (1_805_094_720, 146.50814, 17.58747),
        (1_931_325_120, 228.60384, -16.17083),
        (2_004_551_712, 273.62447, -28.42648),
        (2_057_555_520, 282.37939, -23.36890),
        (2_183_785_920, 319.85105, -16.78745),
        (2_310_016_320, 350.97633, -4.94053),
    ),
    SolarSystemBody.JUPITER: (
        (1_805_094_720, 141.05576, 16.36621),
        (1_931_325_120, 267.29267, -22.87560),
        (2_057_555_520, 18.09357, 6.50394),
        (2_183_785_920, 145.84447, 14.89771),
        (2_310_016_320, 271.78826, -22.98256),
        (2_353_681_152, 303.31800, -20.52810),
    ),
    SolarSystemBody.SATURN: (
        (1_805_094_720, 14.45161, 3.74118),
        (1_889_881_632, 49.19605, 15.61413),
        (1_931_325_120, 61.85596, 19.19938),
        (2_057_555_520, 120.85767, 20.87370),
        (2_183_785_920, 177.33238, 3.82390),
        (2_310_016_320, 226.51574, -14.86291),
    ),
    SolarSystemBody.URANUS: (
        (1_805_094_720, 60.15020, 20.48253),
        (1_931_325_120, 78.00724, 23.08087),
        (2_057_555_520, 97.08162, 23.60682),
        (2_183_785_920, 116.85353, 21.69623),
        (2_310_016_320, 136.55705, 17.34016),
        (2_398_320_576, 153.66959, 11.70937),
    ),
    SolarSystemBody.NEPTUNE: (
        (1_805_094_720, 3.94863, 0.24164),
        (1_931_325_120, 11.94226, 3.50151),
        (2_057_555_520, 20.02796, 6.70793),
        (2_183_785_920, 28.24260, 9.79121),
        (2_310_016_320, 36.61914, 12.67886),
        (2_395_863_360, 43.10008, 14.59944),
    ),
}


@pytest.mark.parametrize("body", VSOP87)
def test_planets_are_as_good_as_it_is_said(body: SolarSystemBody) -> None:
    times_s, ra_deg, dec_deg = np.array(VSOP87[body]).T
    ra_rad, dec_rad = place_rad(
        _request(BodyMotion(body)), ApparentFrame.at(times_s), CTMO, times_s
    )
    equinox_rad = erfa.eo06a(2440587.5, (times_s + 69.184) / 86400.0)
    apart = erfa.seps(ra_rad - equinox_rad, dec_rad, np.radians(ra_deg), np.radians(dec_deg))
    worst_arcsec = float(np.degrees(apart).max()) * 3600.0
    assert 0.75 * GOOD_TO_ARCSEC[body] < worst_arcsec <= GOOD_TO_ARCSEC[body]


@pytest.mark.parametrize("body", [SolarSystemBody.MARS, SolarSystemBody.MOON])
def test_the_icrs_place_leads_the_mount_to_the_body(body: SolarSystemBody) -> None:
    """What a mount is told is made of ICRS as for a star; there the body has to be."""
    when_s = float(TIMES_S[3])
    ra_deg, dec_deg = place_icrs_deg(_request(BodyMotion(body)), CTMO, when_s)
    ra_hours, eod_dec_deg = icrs_to_eod(ra_deg, dec_deg, when_s)
    frame = ApparentFrame.at(when_s)
    time = Time(when_s, format="unix")
    theirs = get_body(body.value.lower(), time, LOCATION, ephemeris="builtin")
    theirs = theirs.transform_to(CIRS(obstime=time, location=LOCATION))
    ours = math.radians(ra_hours * 15.0) + frame.origins_rad, math.radians(eod_dec_deg)
    apart_rad = erfa.seps(*ours, theirs.ra.rad, theirs.dec.rad)
    assert math.degrees(apart_rad) * 3600.0 < ARCSEC


def test_the_moon_is_that_of_the_rules() -> None:
    when_s = float(TIMES_S[5])
    known = sun_moon.moon(CTMO, when_s)
    request = _request(BodyMotion(SolarSystemBody.MOON))
    assert place_icrs_deg(request, CTMO, when_s) == pytest.approx((known.ra_deg, known.dec_deg))
    assert altitude_deg(request, CTMO, when_s) == pytest.approx(known.altitude_deg, abs=1e-9)


def test_an_orbit_like_the_earths_neighbour_has_light_time_and_parallax() -> None:
    """The elements of Mars at a date, made from its own place and motion then."""
    when_s = float(TIMES_S[7])
    jd = when_s / 86400.0 + 2440587.5 + 69.184 / 86400.0
    orbit = _osculating(erfa.plan94(jd, 0.0, 4), jd)
    for days in (-2.0, 0.0, 2.0):
        then_s = when_s + days * 86400.0
        ours = place_icrs_deg(_request(orbit), CTMO, then_s)
        mars = place_icrs_deg(_request(BodyMotion(SolarSystemBody.MARS)), CTMO, then_s)
        apart_rad = erfa.seps(*np.radians(ours), *np.radians(mars))
        assert math.degrees(apart_rad) * 3600.0 < 5.0  # plan94's speed is not quite its motion


def _osculating(state: np.ndarray, jd: float) -> Orbit:
    """Elements of a place and a velocity: the vis-viva and the eccentricity vector."""
    tilt = erfa.rx(math.radians(84381.448 / 3600.0), np.eye(3))
    r, v = tilt @ state["p"], tilt @ state["v"]
    mu = 0.01720209895**2
    h = np.cross(r, v)
    ecc = np.cross(v, h) / mu - r / np.linalg.norm(r)
    e = float(np.linalg.norm(ecc))
    a = 1.0 / (2.0 / np.linalg.norm(r) - v @ v / mu)
    node = math.atan2(h[0], -h[1])
    line = np.array([math.cos(node), math.sin(node), 0.0])
    peri = math.copysign(math.acos(line @ ecc / e), ecc[2])
    true = math.copysign(math.acos(np.clip(ecc @ r / e / np.linalg.norm(r), -1, 1)), r @ v)
    eccentric = 2.0 * math.atan(math.sqrt((1 - e) / (1 + e)) * math.tan(true / 2.0))
    days = (eccentric - e * math.sin(eccentric)) / (0.01720209895 / a**1.5)
    return Orbit(
        a * (1 - e),
        e,
        math.degrees(math.acos(h[2] / np.linalg.norm(h))),
        math.degrees(node),
        math.degrees(peri),
        jd - days,
    )


def test_a_fixed_altitude_stays_over_the_ground_while_the_stars_go_by() -> None:
    request = _request(FixedHorizontal(60.0, 135.0))
    for when_s in TIMES_S[:3]:
        place = place_icrs_deg(request, CTMO, float(when_s))
        assert altaz(*place, CTMO, float(when_s)) == pytest.approx((60.0, 135.0), abs=1e-6)
    start_s = float(TIMES_S[0])
    first, later = (place_icrs_deg(request, CTMO, start_s + s)[0] for s in (0.0, 3600.0))
    assert (later - first) % 360.0 == pytest.approx(15.041, abs=0.01)  # ICRS: precession


@pytest.mark.parametrize(
    "motion",
    [
        BodyMotion(SolarSystemBody.VENUS),
        BodyMotion(SolarSystemBody.MOON),
        FixedHorizontal(45.0, 10.0),
        Orbit(0.92, 1.0, 104.6, 222.1, 130.6, 2461500.25),
    ],
)
def test_many_instants_are_answered_as_one_by_one(motion: Motion) -> None:
    request = _request(motion)
    together = place_icrs_deg(request, CTMO, TIMES_S)
    for i, when_s in enumerate(TIMES_S):
        one = place_icrs_deg(request, CTMO, float(when_s))
        assert all(isinstance(value, float) for value in one)
        assert one == pytest.approx((together[0][i], together[1][i]), abs=1e-9)


def test_a_star_stays_and_what_has_no_place_is_said() -> None:
    assert place_icrs_deg(_request(None, ra_deg=1.0, dec_deg=2.0), CTMO, 0.0) == (1.0, 2.0)
    with pytest.raises(ValueError, match="order 1: no RA and Dec, and no motion"):
        place_icrs_deg(_request(None), CTMO, 0.0)
