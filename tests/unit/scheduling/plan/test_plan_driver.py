"""What the plan driver chooses, and when it makes a new plan."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers
from numpy.typing import NDArray

from ctmo_indi.models.motions import FixedHorizontal
from ctmo_indi.models.observation import Observation
from ctmo_indi.models.states import FrameType, ObservatoryState
from ctmo_indi.scheduling.candidates import of_order
from ctmo_indi.scheduling.conditions import Night
from ctmo_indi.scheduling.driver import Driver, to_text
from ctmo_indi.scheduling.lookahead import LookAhead, PlannedTarget, simulated
from ctmo_indi.scheduling.night_simulation import NightSimulation, SimulatedNight
from ctmo_indi.scheduling.plan.choices import best_first
from ctmo_indi.scheduling.plan.driver import PlanScheduler
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.scheduling.target import PendingOrder

from .plan_world import (
    DUSK,
    MODELS,
    NIGHT,
    PROFILE,
    RAIN,
    CountedPlanning,
    conditions,
    drawn,
    driver_of,
    long_ones,
)

iers.conf.auto_download = False
iers.conf.auto_max_age = None

WORTH_MORE = 1.35
"""Measured with 600 drawn orders and the usual number of tries: 1.45 to 1.52 for seeds 0 to 3."""


class Waiting:
    def __init__(self, orders: Sequence[PendingOrder]) -> None:
        self.orders: Sequence[PendingOrder] = orders

    def waiting(self, _night: Night, _number: int) -> Sequence[PendingOrder]:
        return self.orders

    def left(self, orders: Sequence[PendingOrder]) -> None:
        self.orders = orders


def night_of(driver: Driver, orders: Sequence[PendingOrder], **options: float) -> SimulatedNight:
    simulation = NightSimulation(
        driver,
        MODELS,
        PROFILE.site,
        Waiting(orders),
        **options,  # type: ignore[arg-type]  # seeds
    )
    return next(iter(simulation.nights(date(2026, 11, 21), 1)))


def score(targets: Sequence[PlannedTarget]) -> float:
    """The planner's score, with altitudes by astropy."""
    site = PROFILE.site
    place = EarthLocation(
        lon=site.longitude_deg * u.deg, lat=site.latitude_deg * u.deg, height=site.elevation_m * u.m
    )
    middle_s = [0.5 * (one.visit.start_utc_s + one.visit.end_utc_s) for one in targets]
    requests = [one.target.request for one in targets]
    stars = SkyCoord(
        [one.ra_deg for one in requests] * u.deg, [one.dec_deg for one in requests] * u.deg
    )
    up = stars.transform_to(AltAz(obstime=Time(middle_s, format="unix"), location=place)).alt.rad
    return sum(
        (1.0 + one.target.priority)
        * one.target.count
        * one.target.request.exposure_s
        * max(math.sin(altitude), 0.0) ** 0.75
        for one, altitude in zip(targets, up, strict=True)
    )


def test_an_oversubscribed_night_is_worth_more_than_the_sequential_drivers() -> None:
    orders = drawn(600)
    planning = CountedPlanning()
    planned = night_of(driver_of(planning, tries=5000), orders)
    sequential = SequentialScheduler(MODELS)
    sequential.configure_scheduler({})
    assert score(planned.targets) > WORTH_MORE * score(night_of(sequential, orders).targets)
    # what the models say happens: one plan serves the whole night
    assert planning.made == 1


def test_weather_has_what_was_missed_planned_anew() -> None:
    planning = CountedPlanning()
    made = night_of(driver_of(planning), drawn(300), weather=0.4, seed=3)
    assert made.weather_s > 0.0
    assert 1 < planning.made < 8
    assert made.targets[-1].visit.end_utc_s <= NIGHT.morning.timestamp()


def test_looking_ahead_costs_no_plan_for_each_target() -> None:
    planning = CountedPlanning()
    driver = driver_of(planning)
    found = list(LookAhead(driver, MODELS).targets(conditions(long_ones(80)), n_targets=20))
    assert (len(found), planning.made) == (20, 1)


def test_a_restored_driver_follows_the_same_plan() -> None:
    orders = drawn(40)
    driver = driver_of()
    list(LookAhead(driver, MODELS).targets(conditions(orders), n_targets=5))
    planning = CountedPlanning()
    restored = driver_of(planning)
    restored.set_state(json.loads(to_text(driver.get_state())))
    assert driver.conditions is not None
    now = driver.conditions
    for one in (driver, restored):
        one.update_conditions(now)
    assert restored.select_next_target() == driver.select_next_target()
    assert planning.made == 0


def test_the_same_question_has_the_same_plan_from_a_cold_cache() -> None:
    states = []
    for orders in (drawn(40), drawn(40)[::-1]):
        driver = driver_of()
        driver.update_conditions(conditions(orders))
        states.append(to_text(driver.get_state()))
    assert states[0] == states[1]


@pytest.mark.parametrize("change", ["new", "failed", "changed", "late", "state"])
def test_a_new_plan_is_made_when_the_old_one_does_not_hold(change: str) -> None:
    orders = long_ones(60)
    planning = CountedPlanning()
    driver = driver_of(planning)
    driver.update_conditions(conditions(orders[1:]))
    first = driver.select_next_target()
    assert first is not None
    soon = DUSK + timedelta(seconds=20)
    rest_s = soon.timestamp() + 600.0
    later = {
        "new": conditions(orders, soon),
        "failed": conditions(_with(orders[1:], first.receipt, not_before_utc_s=rest_s), soon),
        "changed": conditions(_with(orders[1:], orders[5].receipt, missing_count=9), soon),
        "late": conditions(orders[1:], DUSK + timedelta(minutes=10)),
        "state": conditions(orders[1:], soon, state=None),
    }[change]
    driver.update_conditions(conditions(orders[1:], soon))
    assert planning.made == 1
    driver.update_conditions(later)
    assert planning.made == 1
    assert planning.changes == (0 if change == "state" else 1)
    second = driver.select_next_target()
    assert second is not None
    if change in ("failed", "state"):
        assert (second.receipt == first.receipt) is (change == "state")


def test_an_order_of_the_largest_priority_comes_first() -> None:
    orders = long_ones(60)
    driver = driver_of(stability=100.0)
    driver.update_conditions(conditions(orders))
    first = driver.select_next_target()
    assert first is not None
    urgent = replace(first.request, order_id="urgent")
    alert = PendingOrder("alert", urgent, 10.0, 0.0, 1)
    last_s = DUSK.timestamp() + 60.0
    request = replace(urgent, latest_start_utc_s=last_s)
    driver.update_conditions(conditions((*orders, replace(alert, request=request))))
    second = driver.select_next_target()
    assert second is not None
    assert second.receipt == "alert"


def test_a_cancelled_visit_is_passed_over() -> None:
    orders = long_ones(60)
    driver = driver_of()
    driver.update_conditions(conditions(orders))
    first = driver.select_next_target()
    assert first is not None
    driver.update_conditions(conditions(_without(orders, first.receipt)))
    second = driver.select_next_target()
    assert second is not None
    assert second.receipt != first.receipt


def test_time_that_became_free_is_filled() -> None:
    orders = long_ones(60)
    planning = CountedPlanning()
    driver = driver_of(planning)
    driver.update_conditions(conditions(orders))
    view = driver.plan_view()
    assert view is not None
    visits = view["Visits"]
    assert isinstance(visits, list)
    gone = {one["Receipt"] for one in visits[:3]}
    left = [one for one in orders if one.receipt not in gone]
    # The first is not known to be cancelled while it may be under way.
    driver.update_conditions(conditions(left, DUSK + timedelta(minutes=10)))
    assert (planning.made, planning.changes) == (1, 0)
    driver.update_conditions(conditions(left, DUSK + timedelta(minutes=25)))
    assert (planning.made, planning.changes) == (1, 1)


def test_the_old_plan_is_held_unless_the_new_one_is_worth_enough_more() -> None:
    orders = tuple(replace(one, priority=5.0) for one in long_ones(80))
    for stability, is_held in ((100.0, True), (0.0, False)):
        driver = driver_of(stability=stability, tries=1000)
        driver.update_conditions(conditions(orders[:60]))
        first = driver.select_next_target()
        driver.update_conditions(conditions(orders))
        second = driver.select_next_target()
        assert first is not None
        assert second is not None
        if is_held:
            assert second.receipt == first.receipt


def culminating(hours_after_middle: float, **changes: float) -> PendingOrder:
    """An order that culminates so long after the middle of the night."""
    order = drawn(1)[0]
    when = NIGHT.evening + 0.5 * (NIGHT.morning - NIGHT.evening)
    when += timedelta(hours=hours_after_middle)
    longitude = PROFILE.site.longitude_deg * u.deg
    ra_deg = Time(when).sidereal_time("apparent", longitude).deg
    request = replace(order.request, ra_deg=ra_deg, dec_deg=20.0, windows=(), **changes)  # type: ignore[arg-type]  # numbers
    return replace(order, request=request, receipt=f"culminates {hours_after_middle:+g} h")


def altitude_deg(order: PendingOrder, *utc_s: float) -> NDArray[np.float64]:
    """By astropy."""
    site = PROFILE.site
    place = EarthLocation(
        lon=site.longitude_deg * u.deg, lat=site.latitude_deg * u.deg, height=site.elevation_m * u.m
    )
    star = SkyCoord(order.request.ra_deg * u.deg, order.request.dec_deg * u.deg)
    there = star.transform_to(AltAz(obstime=Time(utc_s, format="unix"), location=place))
    return np.asarray(there.alt.deg, dtype=np.float64)


def test_without_a_risk_the_planned_start_is_waited_for_and_named() -> None:
    # It culminates in the middle of the night: begun at dusk it would be worth far less.
    order = culminating(0.0)
    middle = NIGHT.evening + 0.5 * (NIGHT.morning - NIGHT.evening)
    driver = driver_of(wait_risk_per_hour=0.0)
    driver.update_conditions(conditions([order]))
    assert driver.select_next_target() is None
    expected = driver.expected_utc()
    assert expected is not None
    assert abs((expected - middle).total_seconds()) < 600.0
    assert driver.estimate_next_target().utc == expected
    driver.update_conditions(conditions([order], expected))
    assert driver.select_next_target() is not None


@pytest.mark.parametrize("risk_per_hour", [0.1, 0.3, 1.0])
def test_it_is_waited_for_while_it_gains_more_than_waiting_may_cost(risk_per_hour: float) -> None:
    order = culminating(0.0)
    driver = driver_of(wait_risk_per_hour=risk_per_hour)
    driver.update_conditions(conditions([order]))
    expected = driver.expected_utc()
    assert expected is not None
    to_middle_s = 0.5 * driver.models.observatory.exposures_s(order.request, order.missing_count)
    rises = MODELS.sky.next_observable(order.request, DUSK, NIGHT.morning)
    assert rises is not None
    tried_s = np.arange(rises.timestamp(), NIGHT.morning.timestamp() - 3600.0, 60.0)
    height = np.sin(np.radians(altitude_deg(order, *(tried_s + to_middle_s))))
    kept = np.exp(-risk_per_hour * (tried_s - tried_s[0]) / 3600.0)
    best_s = tried_s[np.argmax(np.maximum(height, 0.0) ** 0.75 * kept)]
    assert expected.timestamp() == pytest.approx(best_s, abs=240.0)  # flat at the best


def test_what_stands_high_is_observed_while_the_next_of_the_plan_is_too_low() -> None:
    # The plan has one when it is high, two hours before the other; it is late, and that one is up.
    low, high = culminating(1.0), culminating(3.0)
    rises = MODELS.sky.next_observable(low.request, DUSK, NIGHT.morning)
    assert rises is not None
    driver = driver_of()
    high = replace(high, request=replace(high.request, dec_deg=70.0))
    driver.update_conditions(conditions([low, high], rises + timedelta(minutes=1)))
    view = driver.plan_view()
    assert view is not None
    assert [one["Receipt"] for one in view["Visits"]] == [low.receipt, high.receipt]  # type: ignore[attr-defined]
    target = driver.select_next_target()
    assert target is not None
    assert target.receipt == high.receipt
    assert driver.expected_utc() == rises + timedelta(minutes=1)


def test_in_time_to_spare_the_larger_priority_comes_first() -> None:
    # The best hour of both is the same, and the night is long: the plan has the other one first.
    orders = [
        replace(culminating(0.0), receipt=f"priority {priority:g}", priority=priority)
        for priority in (5.0, 6.0, 7.0, 8.0)
    ]
    at = NIGHT.evening + timedelta(hours=3)
    driver = driver_of()
    driver.update_conditions(conditions(orders, at))
    view = driver.plan_view()
    assert view is not None
    assert view["Visits"][0]["Receipt"] != "priority 8"  # type: ignore[index]
    found = LookAhead(driver, MODELS).targets(conditions(orders, at), n_targets=4)
    assert [one.target.priority for one in found] == [8.0, 7.0, 6.0, 5.0]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_with_few_orders_the_telescope_is_not_idle_while_one_stands_well(seed: int) -> None:
    orders = tuple(
        replace(one, request=replace(one.request, windows=())) for one in drawn(12, seed)
    )
    targets = night_of(driver_of(), orders).targets
    begin_s = {one.target.receipt: one.visit.start_utc_s for one in targets}
    free_s = NIGHT.evening.timestamp()
    for one in targets:
        left_s = one.visit.start_utc_s - one.visit.slew_s
        for order in orders:
            waits = begin_s.get(order.receipt, math.inf) >= one.visit.start_utc_s
            if waits and left_s - free_s > 300.0:
                (up_deg,) = altitude_deg(order, free_s)
                at = datetime.fromtimestamp(free_s, UTC)
                is_up = not MODELS.sky.obstacles(order.request, at)
                assert not is_up or up_deg < 35.0, (one.target.receipt, order.receipt, up_deg)
        free_s = one.visit.end_utc_s


def test_a_visit_a_little_early_does_not_wait() -> None:
    orders = long_ones(60)
    driver = driver_of()
    driver.update_conditions(conditions(orders))
    first = driver.select_next_target()
    assert first is not None
    driver.register_observation(simulated(first, DUSK.timestamp()))
    soon = DUSK + timedelta(seconds=first.duration_s - 60.0)
    driver.update_conditions(conditions(_without(orders, first.receipt), soon))
    assert driver.select_next_target() is not None


@pytest.mark.parametrize(("before_s", "is_taken"), [(1800.0, True), (200.0, False)])
def test_frames_without_sky_are_taken_when_they_are_over_before_the_first_visit(
    before_s: float, is_taken: bool
) -> None:
    request = replace(drawn(1)[0].request, frame_type=FrameType.DARK, ra_deg=None, dec_deg=None)
    dark = PendingOrder("dark", replace(request, exposure_s=60.0, filter_name=None), 1.0, 0.0, 5)
    utc = NIGHT.evening - timedelta(seconds=before_s)
    driver = driver_of()
    driver.update_conditions(
        conditions((*long_ones(60), dark), utc, observatory=ObservatoryState.CLOSED)
    )
    target = driver.select_next_target()
    assert (target is not None) is is_taken
    assert target is None or target.receipt == "dark"


def test_the_best_that_fits_is_worth_most_for_a_second() -> None:
    known = conditions(())
    middle = NIGHT.evening + 0.5 * (NIGHT.morning - NIGHT.evening)
    known = replace(known, utc=middle, state=None)
    high = PROFILE.site.latitude_deg
    request = replace(drawn(1)[0].request, count=1, exposure_s=100.0, dec_deg=high)
    overhead_deg = Time(middle).sidereal_time("apparent", PROFILE.site.longitude_deg * u.deg).deg
    wanted = {
        "low": (5.0, 100.0, overhead_deg + 60.0),
        "high": (5.0, 100.0, overhead_deg),
        "long": (9.0, 900.0, overhead_deg),
    }
    candidates = [
        of_order(PendingOrder(name, replace(request, exposure_s=length_s, ra_deg=ra), *rest))
        for name, (priority, length_s, ra) in wanted.items()
        for rest in [(priority, 0.0, 1)]
    ]
    for until_s, expected in ((None, ["long", "high", "low"]), (300.0, ["high", "low"])):
        end_s = None if until_s is None else middle.timestamp() + until_s
        found = best_first(candidates, known, MODELS, PROFILE.site, end_s)
        assert [one.key for one in found] == expected


def test_what_stands_still_over_the_ground_is_not_planned_and_yet_observed() -> None:
    request = replace(drawn(1)[0].request, ra_deg=None, dec_deg=None)
    request = replace(request, motion=FixedHorizontal(60.0, 120.0))
    still = PendingOrder("still", request, 10.0, 0.0, 1)
    driver = driver_of()
    driver.update_conditions(conditions((*drawn(40), still)))
    target = driver.select_next_target()
    assert target is not None
    assert target.receipt == "still"


def test_an_order_longer_than_its_time_is_observed_in_parts() -> None:
    order = drawn(1)[0]
    request = replace(order.request, exposure_s=600.0, count=200)
    driver = driver_of()
    driver.update_conditions(conditions([replace(order, request=request, missing_count=200)]))
    view = driver.plan_view()
    assert view is not None
    ((visit,), requests) = view["Visits"], view["Requests"]  # type: ignore[misc]  # a list of one
    assert requests == 1
    assert 0 < visit["Count"] < 200


def test_rain_leaves_the_plan_and_takes_no_sky() -> None:
    driver = driver_of()
    driver.update_conditions(conditions(drawn(40)))
    before = driver.plan_view()
    driver.update_conditions(conditions(drawn(40), DUSK + timedelta(minutes=5), verdict=RAIN))
    assert driver.select_next_target() is None
    assert driver.plan_view() == before


def test_the_plan_and_an_explanation_are_json() -> None:
    orders = drawn(40)
    driver = driver_of()
    driver.update_conditions(conditions(orders))
    view = driver.plan_view()
    assert view is not None
    assert json.loads(json.dumps(view)) == view
    assert 0.0 <= float(str(view["Gap"])) < 0.2
    for order in orders:
        found = driver.explain(order.receipt)
        assert json.loads(json.dumps(found))["Receipt"] == order.receipt
        assert "Plan" in found
    assert driver.explain("no such order") == {}


def test_ways_that_take_longer_are_learned_and_kept() -> None:
    driver = driver_of()
    list(_observed(driver, 1.5))
    state = json.loads(to_text(driver.get_state()))
    assert len(state["overheads"]["ratios"]) >= 5  # the short ones say nothing
    assert all(one == pytest.approx(1.5, abs=0.05) for one in state["overheads"]["ratios"])
    other = driver_of()
    other.set_state(state)
    assert to_text(other.get_state()) == to_text(driver.get_state())
    plans = []
    for one in (driver_of(), other):
        one.update_conditions(conditions(drawn(40)))
        plans.append(one.plan_view())
    assert plans[0] != plans[1]


def _observed(driver: PlanScheduler, ratio: float) -> list[Observation]:
    """Register ten observations whose ways took ``ratio`` times what the model says."""
    made = []
    pointing = LookAhead(driver_of(), MODELS).targets(conditions(drawn(40)), n_targets=10)
    end_s = DUSK.timestamp()
    for number, one in enumerate(pointing, 1):
        start_s = end_s + ratio * one.visit.slew_s
        observation = replace(simulated(one.target, start_s), number=number)
        driver.register_observation(observation)
        made.append(observation)
        end_s = start_s + one.visit.end_utc_s - one.visit.start_utc_s
    return made


def _with(
    orders: Sequence[PendingOrder], receipt: str, **changes: float | int
) -> tuple[PendingOrder, ...]:
    return tuple(
        replace(one, **changes) if one.receipt == receipt else one  # type: ignore[arg-type]  # ours
        for one in orders
    )


def _without(orders: Sequence[PendingOrder], receipt: str) -> tuple[PendingOrder, ...]:
    return tuple(one for one in orders if one.receipt != receipt)
