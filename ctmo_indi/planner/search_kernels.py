"""Compiled: ruin and recreate, and moves of the route, for a fixed number of tries.

Each try takes a stretch out of the plan and fills it anew (ruin and recreate: Schrimpf et al. 2000,
Journal of Computational Physics 159, 139), or moves or turns a stretch of the route
(``try_kernels``). What is worse is taken at first with a chance that falls to nothing (simulated
annealing: Kirkpatrick et al. 1983, Science 220, 671).

Cost: some 10 us a try. In a plan of many visits most are dropped by what is known of their
surroundings, and only the others are timed to the plan's end.
"""

from __future__ import annotations

import math

import numpy as np

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.fill_kernels import FREE, TAKEN_OUT, fill
from ctmo_indi.planner.kept import Floats, Ints, Kept, Pools, Setup, Sky
from ctmo_indi.planner.random_kernels import random01, random_below
from ctmo_indi.planner.sequence_kernels import (
    Bools,
    chosen_starts,
    earliest_starts,
    latest_starts,
    slopes,
)
from ctmo_indi.planner.setup_kernels import value
from ctmo_indi.planner.try_kernels import (
    any_stretch,
    gap_of,
    is_same,
    moved,
    stretch_around,
    turned,
)

MANY = 60
"""Visits from which on a try is judged by its surroundings first."""

ROUTE_HEAT = 0.1
"""Heat of moves of the route, which change little, to that of the others."""

_IMPOSSIBLE = -1e300


@compiled
def improve(
    sky: Sky,
    kept: Kept,
    setup: Setup,
    first_s: Floats,
    pools: Pools,
    wanted: Ints,
    wish_s: Floats,
    order: Ints,
    count: int,
    tries: int,
    warmth: float,
    setup_price: float,
    seed: int,
) -> tuple[Ints, Floats, Floats, float]:
    """Improve a plan; return the best found: order, starts, setups and the sum of values.

    Parameters
    ----------
    first_s
        When each row could be begun as the plan's first visit, shape (k,).
    wanted, wish_s
        Rows that are worth forcing in, shape (w,), and when each row would best start, shape (k,).
    order, count
        The plan to begin with: its first ``count`` rows. It must be possible.
    warmth
        Value that a try may lose at first, about.
    setup_price
        What a second of setup counts against a plan while it is searched: time won in one place is
        an additional visit in another only later.

    Returns
    -------
    order, start_s, setup_s
        Shape (v,) each; seconds since the night's begin.
    worth
    """
    size = kept.worth.size
    most = size + 1
    here = np.zeros(most, dtype=np.int32)
    here[:count] = order[:count]
    early_s, took_s, start_s = np.zeros(most), np.zeros(most), np.zeros(most)
    late_s = np.zeros(most)
    west = np.zeros(most, dtype=np.bool_)
    new = np.zeros(most, dtype=np.int32)
    new_early_s, new_took_s, new_start_s = np.zeros(most), np.zeros(most), np.zeros(most)
    new_west = np.zeros(most, dtype=np.bool_)
    where = np.full(size, FREE, dtype=np.int32)
    made = np.zeros(256, dtype=np.int32)
    state = np.zeros(1, dtype=np.uint64)
    state[0] = np.uint64(seed)
    earliest_starts(sky, kept, setup, first_s, here, count, 0, early_s, took_s, west)
    latest_starts(kept, here, count, early_s, took_s, late_s)
    worth = chosen_starts(sky, kept, here, count, early_s, took_s, start_s)
    slope = np.zeros(most)
    slopes(sky, kept, here, count, early_s, slope)
    score = worth - setup_price * took_s[:count].sum()
    for place in range(count):
        where[here[place]] = place
    best, best_count, best_worth = here[:count].copy(), count, worth
    for turn in range(tries):
        cold = 1.0 - turn / tries
        heat = warmth * cold * cold
        kind = random01(state)
        recreate = 0.75 if count < MANY else 0.4
        if kind < recreate or count < 2:
            forced = -1
            if kind < recreate / 3.0 and wanted.size:
                forced = wanted[random_below(state, wanted.size)]
                if where[forced] >= 0:
                    continue
                first, after = stretch_around(
                    here, count, early_s, late_s, kept.duration_s, forced, wish_s[forced], state
                )
            else:
                first, after = any_stretch(count, state)
            for place in range(first, after):
                where[here[place]] = TAKEN_OUT
            gap = gap_of(here, count, early_s, late_s, west, kept.duration_s, first, after)
            blink = 0.4 * random01(state)
            is_by_price = random01(state) < 0.5
            made_count = fill(
                sky, kept, setup, first_s, pools, is_by_price, blink, where, gap, forced, made,
                state,
            )  # fmt: skip
        elif kind < 0.5 * (1.0 + recreate):
            first, after = turned(here, count, made, state)
            made_count = after - first
        else:
            first, after = moved(here, count, made, state)
            made_count = after - first
        # What it would be, and whether it is taken.
        new_count = count - (after - first) + made_count
        is_taken = False
        if kind >= recreate:
            heat *= ROUTE_HEAT
        chance = heat * math.log(max(random01(state), 1e-300)) if heat > 0.0 else 0.0
        near_end = first + made_count
        is_likely = not is_same(here, first, after, made, made_count)
        if is_likely:
            new[first:near_end] = made[:made_count]
            if first > 0:
                new[first - 1] = here[first - 1]
                new_early_s[first - 1] = early_s[first - 1]
                new_west[first - 1] = west[first - 1]
            if count >= MANY:
                gain = _gain_nearby(
                    sky, kept, setup, first_s, here, count, early_s, took_s, slope, first, after,
                    new, near_end, new_early_s, new_took_s, new_west, setup_price,
                )  # fmt: skip
                is_likely = gain > chance
        if is_likely:
            new[near_end:new_count] = here[after:count]
            reached = earliest_starts(
                sky, kept, setup, first_s, new, new_count, first, new_early_s, new_took_s, new_west
            )
            if reached == new_count:
                new[:first] = here[:first]
                new_early_s[:first] = early_s[:first]
                new_took_s[:first] = took_s[:first]
                new_west[:first] = west[:first]
                new_worth = chosen_starts(
                    sky, kept, new, new_count, new_early_s, new_took_s, new_start_s
                )
                new_score = new_worth - setup_price * new_took_s[:new_count].sum()
                is_taken = new_score - score >= chance
        # Put the books right.
        for index in range(made_count):
            where[made[index]] = FREE
        for place in range(first, after):
            where[here[place]] = FREE
        if is_taken:
            here, new = new, here
            early_s, new_early_s = new_early_s, early_s
            took_s, new_took_s = new_took_s, took_s
            west, new_west = new_west, west
            start_s, new_start_s = new_start_s, start_s
            count, score, worth = new_count, new_score, new_worth
            latest_starts(kept, here, count, early_s, took_s, late_s)
            if count >= MANY:
                slopes(sky, kept, here, count, early_s, slope)
            for place in range(first, count):
                where[here[place]] = place
            if worth > best_worth + 1e-9 * abs(best_worth):
                best, best_count, best_worth = here[:count].copy(), count, worth
        else:
            for place in range(first, after):
                where[here[place]] = place
    earliest_starts(sky, kept, setup, first_s, best, best_count, 0, early_s, took_s, west)
    best_worth = chosen_starts(sky, kept, best, best_count, early_s, took_s, start_s)
    return best, start_s[:best_count].copy(), took_s[:best_count].copy(), best_worth


@compiled
def _gain_nearby(
    sky: Sky,
    kept: Kept,
    setup: Setup,
    first_s: Floats,
    here: Ints,
    count: int,
    early_s: Floats,
    took_s: Floats,
    slope: Floats,
    first: int,
    after: int,
    new: Ints,
    near_end: int,
    new_early_s: Floats,
    new_took_s: Floats,
    new_west: Bools,
    setup_price: float,
) -> float:
    """Return about what a try gains, by its stretch and the visit behind it.

    Enough to drop most tries, at the cost of the stretch and not of the plan.

    Parameters
    ----------
    slope
        What a second's delay of a place and all behind it changes in value.
    first, after
        The stretch of ``here`` that goes.
    new, near_end
        What comes in its stead: places ``first`` to ``near_end``. The visit before stands there.

    Returns
    -------
    float
        -1e300: it cannot be.
    """
    until = near_end
    if after < count:
        new[until] = here[after]
        until += 1
    reached = earliest_starts(
        sky, kept, setup, first_s, new, until, first, new_early_s, new_took_s, new_west
    )
    if reached != until:
        return _IMPOSSIBLE
    gain = 0.0
    for place in range(first, near_end):
        gain += value(sky, kept, new[place], new_early_s[place])
        gain -= setup_price * new_took_s[place]
    for place in range(first, after):
        gain -= value(sky, kept, here[place], early_s[place])
        gain += setup_price * took_s[place]
    if after < count:
        gain -= setup_price * (new_took_s[near_end] - took_s[after])
        late_by_s = new_early_s[near_end] - early_s[after]
        if late_by_s > 0.0:
            gain += late_by_s * slope[after]
    return gain
