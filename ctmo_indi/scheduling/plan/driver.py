"""The plan driver: follows a plan of the whole night, and makes a new one when it has to.

The plan is of every sky order and every entry of the observing list that is left, by the planner's
score. It is made, and made anew, in :meth:`PlanScheduler.update_conditions` only, from what that is
given and what ``get_state`` says, and it is part of what ``get_state`` says; so choosing changes
nothing, and a restored driver goes on with the same plan. What cannot be planned, frames without
sky, and what is left when the plan is at its end are chosen as the sequential driver does.

``docs/decisions/0023-plan-driver.md`` has the reasons.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

from ctmo_indi.scheduling.candidates import Candidate
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.plan.choices import best_begin_s, best_first
from ctmo_indi.scheduling.plan.night_plan import PlannedOrder
from ctmo_indi.scheduling.plan.plan_told import PlanTold
from ctmo_indi.scheduling.target import DriverTarget, NextTarget

ON_TIME_S = 30.0
"""A visit may begin so much earlier than planned without a question."""

SPARE_S = 60.0
"""Left before a time-critical visit: the way from what is made meanwhile may be the longer one."""

LATER_TRIED = 10
"""Visits of the plan that are tried when the next one waits or cannot be begun."""


class PlanScheduler(PlanTold):
    """Takes the next visit of a plan of the whole night."""

    name: ClassVar[str] = "plan"

    # -- one decision ------------------------------------------------------------------------------

    def select_next_target(self) -> DriverTarget | None:
        """Return the plan's next visit if it can be begun, else the best that can meanwhile."""
        conditions = self._known_conditions()
        visits = () if conditions.sky_forbidden else self._visits()
        if not visits:
            return super().select_next_target()
        first = visits[0]
        target = self._before(first, conditions)
        if target is not None:
            return target
        begin_s, now_s = self._begin_s(first, conditions), conditions.utc.timestamp()
        if begin_s is not None:
            target = self._in_time_to_spare(visits, conditions, begin_s)
            if target is not None:
                return target
            if begin_s <= now_s:
                return self._visit(first, conditions, "next of the plan")
            target = self._meanwhile(conditions, begin_s)
            return target or self._without_sky(conditions, begin_s)
        until_s = visits[1].start_utc_s - visits[1].setup_s if len(visits) > 1 else None
        target = self._meanwhile(conditions, until_s)
        if target is not None:
            return target
        for visit in _next_of_each(visits)[1 : 1 + LATER_TRIED]:
            if next(self._against(visit, conditions), None) is None:
                return self._visit(visit, conditions, "of the plan, the next one cannot be")
        return self._without_sky(conditions, until_s)

    def estimate_next_target(self) -> NextTarget:
        """Say when the plan's next visit begins, or as the sequential driver when there is none."""
        conditions = self._known_conditions()
        upcoming = super().estimate_next_target()
        expected = self._planned_utc(conditions)
        if expected is None:
            return upcoming
        return replace(upcoming, utc=expected[0], receipt=expected[1])

    def expected_utc(self) -> datetime | None:
        """Return when the telescope has to turn to the plan's next visit."""
        expected = self._planned_utc(self._known_conditions())
        return super().expected_utc() if expected is None else expected[0]

    # -- inside ------------------------------------------------------------------------------------

    def _begin_s(self, visit: PlannedOrder, conditions: Conditions) -> float | None:
        """Return when the way to a visit is begun (Unix seconds), now or later; None: no saying."""
        candidate, earliest_s = self._by_key[visit.key], conditions.utc.timestamp()
        way_s = self._way_s(candidate, conditions)
        if next(self._obstacles(candidate, conditions, way_s), None) is not None:
            assert self.night is not None  # with the conditions
            rest_s = conditions.not_before_utc_s.get(candidate.key, 0.0)
            least_s = max(earliest_s, candidate.not_before_utc_s, rest_s)
            # An instant is cut to microseconds: the next millisecond is surely not before it.
            least_s = max(math.ceil(least_s * 1000.0) / 1000.0, earliest_s)
            least = max(datetime.fromtimestamp(least_s, UTC), self.night.evening)
            when = self.models.sky.next_observable(candidate.request, least, self.night.morning)
            if when is None or when <= conditions.utc:
                return None
            earliest_s = when.timestamp()
        planned_s = visit.start_utc_s - way_s - ON_TIME_S
        place = self.models.sky.place_deg(candidate.request, conditions.utc)
        if planned_s <= earliest_s or place is None:
            return earliest_s
        return best_begin_s(
            place,
            self._sited_sky().site,
            earliest_s,
            planned_s,
            way_s + 0.5 * (visit.end_utc_s - visit.start_utc_s),
            self._plan_parameters.wait_risk_per_hour,
        )

    def _planned_utc(self, conditions: Conditions) -> tuple[datetime, str] | None:
        """Return when the plan's next visit is turned to, and its key."""
        visits = () if conditions.sky_forbidden else self._visits()
        if not visits:
            return None
        begin_s = self._begin_s(visits[0], conditions)
        if begin_s is None:
            return None
        key = visits[0].key
        if begin_s > conditions.utc.timestamp():
            earlier = self._fitting(visits, conditions, begin_s)
            begin_s, key = min([(begin_s, key), *((at_s, one.key) for one, at_s in earlier)])
        return max(datetime.fromtimestamp(begin_s, UTC), conditions.utc), key

    def _in_time_to_spare(
        self, visits: Sequence[PlannedOrder], conditions: Conditions, begin_s: float
    ) -> DriverTarget | None:
        """Return another visit of the plan, over before its next one begins, or was to begin.

        While the next one waits it is the one of the largest priority that can be; when that need
        not wait and is early, one of a larger priority.
        """
        now_s, next_up = conditions.utc.timestamp(), self._by_key[visits[0].key]
        is_waiting, until_s = begin_s > now_s, begin_s
        if not is_waiting:
            until_s = visits[0].start_utc_s - self._way_s(next_up, conditions)
        if self._latest_start_s(visits[0]) is not None:
            until_s -= SPARE_S
        if until_s <= now_s:
            return None
        of_key = {one.key: one for one in _next_of_each(visits)[1:]}
        tried = 0
        for candidate in self._table.now(now_s, sky=True, closed_dome=False):
            if not is_waiting and candidate.sort_key[0] >= next_up.sort_key[0]:
                return None
            visit = of_key.get(candidate.key)
            if visit is None or not self._fits(visit, conditions, now_s, until_s):
                continue
            at_s = self._begin_s(visit, conditions)
            if at_s is not None and at_s <= now_s:
                return self._visit(visit, conditions, "of the plan, in time to spare")
            tried += 1
            if tried >= LATER_TRIED:
                return None
        return None

    def _fits(
        self, visit: PlannedOrder, conditions: Conditions, begin_s: float, until_s: float
    ) -> bool:
        way_s = self._way_s(self._by_key[visit.key], conditions)
        return begin_s + way_s + visit.end_utc_s - visit.start_utc_s <= until_s

    def _fitting(
        self, visits: Sequence[PlannedOrder], conditions: Conditions, until_s: float
    ) -> Iterator[tuple[PlannedOrder, float]]:
        """Yield later visits that are over before the next one begins, and when they begin."""
        for visit in _next_of_each(visits)[1 : 1 + LATER_TRIED]:
            begin_s = self._begin_s(visit, conditions)
            if begin_s is not None and self._fits(visit, conditions, begin_s, until_s):
                yield visit, begin_s

    def _against(self, visit: PlannedOrder, conditions: Conditions) -> Iterator[str]:
        candidate = self._by_key[visit.key]
        return self._obstacles(candidate, conditions, self._way_s(candidate, conditions))

    def _visit(self, visit: PlannedOrder, conditions: Conditions, why: str) -> DriverTarget:
        candidate = self._by_key[visit.key]
        target = self._target(candidate, conditions, self._way_s(candidate, conditions))
        assert self._plan is not None  # it is of the plan
        start = datetime.fromtimestamp(visit.start_utc_s, UTC)
        count = min(visit.count, candidate.count)
        duration_s = self.models.observatory.exposures_s(candidate.request, count)
        note = f"{why}, start planned {start:%H:%M:%S}, {len(self._plan.visits)} visits left"
        return replace(target, count=count, duration_s=duration_s, note=note)

    def _before(self, visit: PlannedOrder, conditions: Conditions) -> DriverTarget | None:
        """Return what cannot be planned and has a larger priority than a visit; alerts first.

        Besides alerts: what is over before a time-critical visit has to begin.
        """
        kinds, next_up = self._plan_parameters.alerts, self._by_key[visit.key]
        left_s = self._until_time_critical_s(conditions)
        least = kinds.takes(next_up.request), -next_up.sort_key[0]
        for one in sorted(self._unplanned, key=lambda one: not kinds.takes(one.request)):
            if (kinds.takes(one.request), -one.sort_key[0]) > least:
                target = self._if_possible(one, conditions)
                if target is None:
                    continue
                took_s = target.slew_time_s + target.duration_s
                if kinds.takes(one.request) or took_s <= left_s:
                    return target
        return None

    def _meanwhile(self, conditions: Conditions, until_s: float | None) -> DriverTarget | None:
        """Return the best sky target outside the plan that is over by an instant."""
        assert self._plan is not None  # somebody waits for a visit of it
        planned = self._plan.keys
        now = self._table.now(conditions.utc.timestamp(), sky=True, closed_dome=False)
        # Of a group that is not planned nothing is begun by the way.
        others = (one for one in now if one.key not in planned and not one.request.group)
        site = self._sited_sky().site
        for one in best_first(others, conditions, self.models, site, until_s):
            target = self._if_possible(one, conditions)
            if target is not None:
                return replace(target, note="the best that can be, while the plan waits")
        return None

    def _without_sky(self, conditions: Conditions, until_s: float | None) -> DriverTarget | None:
        """Return the first frames without sky that are over by an instant."""
        now_s = conditions.utc.timestamp()
        is_allowed = not conditions.closed_dome_forbidden
        for one in self._table.now(now_s, sky=False, closed_dome=is_allowed):
            took_s = self.models.observatory.exposures_s(one.request, one.count)
            if until_s is None or now_s + took_s <= until_s:
                target = self._if_possible(one, conditions)
                if target is not None:
                    return target
        return None

    def _if_possible(self, candidate: Candidate, conditions: Conditions) -> DriverTarget | None:
        way_s = self._slew_s(candidate, conditions)
        if next(self._obstacles(candidate, conditions, way_s), None) is not None:
            return None
        return self._target(candidate, conditions, way_s)


def _next_of_each(visits: Sequence[PlannedOrder]) -> list[PlannedOrder]:
    """Return the first visit of each order: those of a series are made one after the other."""
    found: dict[str, PlannedOrder] = {}
    for one in visits:
        found.setdefault(one.key, one)
    return list(found.values())
