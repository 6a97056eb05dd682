"""A plan as it is given out: each setup is that of the starts that were chosen."""

from __future__ import annotations

import numpy as np

from ctmo_indi.planner.kept import Floats, Ints
from ctmo_indi.planner.problem import Found, Problem
from ctmo_indi.planner.request_table import NO_GROUP
from ctmo_indi.planner.row_arrays import Bools
from ctmo_indi.planner.sequence_kernels import earliest_starts
from ctmo_indi.planner.settling_kernels import settled_starts
from ctmo_indi.planner.setup_kernels import value


def settled(
    problem: Problem, found: Found, must: Bools | None = None, group: Ints | None = None
) -> Found:
    """Return a plan with its setups worked out for its starts; some 0.1 ms.

    The search and the choice of starts know setups as they are at the earliest starts. What they
    miss is put off, or has the visits before it start earlier; a visit that cannot be even so goes,
    or the one before it, whichever matters less.

    Parameters
    ----------
    must
        Kept rows that go last of all, shape (k,).
    group
        Of each kept row, shape (k,): with one member go all.
    """
    order, wish_s, took_s = found.order, found.start_s, found.setup_s
    while True:
        start_s, setup_s = wish_s.copy(), took_s.copy()
        early_s = _earliest(problem, order, wish_s)
        reached = settled_starts(
            problem.sky, problem.kept, problem.setup, order, early_s, wish_s.copy(), start_s,
            setup_s,
        )  # fmt: skip
        if reached == order.size:
            break
        goes = np.zeros(order.size, dtype=np.bool_)
        goes[_lesser(problem, order, reached, must)] = True
        if group is not None:
            torn = group[order[goes]]
            goes |= np.isin(group[order], torn[torn != NO_GROUP])
        order, wish_s, took_s = order[~goes], wish_s[~goes], took_s[~goes]
        if order.size:
            took_s[0] = problem.first_s[order[0]]
    worth = sum(
        float(value(problem.sky, problem.kept, row, start))
        for row, start in zip(order.tolist(), start_s.tolist(), strict=True)
    )
    return Found(order, start_s, setup_s, worth)


def _earliest(problem: Problem, order: Ints, wish_s: Floats) -> Floats:
    """Return the earliest starts, nowhere later than what is wished."""
    early_s, took_s = wish_s.copy(), np.zeros(order.size)
    west = np.zeros(order.size, dtype=np.bool_)
    earliest_starts(
        problem.sky, problem.kept, problem.setup, problem.first_s, order, order.size, 0, early_s,
        took_s, west,
    )  # fmt: skip
    earliest_s: Floats = np.minimum(early_s, wish_s)
    return earliest_s


def _lesser(problem: Problem, order: Ints, place: int, must: Bools | None) -> int:
    """Return which of two places matters less: one that cannot be, or the one before it."""
    pair = range(max(place - 1, 0), place + 1)

    def claim(at: int) -> tuple[bool, float]:
        row = order[at]
        return must is not None and bool(must[row]), float(problem.kept.worth[row])

    return min(pair, key=claim)
