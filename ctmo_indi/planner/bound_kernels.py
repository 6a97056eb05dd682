"""Compiled: the time-indexed model with its capacity relaxed, at a price for each slot of time.

A visit takes the time from ``before_s`` ahead of its start to ``after_s`` behind its end; these are
chosen so that in any plan no two visits take the same time. For prices of time that are nowhere
negative, sum of prices + sum over requests of max(0, value - price of the time taken) is then an
upper bound of every plan's value (weak duality).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.kept import Floats, Ints, Kept, Sky
from ctmo_indi.planner.setup_kernels import value

Floats32 = NDArray[np.float32]


@compiled
def value_grid(sky: Sky, kept: Kept, step_s: float, slots: int) -> Floats32:
    """Return the values of starts at the slots' beginnings, shape (k, slots); -1: not there.

    A span of starts in which no slot begins stands at the slot it begins in, with its first value.
    """
    count = kept.worth.size
    grid = np.full((count, slots), np.float32(-1.0), dtype=np.float32)
    for row in range(count):
        for span in range(kept.first[row], kept.first[row + 1]):
            begin = math.ceil(kept.earliest_s[span] / step_s)
            end = math.floor(kept.latest_s[span] / step_s)
            for slot in range(max(begin, 0), min(end, slots - 1) + 1):
                grid[row, slot] = np.float32(value(sky, kept, row, slot * step_s))
            if end < begin and 0 <= end < slots:  # floors of one slot: no slot begins in the span
                worth = np.float32(value(sky, kept, row, kept.earliest_s[span]))
                grid[row, end] = max(grid[row, end], worth)
    return grid


@compiled
def _cumulated(prices: Floats, step_s: float, pad: int) -> Floats:
    """Return the price of the time up to each slot's beginning, with ``pad`` free slots around."""
    total = np.zeros(prices.size + 1 + 2 * pad)
    for slot in range(prices.size):
        total[pad + slot + 1] = total[pad + slot] + prices[slot] * step_s
    total[pad + prices.size + 1 :] = total[pad + prices.size]
    return total


@compiled
def best_starts(
    grid: Floats32,
    prices: Floats,
    before_s: Floats,
    after_s: Floats,
    step_s: float,
    floor: float,
    profit: Floats,
    slot_of: Ints,
) -> None:
    """Fill each visit's best value less the price of the time it takes, and the slot it starts at.

    Parameters
    ----------
    grid
        Values of starts at the slots' begins, shape (k, slots); below 0: it cannot start there.
    prices
        Value of a second in each slot, shape (slots,).
    before_s, after_s
        How long before a visit's start the time it takes begins, and how long after it that time
        is over, duration included; shape (k,).
    floor
        Profits not above it are not looked for: they are ``floor``, and their slot is -1.
    profit, slot_of
        Are filled, shape (k,).
    """
    slots = prices.size
    pad = 2
    for row in range(before_s.size):
        pad = max(pad, int(max(abs(before_s[row]), abs(after_s[row])) / step_s) + 2)
    total = _cumulated(prices, step_s, pad)
    for row in range(grid.shape[0]):
        ahead, behind = after_s[row] / step_s, -before_s[row] / step_s
        ahead_slot, behind_slot = math.floor(ahead), math.floor(behind)
        ahead_part, behind_part = ahead - ahead_slot, behind - behind_slot
        ahead_slot += pad
        behind_slot += pad
        best, at = floor, -1
        for slot in range(slots):
            worth = grid[row, slot]
            if worth <= best or worth < 0.0:
                continue
            late = slot + ahead_slot
            early = slot + behind_slot
            cost = (
                total[late]
                + ahead_part * (total[late + 1] - total[late])
                - total[early]
                - behind_part * (total[early + 1] - total[early])
            )
            if worth - cost > best:
                best, at = worth - cost, slot
        profit[row] = best
        slot_of[row] = at


@compiled
def time_taken(
    slot_of: Ints, before_s: Floats, after_s: Floats, step_s: float, taken_s: Floats
) -> None:
    """Fill the seconds of each slot that visits take which start at the given slots (-1: none).

    Parameters
    ----------
    slot_of, before_s, after_s
        As in :func:`best_starts`, shape (k,).
    taken_s
        Is filled, shape (slots,).
    """
    taken_s[:] = 0.0
    slots = taken_s.size
    for row in range(slot_of.size):
        if slot_of[row] < 0:
            continue
        begin_s = slot_of[row] * step_s - before_s[row]
        end_s = slot_of[row] * step_s + after_s[row]
        for slot in range(max(math.floor(begin_s / step_s), 0), slots):
            inside_s = min(end_s, (slot + 1) * step_s) - max(begin_s, slot * step_s)
            if inside_s <= 0.0:
                break
            taken_s[slot] += inside_s
