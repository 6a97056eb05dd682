"""What is time-critical goes first: a tier of its own above the sum of values.

One after the other, the larger priority first, each is put beside those that are in already; what
does not fit beside them waits for a gap like everything else. Then the plan that had been found
without them is put back around them, and searched on while they hold their starts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ctmo_indi.planner.insertion_kernels import best_insertion
from ctmo_indi.planner.kept import Floats, Ints
from ctmo_indi.planner.pools import pools_of
from ctmo_indi.planner.problem import (
    BIN_SLOTS,
    LEAST_TRIES,
    STEP_S,
    TRIES_A_VISIT,
    Found,
    PlanSettings,
    Priced,
    Problem,
    searched,
    timed,
    wanted,
)
from ctmo_indi.planner.request_table import RequestTable
from ctmo_indi.planner.row_arrays import Rows
from ctmo_indi.planner.setup_kernels import value

_HOLD = 100.0
"""How much more one that is held counts than all else that there can be."""


@dataclass(frozen=True, slots=True)
class FirstTier:
    """A plan with what is time-critical, and the problem to search on in.

    Parameters
    ----------
    problem, priced
        In which those that are held start at their instants only, and each counts more than all
        that is not held.
    found
        Its worth is that of the values, without what being held counts.
    held
        Kept rows, in their order.
    """

    problem: Problem
    priced: Priced
    found: Found
    held: Ints


def first_tier(
    problem: Problem,
    priced: Priced,
    found: Found,
    order: Ints,
    critical: Ints,
    settings: PlanSettings,
) -> FirstTier:
    """Put first what is time-critical, and around it what a plan has besides.

    Parameters
    ----------
    found
        A plan without that rule; it stands when it has all of them.
    order
        What is put around them else: the plan's, and what it had before.
    critical
        Kept rows, the most urgent first.
    """
    together = _together(problem, critical)
    if not np.all(np.isin(together, found.order)):
        found = _around(problem, together, order)
    return holding(problem, priced, found, together, settings)


def urgent_first(table: RequestTable, rows: Rows) -> Ints:
    """Return the places of what is time-critical, the larger priority first.

    Parameters
    ----------
    rows
        Of the table, in the order in which those of one priority go.
    """
    places = np.flatnonzero(table.is_time_critical[rows])
    first = np.argsort(-table.weight[rows[places]], kind="stable")
    return places[first].astype(np.int32)


def holding(
    problem: Problem, priced: Priced, found: Found, rows: Ints, settings: PlanSettings
) -> FirstTier:
    """Hold some visits of a plan at their starts; rows that it has not are not held."""
    is_held = np.isin(found.order, rows)
    held, starts_s = found.order[is_held], found.start_s[is_held]
    if not held.size:
        return FirstTier(problem, priced, found, held)
    most = _HOLD * max(priced.prices.bound, found.worth)
    fixed = _fixed(problem, held, starts_s, most)
    grid = fixed.grid.copy()
    grid[held, np.minimum(starts_s / STEP_S, grid.shape[1] - 1).astype(np.intp)] = most
    pools = pools_of(
        grid,
        fixed.kept,
        2.0 * fixed.before_s,
        fixed.near,
        priced.prices.price,
        STEP_S,
        slots=BIN_SLOTS,
        most=settings.pool,
    )
    return FirstTier(fixed, replace(priced, pools=pools), found, held)


def searched_on(
    problem: Problem, tier: FirstTier, tries: int | None, settings: PlanSettings
) -> Found:
    """Return a plan that is searched for around what is held, from the tier's on.

    Parameters
    ----------
    problem
        In which nothing is held.
    tries
        None: as many as for a whole plan.
    """
    # Setups depend on the instant, so what was possible with free starts may not be with held ones;
    # the search begins with a plan that is possible, or not at all.
    if timed(tier.problem, tier.found.order).order.size < tier.found.order.size:
        return tier.found
    if tries is None:
        tries = max(LEAST_TRIES, TRIES_A_VISIT * tier.found.order.size)
    calls = wanted(tier.problem, tier.priced.prices, 2 * max(tier.found.order.size, 1))
    better = searched(tier.problem, tier.priced, tier.found, calls, tries, settings.seed, settings)
    better = freed(problem, better)
    is_whole = np.all(np.isin(tier.held, better.order))
    return better if is_whole and better.worth > tier.found.worth else tier.found


def freed(problem: Problem, found: Found) -> Found:
    """Return a plan in which visits were held with their own worth, and starts that may move."""
    free = timed(problem, found.order)
    if free.order.size == found.order.size:
        return free
    starts = zip(found.order.tolist(), found.start_s.tolist(), strict=True)
    worth = sum(float(value(problem.sky, problem.kept, row, start_s)) for row, start_s in starts)
    return replace(found, worth=worth)


def _together(problem: Problem, critical: Ints) -> Ints:
    """Return what can be beside each other, in order: each beside all that are more urgent."""
    order = np.empty(0, dtype=np.int32)
    for row in critical.tolist():
        longer = _inserted(problem, order, row)
        order = order if longer is None else longer.order
    return order


def _around(problem: Problem, order: Ints, before: Ints) -> Found:
    """Put the other visits of a plan around some, the most valuable first."""
    found = timed(problem, order)
    others = before[~np.isin(before, order)]
    for row in others[np.argsort(-problem.kept.worth[others], kind="stable")].tolist():
        found = _inserted(problem, found.order, row) or found
    return found


def _inserted(problem: Problem, order: Ints, row: int) -> Found | None:
    """Return an order with one more visit, nothing displaced; None: there is no room."""
    at, _, _ = best_insertion(
        problem.sky, problem.kept, problem.setup, problem.first_s, order, row, 0
    )
    if at < 0:
        return None
    longer = timed(problem, np.insert(order, at, row).astype(np.int32))
    return longer if longer.order.size == order.size + 1 else None


def _fixed(problem: Problem, rows: Ints, starts_s: Floats, worth: float) -> Problem:
    """Return the problem in which rows start at their instants, are worth so much, not wanted."""
    kept, is_fixed = problem.kept, np.isin(np.arange(problem.kept.worth.size), rows)
    counts = np.where(is_fixed, 1, np.diff(kept.first))
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    of_span = np.repeat(is_fixed, np.diff(kept.first))
    is_own = np.repeat(is_fixed, counts)
    earliest_s, latest_s = np.empty(first[-1]), np.empty(first[-1])
    earliest_s[~is_own], latest_s[~is_own] = kept.earliest_s[~of_span], kept.latest_s[~of_span]
    earliest_s[first[rows]] = latest_s[first[rows]] = starts_s
    grid = problem.grid.copy()
    grid[rows] = -1.0
    worths = np.where(is_fixed, worth, kept.worth)
    kept = kept._replace(worth=worths, first=first, earliest_s=earliest_s, latest_s=latest_s)
    return replace(problem, kept=kept, grid=grid)
