"""What is time-critical is planned first, by priority; the rest as well as it can be around it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from ctmo_indi.models.coordinates import sidereal_time_h
from ctmo_indi.models.orders import Window
from ctmo_indi.planner.changed_plan import Changes, PlanChange
from ctmo_indi.planner.checker import check
from ctmo_indi.planner.night_requests import NightRequests
from ctmo_indi.planner.pipeline import NightPlanner, PlanStart
from ctmo_indi.planner.plan import Plan
from ctmo_indi.planner.plan_request import PlanRequest
from ctmo_indi.planner.problem import STEP_S
from ctmo_indi.planner.request_table import NO_GROUP
from ctmo_indi.planner.row_arrays import cut

from .oracle_exact import exhaustive
from .test_exact_optimum import LEAST, TWO_SKIES
from .test_exact_optimum import planned as planned_evening
from .test_oracle_small_night import BEGIN_S, of_night, requests
from .test_plan_night import FORK, LIMITS, NIGHT, POLICY, QUICK, SITE, START, some, table_of

TOLERANCE_S = 60.0


def fixed(
    key: str, start_utc_s: float, priority: float = 0.0, exposure_s: float = 60.0
) -> PlanRequest:
    """Begin a minute around an instant at the most; in the south then."""
    length_s = exposure_s + 5.0
    return PlanRequest(
        key=key,
        ra_deg=15.0 * sidereal_time_h(SITE, start_utc_s),
        dec_deg=20.0,
        exposure_s=exposure_s,
        priority=priority,
        windows=(Window(start_utc_s - TOLERANCE_S, start_utc_s + TOLERANCE_S + length_s),),
        is_time_critical=True,
    )


def many(seed: int) -> list[PlanRequest]:
    """Ten minutes each or longer, so that it pays to leave out what is short."""
    return [replace(one, exposure_s=200.0) for one in some(120, seed, window_share=0.0)]


def hourly(count: int) -> list[PlanRequest]:
    return [fixed(f"T{hour}", NIGHT.begin_utc_s + 3000.0 + 3600.0 * hour) for hour in range(count)]


def planner_of(wanted: Sequence[PlanRequest]) -> NightPlanner:
    return NightPlanner(table_of(wanted), NIGHT, FORK, QUICK)


def planned(wanted: Sequence[PlanRequest]) -> Plan:
    plan = planner_of(wanted).plan(PlanStart(START.utc_s, START))
    assert check(plan, wanted, SITE, LIMITS, POLICY, FORK, START) == ()
    return plan


def keys(plan: Plan, of: Iterable[PlanRequest]) -> set[str]:
    return {one.key for one in of} & {visit.key for visit in plan.visits}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_of_it_is_planned_whatever_that_costs_and_the_plan_says_what(seed: int) -> None:
    critical, others = hourly(8), many(seed)
    plan = planned([*critical, *others])
    before = planned([*(replace(one, is_time_critical=False) for one in critical), *others])
    assert len(keys(plan, critical)) == 8
    assert len(keys(before, critical)) < 8
    assert before.bound == pytest.approx(plan.bound, rel=1e-9)
    assert plan.bound > max(before.value, plan.value)
    assert plan.value > 0.95 * before.value
    cost = max(before.value - plan.value, 0.0)  # of both, starts are made better afterwards
    assert plan.time_critical_cost == pytest.approx(cost, abs=1e-3 * plan.value)
    assert before.time_critical_cost == 0.0


def test_a_plan_that_has_it_already_is_not_changed() -> None:
    critical, others = [replace(one, priority=500.0) for one in hourly(3)], many(1)
    plan = planned([*critical, *others])
    assert plan == planned([*(replace(one, is_time_critical=False) for one in critical), *others])
    assert len(keys(plan, critical)) == 3
    assert plan.time_critical_cost == 0.0


def test_of_two_at_one_time_the_larger_priority_is_made_though_the_other_is_worth_more() -> None:
    at_s = NIGHT.begin_utc_s + 7200.0
    first, second = fixed("first", at_s, 5.0, 300.0), fixed("second", at_s, 4.0, 1200.0)
    for order in ([first, second], [second, first]):
        plan = planned([*order, *many(2)])
        assert keys(plan, order) == {"first"}


def test_what_is_not_time_critical_never_goes_before_it() -> None:
    at_s = NIGHT.begin_utc_s + 7200.0
    rival = replace(fixed("rival", at_s, 500.0, 1200.0), is_time_critical=False)
    critical = fixed("critical", at_s, 0.0, 300.0)
    plan = planned([rival, critical, *many(3)])
    assert keys(plan, [rival, critical]) == {"critical"}


def test_a_member_of_a_group_is_planned_by_the_value_of_the_group() -> None:
    at_s = NIGHT.begin_utc_s + 7200.0
    group = [replace(fixed(f"G{n}", at_s + 3600.0 * n), group="G") for n in range(2)]
    assert not table_of(group).is_time_critical.any()
    assert len(keys(planned([*group, *many(1)]), group)) in (0, 2)


def test_groups_around_it_are_whole() -> None:
    critical = hourly(8)
    others = [replace(one, group=f"G{n // 3}" if n < 30 else "") for n, one in enumerate(many(2))]
    plan = planned([*critical, *others])
    assert len(keys(plan, critical)) == 8
    group = {one.key: one.group for one in others}
    inside = [group[visit.key] for visit in plan.visits if group.get(visit.key)]
    assert {inside.count(name) for name in inside} <= {3}


def test_when_it_is_late_the_visit_before_is_given_up() -> None:
    critical, others = hourly(8), many(1)
    wanted = [*critical, *others]
    planner = planner_of(wanted)
    plan = planner.plan(PlanStart(START.utc_s, START))
    for late_s in (300.0, 900.0, 2400.0):
        state = replace(START, utc_s=START.utc_s + late_s)
        for tries in (0, 400):
            after = planner.replan(plan, PlanStart(state.utc_s, state), tries=tries)
            assert len(keys(after, critical)) == 8
            assert check(after, wanted, SITE, LIMITS, POLICY, FORK, state) == ()


@pytest.mark.parametrize("policy", ["insert", "preempt"])
@pytest.mark.parametrize("tries", [0, 400])
def test_a_changed_plan_keeps_it_though_it_is_late_and_an_alert_has_come(
    tries: int, policy: str
) -> None:
    critical, others = hourly(8), many(1)
    alert = replace(fixed("alert", critical[2].windows[0].start_utc_s), windows=())
    night = NightRequests(table_of([*critical, *others, alert]), NIGHT, FORK)
    plan = planned([*critical, *others])
    place = {key: index for index, key in enumerate(night.keys)}
    begin_s = 900.0
    every = cut(night.every, np.array([[-np.inf, begin_s]]))
    slots = np.arange(np.ceil(night.sky.length_s / STEP_S))
    capacity_s = np.where(STEP_S * (slots + 1.0) > begin_s, STEP_S, 0.0)
    change = PlanChange(
        night.sky, every, night.setup, np.full(len(night.keys), NO_GROUP), capacity_s, QUICK
    )
    late = PlanStart(START.utc_s + begin_s, replace(START, utc_s=START.utc_s + begin_s))
    kept = {}
    for which in (critical, []):
        changes = Changes(
            standing=np.array([place[one.key] for one in plan.visits]),
            alerts=np.array([place["alert"]]),
            is_preempting=policy == "preempt",
            tries=tries,
            critical=np.array([place[one.key] for one in which], dtype=np.intp),
        )
        rows = change.kept_rows(changes)
        found = change.changed(rows, night.first_s(night.rows[rows], late), changes)
        kept[len(which)] = {night.keys[row] for row in found.rows.tolist()}
        assert "alert" in kept[len(which)]
        assert {night.keys[row] for _, row in found.lost} <= {"alert"}
    wanted = {one.key for one in critical}
    assert wanted <= kept[8]
    assert not wanted <= kept[0]


def test_an_alert_that_has_no_other_place_goes_before_it() -> None:
    at_s = NIGHT.begin_utc_s + 7200.0
    critical = fixed("critical", at_s, 9.0, 300.0)
    alert = replace(fixed("alert", at_s, 0.0, 300.0), is_time_critical=False)
    night = NightRequests(table_of([critical, alert]), NIGHT, FORK)
    slots = int(np.ceil(night.sky.length_s / STEP_S))
    change = PlanChange(
        night.sky, night.every, night.setup, np.full(2, NO_GROUP), np.full(slots, STEP_S), QUICK
    )
    alone = np.array([night.keys.index("critical")])
    new = np.array([night.keys.index("alert")])
    changes = Changes(alone, new, is_preempting=False, tries=0, critical=alone)
    rows = change.kept_rows(changes)
    start = PlanStart(START.utc_s, START)
    found = change.changed(rows, night.first_s(night.rows[rows], start), changes)
    assert [night.keys[row] for row in found.rows.tolist()] == ["alert"]
    assert found.lost == ((int(alone[0]), int(new[0])),)


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 8])
def test_around_it_no_plan_is_a_hundredth_below_the_best_of_all_orders(seed: int) -> None:
    first, *others = requests(6, seed)
    others = [replace(one, count=3 * one.count, priority=9.0, windows=()) for one in others]
    start_s = BEGIN_S + 1200.0 * (seed % 7)
    first = replace(
        first, count=1, exposure_s=100.0, priority=0.0, windows=(Window(start_s, start_s + 300.0),)
    )
    night = of_night([first, *others])
    dear = replace(night, value=night.value * np.where(np.arange(6) == 0, 1e5, 1.0)[:, np.newaxis])
    starts = exhaustive(dear)[1]
    plan = planned_evening([replace(first, is_time_critical=True), *others])
    assert keys(plan, [first]) == ({first.key} if 0 in dict(starts) else set())
    assert plan.value >= LEAST * night.worth(starts)
    assert plan.bound >= exhaustive(night)[0] * (1.0 - TWO_SKIES)
