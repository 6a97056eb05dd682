"""Compiled: the best request to begin now, out of very many."""

from __future__ import annotations

import numpy as np

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.bound_kernels import Floats32
from ctmo_indi.planner.kept import Ints, Kept, Setup, Sky
from ctmo_indi.planner.pools import transit_start_s
from ctmo_indi.planner.row_arrays import Bools
from ctmo_indi.planner.setup_kernels import setup_s, value


@compiled
def best_now(
    sky: Sky,
    every: Kept,
    setup: Setup,
    rows: Ints,
    most: Floats32,
    gone: Bools,
    here: int,
    is_here_west: bool,
    time_s: float,
    least_s: float,
    longest_s: float,
) -> tuple[int, float, float, bool]:
    """Return the row that gives most value for its time when it is begun now.

    Parameters
    ----------
    rows, most
        By the most that their rate can be, descending; and that: the search ends when no other can
        be better. A negative row ends the list.
    gone
        Rows that are not to be taken, shape (k,).
    here
        Row that stands for where the telescope is.
    time_s
        When the setup begins.
    least_s, longest_s
        What every setup takes at least and at most.

    Returns
    -------
    row
        -1: none of these can be begun.
    rate, setup_s
    is_sure
        Whether the rest of the list could not be better.
    """
    best, best_rate, best_setup_s = -1, 0.0, 0.0
    for index in range(rows.size):
        row = rows[index]
        if row < 0 or most[index] <= best_rate:
            return best, best_rate, best_setup_s, True
        if gone[row]:
            continue
        for span in range(every.first[row], every.first[row + 1]):
            if time_s + least_s > every.latest_s[span]:
                continue
            if time_s + longest_s >= every.earliest_s[span]:
                took_s = setup_s(sky, every, setup, here, is_here_west, row, time_s)
                start_s = time_s + took_s
                if every.earliest_s[span] <= start_s <= every.latest_s[span]:
                    rate = value(sky, every, row, start_s) / (took_s + every.duration_s[row])
                    if rate > best_rate:
                        best, best_rate, best_setup_s = row, rate, took_s
            break
    return best, best_rate, best_setup_s, False


@compiled
def best_of_bins(
    sky: Sky,
    every: Kept,
    count: int,
    least_s: float,
    longest_s: float,
    bin_s: float,
    rows: Ints,
    most: Floats32,
) -> None:
    """Fill the lists of each bin of decisions: the rows whose rate can be highest, descending.

    Parameters
    ----------
    count
        Rows that are looked at.
    least_s, longest_s
        Setups: a visit begins at least and at most so long after the decision.
    rows, most
        Shape (bins, m); filled. Rows that do not fit in are those with lower rates.
    """
    bins = rows.shape[0]
    rows[:, :] = -1
    most[:, :] = np.float32(0.0)
    for row in range(count):
        for span in range(every.first[row], every.first[row + 1]):
            first = max(int((every.earliest_s[span] - longest_s) / bin_s), 0)
            last = min(int(every.latest_s[span] / bin_s), bins - 1)
            for which in range(first, last + 1):
                low_s = max(every.earliest_s[span], which * bin_s)
                high_s = min(every.latest_s[span], (which + 1) * bin_s + longest_s)
                start_s = transit_start_s(sky, every, row, low_s, high_s)
                rate = np.float32(
                    value(sky, every, row, start_s) / (every.duration_s[row] + least_s)
                )
                _into_heap(rows[which], most[which], row, rate)
    for which in range(bins):
        order = np.argsort(-most[which], kind="mergesort")
        rows[which] = rows[which][order]
        most[which] = most[which][order]


@compiled
def _into_heap(rows: Ints, most: Floats32, row: int, rate: np.float32) -> None:
    """Put a row in the place of the least of a heap whose root is its least, if it is better."""
    if rate <= most[0]:
        return
    size, place = most.size, 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and most[child + 1] < most[child]:
            child += 1
        if most[child] >= rate:
            break
        most[place], rows[place] = most[child], rows[child]
        place = child
    most[place], rows[place] = rate, row
