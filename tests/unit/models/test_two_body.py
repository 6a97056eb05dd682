"""Orbits against published worked examples, and against the equation of motion integrated."""

from __future__ import annotations

import math

import erfa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from ctmo_indi.models.motions import GAUSS_K, Orbit, mean_motion_deg
from ctmo_indi.models.two_body import heliocentric_au


def _anomaly_and_distance(q: float, e: float, days: float) -> tuple[float, float]:
    x, y, z = heliocentric_au(Orbit(q, e, 0.0, 0.0, 0.0, 0.0), days)
    flat = math.hypot(y, z)  # the ecliptic is tilted against the equator
    return math.degrees(math.atan2(math.copysign(flat, y), x)) % 360.0, math.hypot(x, flat)


# Meeus, Astronomical Algorithms, 2nd edition: examples 34.a (parabola) and chapter 35's table.
@pytest.mark.parametrize(
    ("q", "e", "days", "anomaly_deg", "distance_au"),
    [
        (0.921326, 1.0, 138.4783, 102.74426, 2.364192),
        (0.1, 0.987, 254.9, 164.50029, 4.063777),
        (0.5871018, 0.9672746, 20.0, 52.85331, 0.729116),
        (3.363943, 1.05731, 1237.1, 109.40598, 10.668551),
    ],
)
def test_anomaly_and_distance_are_those_of_meeus(
    q: float, e: float, days: float, anomaly_deg: float, distance_au: float
) -> None:
    anomaly, distance = _anomaly_and_distance(q, e, days)
    assert anomaly == pytest.approx(anomaly_deg, abs=2e-5)
    assert distance == pytest.approx(distance_au, abs=2e-6)


def test_comet_encke_is_where_meeus_has_it() -> None:
    """Example 33.b: astrometric place of 2P/Encke at 1990 October 6.0 TD."""
    perihelion_jd = sum(erfa.cal2jd(1990, 10, 28)) + 0.54502
    orbit = Orbit(
        2.2091404 * (1.0 - 0.8502196), 0.8502196, 11.94524, 334.75006, 186.23352, perihelion_jd
    )
    jd = sum(erfa.cal2jd(1990, 10, 6))
    earth_au = erfa.epv00(jd, 0.0)[0]["p"]
    light_days = 0.0
    for _ in range(4):
        towards_au = heliocentric_au(orbit, jd - light_days) - earth_au
        light_days = np.linalg.norm(towards_au) * 499.004784 / 86400.0
    ra_rad, dec_rad = erfa.c2s(towards_au)
    assert math.degrees(ra_rad) % 360.0 == pytest.approx(158.558965, abs=1.0 / 3600.0)
    assert math.degrees(dec_rad) == pytest.approx(19.158496, abs=1.0 / 3600.0)


@pytest.mark.parametrize("e", [0.0, 0.08, 0.9999, 1.0 - 1e-9, 1.0, 1.0 + 1e-9, 1.0001, 1.2, 6.14])
def test_the_path_obeys_the_equation_of_motion(e: float) -> None:
    orbit = Orbit(0.8, e, 17.0, 120.0, 250.0, 0.0)
    start_jd, step = -60.0, 0.1
    far_before, before, start, after, far_after = heliocentric_au(
        orbit, start_jd + step * np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    )
    speed = (8.0 * (after - before) - (far_after - far_before)) / (12.0 * step)

    def motion(_t: float, state: np.ndarray) -> np.ndarray:
        r = state[:3]
        return np.concatenate([state[3:], -(GAUSS_K**2) * r / np.linalg.norm(r) ** 3])

    days = np.array([30.0, 60.0, 61.0, 150.0, 400.0])
    integrated = solve_ivp(
        motion,
        (0.0, 400.0),
        np.concatenate([start, speed]),
        "DOP853",
        t_eval=days,
        rtol=1e-12,
        atol=1e-13,
    )
    ours = heliocentric_au(orbit, start_jd + days)
    assert np.abs(integrated.y[:3].T - ours).max() < 2e-7


def test_a_whole_period_brings_it_back_and_half_of_one_to_aphelion() -> None:
    orbit = Orbit(1.0, 0.6, 5.0, 10.0, 20.0, 2460000.5)
    period_days = 360.0 / mean_motion_deg(2.5)
    there = heliocentric_au(orbit, 2460123.4)
    assert np.allclose(there, heliocentric_au(orbit, 2460123.4 + 3.0 * period_days), atol=1e-9)
    comet = Orbit(0.1, 0.99, 5.0, 10.0, 20.0, 0.0)
    turns_days = 40.0 * 360.0 / mean_motion_deg(10.0)
    near, again = heliocentric_au(comet, np.array([123.4, 123.4 + turns_days]))
    assert np.abs(near - again).max() < 1e-8
    far = heliocentric_au(orbit, 2460000.5 + period_days / 2.0)
    assert np.linalg.norm(far) == pytest.approx(4.0, abs=1e-12)


@pytest.mark.parametrize(
    "e", [0.0, 1e-300, 0.1, 0.5, 0.999, 1 - 1e-9, 1.0, 1 + 1e-9, 1.2, 6.1, 10.0]
)
def test_every_orbit_the_contract_lets_in_has_a_place_at_any_time(e: float) -> None:
    """Also where its members are beyond the range of cosh, if Newton began too far out."""
    days = np.array([0.0, 1e-6, 1.0, 365.0, 1.5e5])
    for q in (0.001, 0.01, 1.0, 40.0, 1000.0):
        places = heliocentric_au(Orbit(q, e, 10.0, 20.0, 30.0, 0.0), days)
        assert np.isfinite(places).all()
        assert np.linalg.norm(places[0]) == pytest.approx(q, rel=1e-12)
        if q < 0.01:
            continue  # too quick for the way below
        # Energy: v^2 / 2 - k^2 / r is -k^2 (1 - e) / (2 q), seen over a short way.
        around = 365.0 + np.array([-1e-3, 1e-3])
        pair = heliocentric_au(Orbit(q, e, 10.0, 20.0, 30.0, 0.0), around)
        speed, far = np.linalg.norm(pair[1] - pair[0]) / 2e-3, np.linalg.norm(pair.mean(axis=0))
        energy = speed**2 / 2.0 - GAUSS_K**2 / far
        expected = -(GAUSS_K**2) * (1.0 - e) / (2.0 * q)
        assert energy == pytest.approx(expected, abs=2e-3 * (abs(expected) + GAUSS_K**2 / far))


@settings(max_examples=300, deadline=None)
@given(
    e=st.floats(0.0, 0.9995),
    anomaly=st.floats(-math.pi, math.pi),
    turns=st.integers(-500, 500),
)
def test_an_ellipse_is_that_of_keplers_equation(e: float, anomaly: float, turns: int) -> None:
    """Solved by bisection: M = E - e sin E grows with E."""
    low, high = -math.pi, math.pi
    while high - low > 1e-15:
        middle = (low + high) / 2.0
        if middle in (low, high):
            break
        low, high = (middle, high) if middle - e * math.sin(middle) < anomaly else (low, middle)
    x_au, y_au = math.cos(low) - e, math.sqrt(1.0 - e * e) * math.sin(low)
    days = (anomaly + 2.0 * math.pi * turns) / GAUSS_K
    x, y, z = heliocentric_au(Orbit(1.0 - e, e, 0.0, 0.0, 0.0, 0.0), days)
    eps = math.radians(84381.448 / 3600.0)
    # A day's rounding of the instant moves what is near the Sun most.
    far = math.hypot(x_au, y_au)
    tolerance = 1e-9 + 1e-10 / math.sqrt(far)
    assert math.hypot(x - x_au, y * math.cos(eps) + z * math.sin(eps) - y_au) < tolerance
