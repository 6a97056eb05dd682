"""Compiled: the best starts of an order whose setups stand: no other starts are worth more.

The value of a visit is concave in its start while the target is above the pole's horizon line (less
than six hours from its transit), and visits only push each other. So it is an isotonic regression:
each visit goes to its own best start, and those that meet move on as one block to where the sum is
largest (pool adjacent violators: Barlow et al. 1972, Statistical Inference under Order
Restrictions). First and last starts are tightened along the order before, so that they push alike.
"""

from __future__ import annotations

import numpy as np

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.kept import Floats, Ints, Kept, Sky
from ctmo_indi.planner.setup_kernels import value

_ROUNDS = 60
"""Of a search by thirds: a night becomes less than a microsecond."""


@compiled
def best_starts_of(
    sky: Sky, kept: Kept, order: Ints, took_s: Floats, ready_s: float, start_s: Floats
) -> float:
    """Move starts to the best there are, each within its span; return the sum of values.

    Parameters
    ----------
    took_s
        Setups between the visits, shape (count,); the first is not looked at.
    ready_s
        The first visit starts no earlier.
    start_s
        Possible ones that are made better, shape (count,).
    """
    count = order.size
    low_s, high_s, after_s = np.empty(count), np.empty(count), np.zeros(count)
    for place in range(count):
        row = order[place]
        low_s[place] = high_s[place] = start_s[place]
        for span in range(kept.first[row], kept.first[row + 1]):
            if kept.earliest_s[span] <= start_s[place] <= kept.latest_s[span]:
                low_s[place], high_s[place] = kept.earliest_s[span], kept.latest_s[span]
        if place:  # in time less what stands before it, all visits push each other alike
            here = order[place - 1]
            after_s[place] = after_s[place - 1] + kept.duration_s[here] + took_s[place]
        low_s[place] -= after_s[place]
        high_s[place] -= after_s[place]
        low_s[place] = max(low_s[place], low_s[place - 1] if place else ready_s)
    for place in range(count - 2, -1, -1):
        high_s[place] = min(high_s[place], high_s[place + 1])
    first, best_s = np.zeros(count, dtype=np.int64), np.empty(count)
    blocks = 0
    for place in range(count):
        begin = place
        at_s = _best_of_block(sky, kept, order, after_s, begin, place + 1, low_s, high_s)
        while blocks and best_s[blocks - 1] > at_s:
            blocks -= 1
            begin = first[blocks]
            at_s = _best_of_block(sky, kept, order, after_s, begin, place + 1, low_s, high_s)
        first[blocks], best_s[blocks] = begin, at_s
        blocks += 1
    total = 0.0
    for block in range(blocks):
        end = first[block + 1] if block + 1 < blocks else count
        for place in range(first[block], end):
            start_s[place] = best_s[block] + after_s[place]
            total += value(sky, kept, order[place], start_s[place])
    return total


@compiled
def _best_of_block(
    sky: Sky,
    kept: Kept,
    order: Ints,
    after_s: Floats,
    begin: int,
    end: int,
    low_s: Floats,
    high_s: Floats,
) -> float:
    """Return where visits that follow each other at once are worth most together."""
    left_s, right_s = low_s[end - 1], high_s[begin]
    for _ in range(_ROUNDS):
        if right_s - left_s < 1e-6:
            break
        third_s = (right_s - left_s) / 3.0
        left = right = 0.0
        for place in range(begin, end):
            row, at_s = order[place], left_s + after_s[place]
            left += value(sky, kept, row, at_s + third_s)
            right += value(sky, kept, row, at_s + 2.0 * third_s)
        if left < right:
            left_s += third_s
        else:
            right_s -= third_s
    return float(0.5 * (left_s + right_s))
