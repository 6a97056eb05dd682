"""Compiled: where one more visit costs a standing plan least."""

from __future__ import annotations

import numpy as np

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.kept import Floats, Ints, Kept, Setup, Sky
from ctmo_indi.planner.sequence_kernels import (
    chosen_starts,
    earliest_starts,
    latest_starts,
    place_next,
)
from ctmo_indi.planner.setup_kernels import NEVER_S, earliest_start_s, is_west, setup_s, value


@compiled
def best_insertion(
    sky: Sky,
    kept: Kept,
    setup: Setup,
    first_s: Floats,
    order: Ints,
    row: int,
    most_out: int,
) -> tuple[int, int, float]:
    """Return the place of a new visit, how many it displaces there, and what is gained.

    Judged with all others at their standing starts, and at most ``most_out`` of them displaced.
    Cost: two setups a place of the plan.

    Parameters
    ----------
    first_s
        When each row could be begun as the plan's first visit, shape (k,).
    order
        Rows of the plan, shape (v,); it must be possible.
    row
        The new one.

    Returns
    -------
    place
        -1: it fits nowhere.
    out
    gain
        Its value less those of the displaced; may be negative.
    """
    count = order.size
    early_s, took_s, start_s, late_s = (
        np.zeros(count + 1), np.zeros(count + 1), np.zeros(count + 1), np.zeros(count + 1),
    )  # fmt: skip
    west = np.zeros(count + 1, dtype=np.bool_)
    earliest_starts(sky, kept, setup, first_s, order, count, 0, early_s, took_s, west)
    latest_starts(kept, order, count, early_s, took_s, late_s)
    chosen_starts(sky, kept, order, count, early_s, took_s, start_s)
    best_place, best_out, best_gain = -1, 0, -1e300
    for place in range(count + 1):
        if place == 0:
            new_took_s = first_s[row] - sky.begin_s
            new_start_s = earliest_start_s(kept, row, first_s[row])
        else:
            here = order[place - 1]
            end_s = early_s[place - 1] + kept.duration_s[here]
            new_start_s, new_took_s = place_next(
                sky, kept, setup, here, west[place - 1], end_s, row
            )
        if new_start_s >= NEVER_S:
            break  # later it cannot be either
        stop_s = new_start_s + kept.duration_s[row]
        side = is_west(sky, kept, row, new_start_s - new_took_s)
        gain = value(sky, kept, row, new_start_s)
        for out in range(most_out + 1):
            following = place + out
            if out > 0:
                if following > count:
                    break
                gain -= value(sky, kept, order[following - 1], start_s[following - 1])
            if gain <= best_gain:
                break
            if following < count:
                onward_s = setup_s(sky, kept, setup, row, side, order[following], stop_s)
                if stop_s + onward_s > late_s[following]:
                    continue
            best_place, best_out, best_gain = place, out, gain
            break
    return best_place, best_out, best_gain
