"""A night at the simulators' site with a few orders, for tests of the plan driver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ctmo_indi import profiles
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.scheduling.candidates import Candidate
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.plan.driver import PlanScheduler
from ctmo_indi.scheduling.plan.night_plan import NightPlan
from ctmo_indi.scheduling.plan.planning import NightPlanning, Question
from ctmo_indi.scheduling.simulated_orders import DrawnOrders
from ctmo_indi.scheduling.sky import SiteSky
from ctmo_indi.scheduling.target import PendingOrder

PROFILE = profiles.load("simulators")
SKY = SiteSky(PROFILE)
MODELS = Models(SKY, ObservatoryModel.of(PROFILE), tuple(PROFILE.filters))
NIGHT = SKY.night(datetime(2026, 11, 22, 2, tzinfo=UTC))
DUSK = NIGHT.evening + timedelta(seconds=1)
SAFE = Verdict(VerdictLevel.SAFE, (), 1, "", 0.0)
RAIN = Verdict(VerdictLevel.UNSAFE, ("rain",), 1, "", 0.0)


class CountedPlanning(NightPlanning):
    """Counts the whole plans that are made, and the changes of plans."""

    def __init__(self) -> None:
        super().__init__(MODELS, SKY)
        self.made = 0
        self.changes = 0

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
        self.changes += 1
        return super().changed(
            question,
            candidates,
            marks,
            not_before_utc_s,
            standing,
            is_filled=is_filled,
            is_late=is_late,
        )

    def _made(
        self,
        question: Question,
        candidates: Sequence[Candidate],
        marks: Mapping[str, int],
        not_before_utc_s: Mapping[str, float],
        standing: NightPlan | None,
    ) -> NightPlan:
        self.made += 1
        return super()._made(question, candidates, marks, not_before_utc_s, standing)


def drawn(count: int, seed: int = 0) -> tuple[PendingOrder, ...]:
    return tuple(DrawnOrders(PROFILE, count, seed).waiting(NIGHT, 1))


def long_ones(count: int, seed: int = 0) -> tuple[PendingOrder, ...]:
    """Twenty minutes each: some thirty fill the night."""
    return tuple(
        replace(one, request=replace(one.request, exposure_s=1200.0, count=1), missing_count=1)
        for one in drawn(count, seed)
    )


def driver_of(planning: NightPlanning | None = None, **keys: object) -> PlanScheduler:
    driver = PlanScheduler(MODELS, planning=planning)
    driver.configure_scheduler({"tries": 500, **keys})
    return driver


def conditions(
    pending: Sequence[PendingOrder], utc: datetime = DUSK, **changes: object
) -> Conditions:
    known = Conditions(
        utc=utc,
        observatory=ObservatoryState.OPEN,
        verdict=SAFE,
        verdict_age_s=0.0,
        telescope_answers=True,
        pending=tuple(pending),
        state=ObservatoryModelState(utc.timestamp(), is_open=True, is_parked=False),
    )
    return replace(known, **changes)  # type: ignore[arg-type]  # the tests' own names
