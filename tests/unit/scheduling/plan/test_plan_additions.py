"""New orders in a standing plan: a few are a change of it, more are worth a whole plan."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ctmo_indi.models.orders import Cadence
from ctmo_indi.scheduling.driver import to_text
from ctmo_indi.scheduling.plan.driver import PlanScheduler
from ctmo_indi.scheduling.plan.night_plan import NightPlan
from ctmo_indi.scheduling.plan.plan_news import MOST_ADDED
from ctmo_indi.scheduling.target import PendingOrder

from .plan_world import DUSK, CountedPlanning, conditions, drawn, driver_of, long_ones
from .test_plan_alerts import refuse_plan
from .test_plan_driver import culminating

ENOUGH = 0.97
"""Of the value of a whole plan; measured 0.2 to 0.9 % less (a thousand orders, 1 to 20 new)."""


def plan_of(driver: PlanScheduler) -> NightPlan:
    plan = driver._plan  # the view has whole seconds
    assert plan is not None
    return plan


def worth(driver: PlanScheduler) -> float:
    return sum(one.value for one in plan_of(driver).visits)


def urgent(orders: Sequence[PendingOrder]) -> list[PendingOrder]:
    return [replace(one, priority=9.0) for one in orders]


def at(second: float) -> datetime:
    return DUSK + timedelta(seconds=second)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_few_are_put_in_and_little_is_lost_against_a_whole_plan(seed: int) -> None:
    orders = drawn(400, seed)
    pending, new = list(orders[:390]), urgent(orders[390:])
    planning = CountedPlanning()
    driver = driver_of(planning, tries=3000)
    driver.update_conditions(conditions(pending))
    for second, order in enumerate(new):
        pending.append(order)
        driver.update_conditions(conditions(pending, at(second)))
    assert (planning.made, planning.changes) == (1, len(new))
    now = conditions(pending, at(len(new)))
    refuse_plan(driver, conditions(pending, at(len(new) - 1)))
    whole = driver_of(tries=3000)
    whole.update_conditions(now)
    assert worth(driver) >= ENOUGH * worth(whole)
    inside = {one.key for one in plan_of(whole).visits} & {one.receipt for one in new}
    assert inside  # else nothing is shown
    assert len(inside & plan_of(driver).keys) >= 0.8 * len(inside)


def test_what_is_new_counts_until_the_plan_is_made_anew() -> None:
    orders = drawn(120)
    planning = CountedPlanning()
    driver = driver_of(planning)
    driver.update_conditions(conditions(orders[:60]))
    for count in range(1, MOST_ADDED + 1):
        driver.update_conditions(conditions(orders[: 60 + count], at(count)))
    assert (planning.made, plan_of(driver).added) == (1, MOST_ADDED)
    driver.update_conditions(conditions(orders[: 61 + MOST_ADDED], at(60.0)))
    assert (planning.made, plan_of(driver).added) == (2, 0)
    driver.update_conditions(conditions(orders, at(61.0)))  # many at once
    assert planning.made == 3


def test_a_plan_of_nothing_is_made_anew_for_the_first_orders_and_a_small_one_for_a_third() -> None:
    orders = drawn(20)
    planning = CountedPlanning()
    driver = driver_of(planning)
    driver.update_conditions(conditions([]))
    driver.update_conditions(conditions(orders[:2], at(1)))
    assert (planning.made, plan_of(driver).requests) == (2, 2)
    assert plan_of(driver).filled > 0.0
    driver.update_conditions(conditions(orders[:9], at(2)))
    driver.update_conditions(conditions(orders[:12], at(3)))
    assert (planning.made, plan_of(driver).added) == (3, 3)
    driver.update_conditions(conditions(orders[:13], at(4)))
    assert (planning.made, plan_of(driver).added, plan_of(driver).requests) == (4, 0, 13)


@pytest.mark.parametrize("what", [{"group": "pair"}, {"cadence": Cadence(3600.0, 60.0, 3)}])
def test_one_of_a_group_or_a_series_has_the_whole_night_planned(what: dict[str, object]) -> None:
    orders = drawn(60)
    request = replace(orders[-1].request, **what)  # type: ignore[arg-type]  # as the cases name it
    new = replace(orders[-1], request=request, visits_left=request.visits)
    planning = CountedPlanning()
    driver = driver_of(planning)
    driver.update_conditions(conditions(orders[:-1]))
    driver.update_conditions(conditions([*orders[:-1], new], at(1)))
    assert (planning.made, planning.changes) == (2, 0)


def test_a_restored_driver_puts_the_same_in() -> None:
    orders = drawn(400)
    driver = driver_of()
    driver.update_conditions(conditions(orders[:390]))
    driver.update_conditions(conditions([*orders[:390], *urgent(orders[390:395])], at(1)))
    restored = driver_of(CountedPlanning())
    restored.set_state(json.loads(to_text(driver.get_state())))
    assert plan_of(restored) == plan_of(driver)
    last = conditions([*orders[:390], *urgent(orders[390:])], at(2))
    for one in (driver, restored):
        one.update_conditions(last)
    assert plan_of(restored) == plan_of(driver)
    assert plan_of(driver).added == 10


@pytest.mark.parametrize(("stability", "is_held"), [(100.0, True), (0.0, False)])
def test_the_next_visit_is_held_unless_another_one_is_worth_enough_more(
    stability: float, is_held: bool
) -> None:
    # Each new one is ten times as long as the next visit, and is up now only.
    orders = tuple(replace(one, priority=5.0) for one in long_ones(60))
    driver = driver_of(stability=stability)
    driver.update_conditions(conditions(orders))
    first = plan_of(driver).visits[0]
    next_one = next(one for one in orders if one.receipt == first.key)
    last_s = DUSK.timestamp() + 240.0
    request = replace(next_one.request, exposure_s=3600.0, latest_start_utc_s=last_s)
    new = replace(next_one, receipt="new", request=request)
    driver.update_conditions(conditions([*orders, new], at(1)))
    assert (plan_of(driver).visits[0].key == first.key) is is_held
    driver.update_conditions(conditions([*orders, replace(new, priority=6.0)], at(2)))
    assert (plan_of(driver).visits[0].key == "new") or is_held


def test_a_later_visit_on_the_queue_is_no_reason_for_another_plan() -> None:
    orders = long_ones(60)
    planning = CountedPlanning()
    driver = driver_of(planning)
    driver.update_conditions(conditions(orders, queued=frozenset()))
    taken = plan_of(driver).visits[3].key
    left = [one for one in orders if one.receipt != taken]
    driver.update_conditions(conditions(left, at(60), queued=frozenset([taken])))
    assert (planning.made, planning.changes) == (1, 0)
    assert taken in plan_of(driver).keys
    driver.update_conditions(conditions(left, at(61), queued=frozenset()))  # it was canceled
    assert (planning.made, planning.changes) == (1, 1)
    assert taken not in plan_of(driver).keys


def test_a_next_visit_that_is_not_on_the_queue_is_known_to_be_canceled() -> None:
    orders = long_ones(60)
    planning = CountedPlanning()
    driver = driver_of(planning)
    driver.update_conditions(conditions(orders))
    first = plan_of(driver).visits[0].key
    left = [one for one in orders if one.receipt != first]
    driver.update_conditions(conditions(left, at(1)))  # nobody knows
    assert planning.changes == 0
    driver.update_conditions(conditions(left, at(2), queued=frozenset()))
    assert planning.changes == 1
    assert first not in plan_of(driver).keys


def test_with_time_to_spare_what_was_put_in_is_planned_anew() -> None:
    # What culminates in the middle of the night is waited for.
    orders = [culminating(hours) for hours in (0.0, 0.5, 1.0, 0.75)]
    planning = CountedPlanning()
    driver = driver_of(planning, wait_risk_per_hour=0.0)
    driver.update_conditions(conditions(orders[:3]))
    driver.update_conditions(conditions(orders, at(1)))
    assert (planning.made, planning.changes, plan_of(driver).added) == (1, 1, 1)
    for minutes in (1, 9, 11, 12, 30):
        driver.update_conditions(conditions(orders, DUSK + timedelta(minutes=minutes)))
        assert planning.made == (1 if minutes < 10 else 2)
    assert plan_of(driver).added == 0
