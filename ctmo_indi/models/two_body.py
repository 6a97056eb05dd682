"""Where a body on an orbit around the Sun is: ellipse, parabola and hyperbola by one formula.

Kepler's problem in universal variables from perihelion (Battin, An Introduction to the Mathematics
and Methods of Astrodynamics, 1999, section 4.5). With s = k (t - T), q the perihelion distance, e
the eccentricity, a = (1 - e) / q and Stumpff's functions c2, c3 of z = a x^2::

    s = q x + e x^3 c3(z)           to be solved for x
    X = q - x^2 c2(z)               towards perihelion
    Y = sqrt((1 + e) / q) x (q - (1 - e) x^2 c3(z))

There is no case of its own near e = 1, where Kepler's equation loses its digits. The left side
grows and is convex up to aphelion, so Newton's method from above always arrives.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ctmo_indi.models.coordinates import Array
from ctmo_indi.models.motions import GAUSS_K, Orbit

_OBLIQUITY_J2000_DEG = 84381.448 / 3600.0  # IAU 1976: that of the ecliptic of published elements
_MOST_STEPS = 60
_SERIES_BELOW = 1.0
_SERIES_TERMS = 11  # z^11 / 25! < 1e-25


def heliocentric_au(orbit: Orbit, jd_tt: Any) -> Array:
    """Return the place of a body: equator and equinox of J2000.0 (ICRS within 0.03"), au.

    Parameters
    ----------
    jd_tt
        Julian date (TT), a float or shape (n,).

    Returns
    -------
    ndarray
        Shape (3,) or (n, 3). Two bodies: good while the planets' pull is small, for a minor planet
        of the main belt some arc seconds in a month from the epoch, a minute of arc in a year.
    """
    x_au, y_au = _in_plane_au(orbit, np.asarray(jd_tt, dtype=np.float64) - orbit.perihelion_jd)
    towards, ahead = _axes(orbit)
    place: Array = x_au[..., np.newaxis] * towards + y_au[..., np.newaxis] * ahead
    return place


def _in_plane_au(orbit: Orbit, days: Array) -> tuple[Array, Array]:
    """Return the coordinates in the orbit's plane, the first one towards perihelion."""
    q, e = orbit.perihelion_distance_au, orbit.eccentricity
    inverse_axis = (1.0 - e) / q
    if e < 1.0:
        period_days = 2.0 * math.pi / GAUSS_K / inverse_axis**1.5
        days = days - period_days * np.round(days / period_days)
    sign, s = np.sign(days), GAUSS_K * np.abs(days)
    x = s / q
    if e > 0.1:
        x = np.minimum(x, np.cbrt(math.pi**2 * s / e))
    if e < 1.0:
        x = np.minimum(x, math.pi / math.sqrt(inverse_axis))
    if e > 1.0:  # e sinh H - H >= (e - 1) sinh H
        root = math.sqrt(-inverse_axis)
        x = np.minimum(x, np.arcsinh(s * root**3 / (e - 1.0)) / root)
    for _ in range(_MOST_STEPS):
        c2, c3 = _stumpff(inverse_axis * x * x)
        step = (x * (q + e * x * x * c3) - s) / (q + e * x * x * c2)
        x = x - step
        if np.all(np.abs(step) <= 1e-14 * (1.0 + x)):
            break
    c2, c3 = _stumpff(inverse_axis * x * x)
    y_au = sign * math.sqrt((1.0 + e) / q) * x * (q - (1.0 - e) * x * x * c3)
    return q - x * x * c2, y_au


def _stumpff(z: Array) -> tuple[Array, Array]:
    """Return c2 and c3: the sums of (-z)^k / (2k + 2)! and of (-z)^k / (2k + 3)!."""
    near = np.where(np.abs(z) < _SERIES_BELOW, z, 0.0)
    c2, c3 = np.zeros_like(near), np.zeros_like(near)
    for k in range(_SERIES_TERMS, -1, -1):
        c2 = c2 * -near + 1.0 / math.factorial(2 * k + 2)
        c3 = c3 * -near + 1.0 / math.factorial(2 * k + 3)
    root = np.sqrt(np.maximum(np.abs(z), _SERIES_BELOW))
    is_ellipse = z >= _SERIES_BELOW
    is_hyperbola = z <= -_SERIES_BELOW
    round_root = np.where(is_ellipse, root, 1.0)
    c2 = np.where(is_ellipse, (1.0 - np.cos(round_root)) / root**2, c2)
    c3 = np.where(is_ellipse, (root - np.sin(round_root)) / root**3, c3)
    open_root = np.where(is_hyperbola, root, 1.0)
    c2 = np.where(is_hyperbola, (np.cosh(open_root) - 1.0) / root**2, c2)
    c3 = np.where(is_hyperbola, (np.sinh(open_root) - root) / root**3, c3)
    return c2, c3


def _axes(orbit: Orbit) -> tuple[Array, Array]:
    """Return the unit vectors towards perihelion and 90 degrees ahead of it, equatorial."""
    node, peri, incl, eps = (
        math.radians(angle)
        for angle in (
            orbit.ascending_node_deg,
            orbit.perihelion_deg,
            orbit.inclination_deg,
            _OBLIQUITY_J2000_DEG,
        )
    )

    def equatorial(angle: float) -> Array:
        along, across = math.cos(angle), math.sin(angle)
        x = math.cos(node) * along - math.sin(node) * across * math.cos(incl)
        y = math.sin(node) * along + math.cos(node) * across * math.cos(incl)
        z = across * math.sin(incl)
        return np.array(
            [x, y * math.cos(eps) - z * math.sin(eps), y * math.sin(eps) + z * math.cos(eps)]
        )

    return equatorial(peri), equatorial(peri + math.pi / 2.0)
