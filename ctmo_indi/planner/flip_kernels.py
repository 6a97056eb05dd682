"""Compiled: when a star is far enough from the hour angle at which a German mount flips.

The mount flips at one hour angle and half a turn later, on the lower meridian; between two flips
lies a span that does not come near to either. A visit within one such span needs no flip.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.body_path import ROTATION_RATE_RAD_S
from ctmo_indi.planner.night_limits import Flip, Turning
from ctmo_indi.planner.place_kernels import Vector

Array = NDArray[np.float64]


@compiled
def spans_between_flips(star: Vector, flip: Flip, turning: Turning, spans: Array) -> int:
    """Fill when no flip is near; return how many spans there are.

    Parameters
    ----------
    spans
        Shape (room, 2): filled with starts and ends, ascending, from 0 to the night's length.
    """
    since = turning.rotation_rad - math.atan2(star[1], star[0]) - flip.hour_angle_rad
    since -= math.pi * math.floor(since / math.pi)  # since the flip before the night's begin
    count, flip_s = 0, -since / ROTATION_RATE_RAD_S
    margin_s, turn_s = flip.margin_rad / ROTATION_RATE_RAD_S, math.pi / ROTATION_RATE_RAD_S
    while flip_s < turning.length_s:
        start_s = max(flip_s + margin_s, 0.0)
        end_s = min(flip_s + turn_s - margin_s, turning.length_s)
        if start_s < end_s:
            spans[count, 0], spans[count, 1] = start_s, end_s
            count += 1
        flip_s += turn_s
    return count


@compiled
def clear_near_flip(
    star: Vector,
    flip: Flip,
    cos_rotation: Array,
    sin_rotation: Array,
    seen: NDArray[np.uint8],
) -> None:
    """Clear the instants at which a flip is near: |cos d sin(H - flip)| is small."""
    cosine, sine = math.cos(flip.hour_angle_rad), math.sin(flip.hour_angle_rad)
    x = star[0] * cosine - star[1] * sine
    y = star[1] * cosine + star[0] * sine
    least = math.hypot(star[0], star[1]) * math.sin(flip.margin_rad)
    for k in range(cos_rotation.size):
        seen[k] &= np.uint8(abs(x * sin_rotation[k] - y * cos_rotation[k]) >= least)
