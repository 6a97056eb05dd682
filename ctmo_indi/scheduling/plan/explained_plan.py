"""A plan as an order is explained by it: its visits, what waits now, and exchanges timed exactly.

All of it comes from the plan that is followed, so a restored driver explains as before; only the
prices of time are of the planner's, and a restart loses them. Heavy to import (numba).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ctmo_indi.planner.constraint_states import Circumstances
from ctmo_indi.planner.exchanges import exchange_losses
from ctmo_indi.planner.kept import setup_of
from ctmo_indi.planner.plan import Plan, PlannedVisit
from ctmo_indi.planner.plan_standing import PlanView
from ctmo_indi.planner.request_table import RequestTable
from ctmo_indi.planner.row_arrays import chosen, cut, sky_of
from ctmo_indi.scheduling.candidates import Candidate
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.plan.changed_night import NightNow
from ctmo_indi.scheduling.plan.night_plan import NightPlan
from ctmo_indi.scheduling.plan.night_rows import PresentRows
from ctmo_indi.scheduling.plan.visit_keys import key_and_visit

_MOST_GAP = 0.999


@dataclass(frozen=True, slots=True)
class PlanPrices:
    """Of a second in each slot of ``step_s``, from the night's begin; empty: not known."""

    price: tuple[float, ...] = ()
    step_s: float = 60.0


@dataclass(frozen=True, slots=True)
class PlanNow:
    """A plan that is followed, and what it would be changed with now.

    Parameters
    ----------
    present
        What waits.
    marks
        Of what waits, by key.
    readout_s
        After each frame.
    """

    plan: NightPlan
    now: NightNow
    present: PresentRows
    marks: Mapping[str, int]
    readout_s: float
    prices: PlanPrices = PlanPrices()

    def view(self, key: str, now_utc_s: float) -> PlanView:
        """Return it as one order is explained by it.

        Parameters
        ----------
        now_utc_s
            Unix seconds: starts before are over.
        """
        plan, grid = self.plan, self.now.grid
        visits = tuple(
            PlannedVisit(
                one.key, -1, one.start_utc_s, one.end_utc_s, max(one.setup_s, 0.0), one.value
            )
            for one in plan.visits
        )
        worth = sum(one.value for one in visits)
        told = Plan(
            visits=visits,
            bound=worth / (1.0 - min(max(plan.gap, 0.0), _MOST_GAP)),
            begin_utc_s=plan.begin_utc_s,
            end_utc_s=plan.end_utc_s,
            requests=plan.requests,
            kept=plan.kept,
            price=self.prices.price,
            price_step_s=self.prices.step_s,
        )
        return PlanView(told, self._table(key), grid, now_utc_s, self)

    def losses(self, key: str) -> dict[int, float]:
        """Return how much less the plan is worth with an order in the place of each visit.

        By the visit's place in the plan. What is under way is no more to be exchanged, and nothing
        is for a member of a group.
        """
        present, row_of = self.present, self.present.row_of
        places = [at for at, one in enumerate(self.plan.visits) if one.name in row_of]
        row = row_of.get(key)
        if row is None or present.requests[row].group or key in self.plan.keys or not places:
            return {}
        now = self._after_what_is_under_way()
        rows = np.array([*(row_of[self.plan.visits[at].name] for at in places), row], dtype=np.intp)
        every = cut(present.every, np.array([[-np.inf, max(now.begin_s, 0.0)]]))
        names = [present.requests[one].filter_name or None for one in rows.tolist()]
        first_s = now.begin_s + now.model.delays_s(
            now.state, present.ra_deg[rows], present.dec_deg[rows], names
        )
        found = exchange_losses(
            sky_of(now.grid, now.grid.begin_utc_s)._replace(begin_s=max(now.begin_s, 0.0)),
            chosen(every, rows),
            setup_of(now.model, now.filter_names),
            first_s,
            np.arange(len(places), dtype=np.int32),
            len(places),
        )
        return {
            at: loss for at, loss in zip(places, found.tolist(), strict=True) if np.isfinite(loss)
        }

    # -- inside ------------------------------------------------------------------------------------

    def _table(self, key: str) -> RequestTable:
        """Return the order's request, and those of its group; empty when the plan knows none."""
        requests, row_of = self.present.requests, self.present.row_of
        row, mark = row_of.get(key), self.marks.get(key)
        asked = []
        if row is not None and mark in self.plan.marks.numbers:
            group = requests[row].group
            asked = [one for one in requests if group and one.group == group] or [requests[row]]
            # Of a series the next visit stands for the order.
            asked = [one for one in asked if key_and_visit(one.key)[1] == 1]
        grid = self.now.grid
        return RequestTable.of(asked, grid.limits, grid.policy, readout_s=self.readout_s)

    def _after_what_is_under_way(self) -> NightNow:
        """Return what is known when the plan's first visits are over whose orders do not wait."""
        now = self.now
        for one in self.plan.visits:
            if one.name in self.present.row_of:
                break
            if one.end_utc_s <= now.begin_utc_s:
                continue
            there = replace(
                now.state,
                utc_s=one.start_utc_s,
                ra_deg=one.ra_deg,
                dec_deg=one.dec_deg,
                is_tracking=True,
                is_parked=False,
                is_open=True,
                filter_name=one.filter_name or now.state.filter_name,
                tube_side=None,
            )
            state = now.model.idle(there, one.end_utc_s)
            now = replace(now, begin_utc_s=one.end_utc_s, state=state)
        return now


def circumstances(candidate: Candidate, conditions: Conditions) -> Circumstances:
    """Return what besides the sky stands against a candidate now."""
    rest_s = conditions.not_before_utc_s.get(candidate.key, 0.0)
    return Circumstances(
        not_before_utc_s=max(candidate.not_before_utc_s, rest_s),
        blocked=conditions.blocked,
        forbidden=conditions.sky_forbidden,
        known_utc_s=conditions.utc.timestamp(),
    )
