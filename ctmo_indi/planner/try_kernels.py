"""Compiled: what one try of the search changes: which stretch, and how it is turned or moved.

Moves of the route: Or 1976, thesis, Northwestern University (a few visits elsewhere); Croes 1958,
Operations Research 6, 791 (a stretch turned round). Each costs what its stretch is long.

Of a plan of ``count`` visits ``order`` has the rows; ``early_s``, ``late_s`` and ``west`` belong to
its places; ``made`` takes the rows of the stretch. All may be longer than what is in them.

They take single arrays: numba counts the references of every array a call is passed.
"""

from __future__ import annotations

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.fill_kernels import Gap
from ctmo_indi.planner.kept import Floats, Ints
from ctmo_indi.planner.random_kernels import Words, random01, random_below
from ctmo_indi.planner.sequence_kernels import Bools
from ctmo_indi.planner.setup_kernels import NEVER_S

_LONGEST_LOG2 = 3.6
"""Of the length of a stretch that is taken out at random: up to 11 visits, mostly few."""


@compiled
def any_stretch(count: int, state: Words) -> tuple[int, int]:
    """Return the first place of a stretch of a plan of ``count`` visits, and that behind its last.

    It may be empty.
    """
    first = random_below(state, count + 1)
    length = int(2.0 ** (random01(state) * _LONGEST_LOG2)) - 1
    return first, min(first + length, count)


@compiled
def stretch_around(
    order: Ints,
    count: int,
    early_s: Floats,
    late_s: Floats,
    duration_s: Floats,
    forced: int,
    wish_s: float,
    state: Words,
) -> tuple[int, int]:
    """Return the places that make room for a row about when it would best start.

    Parameters
    ----------
    early_s, late_s
        Earliest start of each place, and the latest that leaves the rest possible.
    duration_s
        Of each row, shape (k,).
    wish_s
        When the row would best start.
    """
    lead_s = wish_s + (random01(state) - 0.5) * duration_s[forced]
    first = 0
    while first < count and early_s[first] + duration_s[order[first]] <= lead_s:
        first += 1
    after = first
    stop_s = lead_s + duration_s[forced]
    while after < count and late_s[after] < stop_s:
        after += 1
    return first, min(after + random_below(state, 2), count)


@compiled
def gap_of(
    order: Ints,
    count: int,
    early_s: Floats,
    late_s: Floats,
    west: Bools,
    duration_s: Floats,
    first: int,
    after: int,
) -> Gap:
    """Return what there is between the visits before and behind a stretch."""
    last, end_s, is_last_west, following, limit_s = -1, 0.0, False, -1, NEVER_S
    if first > 0:
        last = order[first - 1]
        end_s = early_s[first - 1] + duration_s[last]
        is_last_west = west[first - 1]
    if after < count:
        following = order[after]
        limit_s = late_s[after]
    return Gap(last, is_last_west, end_s, following, limit_s)


@compiled
def turned(order: Ints, count: int, made: Ints, state: Words) -> tuple[int, int]:
    """Turn 2 to 11 visits round into ``made``; return the stretch. There must be 2 at least."""
    first = random_below(state, count - 1)
    after = min(first + 2 + random_below(state, 10), count)
    for index in range(after - first):
        made[index] = order[after - 1 - index]
    return first, after


@compiled
def moved(order: Ints, count: int, made: Ints, state: Words) -> tuple[int, int]:
    """Move 1 to 3 visits past up to 12 others, either way, into ``made``; return the stretch."""
    length = 1 + random_below(state, 3)
    span = length + 1 + random_below(state, 12)
    first = random_below(state, max(count - span, 1))
    after = min(first + span, count)
    made_count = after - first
    length = min(length, made_count - 1)
    shift = length if random01(state) < 0.5 else made_count - length
    for index in range(made_count):
        made[index] = order[first + (index + shift) % made_count]
    return first, after


@compiled
def is_same(order: Ints, first: int, after: int, made: Ints, made_count: int) -> bool:
    """Whether a stretch is what was made for it."""
    if made_count != after - first:
        return False
    for index in range(made_count):
        if made[index] != order[first + index]:
            return False
    return True
