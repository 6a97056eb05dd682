"""Make the plan of a night out of a driver's candidates. Heavy to import (numba).

The sky model's spans are the windows of the requests: what it lets through is planned by the
planner's own rules, which are the same and exact. A pure function of what is given: the same
question has the same answer, from a cold cache as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.planner.explain import Circumstances, explain
from ctmo_indi.planner.night_grid import NightGrid
from ctmo_indi.planner.pipeline import NightPlanner, PlanStart
from ctmo_indi.planner.plan_request import PlanRequest
from ctmo_indi.planner.problem import PlanSettings
from ctmo_indi.planner.request_table import RequestTable
from ctmo_indi.scheduling.candidates import Candidate
from ctmo_indi.scheduling.conditions import Night
from ctmo_indi.scheduling.feature.site_now import SitedSky
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.plan.candidate_marks import CandidatesWhere
from ctmo_indi.scheduling.plan.changed_night import NightNow, alerts_of, changed_plan
from ctmo_indi.scheduling.plan.checked_plan import refused_if_broken
from ctmo_indi.scheduling.plan.corrections import Corrections
from ctmo_indi.scheduling.plan.explained_plan import PlanNow, PlanPrices
from ctmo_indi.scheduling.plan.night_plan import Marks, NightPlan
from ctmo_indi.scheduling.plan.night_rows import NightRows, PresentRows, readout_s
from ctmo_indi.scheduling.plan.older_first import older_first
from ctmo_indi.scheduling.plan.plan_parameters import PlanParameters
from ctmo_indi.scheduling.plan.plan_requests import plan_requests
from ctmo_indi.scheduling.plan.planners_model import (
    corrected_models,
    planned_kinematics,
    planners_model,
)
from ctmo_indi.scheduling.plan.remembered_plans import RememberedPlans
from ctmo_indi.scheduling.plan.series_first import series_first
from ctmo_indi.scheduling.plan.standing_plan import orders_of, stable

PRICES_REMEMBERED = 4
CHANGE_TRIES = 400

ADD_TRIES = 100
"""Where orders are new and nothing else has happened: more tries are worth nothing then."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a plan depends on, besides the models and the candidates.

    Parameters
    ----------
    utc_s
        Unix seconds: now; the plan begins then, or with the night.
    state
        Of the observatory now.
    corrections
        What was learned of how long things take.
    """

    night: Night
    utc_s: float
    state: ObservatoryModelState
    corrections: Corrections
    parameters: PlanParameters


class NightPlanning:
    """Plans nights for drivers with the same models; remembers the last answers."""

    def __init__(self, models: Models, sky: SitedSky) -> None:
        self._models = models
        self._sky = sky
        self._grids: dict[tuple[float, float], NightGrid] = {}
        self._answers = RememberedPlans()
        self._prices: dict[tuple[str, float, float], PlanPrices] = {}
        self._likely_alerts: tuple[object, CandidatesWhere] = None, CandidatesWhere(bool)
        self._rows: tuple[tuple[Night, float | None], NightRows] | None = None

    def plan(
        self,
        question: Question,
        candidates: Sequence[Candidate],
        marks: Mapping[str, int],
        not_before_utc_s: Mapping[str, float],
        standing: NightPlan | None,
    ) -> NightPlan:
        """Return the plan to follow from now on; blocks for up to a second.

        Parameters
        ----------
        standing
            What was followed until now: it stays, repaired, unless the new plan is worth more by
            ``stability``, or begins with the same visit. None: the plan is gone through, and
            refused when it breaks a rule.
        """
        packed = Marks.of(marks.values())
        known = self._answers.get(question, packed, standing)
        if known is None:
            known = self._made(question, candidates, marks, not_before_utc_s, standing)
            # An alert is worth little in the sum of values: it is put in afterwards.
            if alerts_of(candidates, question.parameters):
                by_key = {one.key: one for one in candidates}
                known = self.changed(question, by_key, marks, not_before_utc_s, known)
            else:  # the first change finds the rows made
                by_key = {one.key: one for one in candidates}
                self._now(question, by_key, marks, not_before_utc_s, known)
            if standing is None:
                known = refused_if_broken(
                    known,
                    candidates,
                    self._sky,
                    planners_model(self._models.observatory, self._sky, question.corrections),
                    self._idle(question, known.begin_utc_s),
                    readout_s(
                        corrected_models(self._models, self._sky, question.corrections), candidates
                    ),
                )
            self._answers.put(question, packed, standing, known)
        return known

    def changed(
        self,
        question: Question,
        candidates: Mapping[str, Candidate],
        marks: Mapping[str, int],
        not_before_utc_s: Mapping[str, float],
        standing: NightPlan,
        *,
        is_filled: bool = True,
        is_late: bool = False,
    ) -> NightPlan:
        """Return a standing plan changed for what has happened; milliseconds.

        For what only takes away or delays, and for alerts: they are put in by the policy.

        Parameters
        ----------
        candidates, marks
            All that wait, by key.
        is_filled
            Whether what becomes free is filled from all that wait.
        is_late
            Whether it is changed since the next visit is late, or could be begun early.
        """
        now, present, _ = self._now(question, candidates, marks, not_before_utc_s, standing)
        alerts = self._alerts(question.parameters, candidates, marks)
        before, urgent = standing.marks.numbers, set(alerts)
        new = [
            candidates[key]
            for key, mark in marks.items()
            if mark not in before and key not in urgent
        ]
        rests = not_before_utc_s
        added = [
            one.key
            for one in sorted(new, key=lambda one: one.sort_key)
            if one.is_awake(question.utc_s, rests)
        ]
        known = replace(
            standing,
            marks=Marks.of(marks.values()),
            changed_utc_s=question.utc_s,
            added=standing.added + len(added),
        )
        is_only_more = bool(added) and not is_late and standing.keys <= marks.keys()
        tries = (ADD_TRIES if is_only_more else CHANGE_TRIES) if is_filled else 0
        return changed_plan(now, present, known, alerts, tries, added)

    def _alerts(
        self,
        parameters: PlanParameters,
        candidates: Mapping[str, Candidate],
        marks: Mapping[str, int],
    ) -> list[str]:
        """Return the keys of the alerts, the most urgent first."""
        if self._likely_alerts[0] != parameters.alerts:
            kinds = parameters.alerts
            self._likely_alerts = kinds, CandidatesWhere(lambda one: kinds.takes(one.request))
        found = self._likely_alerts[1].of(candidates, marks)
        return [one.key for one in alerts_of(found, parameters)]

    def _idle(self, question: Question, begin_s: float) -> ObservatoryModelState:
        """Return the observatory's state when the plan begins."""
        state = replace(question.state, utc_s=question.utc_s)
        return self._models.observatory.idle(state, begin_s)

    def explanation(
        self,
        question: Question,
        candidates: Mapping[str, Candidate],
        marks: Mapping[str, int],
        not_before_utc_s: Mapping[str, float],
        plan: NightPlan | None,
        one: Candidate,
        utc_s: float,
        known: Circumstances,
    ) -> dict[str, object]:
        """Explain a candidate at an instant, by the keys of an Explain reply.

        Parameters
        ----------
        candidates, marks
            All that wait, by key.
        plan
            That is followed.
        """
        view = None
        if plan is not None:
            now, present, after_s = self._now(question, candidates, marks, not_before_utc_s, plan)
            prices = self._prices.get((plan.night, plan.made_utc_s, plan.value), PlanPrices())
            in_hand = PlanNow(plan, now, present, marks, after_s, prices)
            view = in_hand.view(one.key, question.utc_s)
        found = explain(
            one.key,
            one.request,
            self._sky.site,
            self._sky.limits,
            self._sky.policy,
            utc_s,
            duration_s=self._models.observatory.exposures_s(one.request, one.count),
            known=known,
            plan=view,
        )
        return found.to_wire()

    def _now(
        self,
        question: Question,
        candidates: Mapping[str, Candidate],
        marks: Mapping[str, int],
        not_before_utc_s: Mapping[str, float],
        plan: NightPlan,
    ) -> tuple[NightNow, PresentRows, float]:
        """Return what a change begins from, the rows of what waits, and a readout's seconds."""
        night = question.night
        grid = self._grid(night.evening.timestamp(), night.morning.timestamp())
        models = corrected_models(self._models, self._sky, question.corrections)
        rows_of = night, question.corrections.readout_s
        if self._rows is None or self._rows[0] != rows_of:
            self._rows = rows_of, NightRows(models, self._sky, night, grid)
        rows = self._rows[1]
        begin_s = max(question.utc_s, grid.begin_utc_s)
        planned = plan.series_starts_utc_s
        present = rows.present(candidates, marks, not_before_utc_s, begin_s, planned)
        now = NightNow(
            grid=grid,
            model=planners_model(self._models.observatory, self._sky, question.corrections),
            begin_utc_s=begin_s,
            state=self._idle(question, begin_s),
            filter_names=rows.filter_names,
            parameters=question.parameters,
        )
        return now, present, rows.readout_s

    def _made(
        self,
        question: Question,
        candidates: Sequence[Candidate],
        marks: Mapping[str, int],
        not_before_utc_s: Mapping[str, float],
        standing: NightPlan | None,
    ) -> NightPlan:
        night, parameters = question.night, question.parameters
        evening_s, morning_s = night.evening.timestamp(), night.morning.timestamp()
        begin_s = max(question.utc_s, evening_s)
        all_marks = Marks.of(marks.values())
        alerts = {one.key for one in alerts_of(candidates, parameters)}
        others = [one for one in candidates if one.key not in alerts]
        models = corrected_models(self._models, self._sky, question.corrections)
        requests = plan_requests(models, others, night, not_before_utc_s, begin_s)
        if not requests or begin_s >= morning_s:
            return NightPlan(
                night.label, question.utc_s, begin_s, morning_s, 0.0, 0.0, 0.0, len(candidates), 0,
                all_marks, (),
            )  # fmt: skip
        frame_readout_s = readout_s(models, others)
        requests = series_first(requests, frame_readout_s, morning_s - begin_s)
        table = self._table(requests, frame_readout_s)
        settings = PlanSettings(
            tries=None if parameters.tries < 0 else parameters.tries,
            keep=parameters.keep,
            seed=parameters.seed,
        )
        model = planners_model(self._models.observatory, self._sky, question.corrections)
        planner = NightPlanner(table, self._grid(evening_s, morning_s), model, settings)
        start = PlanStart(begin_s, self._idle(question, begin_s))
        fresh = found = older_first(planner.plan(start), requests)
        if standing is not None and standing.visits and found.visits:
            found = stable(planner, found, standing, start, table, parameters.stability)
        if len(self._prices) >= PRICES_REMEMBERED:
            self._prices.pop(next(iter(self._prices)))
        prices = PlanPrices(found.price, found.price_step_s)
        self._prices[night.label, question.utc_s, found.value] = prices
        asked = {one.key: one for one in requests}
        return NightPlan(
            night=night.label,
            made_utc_s=question.utc_s,
            begin_utc_s=begin_s,
            end_utc_s=morning_s,
            value=found.value,
            bound=found.bound,
            filled=found.filled,
            requests=len(candidates),
            kept=found.kept,
            marks=all_marks,
            visits=orders_of(found, asked),
            kinematics=planned_kinematics(model),
            time_critical_cost=fresh.time_critical_cost,
        )

    def _grid(self, evening_s: float, morning_s: float) -> NightGrid:
        grid = self._grids.get((evening_s, morning_s))
        if grid is None:
            sky = self._sky
            grid = NightGrid.of(sky.site, sky.limits, sky.policy, evening_s, morning_s)
            self._grids = {(evening_s, morning_s): grid}
        return grid

    def _table(self, requests: Sequence[PlanRequest], frame_readout_s: float) -> RequestTable:
        sky = self._sky
        return RequestTable.of(requests, sky.limits, sky.policy, readout_s=frame_readout_s)
