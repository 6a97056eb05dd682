"""The feature based driver: Rubin's idea of scheduling, over targets and fields.

Surveys stand in tiers. Each sums up its basis functions for all of its candidates at once; the
candidate with the largest reward of the first tier that has one is asked exactly, by the rules of
the sequential driver, and is the target if nothing stands against it, else the next one is asked.
Calibration frames, which need no sky, are taken with the dome closed while no survey has a target.

Ideas: Naghib, Yoachim, Vanderbei, Connolly and Jones 2019, AJ 157, 151; the Rubin Scheduler's
developer guide. ``docs/how-to/feature-scheduler.md`` is the manual.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import ClassVar

from ctmo_indi.errors import InternalError
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.driver import Driver, DriverParameters, Value
from ctmo_indi.scheduling.errors import NoSchedulerError
from ctmo_indi.scheduling.feature import configuration as configurations
from ctmo_indi.scheduling.feature.configuration import Configured, Tier
from ctmo_indi.scheduling.feature.exact_rules import ExactRules
from ctmo_indi.scheduling.feature.explanation import ExplainedCandidate, Explanation
from ctmo_indi.scheduling.feature.field_survey import FieldSurvey
from ctmo_indi.scheduling.feature.instants import instants
from ctmo_indi.scheduling.feature.memory import Memory
from ctmo_indi.scheduling.feature.order_table import OrderTable, not_before_s
from ctmo_indi.scheduling.feature.site_now import NightFrames, SitedSky, SiteNow, sited
from ctmo_indi.scheduling.feature.site_rules import SiteRules
from ctmo_indi.scheduling.feature.situation import FieldPlaces, Situation
from ctmo_indi.scheduling.feature.slews import slews_of
from ctmo_indi.scheduling.feature.survey import Proposal, Survey
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.order_groups import OrderGroups, group_of
from ctmo_indi.scheduling.target import (
    DriverTarget,
    NextTarget,
    Observation,
    PendingOrder,
    SurveyTopology,
)

REASONS_SOUGHT = 100
"""Orders whose obstacles are worked out in full while there is no target."""


class FeatureScheduler(Driver):
    """Takes the candidate with the largest reward that nothing stands against."""

    name: ClassVar[str] = "feature"

    def __init__(
        self,
        models: Models,
        raw_telemetry: Mapping[str, Value] | None = None,
        parameters: DriverParameters | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        super().__init__(models, raw_telemetry, parameters, log)
        self._configured: Configured | None = None
        self._memory = Memory({}, {})
        self._orders = OrderTable()
        self._groups = OrderGroups()
        self._places = FieldPlaces()
        self._nights = NightFrames()
        self._slews = slews_of(models.observatory)

    def configure_scheduler(self, configuration: Mapping[str, object]) -> SurveyTopology:
        """Take the surveys; ``docs/how-to/feature-scheduler.md`` has the keys.

        Raises
        ------
        NoSchedulerError
            There is no survey.
        NoNsideError
            A set of fields has neither a file nor a resolution.
        ConfigError
            Anything else; all that is wrong is said at once.
        """
        found = configurations.read(configuration, self.resolve, self.models.filters)
        self._sited_sky()  # refused here rather than at night
        given = {field.name for field in fields(DriverParameters)} & set(configuration)
        self.parameters = replace(
            self.parameters, **{name: getattr(found.settings, name) for name in given}
        )
        self._configured = found
        self._memory = found.memory()
        self._places = FieldPlaces()
        surveys = [one for tier in found.tiers for one in tier.surveys]
        for name, one in found.fields.items():
            self.log.info("fields read fields=%s count=%d", name, one.size)
        return SurveyTopology(
            self.name,
            tuple(one.name for one in surveys if not isinstance(one, FieldSurvey)),
            tuple(one.name for one in surveys if isinstance(one, FieldSurvey)),
        )

    def register_observation(self, observation: Observation) -> None:
        """Take a visit to a field; of orders the order book keeps account."""
        super().register_observation(observation)
        self._memory.add(observation, self._night_of)

    def get_state(self) -> dict[str, object]:
        """Return visits to fields, blocks under way and the last change of filter."""
        return {**super().get_state(), "memory": self._memory.state()}

    def set_state(self, state: Mapping[str, object]) -> None:
        """Go back to what :meth:`get_state` returned; as the base's."""
        memory = self._memory.read(state["memory"])
        super().set_state(state)
        self._memory = memory

    def select_next_target(self) -> DriverTarget | None:
        """Return the candidate with the largest reward of the first tier that has one."""
        conditions = self._known_conditions()
        situation = self._situation(conditions)
        if not conditions.sky_forbidden:
            found = self._choose(situation)
            if found is not None:
                return self._rules.target(found, conditions)
        order = next(self._without_sky(conditions), None)
        if order is None:
            return None
        duration_s = self.models.observatory.exposures_s(order.request, order.missing_count)
        note = "frames without sky, while no survey has a target"
        return DriverTarget.of_order(order, conditions.utc, duration_s, note)

    def estimate_next_target(self) -> NextTarget:
        """Look for the first target before this or the next night ends, with reasons."""
        conditions = self._known_conditions()
        assert self.night is not None  # with the conditions
        morning = self.night.morning
        reasons = {
            one.receipt: self._reasons(one, conditions)
            for one in sorted(conditions.pending, key=lambda one: (-one.priority, one.receipt))[
                :REASONS_SOUGHT
            ]
        }
        for utc in instants(conditions.utc, self.night, skip_day=not self._orders.without_sky):
            then = replace(conditions, utc=utc)
            order = next(self._without_sky(then), None)
            if order is not None:
                return NextTarget(utc, morning, order.receipt, reasons)
            if self.night.lasts_at(utc):
                found = self._choose(self._situation(then))
                if found is not None:
                    return NextTarget(utc, morning, found.target_id, reasons)
        return NextTarget(None, morning, "", reasons)

    def explain(self, key: str, utc: datetime | None = None) -> dict[str, object]:
        """Add the table of rewards, of now, to what the base says."""
        found = super().explain(key, utc)
        return {**found, "Rewards": list(self.rewards(key).lines())} if found else found

    def rewards(self, name: str) -> Explanation:
        """Say what every basis function makes of a candidate now, and of the winner.

        Parameters
        ----------
        name
            A receipt, a field (alone or as ``set/field``), or the name of a target.

        Returns
        -------
        Explanation
            A table for each survey and filter; none for a name that no survey knows.
        """
        conditions = self._known_conditions()
        situation = self._situation(conditions)
        best = self._choose(situation)
        winner = None
        candidates: list[ExplainedCandidate] = []
        for tier in self._tiers:
            for survey in tier.surveys:
                if best is not None and best.survey == survey.name:
                    rows = survey.table(situation, best.row, best.filter_code)
                    winner = ExplainedCandidate(tier.name, survey.name, best.target_id, rows, ())
                for row, code, target in survey.named(name, situation):
                    against = tuple(self._against(survey, situation, row, code))
                    table = survey.table(situation, row, code)
                    one = ExplainedCandidate(tier.name, survey.name, target, table, against)
                    candidates.append(one)
        return Explanation(name, tuple(candidates), winner, conditions.sky_forbidden)

    # -- one decision ------------------------------------------------------------------------------

    def _choose(self, situation: Situation) -> Proposal | None:
        """Return the best proposal of the first tier that has one nothing stands against."""
        rules, conditions = self._rules, situation.conditions
        in_vain: set[str] = set()
        for tier in self._tiers:
            for proposal in _best_first(tier, situation):
                group = group_of(proposal.request)
                if group in in_vain or next(rules.alone(proposal, conditions), None) is not None:
                    continue
                if next(rules.of_group(proposal, conditions), None) is None:
                    return proposal
                in_vain.add(group)
        return None

    def _against(
        self, survey: Survey, situation: Situation, row: int, filter_code: int
    ) -> Iterator[str]:
        """Everything exact against a candidate that may not have been proposed."""
        proposal = survey.plain(situation, row, filter_code)
        yield from self._rules.obstacles(proposal, situation.conditions)

    def _without_sky(self, conditions: Conditions) -> Iterator[PendingOrder]:
        """Yield orders that need no sky and may be begun now, by priority, then age."""
        if conditions.closed_dome_forbidden:
            return
        self._orders.update(conditions.pending)
        for order in self._orders.without_sky:
            utc_s, latest_s = conditions.utc.timestamp(), order.request.latest_start_utc_s
            is_in_time = not_before_s(order) <= utc_s and (latest_s is None or utc_s <= latest_s)
            if is_in_time and not self.models.sky.obstacles(order.request, conditions.utc):
                yield order

    def _reasons(self, order: PendingOrder, conditions: Conditions) -> tuple[str, ...]:
        """Return why an order cannot be observed now."""
        reasons: list[str] = []
        if order.due_utc_s > conditions.utc.timestamp():
            reasons.append("the next visit is not due yet")
        elif order.not_before_utc_s > conditions.utc.timestamp():
            reasons.append("the last attempt ended short, it rests")
        needs_sky = order.request.frame_type.needs_sky
        reasons += conditions.sky_forbidden if needs_sky else conditions.closed_dome_forbidden
        reasons += self.models.sky.obstacles(order.request, conditions.utc)
        return tuple(reasons) or ("excluded by every survey; explain has the table",)

    def _situation(self, conditions: Conditions) -> Situation:
        sky, utc_s = self._sited_sky(), conditions.utc.timestamp()
        assert self.night is not None  # with the conditions
        assert self._configured is not None  # _tiers were asked for
        self._orders.update(conditions.pending)
        if conditions.state is not None:
            state = replace(conditions.state, utc_s=utc_s)
            conditions = replace(conditions, state=state)
        return Situation(
            conditions,
            self.night,
            SiteNow.at(self._nights.of(sky.site, utc_s), utc_s),
            SiteRules(sky.limits, sky.policy),
            self._slews,
            self._places,
            self._orders,
            self.models.sky.place_deg,
            self._memory,
            self._configured.settings.seed,
        )

    def _night_of(self, utc_s: float) -> str:
        return self.models.sky.night(datetime.fromtimestamp(utc_s, UTC)).label

    def _sited_sky(self) -> SitedSky:
        return sited(self.models.sky, self.name)

    @property
    def _rules(self) -> ExactRules:
        assert self.night is not None  # with the conditions
        return ExactRules(self.models, self.night, self.parameters.night_boundary, self._groups)

    @property
    def _tiers(self) -> tuple[Tier, ...]:
        if self._configured is None:
            raise NoSchedulerError("feature driver: asked for a target before it was configured")
        return self._configured.tiers

    def _known_conditions(self) -> Conditions:
        if self.conditions is None:
            raise InternalError("feature driver: asked for a target before update_conditions")
        assert self._tiers  # or it is not configured
        return self.conditions


def _best_first(tier: Tier, situation: Situation) -> Iterator[Proposal]:
    """Yield the proposals of all surveys of a tier: blocks that have begun, then by reward."""
    proposals = [survey.proposals(situation) for survey in tier.surveys]
    return heapq.merge(*proposals, key=lambda one: (not one.is_running, -one.reward))
