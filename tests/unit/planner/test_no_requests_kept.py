"""When the search keeps nothing, or hardly anything: a plan without visits, and a true bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.planner.fill_kernels import Gap, fill
from ctmo_indi.planner.kept import Pools
from ctmo_indi.planner.night_requests import NightRequests
from ctmo_indi.planner.pipeline import NightPlanner, PlanStart
from ctmo_indi.planner.problem import PlanSettings
from ctmo_indi.planner.search_kernels import improve
from ctmo_indi.planner.setup_kernels import NEVER_S

from .test_plan_night import FORK, GERMAN, NIGHT, QUICK, START, planned, some, table_of


@pytest.mark.parametrize("model", [FORK, GERMAN], ids=["fork", "german"])
@pytest.mark.parametrize("settings", [QUICK, replace(QUICK, tries=None)], ids=["few", "usual"])
def test_a_search_that_keeps_none_gives_a_plan_without_visits(
    model: ObservatoryModel, settings: PlanSettings
) -> None:
    requests, start = some(60), PlanStart(START.utc_s, START)
    planner = NightPlanner(table_of(requests), NIGHT, model, replace(settings, keep=0))
    plan = planner.plan(start)
    assert (plan.visits, plan.kept) == ((), 0)
    assert planner.replan(plan, start).visits == ()
    assert plan.bound >= planned(requests, model).value


def test_one_that_keeps_fewer_than_there_are_half_hours_keeps_some() -> None:
    plan = planned(some(60), settings=replace(QUICK, keep=5))
    assert plan.kept >= 5
    assert plan.visits


@pytest.mark.parametrize("bins", [0, 3])
def test_the_kernels_fill_nothing_from_lists_that_are_empty(bins: int) -> None:
    night = NightRequests(table_of(some(4)), NIGHT, FORK)
    for kept in (night.every, night.every._replace(first=np.zeros(5, dtype=np.int32))):
        size = kept.worth.size
        rows, most = np.full((bins, 8), -1, dtype=np.int32), np.full((bins, 8), -np.inf)
        near = np.full((size, 0), -1, dtype=np.int32)
        pools = Pools(300.0, rows, most, rows, most, near, np.zeros(bins))
        first_s, nothing = np.zeros(size), np.zeros(0, dtype=np.int32)
        made, where = np.zeros(8, dtype=np.int32), np.full(size, -1, dtype=np.int32)
        gap, state = Gap(-1, False, 0.0, -1, NEVER_S), np.zeros(1, dtype=np.uint64)
        known = night.sky, kept, night.setup, first_s, pools
        assert fill(*known, False, 0.0, where, gap, -1, made, state) == 0
        order, _, _, worth = improve(*known, nothing, np.zeros(size), nothing, 0, 300, 0.0, 0.0, 1)
        assert (order.size, worth) == (0, 0.0)
