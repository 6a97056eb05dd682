"""When a plan of the night does not hold any more: what is new, gone or late, and what to do."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from ctmo_indi.scheduling.candidates import Candidate
from ctmo_indi.scheduling.conditions import Conditions, Night
from ctmo_indi.scheduling.plan.candidate_marks import Marked
from ctmo_indi.scheduling.plan.night_plan import NightPlan, PlannedOrder
from ctmo_indi.scheduling.plan.plan_parameters import PlanParameters
from ctmo_indi.scheduling.plan.time_critical import critical_start_s, missed

WHOLE_AFTER_S = 1800.0
"""A plan so much behind is made anew: a change of it is worth some percent less by then."""

OLD_AFTER_S = 7200.0
"""A plan made so long ago is made anew when it would be changed."""

AGAIN_AFTER_S = 1800.0
"""A plan that was refused, or could not be made, is tried again so much later."""

MOST_ADDED = 20
"""New orders that are put into a plan; with more it is made anew."""

ADDED_SHARE = 3
"""One for so many that it was made of: value and gap of a small plan tell of others otherwise."""

QUIET_S = 120.0
"""When the telescope has nothing to do for longer, a plan with new orders is made anew."""

SETTLED_AFTER_S = 600.0
"""At most so often."""


@dataclass(frozen=True, slots=True)
class PlanNews:
    """Why a plan does not hold any more, and what is done about it.

    Parameters
    ----------
    is_whole
        A whole new plan is made; else the one there is is changed.
    is_filled
        What becomes free by the change is filled.
    is_late
        The next visit is late, or could be begun early.
    """

    why: str
    is_whole: bool = False
    is_filled: bool = True
    is_late: bool = False


@dataclass(frozen=True)
class PlanCheck:
    """A plan held against what is known now; nothing is changed.

    Parameters
    ----------
    found
        Candidates that can be planned now.
    way_s
        Sky seconds until a candidate's first exposure.
    """

    plan: NightPlan
    found: Marked
    conditions: Conditions
    night: Night
    parameters: PlanParameters
    way_s: Callable[[Candidate, Conditions], float]

    @cached_property
    def _visits(self) -> tuple[PlannedOrder, ...]:
        """Visits of the plan whose orders wait."""
        return tuple(one for one in self.plan.visits if one.key in self.found.plannable)

    def news(self) -> PlanNews | None:
        """Say what the plan does not know of yet; None when it holds."""
        plan, conditions, marks = self.plan, self.conditions, self.found.marks
        now_s, limit_s = conditions.utc.timestamp(), self.parameters.replan_after_s
        if plan.refusal and now_s - plan.made_utc_s > AGAIN_AFTER_S:
            return PlanNews("the one before was refused", is_whole=True)
        if plan.is_under_way(marks, conditions.queued, now_s, limit_s):
            return None  # what comes after it is asked when it is over
        now_s = max(now_s, self.night.evening.timestamp())
        late_s, late = self._lateness(now_s)
        is_old = late_s > WHOLE_AFTER_S or now_s - plan.made_utc_s > OLD_AFTER_S
        if not plan.is_complete(marks.values()):
            news = self._new_orders(late)
        elif any(one.key not in marks and not one.visit for one in plan.visits):
            news = PlanNews("orders of the plan are gone")  # a series is back after its visit
        elif late:
            news = PlanNews(late)
        elif plan.added and self._has_time(conditions.utc.timestamp()):
            news = PlanNews("new orders were put in, and there is time now", is_whole=True)
        else:
            return None
        news = replace(news, is_late=bool(late))
        # What fills a gap would take the place of series too: they go first in whole plans only.
        is_whole = is_old or any(one.visit for one in plan.visits)
        return replace(news, is_whole=True) if is_whole and news.is_filled else news

    def _has_time(self, now_s: float) -> bool:
        """Whether a whole plan delays nothing, and the last one was not made just now."""
        visits = self._visits
        left_s = visits[0].start_utc_s - visits[0].setup_s - now_s if visits else math.inf
        return left_s > QUIET_S and now_s - self.plan.made_utc_s > SETTLED_AFTER_S

    def _new_orders(self, late: str) -> PlanNews:
        """Say what orders that the plan does not know mean for it.

        A few are put into the one there is; many are worth a whole plan, and so is one of a group
        or a series. One that rests takes only something away, and nothing when it is a series whose
        next visit is planned for when it is due.
        """
        plan, found, kinds = self.plan, self.found, self.parameters.alerts
        now_s, rests = self.conditions.utc.timestamp(), self.conditions.not_before_utc_s
        known = plan.marks.numbers
        new = [found.plannable[key] for key, mark in found.marks.items() if mark not in known]
        awake = [one for one in new if one.is_awake(now_s, rests)]
        usual = sum(not kinds.takes(one.request) for one in awake)
        is_several = any(one.request.group or one.request.cadence is not None for one in awake)
        most = min(MOST_ADDED, plan.requests // ADDED_SHARE)
        if is_several or plan.added + usual > most:
            return PlanNews("orders are new or have changed", is_whole=True)
        if usual:
            return PlanNews("orders are new or have changed")
        next_s = {key: starts_s[0] for key, starts_s in plan.series_starts_utc_s.items()}
        asleep = [
            one
            for one in new
            if not one.is_awake(now_s, rests)
            and next_s.get(one.key, 0.0) < max(one.not_before_utc_s, rests.get(one.key, 0.0))
        ]
        gone = [one for one in plan.visits if one.key not in found.marks and not one.visit]
        is_filled = bool(late or asleep or gone)
        return PlanNews("alert" if awake else "orders rest", is_filled=is_filled)

    def _lateness(self, now_s: float) -> tuple[float, str]:
        """Return how late the next visit is, and say so; "" when it is on time."""
        visits, limit_s = self._visits, self.parameters.replan_after_s
        if not visits:
            return 0.0, ""
        first = visits[0]
        way_s = self.way_s(self.found.plannable[first.key], self.conditions)
        early_s = first.start_utc_s - now_s - way_s
        if -early_s > limit_s:
            return -early_s, f"late by {-early_s:.0f} s"
        latest_s = [
            critical_start_s(self.found.plannable[one.key].request, one, self.night)
            for one in visits
        ]
        lost = missed(visits, latest_s, -early_s)
        if lost is not None:
            return -early_s, f"late by {-early_s:.0f} s, {lost.key} would be missed"
        if (
            len({one.key for one in visits}) < len(self.found.marks)
            and early_s > first.idle_s + limit_s
        ):
            return -early_s, f"early by {early_s - first.idle_s:.0f} s"
        return 0.0, ""
