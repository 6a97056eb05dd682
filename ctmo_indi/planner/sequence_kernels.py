"""Compiled: the starts of visits in a given order.

``early_s`` holds the earliest start of each, one after the other; ``late_s`` the latest that leaves
the rest possible; ``start_s`` the chosen one: as near to its transit as the next one allows. The
setups are those of the earliest starts; ``settling_kernels`` has those of the chosen ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.kept import Floats, Ints, Kept, Setup, Sky
from ctmo_indi.planner.setup_kernels import (
    NEVER_S,
    earliest_start_s,
    hour_angle_deg,
    is_west,
    latest_start_s,
    setup_s,
    value,
)

Bools = NDArray[np.bool_]


@compiled
def place_next(
    sky: Sky, kept: Kept, setup: Setup, here: int, is_here_west: bool, end_s: float, there: int
) -> tuple[float, float]:
    """Return start and setup of a visit after one that ends at ``end_s``; NEVER_S when it cannot.

    A setup begins so that it ends with the start: one that waits is set up later, and by then a
    German mount may choose the other side.
    """
    took_s = setup_s(sky, kept, setup, here, is_here_west, there, end_s)
    start_s = earliest_start_s(kept, there, end_s + took_s)
    if start_s < NEVER_S and start_s > end_s + took_s:
        later_s = setup_s(sky, kept, setup, here, is_here_west, there, start_s - took_s)
        if later_s > took_s:
            took_s = later_s
            start_s = earliest_start_s(kept, there, max(start_s, end_s + took_s))
    return start_s, took_s


@compiled
def earliest_starts(
    sky: Sky,
    kept: Kept,
    setup: Setup,
    first_s: Floats,
    order: Ints,
    count: int,
    begin: int,
    early_s: Floats,
    took_s: Floats,
    west: Bools,
) -> int:
    """Fill the earliest starts from place ``begin`` on; return the first place that cannot be.

    Parameters
    ----------
    first_s
        When each row could be begun as the plan's first visit. That stands in ``took_s`` for it:
        seconds since the night's begin, not since the plan's.
    """
    for place in range(begin, count):
        row = order[place]
        before_s = 0.0
        if place == 0:
            took = first_s[row]
            before_s = sky.begin_s
            start_s = earliest_start_s(kept, row, took)
        else:
            here = order[place - 1]
            end_s = early_s[place - 1] + kept.duration_s[here]
            start_s, took = place_next(sky, kept, setup, here, west[place - 1], end_s, row)
        if start_s >= NEVER_S:
            return place
        early_s[place] = start_s
        took_s[place] = took
        west[place] = is_west(sky, kept, row, start_s - (took - before_s))
    return count


@compiled
def latest_starts(
    kept: Kept, order: Ints, count: int, early_s: Floats, took_s: Floats, late_s: Floats
) -> None:
    """Fill the latest starts; never before the earliest ones."""
    limit_s = NEVER_S
    for place in range(count - 1, -1, -1):
        row = order[place]
        late_s[place] = max(latest_start_s(kept, row, limit_s), early_s[place])
        limit_s = late_s[place] - took_s[place]
        if place > 0:
            limit_s -= kept.duration_s[order[place - 1]]


@compiled
def chosen_starts(
    sky: Sky,
    kept: Kept,
    order: Ints,
    count: int,
    early_s: Floats,
    took_s: Floats,
    start_s: Floats,
) -> float:
    """Move visits from their earliest starts towards their transits; return the sum of values."""
    total = 0.0
    limit_s = NEVER_S
    for place in range(count - 1, -1, -1):
        row = order[place]
        start = early_s[place]
        if limit_s > start:
            angle = hour_angle_deg(sky, kept.ra_deg[row], start + 0.5 * kept.duration_s[row])
            if angle < 0.0:
                wish_s = start - angle / sky.rotation_rate_deg_s
                start = max(start, latest_in_span_s(kept, row, start, min(wish_s, limit_s)))
        start_s[place] = start
        total += value(sky, kept, row, start)
        limit_s = start - took_s[place]
        if place > 0:
            limit_s -= kept.duration_s[order[place - 1]]
    return total


@compiled
def latest_in_span_s(kept: Kept, row: int, from_s: float, limit_s: float) -> float:
    """Return the last start up to ``limit_s`` in the span that ``from_s`` lies in."""
    for span in range(kept.first[row], kept.first[row + 1]):
        if from_s <= kept.latest_s[span]:
            return float(min(limit_s, kept.latest_s[span]))
    return from_s


@compiled
def slopes(sky: Sky, kept: Kept, order: Ints, count: int, early_s: Floats, slope: Floats) -> None:
    """Fill what a second's delay of a place and all behind it changes in value."""
    total = 0.0
    slope[count] = 0.0
    for place in range(count - 1, -1, -1):
        row, start_s = order[place], early_s[place]
        total += value(sky, kept, row, start_s + 1.0) - value(sky, kept, row, start_s)
        slope[place] = total
