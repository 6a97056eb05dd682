"""Compiled: altitude and hour-angle limits of a star, as spans of time in closed form.

With hour angle h, declination d and latitude p: sin(altitude) = sin p sin d + cos p cos d cos h. So
every limit on altitude or hour angle bounds ``cos d cos h``, from below or from above.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.body_path import ROTATION_RATE_RAD_S
from ctmo_indi.planner.night_limits import NO_LIMIT, Turning
from ctmo_indi.planner.place_kernels import Vector

Array = NDArray[np.float64]

_RAD = math.pi / 180.0
_TURN = 2.0 * math.pi
_AT_CELESTIAL_POLE = 1e-12


@compiled
def cosine_bounds(star: Vector, min_altitude_deg: float, turning: Turning) -> tuple[float, float]:
    """Return between which bounds ``cos d cos h`` must be; never: the first above the second."""
    if min_altitude_deg > 90.0:
        return NO_LIMIT, -NO_LIMIT
    sin_min = math.sin(min_altitude_deg * _RAD)
    fixed = turning.sin_latitude * star[2]
    # At a pole the cosine of the latitude is 6e-17, not 0: bounds far outside, always or never.
    lower, upper = (sin_min - fixed) / turning.cos_latitude, NO_LIMIT
    if turning.sin_max_altitude < NO_LIMIT:
        upper = (turning.sin_max_altitude - fixed) / turning.cos_latitude
    if turning.cos_hour_angle > -NO_LIMIT:
        lower = max(lower, math.hypot(star[0], star[1]) * turning.cos_hour_angle)
    return lower, upper


@compiled
def hour_angle_spans(
    star: Vector, lower: float, upper: float, turning: Turning, spans: Array
) -> int:
    """Fill when ``cos d cos h`` of a star is between two bounds; return how many spans there are.

    Parameters
    ----------
    spans
        Shape (capacity, 2): filled with starts and ends, ascending, from 0 to the night's length.
    """
    cos_dec = math.hypot(star[0], star[1])
    if lower > upper or lower > cos_dec or upper < -cos_dec:
        return 0
    if cos_dec < _AT_CELESTIAL_POLE or (lower <= -cos_dec and upper >= cos_dec):
        spans[0, 0], spans[0, 1] = 0.0, turning.length_s
        return 1
    far = math.acos(lower / cos_dec) if lower > -cos_dec else math.pi
    near = math.acos(upper / cos_dec) if upper < cos_dec else 0.0
    angle = turning.rotation_rad - math.atan2(star[1], star[0])
    angle -= _TURN * math.floor((angle + math.pi) / _TURN)  # -pi..pi at the night's begin
    count = 0
    transit_s = -angle / ROTATION_RATE_RAD_S
    if far >= math.pi:  # above all night but for a hole around each transit
        transit_s -= _TURN / ROTATION_RATE_RAD_S
    while transit_s - far / ROTATION_RATE_RAD_S < turning.length_s:
        if far >= math.pi:
            count = _append(spans, count, transit_s, near, _TURN - near, turning.length_s)
        elif near > 0.0:
            count = _append(spans, count, transit_s, -far, -near, turning.length_s)
            count = _append(spans, count, transit_s, near, far, turning.length_s)
        else:
            count = _append(spans, count, transit_s, -far, far, turning.length_s)
        transit_s += _TURN / ROTATION_RATE_RAD_S
    return count


@compiled
def hour_spans(star: Vector, first_h: float, last_h: float, turning: Turning, spans: Array) -> int:
    """Fill when the hour angle of a star is from one to another, -12 to 12; return how many.

    Parameters
    ----------
    spans
        As in :func:`hour_angle_spans`.
    """
    angle = turning.rotation_rad - math.atan2(star[1], star[0])
    angle -= _TURN * math.floor((angle + math.pi) / _TURN)
    count, transit_s = 0, -angle / ROTATION_RATE_RAD_S
    while transit_s - math.pi / ROTATION_RATE_RAD_S < turning.length_s:
        first, last = first_h * math.pi / 12.0, last_h * math.pi / 12.0
        if first <= last:
            count = _append(spans, count, transit_s, first, last, turning.length_s)
        transit_s += _TURN / ROTATION_RATE_RAD_S
    return count


@compiled
def _append(
    spans: Array, count: int, transit_s: float, early_rad: float, late_rad: float, length_s: float
) -> int:
    """Add a span of hour angles around a transit, cut to the night."""
    start_s = max(transit_s + early_rad / ROTATION_RATE_RAD_S, 0.0)
    end_s = min(transit_s + late_rad / ROTATION_RATE_RAD_S, length_s)
    if start_s > end_s:
        return count
    spans[count, 0], spans[count, 1] = start_s, end_s
    return count + 1
