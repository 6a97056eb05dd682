"""The best starts of a plan's visits in their order."""

from __future__ import annotations

from dataclasses import replace

from ctmo_indi.planner.problem import Found, Problem
from ctmo_indi.planner.start_time_kernels import best_starts_of


def at_best_starts(problem: Problem, found: Found) -> Found:
    """Return a plan of the same visits and setups, its starts the best for them; under 1 ms.

    The search knows only starts that are as early as they can be, or nearer to a transit where
    there is room. Better ones may have a whole row of visits wait.
    """
    if not found.order.size:
        return found
    start_s = found.start_s.copy()
    ready_s = float(problem.first_s[found.order[0]])
    worth = best_starts_of(problem.sky, problem.kept, found.order, found.setup_s, ready_s, start_s)
    return replace(found, start_s=start_s, worth=worth) if worth > found.worth else found
