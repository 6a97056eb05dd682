"""A plan changed for what has happened since, in milliseconds: repaired, or with one more visit.

The lists and prices of the plan that was made as a whole go on being used; what changed is cut out
of its spans.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from ctmo_indi.planner.insertion_kernels import best_insertion
from ctmo_indi.planner.kept import Ints
from ctmo_indi.planner.night_requests import NightRequests
from ctmo_indi.planner.plan import Plan
from ctmo_indi.planner.plan_start import PlanStart, capacity_s
from ctmo_indi.planner.plan_words import Worked, bound_of, plan_of
from ctmo_indi.planner.problem import STEP_S, PlanSettings, timed
from ctmo_indi.planner.request_table import PlanRequest, RequestTable
from ctmo_indi.planner.row_arrays import arrays_of, cut, joined
from ctmo_indi.planner.time_critical import first_tier, searched_on, urgent_first
from ctmo_indi.planner.visibility import intervals

MOST_DISPLACED = 4
"""Visits in a row that make room for one that is inserted."""


def replanned(
    night: NightRequests,
    worked: Worked,
    plan: Plan,
    start: PlanStart,
    without: Collection[str],
    tries: int,
    settings: PlanSettings,
) -> Plan:
    """Return a plan of the same prices: what is still possible of ``plan``, and what fills it up.

    Parameters
    ----------
    worked
        Of the whole plan; the plan may be a change of it.
    without
        Keys of requests that are not to be in it.
    tries
        Of the search.
    """
    origin_utc_s = night.night.begin_utc_s
    closed_s, gone = start.closed_s(origin_utc_s), night.named(without)
    slots = worked.problem.capacity_s.size
    problem = replace(
        worked.problem,
        sky=night.sky._replace(begin_s=start.begin_s(origin_utc_s)),
        kept=cut(worked.problem.kept, closed_s, gone[worked.places]),
        first_s=night.first_s(worked.rows, start),
        capacity_s=capacity_s(night.sky.length_s, STEP_S, slots, closed_s),
    )
    order = _order_of(plan, worked)
    found = timed(problem, order)
    critical = urgent_first(night.table, worked.rows)
    tier = first_tier(problem, worked.priced, found, order, critical, settings)
    found = searched_on(problem, tier, tries, settings)
    now = replace(worked, problem=problem)
    bound = bound_of(night, now, cut(night.every, closed_s, gone))
    return plan_of(night, now, found, bound, start.begin_s(origin_utc_s))


def inserted(
    night: NightRequests,
    worked: Worked | None,
    plan: Plan,
    request: PlanRequest,
    start: PlanStart,
) -> Plan | None:
    """Return a plan with one more visit, at the cost of ``MOST_DISPLACED`` in a row at most.

    Its bound is that of the plan and the most that the request can be worth: no plan with it is
    worth more.

    Returns
    -------
    Plan or None
        None: it cannot be observed any more this night, or only with more displaced; or nothing
        was planned.

    Raises
    ------
    BadOrder
        The request is none; see :class:`RequestTable`.
    """
    origin_utc_s, grid = night.night.begin_utc_s, night.night
    one = RequestTable.of(
        [request],
        grid.limits,
        grid.policy,
        readout_s=night.observatory.kinematics.readout_s,
        filter_names=night.table.filter_names,
    )
    closed_s = start.closed_s(origin_utc_s)
    alone = cut(arrays_of(one, grid, intervals(one, grid), origin_utc_s), closed_s)
    if worked is None or not alone.first[-1]:
        return None
    begin_s, row = start.begin_s(origin_utc_s), worked.rows.size
    to_it_s = night.observatory.delay_s(
        start.state, request.ra_deg, request.dec_deg, request.filter_name or None
    )
    standing = _order_of(plan, worked)
    first_s = np.full(row + 1, np.inf)  # nothing else can become the first visit
    first_s[standing] = night.first_s(worked.rows[standing], start)
    first_s[row] = begin_s + to_it_s
    kept = joined(cut(worked.problem.kept, closed_s), alone)
    sky = night.sky._replace(begin_s=begin_s)
    problem = replace(worked.problem, sky=sky, kept=kept, first_s=first_s)
    order = timed(problem, standing).order
    at, out, _ = best_insertion(sky, kept, night.setup, first_s, order, row, MOST_DISPLACED)
    if at < 0:
        return None
    with_it = np.concatenate([order[:at], [row], order[at + out :]]).astype(np.int32)
    found = timed(problem, with_it)
    if row not in found.order:
        return None
    rows = np.append(worked.rows, len(night.table))
    bound = plan.bound + float(alone.worth[0])
    now = replace(worked, rows=rows, problem=problem)
    return plan_of(night, now, found, bound, begin_s, request.key)


def _order_of(plan: Plan, worked: Worked) -> Ints:
    """Return a plan's visits as places among the kept requests; others are left out."""
    rows = np.array([visit.row for visit in plan.visits], dtype=np.intp)
    rows, ascending = rows[np.isin(rows, worked.rows)], np.argsort(worked.rows)
    return ascending[np.searchsorted(worked.rows, rows, sorter=ascending)].astype(np.int32)
