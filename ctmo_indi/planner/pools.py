"""Which requests are kept for the search, and which of them are looked at when.

In each stretch of the night those count that give most value for the time they take there. A
request outside of all lists could still be part of the best plan; the bound, which is of all of
them, tells how much that can matter.
"""

from __future__ import annotations

import numpy as np

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.bound_kernels import Floats32
from ctmo_indi.planner.kept import Floats, Ints, Kept, Pools, Sky
from ctmo_indi.planner.row_arrays import Rows
from ctmo_indi.planner.setup_kernels import hour_angle_deg, value

KEEP_BIN_S = 1800.0


@compiled
def best_in_bins(sky: Sky, kept: Kept, bin_s: float, bins: int) -> Floats32:
    """Return the most a visit is worth that starts in each bin, shape (k, bins); -1: none can.

    In a span the value rises until the middle of the visit transits and falls behind it, so that
    the best start is the one nearest to that.
    """
    count = kept.worth.size
    best = np.full((count, bins), np.float32(-1.0), dtype=np.float32)
    for row in range(count):
        for span in range(kept.first[row], kept.first[row + 1]):
            begin = max(int(kept.earliest_s[span] / bin_s), 0)
            end = min(int(kept.latest_s[span] / bin_s), bins - 1)
            for which in range(begin, end + 1):
                low = max(kept.earliest_s[span], which * bin_s)
                high = min(kept.latest_s[span], (which + 1) * bin_s)
                worth = np.float32(
                    value(sky, kept, row, transit_start_s(sky, kept, row, low, high))
                )
                if worth > best[row, which]:
                    best[row, which] = worth
    return best


@compiled
def transit_start_s(sky: Sky, kept: Kept, row: int, low_s: float, high_s: float) -> float:
    """Return the start between two that brings the middle of the visit nearest to its transit."""
    angle = hour_angle_deg(sky, kept.ra_deg[row], 0.5 * (low_s + high_s + kept.duration_s[row]))
    wish_s = 0.5 * (low_s + high_s) - angle / sky.rotation_rate_deg_s
    return min(max(wish_s, low_s), high_s)


def worth_keeping(sky: Sky, every: Kept, setup_s: float, most: int) -> Rows:
    """Return the rows that are among the best of a stretch of the night, ascending.

    All of them must be able to start some time.

    Parameters
    ----------
    setup_s
        What each takes beside its duration, about.
    most
        How many, about.
    """
    count = every.worth.size
    if count <= most:
        return np.arange(count)
    bins = max(int(np.ceil(sky.length_s / KEEP_BIN_S)), 1)
    best = best_in_bins(sky, every, KEEP_BIN_S, bins)
    rate = best / (every.duration_s + setup_s)[:, np.newaxis].astype(np.float32)
    each, found = max(most // bins, 1), np.arange(0)
    while found.size < most and each < count:
        # Many are among the best of several stretches.
        is_kept = np.zeros(count, dtype=np.bool_)
        for which in range(bins):
            column = rate[:, which]
            best_of_bin = np.argpartition(-column, each)[:each]
            is_kept[best_of_bin[column[best_of_bin] > 0.0]] = True
        found = np.flatnonzero(is_kept)
        each *= 2
    return found


def pools_of(
    grid: Floats32,
    kept: Kept,
    setup_s: Floats,
    near: Ints,
    price: Floats,
    step_s: float,
    *,
    slots: int,
    most: int,
) -> Pools:
    """Return the lists of each bin.

    Parameters
    ----------
    grid
        Values of starts at slots, shape (k, s).
    setup_s
        Shape (k,).
    slots
        Slots in a bin.
    most
        Rows in a list.
    """
    count, length = grid.shape
    first = np.arange(0, length, slots)
    best = np.maximum.reduceat(grid, first, axis=1).astype(np.float64) if count else grid
    sizes = np.diff(np.append(first, length))
    bin_price = np.add.reduceat(price, first) / sizes
    shape = first.size, most
    by_rate, by_price = (np.full(shape, -1, dtype=np.int32) for _ in range(2))
    most_by_rate, most_by_price = (np.full(shape, -np.inf) for _ in range(2))
    for which in range(first.size):
        can = np.flatnonzero(best[:, which] > 0.0)
        worth, took_s = best[can, which], kept.duration_s[can]
        whole_s = took_s + setup_s[can]
        for likely, least, rows, limits in (
            (worth / whole_s, worth / took_s, by_rate, most_by_rate),
            (
                worth - bin_price[which] * whole_s,
                worth - bin_price[which] * took_s,
                by_price,
                most_by_price,
            ),
        ):
            found = np.argsort(-likely, kind="stable")[:most]
            found = found[np.argsort(-least[found], kind="stable")]
            rows[which, : found.size] = can[found]
            limits[which, : found.size] = least[found]
    return Pools(
        bin_s=slots * step_s,
        by_rate=by_rate,
        most_by_rate=most_by_rate,
        by_price=by_price,
        most_by_price=most_by_price,
        near=near,
        price=bin_price,
    )
