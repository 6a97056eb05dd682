"""Compiled: when a star is above the horizon mask.

Between the azimuths of two corners the mask is smooth; a star passes the azimuth of a corner at
hour angles known in closed form. Where it stands above all of the mask nothing is computed.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.altitude_kernels import hour_angle_spans
from ctmo_indi.planner.body_path import ROTATION_RATE_RAD_S
from ctmo_indi.planner.night_limits import NO_LIMIT, Mask, NightLimits, Turning
from ctmo_indi.planner.place_kernels import Vector
from ctmo_indi.planner.root_kernels import add_kept_spans
from ctmo_indi.planner.slack_kernels import HORIZON_MASK
from ctmo_indi.planner.span_kernels import add_span

Array = NDArray[np.float64]

_TURN = 2.0 * math.pi
_CORNER_S = 0.002  # corners may stand above each other: a wall


class MaskRoom(NamedTuple):
    """Where the kernels of the mask work: spans, and times of corners."""

    low: Array
    corners_s: Array


@compiled
def low_spans(star: Vector, night: NightLimits, low: Array) -> int:
    """Fill when a star is not above all of the mask; return how many spans there are."""
    fixed = night.turning.sin_latitude * star[2]
    upper = (night.mask.sin_highest - fixed) / night.turning.cos_latitude
    return hour_angle_spans(star, -NO_LIMIT, upper, night.turning, low)


@compiled
def corner_times(
    star: Vector, turning: Turning, mask: Mask, low: Array, n_low: int, times_s: Array
) -> int:
    """Fill, ascending, when a star passes the azimuth of a corner or its opposite, low down."""
    cos_dec = math.hypot(star[0], star[1])
    tangent = star[2] / cos_dec if cos_dec > 0.0 else np.inf
    at_begin = turning.rotation_rad - math.atan2(star[1], star[0])
    count = 0
    for corner in range(mask.crossings.shape[1]):
        cosine = mask.crossings[1, corner] * tangent
        if not abs(cosine) <= 1.0:
            continue
        arc = math.acos(cosine)
        for side in range(2):
            angle = (arc if side == 0 else -arc) - mask.crossings[0, corner] - at_begin
            time_s = (angle - _TURN * math.floor(angle / _TURN)) / ROTATION_RATE_RAD_S
            while time_s < turning.length_s:
                for part in range(n_low):
                    if low[part, 0] < time_s < low[part, 1]:
                        times_s[count] = time_s
                        count += 1
                time_s += _TURN / ROTATION_RATE_RAD_S
    times_s[:count].sort()
    return count


@compiled
def spans_above_mask(
    star: Vector,
    night: NightLimits,
    spans: Array,
    count: int,
    values: Array,
    room: MaskRoom,
    above: Array,
) -> int:
    """Fill when a star is above the mask within some spans; return how many there are."""
    n_low = low_spans(star, night, room.low)
    n_corners = 0
    if n_low > 0:
        n_corners = corner_times(star, night.turning, night.mask, room.low, n_low, room.corners_s)
    found, corner = 0, 0
    for number in range(count):
        begin_s, end_s = spans[number, 0], spans[number, 1]
        for part in range(n_low):
            low_s, high_s = max(room.low[part, 0], begin_s), min(room.low[part, 1], end_s)
            if low_s >= high_s:
                continue
            if begin_s < low_s:
                found = add_span(above, found, begin_s, low_s)
            begin_s = early_s = low_s
            while begin_s < high_s:
                while corner < n_corners and room.corners_s[corner] <= begin_s + _CORNER_S:
                    corner += 1
                is_corner = corner < n_corners and room.corners_s[corner] < high_s - _CORNER_S
                next_s = room.corners_s[corner] if is_corner else high_s
                late_s = next_s - _CORNER_S / 2.0 if is_corner else next_s
                if early_s < late_s:
                    found = add_kept_spans(
                        HORIZON_MASK, star, 0.0, night, early_s, late_s, values, above, found
                    )
                begin_s, early_s = next_s, next_s + _CORNER_S / 2.0
        if begin_s < end_s:
            found = add_span(above, found, begin_s, end_s)
    return found
