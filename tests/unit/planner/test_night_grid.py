"""The planner's night: against the models and astropy, at the poles, and what is no night."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctmo_indi.models.coordinates import altaz, hour_angle_h
from ctmo_indi.models.nights import night_bounds
from ctmo_indi.models.sun_moon import moon, sun
from ctmo_indi.planner.night_grid import NightGrid
from ctmo_indi.profiles import Limits, NightPolicy, Site

CTMO = Site("CTMO", 25.996275, -97.571269, 12.0)
NORTH_CAPE = Site("North Cape", 71.2, 25.8, 0.0)
POLE = Site("Pole", 90.0, 0.0, 0.0)
LIMITS = Limits()
POLICY = NightPolicy(sun_max_altitude_deg=-18.0)
NOVEMBER = datetime(2026, 11, 22, 6, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 21, 18, tzinfo=UTC)
JUNE = datetime(2026, 6, 21, 18, tzinfo=UTC)
NIGHT = NightGrid.of_night(CTMO, LIMITS, POLICY, NOVEMBER)
_ARCSEC = 1.0 / 3600.0


def test_the_grid_covers_the_dark_and_no_more() -> None:
    evening, morning = night_bounds(CTMO, NOVEMBER, -18.0)
    assert (NIGHT.begin_utc_s, NIGHT.end_utc_s) == (evening.timestamp(), morning.timestamp())
    assert NIGHT.times_utc_s[0] == NIGHT.begin_utc_s
    assert 0.0 <= NIGHT.end_utc_s - NIGHT.times_utc_s[-1] < NIGHT.step_s == 60.0
    np.testing.assert_allclose(np.diff(NIGHT.times_utc_s), 60.0)
    assert NIGHT.sun_altitude_deg.max() < -18.0 + 0.5 * _ARCSEC
    assert NIGHT.sun_highest_deg == pytest.approx(-18.0, abs=0.5 * _ARCSEC)


@pytest.mark.parametrize("k", [0, 17, 311, -1])
def test_sun_and_moon_stand_where_the_models_have_them(k: int) -> None:
    utc_s = float(NIGHT.times_utc_s[k])
    # The middle's frame instead of the instant's is 0.3" off at most.
    assert NIGHT.sun_altitude_deg[k] == pytest.approx(
        sun(CTMO, utc_s).altitude_deg, abs=0.5 * _ARCSEC
    )
    assert NIGHT.moon_altitude_deg[k] == pytest.approx(
        moon(CTMO, utc_s).altitude_deg, abs=0.5 * _ARCSEC
    )


def test_the_zenith_gives_the_altitude_of_a_star() -> None:
    ra_rad, dec_rad = NIGHT.frame.place_rad(83.6, 22.0)
    star = [
        math.cos(dec_rad) * math.cos(ra_rad),
        math.cos(dec_rad) * math.sin(ra_rad),
        math.sin(dec_rad),
    ]
    found = np.degrees(np.arcsin(star @ NIGHT.zenith))
    expected, _ = altaz(83.6, 22.0, CTMO, NIGHT.times_utc_s)
    np.testing.assert_allclose(found, expected, atol=0.5 * _ARCSEC)


def test_the_rotation_is_a_straight_line_through_the_hour_angles() -> None:
    ra_rad, _ = NIGHT.frame.place_rad(83.6, 22.0)
    for utc_s in (NIGHT.begin_utc_s, NIGHT.begin_utc_s + 12345.6, NIGHT.end_utc_s):
        angle_h = math.degrees(NIGHT.local_rotation_rad(utc_s) - ra_rad) / 15.0
        expected_h = hour_angle_h(83.6, 22.0, CTMO, utc_s)
        assert (angle_h - expected_h + 12.0) % 24.0 - 12.0 == pytest.approx(0.0, abs=1e-5)
    np.testing.assert_allclose(NIGHT.local_rotation_rad(NIGHT.times_utc_s), NIGHT.rotation_rad)


def test_ut1_turns_the_sky() -> None:
    span = (NIGHT.begin_utc_s, NIGHT.end_utc_s)
    turned = NightGrid.of(CTMO, LIMITS, POLICY, *span, ut1_minus_utc_s=0.5)
    ahead_s = (turned.rotation_rad - NIGHT.rotation_rad) / (2.0 * math.pi) * 86164.0905
    np.testing.assert_allclose(ahead_s, 0.5, atol=1e-6)


def test_of_polar_night_all_day_is_dark() -> None:
    night = NightGrid.of_night(POLE, LIMITS, POLICY, DECEMBER)
    assert night.end_utc_s - night.begin_utc_s == 86400.0
    assert night.times_utc_s.size == 1441
    np.testing.assert_allclose(night.sun_altitude_deg, -23.4, atol=0.1)


def test_under_the_midnight_sun_there_is_no_time() -> None:
    night = NightGrid.of_night(NORTH_CAPE, LIMITS, POLICY, JUNE)
    assert night.begin_utc_s == night.end_utc_s
    assert night.times_utc_s.size == 0
    assert night.zenith.shape == night.moon.shape == night.sun.shape == (3, 0)


@pytest.mark.parametrize(
    ("span", "step_s"),
    [
        ((0.0, -1.0), 60.0),
        ((0.0, math.nan), 60.0),
        ((math.inf, math.inf), 60.0),
        ((0.0, 3.0 * 86400.0), 60.0),
        ((0.0, 3600.0), 0.0),
        ((0.0, 3600.0), math.nan),
    ],
)
def test_what_is_no_night_is_refused(span: tuple[float, float], step_s: float) -> None:
    with pytest.raises(ValueError, match=r"came a night from .* expected"):
        NightGrid.of(CTMO, LIMITS, POLICY, *span, step_s)


@given(st.floats(1e9, 2e9), st.floats(0.0, 100000.0))
def test_bodies_are_on_their_paths_to_the_last_instant(begin_s: float, length_s: float) -> None:
    night = NightGrid.of(CTMO, LIMITS, POLICY, begin_s, begin_s + length_s, 600.0)
    ends = np.array([night.begin_utc_s, night.end_utc_s])
    for path in (night.sun_path, night.moon_path):
        np.testing.assert_allclose(np.linalg.norm(path.at(ends), axis=0), 1.0)
        last_s = path.begin_utc_s + path.step_s * (len(path.nodes) - 1)
        assert last_s >= night.end_utc_s - 1e-3
