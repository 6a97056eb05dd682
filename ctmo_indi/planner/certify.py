"""The certified bound: of all requests of the table, not of the kept ones only."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.bound import Prices
from ctmo_indi.planner.kept import Floats, Kept, Setup, Sky
from ctmo_indi.planner.neighbours import least_setups_s
from ctmo_indi.planner.pools import transit_start_s
from ctmo_indi.planner.row_arrays import Rows
from ctmo_indi.planner.setup_kernels import value

_ROTATION_RAD_S2 = (2.0 * math.pi * 1.00273781191135448 / 86400.0) ** 2
_LONGEST_BIN_S = 600.0
_SHORTEST_BIN_S = 20.0
_BINS_A_VISIT = 6.0
_BLOCK_SLOTS = 16


def certified_bound(
    sky: Sky, every: Kept, setup: Setup, prices: Prices, capacity_s: Floats
) -> float:
    """Return an upper bound of the value of every plan of all requests.

    A visit takes half of its least setup before and after itself. That is looked for only for those
    that have a profit with the least setup there is: any two halves fit into any setup. The bound
    is Lagrange's (Held and Karp 1971); its proof: ``docs/explanation/planning.md``.

    Parameters
    ----------
    every
        All requests that may start.
    capacity_s
        Seconds of each slot, shape (slots,); 0 where it is closed.
    """
    price = np.where(capacity_s > 0.0, prices.price, 0.0)  # setups may lie in closed time
    total = np.concatenate([[0.0], np.cumsum(price * prices.step_s)])
    least_of = least_prices(total)
    rows = np.arange(every.worth.size)
    half_s = np.full(rows.size, 0.5 * setup.mount_settle_s if len(every.worth) > 1 else 0.0)
    is_paying = profits_of(sky, every, rows, half_s, total, least_of, prices.step_s, 0.0) > 0.0
    rows = rows[is_paying]
    half_s = 0.5 * least_setups_s(every, setup, rows)
    profits = profits_of(sky, every, rows, half_s, total, least_of, prices.step_s, math.inf)
    return float(profits.sum() + price @ capacity_s)


@compiled
def _price_until(total: Floats, time_s: float, step_s: float) -> float:
    """Return the price of the time from the begin until an instant; outside it costs nothing."""
    place = time_s / step_s
    if place <= 0.0:
        return 0.0
    slot = int(place)
    if slot >= total.size - 1:
        return float(total[total.size - 1])
    return float(total[slot] + (place - slot) * (total[slot + 1] - total[slot]))


@compiled
def profits_of(
    sky: Sky,
    every: Kept,
    rows: Rows,
    half_s: Floats,
    total: Floats,
    least_of: Floats,
    step_s: float,
    enough: float,
) -> Floats:
    """Return max(0, value - price of the time taken) of some requests, any start allowed.

    A stretch of starts whose best value is below its least price is passed over. In the others the
    price is a straight line between the instants at which an end of the time taken meets a slot's
    edge, so that the best start is one of those, but for the curvature of the value; that is added:
    with x = sin(altitude), |d2(x^0.75)/dt2| <= w^2 (0.75 x^-0.25 + 0.1875 x^-1.25), w the rotation.

    Parameters
    ----------
    rows, half_s
        Which, and what they take at either side of themselves; shape (r,).
    total
        Price of the time up to each slot's edge, shape (slots + 1,).
    least_of
        :func:`least_prices` of it.
    enough
        A request with more profit than this is not looked at any further: it is at least so much.
    """
    profits = np.zeros(rows.size)
    free = 0  # what is over costs nothing, and nothing starts there
    while free < total.size - 2 and total[free + 1] <= 0.0:
        free += 1
    cheapest = np.diff(total[free:]).min() / step_s
    block_s = _BLOCK_SLOTS * step_s
    offset_s = np.zeros(3)
    for at in range(rows.size):
        row, before_s = rows[at], half_s[at]
        duration_s = every.duration_s[row]
        after_s = duration_s + before_s
        best = 0.0
        offset_s[1], offset_s[2] = -after_s, before_s
        # So many slots in a row are cheapest when they begin with one; and what is left of it.
        whole = min(int(duration_s / step_s), least_of.shape[0] - 1)
        least = least_of[whole]
        rest = (duration_s - whole * step_s) * cheapest
        bin_s = min(max(duration_s / _BINS_A_VISIT, _SHORTEST_BIN_S), _LONGEST_BIN_S)
        for span in range(every.first[row], every.first[row + 1]):
            if best > enough:
                break
            earliest_s, latest_s = every.earliest_s[span], every.latest_s[span]
            most = value(sky, every, row, transit_start_s(sky, every, row, earliest_s, latest_s))
            if earliest_s < free * step_s:
                rest = 0.0
            first = min(int(earliest_s / block_s), least.size - 1)
            last = min(int(latest_s / block_s), least.size - 1)
            if most - least[first : last + 1].min() - rest <= best:
                continue
            for block in range(int(earliest_s / block_s), int(latest_s / block_s) + 1):
                if best > enough:
                    break
                low_s = max(earliest_s, block * block_s)
                end_s = min(latest_s, (block + 1) * block_s)
                most = value(sky, every, row, transit_start_s(sky, every, row, low_s, end_s))
                if most - least[min(block, least.size - 1)] - rest <= best:
                    continue
                while True:
                    high_s = min(low_s + bin_s, end_s)
                    most = value(sky, every, row, transit_start_s(sky, every, row, low_s, high_s))
                    cost = _price_until(total, low_s + after_s, step_s)
                    cost -= _price_until(total, high_s - before_s, step_s)
                    if most - max(cost, 0.0) > best:
                        best = _best_in(
                            sky, every, row, total, step_s, offset_s, low_s, high_s, best
                        )
                    if high_s >= end_s or best > enough:
                        break
                    low_s = high_s
        profits[at] = best
    return profits


@compiled
def least_prices(total: Floats) -> NDArray[np.float64]:
    """Return the least price of n slots in a row that begin in a block of slots or at its end.

    Returns
    -------
    ndarray
        Shape (slots + 1, blocks): by n, and by block. Slots behind the night's end cost nothing.
    """
    slots = total.size - 1
    blocks = slots // _BLOCK_SLOTS + 1
    least = np.full((slots + 1, blocks), np.inf)
    for length in range(slots + 1):
        for block in range(blocks):
            first = block * _BLOCK_SLOTS
            for slot in range(first, min(first + _BLOCK_SLOTS, slots) + 1):
                cost = total[min(slot + length, slots)] - total[slot]
                least[length, block] = min(least[length, block], cost)
    return least


@compiled
def _best_in(
    sky: Sky,
    every: Kept,
    row: int,
    total: Floats,
    step_s: float,
    offset_s: Floats,
    low_s: float,
    high_s: float,
    best: float,
) -> float:
    worth_low = value(sky, every, row, low_s)
    worth_high = value(sky, every, row, high_s)
    least = min(worth_low, worth_high) / every.worth[row] if every.worth[row] > 0.0 else 1.0
    sine = max(least ** (4.0 / 3.0), 1e-3)
    bend = 0.75 * sine**-0.25 + 0.1875 * sine**-1.25
    bend *= _ROTATION_RAD_S2 * step_s * step_s / 8.0 * every.worth[row]
    for which in range(3):
        first = math.ceil((low_s - offset_s[which]) / step_s)
        last = math.floor((high_s - offset_s[which]) / step_s)
        for slot in range(first - 1, last + 2):
            start_s = min(max(slot * step_s + offset_s[which], low_s), high_s)
            cost = _price_until(total, start_s - offset_s[1], step_s)
            cost -= _price_until(total, start_s - offset_s[2], step_s)
            best = max(best, value(sky, every, row, start_s) - cost + bend)
    return best
