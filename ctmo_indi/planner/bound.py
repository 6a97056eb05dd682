"""Prices of time, and the upper bound that they certify.

Subgradient steps of Polyak's length (Polyak 1969, USSR Comp. Math. 9, 14) towards the value of a
plan that is known; every iterate certifies a bound, and the least is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ctmo_indi.planner.bound_kernels import Floats32, best_starts, time_taken
from ctmo_indi.planner.kept import Floats

_HALVE_AFTER = 6
"""Steps without a lower bound after which the step is halved."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of time and what they certify on the grid of slots.

    Parameters
    ----------
    price
        Value of a second in each slot, shape (slots,).
    bound
        Sum of prices and net profits; a bound for starts on slots.
    """

    price: Floats
    step_s: float
    bound: float


def find_prices(
    grid: Floats32,
    before_s: Floats,
    after_s: Floats,
    capacity_s: Floats,
    step_s: float,
    *,
    start: Floats,
    target: float,
    steps: int,
    together: int = 1,
) -> Prices:
    """Lower the bound by ``steps`` steps.

    Parameters
    ----------
    grid
        Values of starts at the slots, shape (k, slots); negative where there is none.
    before_s, after_s
        Shape (k,): what a visit takes before and after its start.
    capacity_s
        Seconds of each slot that there are.
    start
        Prices to begin with.
    target
        Value of some plan; the bound cannot get lower.
    together
        Slots that have one price: visits as short as a slot would find their way between prices
        that change with each.
    """
    price = start.copy()
    best_price, best = price.copy(), np.inf
    taken_s = np.zeros_like(price)
    profit, slot_of = np.empty(len(grid)), np.empty(len(grid), dtype=np.int32)
    length, since = 1.0, 0
    direction = np.zeros_like(price)
    for _ in range(steps):
        best_starts(grid, price, before_s, after_s, step_s, 0.0, profit, slot_of)
        time_taken(slot_of, before_s, after_s, step_s, taken_s)
        bound = float(profit.sum() + price @ capacity_s)
        if bound < best:
            best, best_price, since = bound, price.copy(), 0
        else:
            since += 1
            if since >= _HALVE_AFTER:
                length, since = 0.5 * length, 0
                price = best_price.copy()
                direction[:] = 0.0
                continue
        slope = _grouped(capacity_s - taken_s, together)
        direction = slope + 0.5 * direction  # deflected: zigzags cancel
        norm = float(direction @ direction)
        if norm <= 0.0 or bound <= target:
            break
        price = np.maximum(price - length * (bound - target) / norm * direction, 0.0)
        price[capacity_s <= 0.0] = 0.0
    return Prices(best_price, step_s, float(best))


def _grouped(values: Floats, together: int) -> Floats:
    """Return each group's mean in place of its values."""
    if together == 1:
        return values
    first = np.arange(0, values.size, together)
    sizes = np.diff(np.append(first, values.size))
    return np.repeat(np.add.reduceat(values, first) / sizes, sizes)
