"""From requests to a plan: keep, price, construct, improve, certify.

Deterministic: the same requests, night, start and settings give the same plan to the byte, in
whatever order the requests come. Pure, any thread (one at a time for a planner); budgets are
numbers of tries, never seconds. A night's requests as arrays: ``night_requests``; the steps:
``problem``; changes of a plan: ``replanning``; a plan's words: ``plan_words``.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

import numpy as np

from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.planner.bound_kernels import value_grid
from ctmo_indi.planner.dispatch import Dispatcher
from ctmo_indi.planner.groups import hopeless, is_torn, made_whole
from ctmo_indi.planner.neighbours import least_setups_s, nearest
from ctmo_indi.planner.night_grid import NightGrid
from ctmo_indi.planner.night_requests import NightRequests
from ctmo_indi.planner.plan import Plan
from ctmo_indi.planner.plan_start import PlanStart, capacity_s
from ctmo_indi.planner.plan_words import Worked, bound_of, empty_plan, plan_of
from ctmo_indi.planner.pools import worth_keeping
from ctmo_indi.planner.problem import (
    LEAST_TRIES,
    STEP_S,
    Found,
    PlanSettings,
    Priced,
    Problem,
    constructed,
    improved,
    searched,
    timed,
    wanted,
)
from ctmo_indi.planner.replanning import inserted, replanned
from ctmo_indi.planner.request_table import NO_GROUP, PlanRequest, RequestTable
from ctmo_indi.planner.row_arrays import Rows, chosen, cut
from ctmo_indi.planner.time_critical import (
    first_tier,
    freed,
    searched_on,
    urgent_first,
)

__all__ = ["REPLAN_TRIES", "NightPlanner", "PlanStart", "plan_night"]

REPLAN_TRIES = 400


class NightPlanner:
    """Plans one night, again and again: what does not change with the hour is worked out once.

    Parameters
    ----------
    table
        All requests; those that cannot be observed in the night cost nothing.
    """

    def __init__(
        self,
        table: RequestTable,
        night: NightGrid,
        observatory: ObservatoryModel,
        settings: PlanSettings | None = None,
    ) -> None:
        self.table = table
        self.night = night
        self.observatory = observatory
        self.settings = settings or PlanSettings()
        self._requests = NightRequests(table, night, observatory)
        self._worked: Worked | None = None

    def plan(self, start: PlanStart) -> Plan:
        """Plan what is left of the night; 0.4 s for 10,000 requests.

        Parameters
        ----------
        start
            Before the night begins: the plan begins with the night.
        """
        night, table = self._requests, self.table
        begin_s = start.begin_s(self.night.begin_utc_s)
        if begin_s >= night.sky.length_s or not night.rows.size:
            self._worked = None
            return empty_plan(night, begin_s)
        closed_s = start.closed_s(self.night.begin_utc_s)
        now = cut(night.every, closed_s)
        can = np.flatnonzero(np.diff(now.first) > 0)
        can = can[~hopeless(table, night.rows[can])[night.rows[can]]]
        every = chosen(now, can)
        keep = worth_keeping(night.sky, every, night.setup.mount_settle_s, self.settings.keep)
        own = night.rows[can]
        must = (table.group[own] != NO_GROUP) | table.is_time_critical[own]
        keep = np.union1d(keep, np.flatnonzero(must))
        kept, places = chosen(every, keep), can[keep]
        rows = night.rows[places]
        slots = math.ceil(night.sky.length_s / STEP_S)
        problem = Problem(
            sky=night.sky._replace(begin_s=begin_s),
            kept=kept,
            setup=night.setup,
            first_s=night.first_s(rows, start),
            before_s=0.5 * least_setups_s(every, night.setup, keep),
            near=nearest(kept, night.setup, np.arange(keep.size), self.settings.near)[0],
            grid=value_grid(night.sky, kept, STEP_S, slots),
            capacity_s=capacity_s(night.sky.length_s, STEP_S, slots, closed_s),
        )
        priced = constructed(problem, self.settings)
        self._worked = Worked(rows, places, problem, priced)
        best, critical = improved(problem, priced, self.settings), urgent_first(table, rows)
        tier = first_tier(problem, priced, best, best.order, critical, self.settings)
        found = tier.found
        if found is not best:
            found = searched_on(problem, tier, self.settings.tries, self.settings)
        cost = max(best.worth - found.worth, 0.0)
        if is_torn(found.order, table.group[rows]):
            found = freed(problem, self._whole(tier.problem, tier.priced, found, rows))
        bound = bound_of(night, self._worked, every)
        plan = plan_of(night, self._worked, found, bound, begin_s)
        return replace(plan, time_critical_cost=cost)

    def replan(
        self,
        plan: Plan,
        start: PlanStart,
        *,
        without: Collection[str] = (),
        tries: int = REPLAN_TRIES,
    ) -> Plan:
        """Change a plan of this planner for what has happened since; 10 ms for 10,000 requests.

        What of it is still possible stays, and what became free is filled from the requests that
        the last whole plan kept. Without a whole plan before, it is one.

        Parameters
        ----------
        without
            Keys of requests that are done, canceled, or not to be tried for now.
        """
        is_over = start.begin_s(self.night.begin_utc_s) >= self._requests.sky.length_s
        if self._worked is None or is_over:
            return self.plan(start)
        return replanned(self._requests, self._worked, plan, start, without, tries, self.settings)

    def insert(self, plan: Plan, request: PlanRequest, start: PlanStart) -> Plan | None:
        """Put one more request into a plan of this planner, at once; a target of opportunity.

        What it displaces, at most ``MOST_DISPLACED`` visits in a row, is what costs least. Whether
        that is worth it is the caller's to say: compare the plans' values. 1 ms.

        Returns
        -------
        Plan or None
            With the bound of a plan that could have it as well; its row is the table's length.
            None: it cannot be observed any more this night.

        Raises
        ------
        BadOrder
            The request is none; see :class:`RequestTable`.
        """
        return inserted(self._requests, self._worked, plan, request, start)

    def dispatcher(self) -> Dispatcher:
        """Return what decides among the night's requests one at a time."""
        night = self._requests
        return Dispatcher(
            night.sky,
            night.every,
            night.setup,
            night.keys,
            self.night.frame,
            self.night.begin_utc_s,
            self.table.filter_names,
            self.observatory,
        )

    def _whole(self, problem: Problem, priced: Priced, found: Found, rows: Rows) -> Found:
        """Return a plan in which no group is torn, of one in which some are."""
        group = self.table.group[rows]
        price = float(priced.prices.price.mean())
        whole = made_whole(problem, found, group, price)
        easier = whole.to_search(problem)
        calls = wanted(easier, priced.prices, 2 * max(found.order.size, 1))
        tries, seed = LEAST_TRIES // 4, self.settings.seed
        if self.settings.tries is not None:
            tries = self.settings.tries // 4
        begin = timed(easier, whole.found.order)
        again = searched(easier, priced, begin, calls, tries, seed, self.settings)
        better = timed(problem, again.order)
        if is_torn(better.order, group) or better.worth < whole.found.worth:
            return whole.found
        return better


def plan_night(
    table: RequestTable,
    night: NightGrid,
    observatory: ObservatoryModel,
    start: PlanStart,
    settings: PlanSettings | None = None,
) -> Plan:
    """Plan what is left of a night, once; see :class:`NightPlanner`."""
    return NightPlanner(table, night, observatory, settings).plan(start)
