"""Compiled: what windows, hours, Sun, Moon and mask leave of the spans of one request."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.altitude_kernels import hour_spans
from ctmo_indi.planner.condition_kernels import fill_slot, kept_slot
from ctmo_indi.planner.flip_kernels import spans_between_flips
from ctmo_indi.planner.mask_kernels import spans_above_mask
from ctmo_indi.planner.night_limits import Body, NightLimits, Turning
from ctmo_indi.planner.place_kernels import Vector
from ctmo_indi.planner.root_kernels import add_kept_spans
from ctmo_indi.planner.row_limits import Room, RowLimits
from ctmo_indi.planner.slack_kernels import (
    MOON_ALTITUDE,
    MOON_LIGHT,
    MOON_SEPARATION,
    SUN_ALTITUDE,
    SUN_SEPARATION,
)
from ctmo_indi.planner.span_kernels import common_spans, copy_long_enough

Array = NDArray[np.float64]

SUN_TOLERANCE_DEG = 0.0003
"""A night ends when its policy says: what its own Sun rule would cut off is less than 0.1 s."""

ALWAYS_APART, NEVER_APART, APART_AT_TIMES = range(3)

_RAD = math.pi / 180.0
_SURE_RAD = 1e-6


@compiled
def has_other_limits(limits: RowLimits, star: Vector, night: NightLimits) -> bool:
    """Whether anything but altitude and the site's hour angle can bound a request."""
    sun_deg = limits.max_sun_altitude_deg
    if (
        limits.first_window < limits.after_window
        or night.mask.crossings.shape[1] > 0
        or night.flip.margin_rad > 0.0
        or sun_deg < night.sun_highest_deg - SUN_TOLERANCE_DEG
        or min(sun_deg, night.sun_highest_deg) > night.sun_near_above_deg
        or limits.max_moon_altitude_deg < night.moon_highest_deg
        or limits.max_moon_illumination < night.moon_brightest
        or limits.min_hour_angle_h > -12.0
        or limits.max_hour_angle_h < 12.0
    ):
        return True
    moon_rad = limits.min_moon_separation_rad
    if moon_rad <= 0.0:
        return False
    return body_stands(star, night.moon.middle, night.moon.reach_rad, moon_rad) != ALWAYS_APART


@compiled
def cut_spans(
    limits: RowLimits,
    window_starts: Array,
    window_ends: Array,
    star: Vector,
    night: NightLimits,
    least_s: float,
    count: int,
    room: Room,
) -> int:
    """Cut ``room.spans`` to when a request keeps all other limits; return how many there are.

    Parameters
    ----------
    least_s
        Spans shorter than this are left out.
    """
    spans, other = room.spans, room.other
    if limits.first_window < limits.after_window:
        count = _in_windows(limits, window_starts, window_ends, night.turning, count, room)
        count = copy_long_enough(other, count, least_s, spans)
    first_h, last_h = limits.min_hour_angle_h, limits.max_hour_angle_h
    if count > 0 and (first_h > -12.0 or last_h < 12.0):
        n_extra = hour_spans(star, first_h, last_h, night.turning, room.extra)
        count = common_spans(spans, count, room.extra, n_extra, other)
        count = copy_long_enough(other, count, least_s, spans)
    if count > 0 and night.flip.margin_rad > 0.0:
        n_extra = spans_between_flips(star, night.flip, night.turning, room.extra)
        count = common_spans(spans, count, room.extra, n_extra, other)
        count = copy_long_enough(other, count, least_s, spans)
    sun_deg = limits.max_sun_altitude_deg
    if count > 0 and sun_deg < night.sun_highest_deg - SUN_TOLERANCE_DEG:
        count = _when(SUN_ALTITUDE, math.sin(sun_deg * _RAD), night, least_s, count, room)
    moon_deg, light = limits.max_moon_altitude_deg, limits.max_moon_illumination
    if count > 0 and moon_deg < night.moon_highest_deg:
        count = _when(MOON_ALTITUDE, math.sin(moon_deg * _RAD), night, least_s, count, room)
    if count > 0 and light < night.moon_brightest:
        count = _when(MOON_LIGHT, light, night, least_s, count, room)
    moon_rad = limits.min_moon_separation_rad
    if count > 0 and moon_rad > 0.0:
        count = _apart_from(MOON_SEPARATION, star, night.moon, moon_rad, night, count, room)
        count = copy_long_enough(other, count, least_s, spans)
    if count > 0 and min(sun_deg, night.sun_highest_deg) > night.sun_near_above_deg:
        least_rad = night.sun_separation_rad
        count = _apart_from(SUN_SEPARATION, star, night.sun, least_rad, night, count, room)
        count = copy_long_enough(other, count, least_s, spans)
    if count > 0 and night.mask.crossings.shape[1] > 0:
        count = spans_above_mask(star, night, spans, count, room.values, room.mask, other)
        count = copy_long_enough(other, count, least_s, spans)
    return count


@compiled
def body_stands(star: Vector, middle: Vector, reach_rad: float, least_rad: float) -> int:
    """Tell whether a star is far enough from a body all night, never, or at times.

    Parameters
    ----------
    middle, reach_rad
        Of the body; see ``night_limits.Body``.
    """
    cosine = star[0] * middle[0] + star[1] * middle[1] + star[2] * middle[2]
    apart_rad = math.acos(min(max(cosine, -1.0), 1.0))
    if apart_rad - reach_rad > least_rad + _SURE_RAD:
        return ALWAYS_APART
    return NEVER_APART if apart_rad + reach_rad < least_rad - _SURE_RAD else APART_AT_TIMES


@compiled
def _in_windows(
    limits: RowLimits,
    window_starts: Array,
    window_ends: Array,
    turning: Turning,
    count: int,
    room: Room,
) -> int:
    """Fill ``room.other`` with what of the spans lies in the request's windows."""
    windows, n_windows = room.extra, 0
    for number in range(limits.first_window, limits.after_window):
        start_s = window_starts[number] - turning.begin_utc_s
        end_s = window_ends[number] - turning.begin_utc_s
        if end_s >= 0.0 and start_s <= turning.length_s:
            windows[n_windows, 0], windows[n_windows, 1] = start_s, end_s
            n_windows += 1
    return common_spans(room.spans, count, windows, n_windows, room.other)


@compiled
def _when(
    kind: int, bound: float, night: NightLimits, least_s: float, count: int, room: Room
) -> int:
    """Cut ``room.spans`` to when the night is as a request wants it."""
    slot = kept_slot(kind, bound, room.conditions)
    if slot < 0:
        slot = fill_slot(kind, bound, night, room.values, room.conditions)
    wanted, n_wanted = room.conditions.spans[slot], int(room.conditions.wishes[slot, 2])
    count = common_spans(room.spans, count, wanted, n_wanted, room.other)
    return copy_long_enough(room.other, count, least_s, room.spans)


@compiled
def _apart_from(
    kind: int,
    star: Vector,
    body: Body,
    least_rad: float,
    night: NightLimits,
    count: int,
    room: Room,
) -> int:
    """Fill ``room.other`` with what of the spans is far enough from a body."""
    stands = body_stands(star, body.middle, body.reach_rad, least_rad)
    if stands == ALWAYS_APART:
        return copy_long_enough(room.spans, count, 0.0, room.other)
    if stands == NEVER_APART and kind == MOON_SEPARATION:
        return 0
    kept, bound = 0, math.cos(least_rad)
    for number in range(count):
        start_s, end_s = room.spans[number, 0], room.spans[number, 1]
        kept = add_kept_spans(
            kind, star, bound, night, start_s, end_s, room.values, room.other, kept
        )
    return kept
