"""Compiled: setups worked out anew for the starts that were chosen.

A visit that was moved towards its transit ends elsewhere on the sky than the earliest one did,
which setups were worked out for. What is not ready then starts later; what cannot start later has
the visits before it start earlier.
"""

from __future__ import annotations

import numpy as np

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.kept import Floats, Ints, Kept, Setup, Sky
from ctmo_indi.planner.sequence_kernels import Bools, latest_in_span_s
from ctmo_indi.planner.setup_kernels import (
    NEVER_S,
    earliest_start_s,
    is_west,
    latest_start_s,
    setup_s,
)

_ASKED = 3
"""How often the visits before one start earlier for it by what is missing; a second more each."""

_NEARLY_S = 1.0
"""So near to the meridian a German mount may choose either side: places are known to 0.1 s."""


@compiled
def settled_starts(
    sky: Sky,
    kept: Kept,
    setup: Setup,
    order: Ints,
    early_s: Floats,
    wish_s: Floats,
    start_s: Floats,
    took_s: Floats,
) -> int:
    """Fill starts and setups; return the first place that cannot be, the plan's length if all can.

    Nothing starts before its wish. Only where a visit would not start within the span of its wish
    any more do those before it start earlier, by what is missing, as long as that helps; where it
    could not start at all, at their earliest: one of them, then twice as many, until it can. Cost:
    two to four setups a visit.

    Parameters
    ----------
    early_s
        Starts that are possible, or nearly so, shape (v,).
    wish_s
        Chosen starts, shape (v,); not before ``early_s``. Changed where they are given up.
    start_s
        Filled, shape (v,).
    took_s
        Filled, shape (v,), but for the first, which is given: when it could be begun.
    """
    count = order.size
    west, early_west = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
    asked = np.zeros(count, dtype=np.int32)
    place = 0
    while place < count:
        last_s = latest_in_span_s(kept, order[place], wish_s[place], NEVER_S)
        if _settle(
            sky, kept, setup, order, wish_s, last_s, place, start_s, took_s, west, early_west
        ):
            place += 1
            continue
        turn = asked[place]
        asked[place] += 1
        if turn < _ASKED and place > 0:
            ready_s = last_s - took_s[place] - turn
            place = _given_way(kept, order, early_s, wish_s, start_s, took_s, place, ready_s)
            continue
        if _settle(
            sky, kept, setup, order, wish_s, NEVER_S, place, start_s, took_s, west, early_west
        ):
            place += 1
            continue
        back = 1 << max(turn - _ASKED, 0)
        if back >= 2 * place:
            return place
        first = max(place - back, 0)
        wish_s[first:place] = early_s[first:place]
        place = first
    return count


@compiled
def _given_way(
    kept: Kept,
    order: Ints,
    early_s: Floats,
    wish_s: Floats,
    start_s: Floats,
    took_s: Floats,
    place: int,
    ready_s: float,
) -> int:
    """Have the visits before a place end by an instant; return the first that starts earlier."""
    while place > 0:
        row = order[place - 1]
        last_s = ready_s - kept.duration_s[row]
        if start_s[place - 1] <= last_s:
            break
        place -= 1
        last_s = max(latest_start_s(kept, row, last_s), early_s[place])
        wish_s[place] = min(wish_s[place], last_s)
        ready_s = wish_s[place] - took_s[place]
    return place


@compiled
def _settle(
    sky: Sky,
    kept: Kept,
    setup: Setup,
    order: Ints,
    wish_s: Floats,
    last_s: float,
    place: int,
    start_s: Floats,
    took_s: Floats,
    west: Bools,
    early_west: Bools,
) -> bool:
    """Fill the start and the setup of one visit; False when it cannot start up to ``last_s``.

    The tube may go over as soon as the visit before has ended, or so that it is there in time: what
    takes longer counts, whichever side it is on by then.

    Parameters
    ----------
    west, early_west
        The side of the tube at each place, when it went over in time and at once; shape (v,).
    """
    row, begin_s = order[place], wish_s[place]
    if place == 0:
        free_s = sky.begin_s
        took = took_s[0] - free_s
    else:
        here = order[place - 1]
        free_s = start_s[place - 1] + kept.duration_s[here]
        took = _setup_s(sky, kept, setup, here, west, early_west, place, row, free_s)
        if begin_s > free_s + took:
            later_s = begin_s - took
            took = max(
                took, _setup_s(sky, kept, setup, here, west, early_west, place, row, later_s)
            )
        took_s[place] = took
    if free_s + took > begin_s:
        begin_s = earliest_start_s(kept, row, free_s + took)
        if begin_s > last_s or begin_s >= NEVER_S:
            return False
    start_s[place] = begin_s
    west[place] = is_west(sky, kept, row, begin_s - took)
    early_west[place] = is_west(sky, kept, row, free_s)
    if is_west(sky, kept, row, free_s - _NEARLY_S) != is_west(sky, kept, row, free_s + _NEARLY_S):
        early_west[place] = not west[place]  # on the meridian: either
    return True


@compiled
def _setup_s(
    sky: Sky,
    kept: Kept,
    setup: Setup,
    here: int,
    west: Bools,
    early_west: Bools,
    place: int,
    there: int,
    time_s: float,
) -> float:
    """Return the longer setup of those from the sides that the tube may be on."""
    took_s = 0.0
    for at_s in (time_s - _NEARLY_S, time_s + _NEARLY_S):
        took_s = max(took_s, setup_s(sky, kept, setup, here, west[place - 1], there, at_s))
        if early_west[place - 1] != west[place - 1]:
            took_s = max(
                took_s, setup_s(sky, kept, setup, here, early_west[place - 1], there, at_s)
            )
    return took_s
