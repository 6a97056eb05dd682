"""Compiled: fill a stretch of a plan with visits, one after the other, each the best at its turn.

Best is what has most value for the time it takes, or most value after the price of that time; the
lists of each five minutes (``Pools``) are sorted by the most that a row could be wanted there, so
that few of their rows are looked at. Cost: a setup and a value for each row that is.
"""

from __future__ import annotations

from typing import NamedTuple

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.kept import Floats, Ints, Kept, Pools, Setup, Sky
from ctmo_indi.planner.random_kernels import Words, random01
from ctmo_indi.planner.sequence_kernels import place_next
from ctmo_indi.planner.setup_kernels import NEVER_S, earliest_start_s, is_west, setup_s, value

FREE = -1
TAKEN_OUT = -2

_NOT_WANTED = -1e300


class Gap(NamedTuple):
    """What there is before and behind the visit that is looked for.

    Parameters
    ----------
    last, following
        Rows of the visits at either side; -1: none.
    is_last_west
        The side of the pier on which the tube was at the last one.
    end_s
        When the last one ends, seconds since the night's begin.
    limit_s
        Latest start of the following one; NEVER_S without one.
    """

    last: int
    is_last_west: bool
    end_s: float
    following: int
    limit_s: float


@compiled
def fill(
    sky: Sky,
    kept: Kept,
    setup: Setup,
    first_s: Floats,
    pools: Pools,
    is_by_price: bool,
    blink: float,
    where: Ints,
    gap: Gap,
    forced: int,
    made: Ints,
    state: Words,
) -> int:
    """Put visits one after the other into a stretch; return how many, their rows in ``made``.

    One loop on purpose: numba counts the references of every array that a call is passed. With a
    function for each row that is looked at, a whole plan cost half as much again, with one for each
    visit a fifth.

    Parameters
    ----------
    first_s
        When each row could be begun as the plan's first visit, shape (k,).
    is_by_price
        Take what has most value left after the price of its time; else most value for its time.
    blink
        Chance that a row is overlooked (blinks: Christiaens and Vanden Berghe 2020, Transportation
        Science 54, 417).
    where
        Place of each row in the plan, FREE, or TAKEN_OUT by this try: the latter two may be used.
        Shape (k,).
    gap
        The stretch.
    forced
        The row that comes first; -1: any.
    made
        Its length is the most that are put in.
    """
    count = 0
    last, is_last_west, end_s, following, limit_s = gap
    end_s = max(end_s, sky.begin_s)
    rows = pools.by_price if is_by_price else pools.by_rate
    most = pools.most_by_price if is_by_price else pools.most_by_rate
    bins = rows.shape[0]
    least_s = 0.0 if following < 0 else 2.0 * setup.mount_settle_s
    if bins == 0:
        return 0
    while count < made.size:
        best, best_want, best_start_s, best_took_s = -1, _NOT_WANTED, 0.0, 0.0
        this_bin = min(max(int(end_s / pools.bin_s), 0), bins - 1)
        price = pools.price[this_bin]
        lists = 2 if last >= 0 and forced < 0 else 1
        for which in range(lists - 1, -1, -1):  # neighbours first: they are good bets
            size = rows.shape[1] if which == 0 else pools.near.shape[1]
            for index in range(size):
                # Which row, and whether it may be looked at.
                if forced >= 0:
                    if index > 0:
                        break
                    row = forced
                elif which == 0:
                    if most[this_bin, index] <= best_want:
                        break
                    row = rows[this_bin, index]
                else:
                    row = pools.near[last, index]
                if row < 0:
                    break
                if where[row] >= 0 or end_s + kept.duration_s[row] > limit_s - least_s:
                    continue
                if forced < 0 and random01(state) < blink:
                    continue
                # When it would start.
                if last < 0:
                    took_s = first_s[row] - sky.begin_s
                    start_s = earliest_start_s(kept, row, max(end_s, first_s[row]))
                else:
                    start_s, took_s = place_next(sky, kept, setup, last, is_last_west, end_s, row)
                if start_s >= NEVER_S:
                    continue
                stop_s = start_s + kept.duration_s[row]
                if stop_s > limit_s:
                    continue
                # How much it is wanted then.
                want = value(sky, kept, row, start_s)
                if is_by_price:
                    want -= price * (stop_s - end_s)
                else:
                    want /= stop_s - end_s
                if want <= best_want:
                    continue
                # Whether the following one can still be reached: another setup, so asked last.
                if following >= 0:
                    west = is_west(sky, kept, row, start_s - took_s)
                    onward_s = setup_s(sky, kept, setup, row, west, following, stop_s)
                    if stop_s + onward_s > limit_s:
                        continue
                best, best_want = row, want
                best_start_s, best_took_s = start_s, took_s
        if best < 0:
            # Nothing now: look again when the next bin begins.
            end_s = (this_bin + 1) * pools.bin_s
            if forced >= 0 or this_bin == bins - 1 or end_s >= limit_s:
                break
            continue
        made[count] = best
        where[best] = 0  # not again in this stretch; its place is written when it is taken
        forced = -1
        count += 1
        is_last_west = is_west(sky, kept, best, best_start_s - best_took_s)
        last, end_s = best, best_start_s + kept.duration_s[best]
    return count
