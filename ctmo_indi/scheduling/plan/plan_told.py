"""What the plan driver tells people: the plan as it stands or would be, and why (not) an order.

Asking changes nothing of what the driver remembers.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.models.motions import FixedHorizontal
from ctmo_indi.scheduling.candidates import Candidate
from ctmo_indi.scheduling.conditions import Conditions, Night
from ctmo_indi.scheduling.errors import DriverError
from ctmo_indi.scheduling.plan.alert_words import alerts_explained, alerts_shown
from ctmo_indi.scheduling.plan.candidate_marks import CandidateMarks, Marked, is_plannable
from ctmo_indi.scheduling.plan.night_plan import NightPlan
from ctmo_indi.scheduling.plan.plan_keeper import PLANNED_AHEAD, PlanKeeper
from ctmo_indi.scheduling.plan.plan_view import view_of
from ctmo_indi.scheduling.plan.time_critical import time_critical_explained

STANDS_STILL = (
    "It stands still over the ground (fixed altitude and azimuth), so it is in no plan: it is taken"
    " when its priority is larger than that of the plan's next visit, or while the plan waits and"
    " it is over before the next visit has to begin, or when the plan is at its end."
)
NEEDS_NO_SKY = (
    "It needs no sky, so it is in no plan: it is taken while the plan waits and it is over before"
    " the next visit has to begin, or when no sky may be observed."
)


class PlanTold(PlanKeeper):
    """Answers what is asked of the plan."""

    def plan_view(self) -> dict[str, object] | None:
        """Return the plan that is followed; its figures are of when it was made, but Overheads.

        Where none is followed, or the sky is forbidden and there are orders that it does not know,
        the one that would be, with Preview: why it is not. That one is made for the answer, as long
        as it takes to make a plan, and forgotten.

        Raises
        ------
        DriverError
            Nothing is known of the night yet.
        """
        conditions, night = self.conditions, self.night
        if conditions is None or night is None:
            raise DriverError(
                f"driver {self.name}: nothing is known of the night yet, it is told when the"
                " scheduler has been resumed"
            )
        conditions = self._known_conditions()
        plan, candidates = self._plan, self._by_key
        told: dict[str, object] = {}
        if plan is None or (conditions.sky_forbidden and self._lacks_orders(plan, conditions)):
            plan, found = self._preview(conditions, night)
            candidates = found.plannable
            told = {
                "Preview": self._why_none(conditions, night),
                "Made": f"{conditions.utc:%Y-%m-%dT%H:%M:%SZ}",
            }
        shown = view_of(plan, candidates, self.models.sky.place_deg)
        shown = alerts_shown(shown, plan, candidates, self._plan_parameters.alerts)
        return shown | {"Overheads": self._learned.view()} | told

    def explain(self, key: str, utc: datetime | None = None) -> dict[str, object]:
        """Say why an order is where it is in the plan, or is not in it; 20 to 200 ms."""
        conditions, night, plan = self.conditions, self.night, self._plan
        if conditions is None or night is None:
            return super().explain(key, utc)
        conditions = self._known_conditions()
        candidate = next((one for one in self._table.present() if one.key == key), None)
        if candidate is None:
            return self._under_way(plan, key) or super().explain(key, utc)
        if not is_plannable(candidate):
            return super().explain(key, utc) | _told(*_not_planned(candidate))
        with FIRST_IMPORT:
            from ctmo_indi.scheduling.plan.explained_plan import circumstances  # heavy: numba

        at_s = (conditions.utc if utc is None else utc).timestamp()
        known = circumstances(candidate, conditions)
        rests = conditions.not_before_utc_s
        found = self._marks.of(self._table.present(), rests, night.morning.timestamp())
        told = self._night_planning().explanation(
            self._question(conditions, night),
            found.plannable,
            found.marks,
            rests,
            plan,
            candidate,
            at_s,
            known,
        )
        if plan is None:
            told |= _told(f"There is no plan yet: {self._why_none(conditions, night)}.")
        request = candidate.request
        length_s = self.models.observatory.exposures_s(request, candidate.count)
        is_planned = plan is not None and key in plan.keys
        told = time_critical_explained(told, request, length_s, night, is_planned=is_planned)
        return alerts_explained(told, plan, candidate, self._plan_parameters.alerts)

    # -- inside ------------------------------------------------------------------------------------

    def _lacks_orders(self, plan: NightPlan, conditions: Conditions) -> bool:
        """Whether there are orders that the plan does not know; none is made while it rains."""
        assert self.night is not None  # with the conditions
        rests, morning_s = conditions.not_before_utc_s, self.night.morning.timestamp()
        found = CandidateMarks().of(self._table.present(), rests, morning_s)
        return not plan.is_complete(found.marks.values())

    def _preview(self, conditions: Conditions, night: Night) -> tuple[NightPlan, Marked]:
        """Return the plan that would be made; the same again while nothing has changed."""
        rests = conditions.not_before_utc_s
        found = CandidateMarks().of(self._table.present(), rests, night.morning.timestamp())
        question = self._question(conditions, night)
        made_s = max(question.utc_s, (night.evening - PLANNED_AHEAD).timestamp())
        question = replace(question, utc_s=made_s, state=replace(question.state, utc_s=made_s))
        plannable = tuple(found.plannable.values())
        plan = self._night_planning().plan(question, plannable, found.marks, rests, None)
        return plan, found

    def _why_none(self, conditions: Conditions, night: Night) -> str:
        """Say why no plan is followed, and when one is made."""
        due = night.evening - PLANNED_AHEAD
        if conditions.utc < due:
            return f"it is made from {due:%Y-%m-%dT%H:%M:%SZ} on, an hour before the night begins"
        if conditions.sky_forbidden:
            why = "; ".join(conditions.sky_forbidden)
            return f"it is made as soon as the sky may be observed ({why})"
        return "it is made as soon as there is something to plan"

    def _under_way(self, plan: NightPlan | None, key: str) -> dict[str, object]:
        """Return what the plan knows of an order that does not wait; empty: nothing."""
        with FIRST_IMPORT:
            from ctmo_indi.planner.plan import PlannedVisit
            from ctmo_indi.planner.standing import InPlan
            from ctmo_indi.planner.standing_words import standing_words

        visits = () if plan is None else plan.visits
        for place, one in enumerate(visits, start=1):
            if one.key == key:
                visit = PlannedVisit(
                    key, -1, one.start_utc_s, one.end_utc_s, one.setup_s, one.value
                )
                standing = InPlan(visit, place, len(visits))
                return {"Plan": standing.to_wire() | {"Words": standing_words(standing)}}
        return {}


def _not_planned(candidate: Candidate) -> tuple[str, ...]:
    if isinstance(candidate.request.motion, FixedHorizontal):
        return (STANDS_STILL,)
    if not candidate.request.frame_type.needs_sky:
        return (NEEDS_NO_SKY,)
    return ("It has no place on the sky, so it is in no plan.",)


def _told(*words: str) -> dict[str, object]:
    return {"Plan": {"Planned": False, "Words": list(words)}}
