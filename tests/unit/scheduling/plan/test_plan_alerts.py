"""Alerts in the plan: in it whatever they are worth, in time, and what is displaced stays possible.

Every plan is judged by the planner's independent checker.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctmo_indi.errors import ConfigError
from ctmo_indi.models.motions import FixedHorizontal
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.orders import Window
from ctmo_indi.planner.checker import check
from ctmo_indi.planner.plan import Plan, PlannedVisit
from ctmo_indi.scheduling.candidates import of_order
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.driver import to_text
from ctmo_indi.scheduling.lookahead import LookAhead, simulated
from ctmo_indi.scheduling.plan.driver import PlanScheduler
from ctmo_indi.scheduling.plan.plan_requests import plan_requests
from ctmo_indi.scheduling.target import PendingOrder

from .plan_world import (
    DUSK,
    MODELS,
    NIGHT,
    PROFILE,
    SKY,
    CountedPlanning,
    conditions,
    drawn,
    driver_of,
    long_ones,
)

SOON = DUSK + timedelta(seconds=20)
POLICIES = ("insert", "preempt")
MIDDLE = NIGHT.evening + 0.5 * (NIGHT.morning - NIGHT.evening)


def alert(name: str = "alert", priority: float = 10.0, **changes: object) -> PendingOrder:
    """An exposure of 10 s of a place that is up all night: worth next to nothing in a sum."""
    request = replace(
        drawn(1)[0].request,
        order_id=name,
        job_type="Alert",
        exposure_s=10.0,
        count=1,
        windows=(),
        constraints=type(drawn(1)[0].request.constraints)(),
        filter_name=None,
        ra_deg=_ra_deg_at(MIDDLE),
        dec_deg=60.0,
    )
    request = replace(request, **changes)  # type: ignore[arg-type]  # the tests' own names
    return PendingOrder(name, request, priority, 0.0, request.count)


def _ra_deg_at(utc: datetime) -> float:
    """The right ascension that culminates at an instant."""
    found = [
        (SKY.airmass(replace(drawn(1)[0].request, ra_deg=float(ra), dec_deg=60.0), utc) or 99.0, ra)
        for ra in range(0, 360, 5)
    ]
    return float(min(found)[1])


def planned(driver: PlanScheduler) -> list[dict[str, object]]:
    view = driver.plan_view()
    assert view is not None
    assert isinstance(view["Visits"], list)
    return view["Visits"]


def starts(driver: PlanScheduler) -> list[tuple[object, object]]:
    return [(one["Receipt"], one["Start"]) for one in planned(driver)]


def receipts(driver: PlanScheduler) -> list[str]:
    return [str(one["Receipt"]) for one in planned(driver)]


def refuse_plan(driver: PlanScheduler, known: Conditions) -> None:
    """Have the independent checker judge what is planned from now on."""
    plan = driver._plan  # the view has whole seconds
    assert plan is not None
    assert known.state is not None
    candidates = [of_order(one) for one in known.pending]
    requests = plan_requests(MODELS, candidates, NIGHT, known.not_before_utc_s)
    row_of = {one.key: row for row, one in enumerate(requests)}
    visits = tuple(
        PlannedVisit(
            one.key, row_of[one.key], one.start_utc_s, one.end_utc_s, one.setup_s, one.value
        )
        for one in plan.visits
    )
    begin_s = max(known.utc, NIGHT.evening).timestamp()
    judged = Plan(
        visits,
        max(plan.bound, sum(one.value for one in visits)),
        begin_s,
        NIGHT.morning.timestamp(),
        len(requests),
        len(requests),
        (),
        60.0,
    )
    assert isinstance(MODELS.observatory, ObservatoryModel)
    state = MODELS.observatory.idle(replace(known.state, utc_s=known.utc.timestamp()), begin_s)
    found = check(judged, requests, SKY.site, SKY.limits, SKY.policy, MODELS.observatory, state)
    assert not found, "; ".join(map(str, found))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("is_known_first", [True, False])
def test_an_alert_gets_in_although_it_is_worth_nothing(policy: str, is_known_first: bool) -> None:
    orders, planning = long_ones(80), CountedPlanning()
    driver = driver_of(planning, alert_policy=policy)
    known = conditions((*orders, alert(priority=0.0)) if is_known_first else orders)
    driver.update_conditions(known)
    if not is_known_first:
        before = receipts(driver)
        known = conditions((*orders, alert(priority=0.0)), SOON)
        driver.update_conditions(known)
        assert set(receipts(driver)) - {"alert"} <= set(before)
        assert (planning.made, planning.changes) == (1, 1)
    assert [one["Receipt"] for one in planned(driver) if one["Alert"]] == ["alert"]
    refuse_plan(driver, known)


def test_an_order_like_it_that_is_no_alert_is_left_out() -> None:
    orders = tuple(replace(one, priority=9.0) for one in long_ones(120))
    plain = alert(priority=0.0, job_type="Science", exposure_s=1200.0)
    driver = driver_of()
    driver.update_conditions(conditions((*orders, plain)))
    assert "alert" not in receipts(driver)
    named = driver_of(alert_job_types=["Science"])
    named.update_conditions(conditions((*orders, plain)))
    assert "alert" in receipts(named)


def test_preempting_is_next_and_inserting_waits_for_its_time() -> None:
    orders = long_ones(80)
    for policy, is_next in (("preempt", True), ("insert", False)):
        driver = driver_of(alert_policy=policy)
        driver.update_conditions(conditions(orders))
        ra_deg = _ra_deg_at(DUSK + timedelta(hours=4))  # up at dusk, better later
        late = alert(exposure_s=1200.0, ra_deg=ra_deg, dec_deg=30.0)
        driver.update_conditions(conditions((*orders, late), SOON))
        target = driver.select_next_target()
        assert target is not None
        assert (target.receipt == "alert") is is_next
        assert "alert" in receipts(driver)


@pytest.mark.parametrize("policy", POLICIES)
def test_what_is_under_way_is_not_moved(policy: str) -> None:
    orders, planning = long_ones(80), CountedPlanning()
    driver = driver_of(planning, alert_policy=policy)
    driver.update_conditions(conditions(orders))
    first = driver.select_next_target()
    assert first is not None
    before = starts(driver)
    waiting = tuple(one for one in orders if one.receipt != first.receipt)
    driver.update_conditions(conditions((*waiting, alert()), DUSK + timedelta(minutes=5)))
    assert starts(driver) == before
    driver.register_observation(simulated(first, DUSK.timestamp()))
    over = DUSK + timedelta(seconds=first.duration_s + first.slew_time_s)
    driver.update_conditions(conditions((*waiting, alert()), over))
    target = driver.select_next_target()
    assert target is not None
    assert "alert" in receipts(driver)
    if policy == "preempt":
        assert target.receipt == "alert"


def test_alerts_go_by_priority_then_age() -> None:
    orders = long_ones(80)
    alerts = [
        replace(alert("young"), created_utc_s=100.0),
        replace(alert("old"), created_utc_s=50.0),
        replace(alert("urgent", ra_deg=_ra_deg_at(DUSK)), priority=10.5, created_utc_s=200.0),
    ]
    driver = driver_of(alert_policy="preempt")
    known = conditions((*orders, *alerts))
    driver.update_conditions(known)
    assert receipts(driver)[:3] == ["urgent", "old", "young"]
    refuse_plan(driver, known)


@pytest.mark.parametrize("policy", POLICIES)
def test_an_alert_that_rises_later_is_planned_for_then(policy: str) -> None:
    orders = long_ones(80)
    opens = MIDDLE + timedelta(minutes=7)
    window = Window(opens.timestamp(), NIGHT.morning.timestamp())
    driver = driver_of(alert_policy=policy)
    driver.update_conditions(conditions(orders))
    known = conditions((*orders, alert(windows=(window,))), SOON)
    driver.update_conditions(known)
    (visit,) = [one for one in planned(driver) if one["Alert"]]
    start = datetime.fromisoformat(str(visit["Start"]))
    assert start >= opens - timedelta(seconds=1)
    if policy == "preempt":
        assert start <= opens + timedelta(seconds=60)
    refuse_plan(driver, known)


@pytest.mark.parametrize("policy", POLICIES)
def test_an_alert_that_can_never_be_observed_changes_nothing_and_says_so(policy: str) -> None:
    orders = long_ones(80)
    driver = driver_of(alert_policy=policy)
    driver.update_conditions(conditions(orders))
    before = receipts(driver)
    driver.update_conditions(conditions((*orders, alert(dec_deg=-88.0)), SOON))
    assert receipts(driver) == before
    told = driver.explain("alert")
    assert "cannot be observed this night" in str(told["Plan"])
    for minutes in (5, 10):
        driver.update_conditions(
            conditions((*orders, alert(dec_deg=-88.0)), DUSK + timedelta(minutes=minutes))
        )
        assert "alert" not in receipts(driver)


def test_who_lost_to_an_alert_is_told() -> None:
    orders = long_ones(80)
    driver = driver_of(alert_policy="preempt")
    driver.update_conditions(conditions(orders))
    before = receipts(driver)
    driver.update_conditions(conditions((*orders, alert(exposure_s=3000.0)), SOON))
    view = driver.plan_view()
    assert view is not None
    lost = view["Lost to Alerts"]
    assert isinstance(lost, list)
    assert lost
    assert {one["Receipt"] for one in lost} <= set(before) - set(receipts(driver))
    assert {one["Alert"] for one in lost} == {"alert"}
    told = driver.explain(lost[0]["Receipt"])
    of_plan = told["Plan"]
    assert isinstance(of_plan, dict)
    assert of_plan["Lost to Alert"] == "alert"
    assert "lost its time to the alert alert" in of_plan["Words"][0]
    found = driver.explain("alert")["Plan"]
    assert isinstance(found, dict)
    assert found["Planned"] is True
    assert json.loads(json.dumps(view)) == view


def test_two_alerts_for_one_time_the_first_one_gets_it() -> None:
    window = (Window(MIDDLE.timestamp(), MIDDLE.timestamp() + 700.0),)
    pair = [
        alert("first", windows=window, exposure_s=600.0),
        alert("second", 9.0, windows=window, exposure_s=600.0),
    ]
    for policy in POLICIES:
        driver = driver_of(alert_policy=policy)
        driver.update_conditions(conditions((*long_ones(80), *pair)))
        assert "first" in receipts(driver)
        assert "second" not in receipts(driver)
        assert "the alert first goes first" in str(driver.explain("second")["Plan"])


def test_an_alert_that_stands_still_over_the_ground_goes_before_all_others() -> None:
    still = alert(ra_deg=None, dec_deg=None, motion=FixedHorizontal(60.0, 120.0))
    driver = driver_of()
    driver.update_conditions(conditions((*drawn(40), replace(still, priority=0.0))))
    target = driver.select_next_target()
    assert target is not None
    assert target.receipt == "alert"


@pytest.mark.parametrize("policy", POLICIES)
def test_an_alert_that_was_cancelled_gives_its_time_back(policy: str) -> None:
    orders = long_ones(80)
    driver = driver_of(alert_policy=policy)
    driver.update_conditions(conditions(orders))
    driver.update_conditions(conditions((*orders, alert(exposure_s=3000.0)), SOON))
    late = SOON + timedelta(seconds=200)
    driver.update_conditions(conditions(orders, late))
    if policy == "preempt":  # while it may be under way nothing is moved
        late = SOON + timedelta(seconds=3300)
        driver.update_conditions(conditions(orders, late))
    assert "alert" not in receipts(driver)
    view = driver.plan_view()
    assert view is not None
    assert view["Lost to Alerts"] == []
    refuse_plan(driver, conditions(orders, late))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("alert_policy", "now"),
        ("alert_policy", True),
        ("alert_job_types", "Alert"),
        ("alert_object_types", [1]),
        ("alert_object_types", [""]),
    ],
)
def test_wrong_words_of_the_policy_are_refused(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=key):
        driver_of(**{key: value})


EVENTS = ("alert", "late", "cancel", "failed", "observed", "new")


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    events=st.lists(st.sampled_from(EVENTS), min_size=1, max_size=4),
    policy=st.sampled_from(POLICIES),
    seed=st.integers(0, 3),
)
def test_whatever_happens_plans_are_possible_and_a_restored_driver_has_the_same(
    events: Sequence[str], policy: str, seed: int
) -> None:
    orders = {one.receipt: one for one in drawn(60, seed)}
    extra = list(drawn(80, seed + 10)[60:])
    rng = np.random.default_rng(seed)
    driver = driver_of(alert_policy=policy, tries=100)
    now = DUSK
    known = conditions(tuple(orders.values()), now)
    driver.update_conditions(known)
    for number, event in enumerate(events):
        if event == "alert":
            one = alert(f"alert {number}", ra_deg=float(rng.uniform(0.0, 360.0)))
            orders[one.receipt] = one
        elif event == "new":
            one = replace(extra.pop(), receipt=f"new {number}")
            orders[one.receipt] = one
        elif event == "late":
            now += timedelta(minutes=float(rng.uniform(3.0, 50.0)))
        elif event == "cancel" and len(receipts(driver)) > 1:
            orders.pop(receipts(driver)[1], None)
        elif event == "failed" and receipts(driver):
            key = receipts(driver)[0]
            if key in orders:
                rest_s = now.timestamp() + 1200.0
                orders[key] = replace(orders[key], not_before_utc_s=rest_s)
        elif event == "observed":
            target = driver.select_next_target()
            if target is not None and target.receipt in orders:
                driver.register_observation(simulated(target, now.timestamp()))
                orders.pop(target.receipt)
                now += timedelta(seconds=target.duration_s + target.slew_time_s + 1.0)
        now += timedelta(seconds=1)
        restored = driver_of(alert_policy=policy, tries=100)
        restored.set_state(json.loads(to_text(driver.get_state())))
        known = conditions(tuple(orders.values()), now)
        for one in (driver, restored):
            one.update_conditions(known)
        assert to_text(restored.get_state()) == to_text(driver.get_state())
        assert restored.select_next_target() == driver.select_next_target()
        assert driver._plan is not None
        if driver._plan.changed_utc_s == now.timestamp():
            refuse_plan(driver, known)
            waiting = {one.receipt for one in known.pending if one.receipt.startswith("alert")}
            for key in waiting - set(receipts(driver)):
                told = str(driver.explain(key)["Plan"])
                assert "cannot be observed this night" in told or "goes first" in told


@pytest.mark.parametrize("policy", POLICIES)
def test_a_night_with_alerts_has_each_of_them_observed(policy: str) -> None:
    alerts = tuple(alert(f"alert {hour}", ra_deg=40.0 * hour) for hour in range(4))
    driver = driver_of(alert_policy=policy)
    known = conditions((*long_ones(80), *alerts))
    made = LookAhead(driver, MODELS).targets(known, until=NIGHT.morning)
    observed = {one.target.receipt for one in made}
    assert {one.receipt for one in alerts} <= observed


def test_what_the_profile_calls_an_alert_is_one_for_both_drivers() -> None:
    from ctmo_indi.scheduling.feature.order_functions import TargetOfOpportunity
    from ctmo_indi.scheduling.plan.plan_parameters import PlanParameters

    assert TargetOfOpportunity().job_types == PlanParameters().alerts.job_types
    assert PROFILE.site is SKY.site
