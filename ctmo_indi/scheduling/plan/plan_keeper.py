"""A driver that keeps a plan of the night: when one is made, what is remembered of it.

What is chosen by it: ``driver.py``.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.scheduling.candidates import Candidate, SortKey
from ctmo_indi.scheduling.conditions import Conditions, Night
from ctmo_indi.scheduling.driver import DriverParameters, Value
from ctmo_indi.scheduling.feature.site_now import SitedSky, sited
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.plan.candidate_marks import CandidateMarks, Marked
from ctmo_indi.scheduling.plan.learned import LearnedObservatory
from ctmo_indi.scheduling.plan.night_plan import NightPlan, PlannedOrder
from ctmo_indi.scheduling.plan.overheads import Overheads
from ctmo_indi.scheduling.plan.plan_news import PlanCheck, PlanNews
from ctmo_indi.scheduling.plan.plan_parameters import PlanParameters, read_plan_parameters
from ctmo_indi.scheduling.plan.time_critical import critical_start_s
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.scheduling.sequential_parameters import SequentialParameters
from ctmo_indi.scheduling.target import Observation, SurveyTopology

if TYPE_CHECKING:
    from ctmo_indi.scheduling.plan.planning import NightPlanning, Question

PLANNED_AHEAD = timedelta(hours=1)
"""Before the night begins its plan is made."""


class PlanKeeper(SequentialScheduler):
    """Follows what happens, and has a new plan made when the old one no longer holds.

    Parameters
    ----------
    planning
        What makes the plans; may be shared by drivers with the same models. None: its own.
    """

    def __init__(
        self,
        models: Models,
        raw_telemetry: Mapping[str, Value] | None = None,
        parameters: DriverParameters | None = None,
        log: logging.Logger | None = None,
        planning: NightPlanning | None = None,
    ) -> None:
        super().__init__(models, raw_telemetry, parameters, log)
        self._marks = CandidateMarks()
        self._planning = planning
        self._plan: NightPlan | None = None
        self._learned = LearnedObservatory(models)
        self._by_key: dict[str, Candidate] = {}
        self._unplanned: tuple[Candidate, ...] = ()
        self._known_of: Conditions | None = None

    def configure_scheduler(self, configuration: Mapping[str, object]) -> SurveyTopology:
        """Take the keys of :class:`PlanParameters`; none is needed.

        Raises
        ------
        ConfigError
            Everything that is wrong with the keys, or with the observing list; a sky model that
            does not tell its site.
        """
        self._sited_sky()
        return super().configure_scheduler(configuration)

    def cold_start(self, observations: Iterable[Observation] = ()) -> None:
        """Register what had been observed, and have the planner compiled.

        The compilation takes half a minute once on a machine, later starts a second.
        """
        with FIRST_IMPORT:
            from ctmo_indi.scheduling.plan.warming_up import warm_up  # heavy: numba

        self.log.info("planner gets ready; compiling it takes half a minute the first time")
        warm_up()
        self.log.info("planner is ready")
        super().cold_start(observations)

    # -- what it remembers -------------------------------------------------------------------------

    def update_conditions(self, conditions: Conditions) -> None:
        """Take the newest telemetry; make a new plan when the old one no longer holds.

        A plan that cannot be made, for whatever reason, does not cost the night: it is logged, and
        orders are chosen one at a time until there is news, or half an hour has passed.
        """
        super().update_conditions(conditions)
        night = self.night
        assert night is not None  # with the conditions
        if self._plan is not None and self._plan.night != night.label:
            self._plan = None
        found = self._know(conditions)
        news = None
        if found is not None and not conditions.sky_forbidden:
            news = self._news(conditions, night, found)
        if found is None or news is None:
            return
        try:
            self._plan = self._planned(news, conditions, night, found)
        except Exception as error:  # whatever it is: an order that nobody thought of
            self.log.exception("plan not made why=%r", news.why)
            self._plan = NightPlan.refused(
                night, conditions.utc.timestamp(), found.marks.values(), _why_not_made(error, found)
            )
        self.log.info(
            "plan %s why=%r visits=%d value=%.0f gap=%.4f",
            "made" if news.is_whole else "changed",
            news.why,
            len(self._plan.visits),
            self._plan.value,
            self._plan.gap,
        )
        if self._plan.refusal:
            self.log.error("plan refused, orders are chosen one at a time: %s", self._plan.refusal)

    def register_observation(self, observation: Observation) -> None:
        """Take a visit out of the plan; learn what the way to it took."""
        super().register_observation(observation)
        if self._plan is not None:
            self._plan = self._plan.without(observation.target_id or observation.receipt)
        self._learned.register(observation)

    def get_state(self) -> dict[str, object]:
        """Return the plan and what was learned of overheads, besides the sequential driver's."""
        return {
            **super().get_state(),
            "plan": None if self._plan is None else self._plan.state(),
            "overheads": self._learned.overheads.state(),
        }

    def set_state(self, state: Mapping[str, object]) -> None:
        """Go back to what :meth:`get_state` returned; as the base's."""
        plan = None if state["plan"] is None else NightPlan.of_state(state["plan"])
        overheads = Overheads.of_state(state["overheads"])
        super().set_state(state)
        self._plan, self._learned.overheads = plan, overheads

    # -- when a new plan is made -------------------------------------------------------------------

    def _planned(
        self, news: PlanNews, conditions: Conditions, night: Night, found: Marked
    ) -> NightPlan:
        question, planning = self._question(conditions, night), self._night_planning()
        rests, plan = conditions.not_before_utc_s, self._plan
        if plan is not None and plan.refusal:
            plan = None  # the next one is gone through as the first was
        if plan is not None and not news.is_whole:
            return planning.changed(
                question,
                found.plannable,
                found.marks,
                rests,
                plan,
                is_filled=news.is_filled,
                is_late=news.is_late,
            )
        candidates = tuple(sorted(found.plannable.values(), key=_sort_key))
        return planning.plan(question, candidates, found.marks, rests, plan)

    def _news(self, conditions: Conditions, night: Night, found: Marked) -> PlanNews | None:
        """Say what the plan does not know of yet; None when it holds."""
        if self._plan is None:
            return PlanNews("first of the night", is_whole=True)
        parameters = self._plan_parameters
        return PlanCheck(self._plan, found, conditions, night, parameters, self._way_s).news()

    def _until_time_critical_s(self, conditions: Conditions) -> float:
        """Return in how many seconds the way to a time-critical visit of the plan has to begin."""
        for one in self._visits():
            latest_s = self._latest_start_s(one)
            if latest_s is not None:
                return latest_s - one.setup_s - conditions.utc.timestamp()
        return math.inf

    def _latest_start_s(self, visit: PlannedOrder) -> float | None:
        """Return when a time-critical visit has to begin at the latest; None: it is none."""
        assert self.night is not None  # with the conditions
        return critical_start_s(self._by_key[visit.key].request, visit, self.night)

    def _question(self, conditions: Conditions, night: Night) -> Question:
        with FIRST_IMPORT:
            from ctmo_indi.scheduling.plan.planning import Question  # heavy: numba

        utc_s, state = conditions.utc.timestamp(), conditions.state
        if state is None:
            is_open = conditions.observatory is ObservatoryState.OPEN
            state = ObservatoryModelState(utc_s, is_parked=not is_open, is_open=is_open)
        known = self._learned.corrections
        return Question(night, utc_s, state, known, self._plan_parameters)

    def _night_planning(self) -> NightPlanning:
        if self._planning is None:
            self._planning = self._new_planning()
        return self._planning

    def _new_planning(self) -> NightPlanning:
        with FIRST_IMPORT:
            from ctmo_indi.scheduling.plan.planning import NightPlanning  # heavy: numba

        return NightPlanning(self.models, self._sited_sky())

    def _sited_sky(self) -> SitedSky:
        return sited(self.models.sky, self.name)

    def _read_parameters(self, configuration: Mapping[str, object]) -> SequentialParameters:
        return read_plan_parameters(configuration, self._plan_parameters)

    @property
    def _plan_parameters(self) -> PlanParameters:
        given = self.parameters
        if isinstance(given, PlanParameters):
            return given
        return PlanParameters(given.night_boundary, given.new_moon_phase_threshold)

    def _visits(self) -> tuple[PlannedOrder, ...]:
        """Return the visits of the plan whose orders wait."""
        if self._plan is None:
            return ()
        return tuple(one for one in self._plan.visits if one.key in self._by_key)

    def _know(self, conditions: Conditions) -> Marked | None:
        """Learn which candidates can be planned now; None: the night is far."""
        night = self.night
        assert night is not None  # with the conditions
        self._known_of = conditions
        if not night.evening - PLANNED_AHEAD <= conditions.utc < night.morning:
            self._by_key, self._unplanned = {}, ()
            return None
        rests = conditions.not_before_utc_s
        found = self._marks.of(self._table.present(), rests, night.morning.timestamp())
        self._by_key, self._unplanned = found.plannable, found.others
        return found

    def _known_conditions(self) -> Conditions:
        """Return the conditions; candidates are those of them, as after a look ahead."""
        conditions = super()._known_conditions()
        if self._known_of is not conditions:
            self._know(conditions)
        return conditions

    def _way_s(self, candidate: Candidate, conditions: Conditions) -> float:
        return self._learned.way_s(candidate.request, conditions)


def _sort_key(one: Candidate) -> SortKey:
    return one.sort_key


def _why_not_made(error: Exception, found: Marked) -> str:
    if isinstance(error, MemoryError):
        return (
            f"not made: {len(found.plannable)} requests do not fit into memory, expected up to half"
            " a kilobyte for each beside 0.2 GiB for the program"
        )
    return f"not made: {error!r}"
