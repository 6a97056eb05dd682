"""Compiled: at which instants of a night's grid requests keep every limit, as packed bits.

The limits are tried at each instant, without the closed form of ``altitude_kernels``: the
innermost loop is two products, a sum and two comparisons, which LLVM turns into vectors.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.altitude_kernels import cosine_bounds
from ctmo_indi.planner.flip_kernels import clear_near_flip
from ctmo_indi.planner.night_limits import NightLimits, Turning
from ctmo_indi.planner.place_kernels import SkyFrame, Vector, apparent_vector
from ctmo_indi.planner.row_kernels import (
    ALWAYS_APART,
    APART_AT_TIMES,
    NEVER_APART,
    SUN_TOLERANCE_DEG,
    body_stands,
)
from ctmo_indi.planner.row_limits import LimitColumns
from ctmo_indi.planner.slack_kernels import mask_slack_deg

Array = NDArray[np.float64]
Bytes = NDArray[np.uint8]

_RAD = math.pi / 180.0
_GATHER = np.uint64(0x8040201008040201)  # takes bit 0 of byte i to bit 63 - i
_TOP_BYTE = np.uint64(56)


class Instants(NamedTuple):
    """The grid of a night, shape (S,) or (3, S); see ``NightGrid``."""

    cos_rotation: Array
    sin_rotation: Array
    sun: Array
    moon: Array
    sun_altitude_deg: Array
    moon_altitude_deg: Array
    moon_illumination: Array
    rotation_rad: Array
    step_s: float


@compiled
def fill_bits(
    table: LimitColumns,
    rows: NDArray[np.int64],
    instants: Instants,
    frame: SkyFrame,
    night: NightLimits,
    bits: Bytes,
) -> None:
    """Fill the bits of some rows, shape (k, ceil(S / 8)); the first instant is the highest bit."""
    cos_rotation, sin_rotation = instants.cos_rotation, instants.sin_rotation
    seen = np.zeros(bits.shape[1] * 8, dtype=np.uint8)
    words = seen.view(np.uint64)
    for number in range(rows.size):
        row = rows[number]
        star = apparent_vector(table.ra_deg[row], table.dec_deg[row], frame)
        lower, upper = cosine_bounds(star, table.min_altitude_deg[row], night.turning)
        cos_dec = math.hypot(star[0], star[1])
        if lower > upper or lower > cos_dec or upper < -cos_dec:
            bits[number] = 0
            continue
        _fill_between(star[0], star[1], lower, upper, cos_rotation, sin_rotation, seen)
        if table.window_first[row] < table.window_first[row + 1]:
            _clear_outside_windows(table, row, night.turning.begin_utc_s, instants.step_s, seen)
        sun_deg = table.max_sun_altitude_deg[row]
        if sun_deg < night.sun_highest_deg - SUN_TOLERANCE_DEG:
            _clear_above(instants.sun_altitude_deg, sun_deg, seen)
        first_h, last_h = table.min_hour_angle_h[row], table.max_hour_angle_h[row]
        if first_h > -12.0 or last_h < 12.0:
            _clear_other_hours(star, first_h, last_h, instants.rotation_rad, seen)
        if night.flip.margin_rad > 0.0:
            clear_near_flip(star, night.flip, cos_rotation, sin_rotation, seen)
        moon_deg, light = table.max_moon_altitude_deg[row], table.max_moon_illumination[row]
        if moon_deg < night.moon_highest_deg:
            _clear_above(instants.moon_altitude_deg, moon_deg, seen)
        if light < night.moon_brightest:
            _clear_bright(instants.moon_altitude_deg, instants.moon_illumination, light, seen)
        least_rad = table.min_moon_separation_deg[row] * _RAD
        if least_rad > 0.0:
            stands = body_stands(star, night.moon.middle, night.moon.reach_rad, least_rad)
            if stands == NEVER_APART:
                bits[number] = 0
                continue
            if stands == APART_AT_TIMES:
                _clear_beside(star, instants.moon, math.cos(least_rad), seen)
        if min(sun_deg, night.sun_highest_deg) > night.sun_near_above_deg:
            _clear_beside_sun(star, instants, night, seen)
        if night.mask.crossings.shape[1] > 0:
            _clear_behind_mask(star, instants, night, seen)
        for byte in range(bits.shape[1]):
            bits[number, byte] = (words[byte] * _GATHER) >> _TOP_BYTE


@compiled
def _fill_between(
    x: float,
    y: float,
    lower: float,
    upper: float,
    cos_rotation: Array,
    sin_rotation: Array,
    seen: Bytes,
) -> None:
    """Fill whether ``cos d cos h`` is between its bounds."""
    for k in range(cos_rotation.size):
        towards = x * cos_rotation[k] + y * sin_rotation[k]
        seen[k] = np.uint8((towards >= lower) & (towards <= upper))


@compiled
def _clear_outside_windows(
    table: LimitColumns, row: int, begin_utc_s: float, step_s: float, seen: Bytes
) -> None:
    size, cleared = seen.size, 0
    for window in range(table.window_first[row], table.window_first[row + 1]):
        start = (table.window_start_utc_s[window] - begin_utc_s) / step_s
        end = (table.window_end_utc_s[window] - begin_utc_s) / step_s
        begins = math.ceil(min(max(start, 0.0), float(size)))
        seen[cleared : max(begins, cleared)] = 0
        cleared = max(cleared, math.floor(min(max(end, -1.0), float(size))) + 1)
    seen[min(cleared, size) :] = 0


@compiled
def _clear_above(values: Array, highest: float, seen: Bytes) -> None:
    for k in range(values.size):
        seen[k] &= np.uint8(values[k] <= highest)


@compiled
def _clear_bright(altitude_deg: Array, light: Array, most: float, seen: Bytes) -> None:
    for k in range(light.size):
        seen[k] &= np.uint8((light[k] <= most) | (altitude_deg[k] <= 0.0))


@compiled
def _clear_other_hours(
    star: Vector, first_h: float, last_h: float, rotation_rad: Array, seen: Bytes
) -> None:
    ra_rad = math.atan2(star[1], star[0])
    for k in range(rotation_rad.size):
        hours = (rotation_rad[k] - ra_rad) * (12.0 / math.pi)
        hours -= 24.0 * math.floor((hours + 12.0) / 24.0)
        seen[k] &= np.uint8((hours >= first_h) & (hours <= last_h))


@compiled
def _clear_beside(star: Vector, body: Array, nearest: float, seen: Bytes) -> None:
    """Clear where the cosine of the angle to a body, shape (3, S), is above ``nearest``."""
    x, y, z = star
    body_x, body_y, body_z = body[0], body[1], body[2]
    for k in range(body_x.size):
        apart = x * body_x[k] + y * body_y[k] + z * body_z[k]
        seen[k] &= np.uint8(apart <= nearest)


@compiled
def _clear_beside_sun(star: Vector, instants: Instants, night: NightLimits, seen: Bytes) -> None:
    least_rad, sun = night.sun_separation_rad, instants.sun
    if body_stands(star, night.sun.middle, night.sun.reach_rad, least_rad) == ALWAYS_APART:
        return
    for k in range(instants.sun_altitude_deg.size):
        apart = star[0] * sun[0, k] + star[1] * sun[1, k] + star[2] * sun[2, k]
        is_low = instants.sun_altitude_deg[k] <= night.sun_near_above_deg
        seen[k] &= np.uint8((apart <= math.cos(least_rad)) | is_low)


@compiled
def _clear_behind_mask(star: Vector, instants: Instants, night: NightLimits, seen: Bytes) -> None:
    turning = night.turning
    fixed = turning.sin_latitude * star[2]
    for k in range(instants.cos_rotation.size):
        if seen[k]:
            cosine, sine = instants.cos_rotation[k], instants.sin_rotation[k]
            up = fixed + turning.cos_latitude * (star[0] * cosine + star[1] * sine)
            if up <= night.mask.sin_highest and mask_slack_deg(star, cosine, sine, night) < 0.0:
                seen[k] = 0


@compiled
def fill_sin_altitudes(
    table: LimitColumns,
    rows: NDArray[np.int64],
    cos_rotation: Array,
    sin_rotation: Array,
    turning: Turning,
    frame: SkyFrame,
    sines: Array,
) -> None:
    """Fill the sines of altitudes, shape (k, n_times)."""
    for number in range(rows.size):
        row = rows[number]
        star = apparent_vector(table.ra_deg[row], table.dec_deg[row], frame)
        fixed = turning.sin_latitude * star[2]
        x, y = turning.cos_latitude * star[0], turning.cos_latitude * star[1]
        for k in range(cos_rotation.size):
            sines[number, k] = fixed + x * cos_rotation[k] + y * sin_rotation[k]
