"""Compiled: from when to when a slack is not negative, found at nodes and refined to 5 ms.

Between two nodes a dip (or a rise) is looked for where the parabola through three of them has its
vertex: of a slack that is smooth on the scale of the nodes' distance nothing is overlooked.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.night_limits import NightLimits
from ctmo_indi.planner.place_kernels import Vector
from ctmo_indi.planner.slack_kernels import slack
from ctmo_indi.planner.span_kernels import add_span

Array = NDArray[np.float64]

NODE_STEP_S = 300.0
_EXACT_S = 0.005
_MOST_STEPS = 60
_GOLDEN = 0.3819660112501051
_SUSPECT = 0.5  # a vertex nearer to 0 than this part of its neighbours is looked at


@compiled
def add_kept_spans(
    kind: int,
    star: Vector,
    bound: float,
    night: NightLimits,
    begin_s: float,
    end_s: float,
    values: Array,
    spans: Array,
    count: int,
) -> int:
    """Append when a slack is not negative between two instants; return how many spans there are.

    Parameters
    ----------
    values
        Room for what the slack is at the nodes.
    """
    pieces = max(2, math.ceil((end_s - begin_s) / NODE_STEP_S))
    step_s = (end_s - begin_s) / pieces
    for node in range(pieces + 1):
        values[node] = slack(kind, begin_s + node * step_s, star, bound, night)
    open_s, is_open = begin_s, values[0] >= 0.0
    for piece in range(pieces):
        late_is_kept = values[piece + 1] >= 0.0
        if late_is_kept == is_open and not _may_turn(values, piece, pieces):
            continue
        early_s, late_s = begin_s + piece * step_s, begin_s + (piece + 1) * step_s
        early = values[piece]
        if late_is_kept == is_open:
            turn_s = _turned_s(kind, star, bound, night, early_s, late_s, is_open)
            if turn_s == late_s:
                continue
            turned = slack(kind, turn_s, star, bound, night)
            cross_s = _crossing_s(kind, star, bound, night, early_s, early, turn_s, turned)
            if is_open:
                count = add_span(spans, count, open_s, cross_s)
            open_s, is_open, early_s, early = cross_s, not is_open, turn_s, turned
        cross_s = _crossing_s(kind, star, bound, night, early_s, early, late_s, values[piece + 1])
        if is_open:
            count = add_span(spans, count, open_s, cross_s)
        open_s, is_open = cross_s, late_is_kept
    if is_open:
        count = add_span(spans, count, open_s, end_s)
    return count


@compiled
def _may_turn(values: Array, piece: int, pieces: int) -> bool:
    """Whether the parabola through three nodes comes near 0 between the two of a piece."""
    if piece + 2 <= pieces:
        first, second, third = values[piece], values[piece + 1], values[piece + 2]
    else:
        first, second, third = values[piece + 1], values[piece], values[piece - 1]
    if first < 0.0:
        first, second, third = -first, -second, -third
    bend = (first - 2.0 * second + third) / 2.0
    slope = second - first - bend
    if bend <= 0.0 or slope >= 0.0 or slope <= -2.0 * bend:
        return False
    depth: float = first - slope * slope / (4.0 * bend)
    return depth <= _SUSPECT * min(float(first), float(second))


@compiled
def _turned_s(
    kind: int,
    star: Vector,
    bound: float,
    night: NightLimits,
    early_s: float,
    late_s: float,
    is_kept: bool,
) -> float:
    """Return an instant between two at which the slack has the other sign; the late one: none."""
    sign = 1.0 if is_kept else -1.0
    low_s, high_s = early_s, late_s
    left_s = low_s + _GOLDEN * (high_s - low_s)
    right_s = high_s - _GOLDEN * (high_s - low_s)
    left = sign * slack(kind, left_s, star, bound, night)
    right = sign * slack(kind, right_s, star, bound, night)
    while high_s - low_s > _EXACT_S:
        if left < 0.0:
            return left_s
        if right < 0.0:
            return right_s
        if left < right:
            high_s, right_s, right = right_s, left_s, left
            left_s = low_s + _GOLDEN * (high_s - low_s)
            left = sign * slack(kind, left_s, star, bound, night)
        else:
            low_s, left_s, left = left_s, right_s, right
            right_s = high_s - _GOLDEN * (high_s - low_s)
            right = sign * slack(kind, right_s, star, bound, night)
    return late_s


@compiled
def _crossing_s(
    kind: int,
    star: Vector,
    bound: float,
    night: NightLimits,
    here_s: float,
    here: float,
    there_s: float,
    there: float,
) -> float:
    """Return when the slack passes 0, on the side where it is kept: regula falsi, Illinois."""
    is_kept_here, side = here >= 0.0, 0
    for step in range(_MOST_STEPS):
        if there_s - here_s <= _EXACT_S:
            break
        middle_s = (here_s + there_s) / 2.0
        if step % 4 != 3 and here != there:  # every fourth step halves, whatever the slack's shape
            # A little beyond the chord's zero, so that both ends close in.
            middle_s = here_s + (there_s - here_s) * here / (here - there)
            middle_s += (
                0.4 * _EXACT_S if middle_s - here_s < there_s - middle_s else -0.4 * _EXACT_S
            )
            middle_s = min(max(middle_s, here_s + 0.1 * _EXACT_S), there_s - 0.1 * _EXACT_S)
        middle = slack(kind, middle_s, star, bound, night)
        if (middle >= 0.0) == is_kept_here:
            here_s, here = middle_s, middle
            there = there / 2.0 if side == 1 else there
            side = 1
        else:
            there_s, there = middle_s, middle
            here = here / 2.0 if side == -1 else here
            side = -1
    return here_s if is_kept_here else there_s
