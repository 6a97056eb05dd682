"""Setups of plans: those of the starts that were chosen, whenever the plan is made or changed.

Judged by the independent checker, and by its own tolerance (0.5 s) only.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctmo_indi.models.coordinates import hour_angle_h
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.orders import Window
from ctmo_indi.planner.bound_kernels import value_grid
from ctmo_indi.planner.checker import check
from ctmo_indi.planner.night_requests import NightRequests
from ctmo_indi.planner.pipeline import NightPlanner, PlanStart
from ctmo_indi.planner.plan_request import PlanRequest
from ctmo_indi.planner.problem import Found, Problem, timed
from ctmo_indi.planner.settling import settled

from .test_plan_night import (
    FORK,
    GERMAN,
    LIMITS,
    NIGHT,
    POLICY,
    QUICK,
    SITE,
    START,
    planned,
    some,
    table_of,
)

SLOW = {"hour_angle_rate_deg_s": 1.0, "declination_rate_deg_s": 1.0, "dome_rate_deg_s": 2.0}
MODELS = {
    "fork": FORK,
    "german": GERMAN,
    "slow fork": ObservatoryModel(SITE, replace(FORK.kinematics, **SLOW), GERMAN.dome),
    "slow german": ObservatoryModel(SITE, replace(GERMAN.kinematics, **SLOW), GERMAN.dome),
}
LATER_S = 4000.0


def northern(count: int, seed: int) -> list[PlanRequest]:
    """Many near the pole, where setups change most with the hour."""
    return [replace(one, dec_deg=min(one.dec_deg + 20.0, 85.0)) for one in some(count, seed)]


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    name=st.sampled_from(["slow german", "slow fork", "german", "fork"]),
    count=st.sampled_from([60, 25, 12, 3, 120]),
    seed=st.integers(0, 10_000),
    late_s=st.sampled_from([0.0, 9000.0]),
)
def test_every_plan_sets_up_in_time(name: str, count: int, seed: int, late_s: float) -> None:
    model, requests = MODELS[name], northern(count, seed)
    planner = NightPlanner(table_of(requests), NIGHT, model, replace(QUICK, tries=1000))
    first = replace(START, utc_s=NIGHT.begin_utc_s + late_s)
    later = replace(START, utc_s=first.utc_s + LATER_S)
    plan = planner.plan(PlanStart(first.utc_s, first))
    assert check(plan, requests, SITE, LIMITS, POLICY, model, first) == ()
    again = planner.replan(plan, PlanStart(later.utc_s, later))
    assert check(again, requests, SITE, LIMITS, POLICY, model, later) == ()
    urgent = replace(requests[0], key="urgent", windows=())
    longer = planner.insert(plan, urgent, PlanStart(later.utc_s, later))
    if longer is not None:
        assert "urgent" in {one.key for one in longer.visits}
        asked = [*requests, urgent]
        assert check(longer, asked, SITE, LIMITS, POLICY, model, later) == ()


@pytest.mark.parametrize("name", ["slow german", "slow fork"])
def test_a_sparse_night_sets_up_in_time(name: str) -> None:
    for seed in range(3):
        requests = northern(60, seed)
        plan = planned(requests, MODELS[name])
        assert check(plan, requests, SITE, LIMITS, POLICY, MODELS[name], START) == ()


def problem_of(requests: list[PlanRequest], start: PlanStart) -> Problem:
    night = NightRequests(table_of(requests), NIGHT, MODELS["slow german"])
    kept, count = night.every, night.rows.size
    return Problem(
        sky=night.sky._replace(begin_s=start.begin_s(NIGHT.begin_utc_s)),
        kept=kept,
        setup=night.setup,
        first_s=night.first_s(night.rows, start),
        before_s=np.zeros(count),
        near=np.zeros((count, 0), dtype=np.int32),
        grid=value_grid(night.sky, kept, 60.0, 0),
        capacity_s=np.zeros(0),
    )


def test_where_a_setup_takes_longer_the_visits_before_it_start_earlier_or_go() -> None:
    begin_s, place = NIGHT.begin_utc_s, {"ra_deg": 300.0, "dec_deg": 40.0}
    first = PlanRequest("a", exposure_s=600.0, windows=(), **place)
    last = PlanRequest(
        "b", ra_deg=330.0, dec_deg=20.0, exposure_s=300.0, priority=2.0,
        windows=(Window(begin_s + 2000.0, begin_s + 2310.0),),
    )  # fmt: skip
    problem = problem_of([first, last], PlanStart(begin_s, START))
    order = np.arange(2, dtype=np.int32)
    early = timed(problem, order)
    wish_s = np.array([1995.0 - 605.0, 2000.0])  # the setup takes half a minute
    found = settled(problem, Found(order, wish_s, early.setup_s, 0.0))
    assert found.order.tolist() == [0, 1]
    assert found.start_s[0] < wish_s[0]
    assert found.start_s[1] - found.start_s[0] >= 605.0 + found.setup_s[1] - 1e-6
    # Where it cannot start earlier either, the one that is worth less goes; if it must not, the
    # other one, and with it its group.
    narrow = replace(first, windows=(Window(begin_s + 1385.0, begin_s + 1995.0),))
    problem = problem_of([narrow, last], PlanStart(begin_s, START))
    wishes = Found(order, wish_s, early.setup_s, 0.0)
    assert settled(problem, wishes).order.tolist() == [1]
    must = np.array([True, False])
    assert settled(problem, wishes, must).order.tolist() == [0]
    assert settled(problem, wishes, None, np.zeros(2, dtype=np.int32)).order.tolist() == []


def test_the_first_visits_side_of_the_pier_is_that_of_its_own_hour() -> None:
    """One near the meridian when the plan begins, three hours after the night."""
    late_s = 10_800.0
    start = PlanStart(NIGHT.begin_utc_s + late_s, replace(START, utc_s=NIGHT.begin_utc_s + late_s))
    overhead_deg = 15.0 * (hour_angle_h(0.0, 20.0, SITE, start.utc_s) - 0.5)
    requests = [
        PlanRequest("a", overhead_deg % 360.0, 20.0, 600.0),
        PlanRequest("b", (overhead_deg - 30.0) % 360.0, 20.0, 600.0),
    ]
    for asked in (requests, requests[::-1]):
        planner = NightPlanner(table_of(asked), NIGHT, MODELS["slow german"], QUICK)
        plan = planner.plan(start)
        assert check(plan, asked, SITE, LIMITS, POLICY, MODELS["slow german"], start.state) == ()
    # Half an hour past the meridian the tube is east of the pier: no flip to the one further west.
    problem = problem_of(requests, start)
    both = timed(problem, np.arange(2, dtype=np.int32))
    assert both.setup_s[1] < 60.0


def test_a_plan_begun_late_is_constructed_from_its_begin_on() -> None:
    late = replace(START, utc_s=NIGHT.begin_utc_s + 14_400.0)
    start = PlanStart(late.utc_s, late)
    plan = planned(some(300), start=start, settings=replace(QUICK, tries=0))
    assert plan.visits[0].start_utc_s < late.utc_s + 600.0
    assert plan.filled > 0.9
