"""A plan that breaks a rule is not followed."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from ctmo_indi.models.orders import Constraints, Window
from ctmo_indi.scheduling.candidates import Candidate, of_order
from ctmo_indi.scheduling.driver import to_text
from ctmo_indi.scheduling.plan.checked_plan import plan_violations
from ctmo_indi.scheduling.plan.night_plan import NightPlan, PlannedOrder
from ctmo_indi.scheduling.plan.planning import Question
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.scheduling.target import PendingOrder

from .plan_world import (
    MODELS,
    PROFILE,
    SKY,
    CountedPlanning,
    conditions,
    drawn,
    driver_of,
    long_ones,
)

Change = Callable[[PlannedOrder], PlannedOrder]


def late(one: PlannedOrder) -> PlannedOrder:
    return replace(one, start_utc_s=one.start_utc_s + 7200.0, end_utc_s=one.end_utc_s + 7200.0)


class BrokenPlanning(CountedPlanning):
    """Its plans have their third visit two hours late."""

    def _made(
        self,
        question: Question,
        candidates: Sequence[Candidate],
        marks: Mapping[str, int],
        not_before_utc_s: Mapping[str, float],
        standing: NightPlan | None,
    ) -> NightPlan:
        made = super()._made(question, candidates, marks, not_before_utc_s, standing)
        first, second, third, *others = made.visits
        return replace(made, visits=(first, second, late(third), *others))


def test_a_plan_that_breaks_a_rule_is_refused_and_orders_are_chosen_one_at_a_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    orders = drawn(40)
    planning = BrokenPlanning()
    driver = driver_of(planning)
    now = conditions(orders)
    with caplog.at_level(logging.ERROR):
        driver.update_conditions(now)
    assert "plan refused, orders are chosen one at a time" in caplog.text
    sequential = SequentialScheduler(MODELS)
    sequential.configure_scheduler({})
    sequential.update_conditions(now)
    assert driver.select_next_target() == sequential.select_next_target()
    view = driver.plan_view()
    assert view is not None
    assert view["Visits"] == []
    assert "overlap" in str(view["Refused"]) or "order" in str(view["Refused"])
    restored = driver_of(planning)
    restored.set_state(json.loads(to_text(driver.get_state())))
    assert to_text(restored.get_state()) == to_text(driver.get_state())
    # it is not made again and again, but when there is something new, and looked at again then
    driver.update_conditions(now)
    assert planning.made == 1
    driver.update_conditions(conditions(drawn(41)))
    assert (planning.made, planning.changes) == (2, 0)
    assert "Refused" in (driver.plan_view() or {})


def made(orders: Sequence[PendingOrder]) -> NightPlan:
    driver = driver_of()
    driver.update_conditions(conditions(orders))
    plan = driver.get_state()["plan"]
    return NightPlan.of_state(json.loads(json.dumps(plan)))


def told(plan: NightPlan, orders: Sequence[PendingOrder]) -> set[str]:
    now = conditions(orders)
    assert now.state is not None
    start = MODELS.observatory.idle(now.state, plan.begin_utc_s)
    model, known = MODELS.observatory, [of_order(one) for one in orders]
    found = plan_violations(plan, known, SKY, model, start, PROFILE.kinematics.readout_s)
    return {one.constraint for one in found}


@pytest.mark.parametrize("orders", [drawn(40), drawn(600), long_ones(80)], ids=len)
def test_plans_as_they_are_made_pass(orders: Sequence[PendingOrder]) -> None:
    plan = made(orders)
    assert len(plan.visits) > 20
    assert not plan.refusal
    assert told(plan, orders) == set()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (late, "order"),
        (lambda one: replace(one, start_utc_s=one.start_utc_s - 60.0), "duration"),
        (lambda one: replace(one, value=float("nan")), "finite"),
        (lambda one: replace(one, setup_s=-20.0), "stated setup"),
        (lambda one: replace(one, ra_deg=(one.ra_deg + 180.0) % 360.0), "altitude"),
    ],
)
def test_what_is_wrong_with_a_visit_is_found(change: Change, rule: str) -> None:
    orders = drawn(40)
    plan = made(orders)
    visits = list(plan.visits)
    visits[3] = change(visits[3])
    assert rule in told(replace(plan, visits=tuple(visits)), orders)


def test_what_an_order_asks_for_is_looked_at() -> None:
    orders = list(drawn(40))
    plan = made(orders)
    visit = plan.visits[3]
    (number,) = (at for at, one in enumerate(orders) if one.receipt == visit.key)
    before = Window(visit.start_utc_s - 9000.0, visit.start_utc_s - 100.0)
    for changes, rule in (
        ({"windows": (before,)}, "windows"),
        ({"latest_start_utc_s": visit.start_utc_s - 100.0}, "windows"),
        ({"constraints": Constraints(min_altitude_deg=89.9)}, "altitude"),
    ):
        request = replace(orders[number].request, **changes)  # type: ignore[arg-type]  # by name
        changed = [
            *orders[:number],
            replace(orders[number], request=request),
            *orders[number + 1 :],
        ]
        assert rule in told(plan, changed)
    group = replace(orders[number].request, group="pair")
    other = next(one for one in drawn(41) if one.receipt not in {o.receipt for o in orders})
    alone = replace(other, request=replace(other.request, group="pair", user=group.user))
    pair = [*orders[:number], replace(orders[number], request=group), *orders[number + 1 :], alone]
    assert "group" in told(plan, pair)
