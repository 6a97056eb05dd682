"""What a plan would be worth with one request in the place of another, by the planner's own timing.

For people who ask why: no search, nothing is changed.
"""

from __future__ import annotations

import numpy as np

from ctmo_indi.planner.bound_kernels import value_grid
from ctmo_indi.planner.kept import Floats, Ints, Kept, Setup, Sky
from ctmo_indi.planner.problem import STEP_S, Problem, timed


def exchange_losses(
    sky: Sky, kept: Kept, setup: Setup, first_s: Floats, order: Ints, row: int
) -> Floats:
    """Return how much less a plan is worth with a row in the place of each of its visits.

    The others all stay, in their order, and are timed anew; what is not possible any more in the
    plan itself is left out of both. 0.3 ms a visit.

    Parameters
    ----------
    first_s
        When each row of ``kept`` could be begun as the plan's first, shape (k,).
    order
        Rows of the plan's visits, shape (n,).

    Returns
    -------
    losses : ndarray, shape (n,)
        Less than nothing is a gain; infinite where the row cannot be, or not beside the others.
    """
    count = kept.worth.size
    problem = Problem(
        sky=sky,
        kept=kept,
        setup=setup,
        first_s=first_s,
        before_s=np.zeros(count),
        near=np.zeros((count, 0), dtype=np.int32),
        grid=value_grid(sky, kept, STEP_S, 0),
        capacity_s=np.zeros(0),
    )
    standing = timed(problem, order)
    losses = np.full(order.size, np.inf)
    for place in range(order.size):
        tried = order.copy()
        tried[place] = row
        found = timed(problem, tried)
        if row in found.order and found.order.size >= standing.order.size:
            losses[place] = standing.worth - found.worth
    return losses
