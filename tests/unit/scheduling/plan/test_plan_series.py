"""Orders with a cadence in the plan: all visits that are left and fit, in the cadence's pace."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ctmo_indi.models.orders import Cadence, ObservationRequest
from ctmo_indi.models.states import FrameType
from ctmo_indi.planner.plan_request import PlanRequest
from ctmo_indi.scheduling.driver import to_text
from ctmo_indi.scheduling.lookahead import simulated
from ctmo_indi.scheduling.plan.driver import PlanScheduler
from ctmo_indi.scheduling.plan.night_plan import NightPlan, PlannedOrder
from ctmo_indi.scheduling.plan.series_first import series_first
from ctmo_indi.scheduling.plan.visit_keys import visit_key
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.scheduling.target import PendingOrder

from .plan_world import DUSK, MODELS, NIGHT, conditions, driver_of, long_ones
from .test_plan_driver import night_of

HOUR_S = 3600.0


def series(
    key: str, ra_deg: float, visits: int = 8, priority: float = 7.0, **keys: float
) -> PendingOrder:
    cadence = Cadence(HOUR_S, 360.0, visits)
    request = ObservationRequest(
        order_id=key,
        user="ada",
        frame_type=FrameType.LIGHT,
        exposure_s=60.0,
        count=1,
        ra_deg=ra_deg,
        dec_deg=25.0,
        filter_name="R",
        cadence=cadence,
    )
    return replace(
        PendingOrder(key, request, priority, 0.0, 1, visits_left=visits),
        **keys,  # type: ignore[arg-type]  # names of fields
    )


SERIES = (series("s60", 60.0), series("s100", 100.0), series("s30", 30.0))


def plan_of(driver: PlanScheduler) -> NightPlan:
    assert driver._plan is not None
    return driver._plan


def visits_of(visits: Sequence[PlannedOrder], key: str) -> list[PlannedOrder]:
    return [one for one in visits if one.key == key]


def test_the_plan_has_every_visit_and_its_pace() -> None:
    driver = driver_of()
    driver.update_conditions(conditions([*SERIES, *long_ones(6)]))
    plan = plan_of(driver)
    for order in SERIES:
        visits = visits_of(plan.visits, order.receipt)
        assert [one.visit for one in visits] == list(range(1, 9))
        for one, after in itertools.pairwise(visits):
            assert after.start_utc_s - one.start_utc_s >= 0.9 * HOUR_S - 1e-3
    # value and bound know them all
    assert plan.value == pytest.approx(sum(one.value for one in plan.visits))
    assert plan.bound >= plan.value
    alone = driver_of()
    alone.update_conditions(conditions(long_ones(6)))
    assert plan.bound - plan_of(alone).bound > sum(
        0.9 * one.value for one in plan.visits if one.visit
    )


def test_with_time_to_spare_a_series_gets_what_the_sequential_driver_gives_it() -> None:
    orders = [*SERIES, *long_ones(9)]
    planned = night_of(driver_of(), orders)
    sequential = SequentialScheduler(MODELS)
    sequential.configure_scheduler({})
    by_priority = night_of(sequential, orders)
    for order in SERIES:
        count, other = (
            sum(one.target.receipt == order.receipt for one in night.targets)
            for night in (planned, by_priority)
        )
        assert count >= other == 8
    assert len(planned.targets) >= len(by_priority.targets)


def test_visits_that_are_made_take_the_first_of_the_series_out() -> None:
    driver = driver_of()
    order = SERIES[2]
    driver.update_conditions(conditions([order]))
    target = driver.select_next_target()
    assert target is not None
    assert target.receipt == order.receipt
    start_s = DUSK.timestamp() + 20.0
    driver.register_observation(simulated(target, start_s))
    assert [one.visit for one in plan_of(driver).visits] == list(range(1, 8))
    left = order.after(1, start_s)
    assert left is not None
    soon = DUSK + timedelta(seconds=100)
    driver.update_conditions(conditions([left], soon))
    visits = plan_of(driver).visits
    assert [one.visit for one in visits] == list(range(1, 8))
    assert visits[0].start_utc_s >= left.due_utc_s
    assert driver.select_next_target() is None
    expected = driver.expected_utc()
    assert expected is not None
    assert expected.timestamp() >= left.due_utc_s - 1e-3


def test_a_visit_made_on_time_changes_nothing_of_the_rest() -> None:
    driver = driver_of()
    order, others = SERIES[2], long_ones(60)
    driver.update_conditions(conditions([order, *others]))
    before = plan_of(driver)
    first = visits_of(before.visits, order.receipt)[0]
    at = datetime.fromtimestamp(first.start_utc_s, UTC)
    target = driver.select_next_target()
    assert target is not None
    left = order.after(1, first.start_utc_s)
    assert left is not None
    driver.register_observation(simulated(replace(target, receipt="s30", target_id="s30"), 0.0))
    rest = plan_of(driver).visits
    driver.update_conditions(conditions([left, *others], at - timedelta(seconds=1)))
    assert plan_of(driver).visits == rest
    assert plan_of(driver).made_utc_s == before.made_utc_s


def test_under_way_the_rest_of_a_series_stays_planned() -> None:
    driver = driver_of()
    others = long_ones(6)
    driver.update_conditions(conditions([*SERIES[1:], *others]))
    before = visits_of(plan_of(driver).visits, "s100")
    assert plan_of(driver).visits[0].key != "s100"
    # Begun before its time, it does not wait any more.
    driver.update_conditions(conditions([SERIES[2], *others], DUSK + timedelta(seconds=1)))
    assert visits_of(plan_of(driver).visits, "s100") == before


def test_an_instant_between_two_microseconds_does_not_lose_a_visit() -> None:
    """Due within a microsecond it is waited for: nothing long is begun in its place."""
    due_s = DUSK.timestamp() + 2000.0
    while datetime.fromtimestamp(due_s, UTC).timestamp() >= due_s:
        due_s = math.nextafter(due_s, math.inf)
    order = series("s30", 30.0, visits=3, due_utc_s=due_s)
    driver = driver_of()
    cut = datetime.fromtimestamp(due_s, UTC)
    driver.update_conditions(conditions([order, *long_ones(6)], cut))
    expected = driver.expected_utc()
    assert expected is not None
    assert plan_of(driver).visits[0].key == "s30"
    target = driver.select_next_target()
    assert target is None or "cannot be" not in target.note


def test_a_late_visit_puts_off_the_rest() -> None:
    driver = driver_of()
    order = series("s60", 60.0, visits=3, due_utc_s=DUSK.timestamp() + 600.0)
    others = long_ones(6)
    driver.update_conditions(conditions([order, *others]))
    late = DUSK + timedelta(minutes=100)
    driver.update_conditions(conditions([order, *others], late))
    visits = visits_of(plan_of(driver).visits, "s60")
    assert len(visits) == 3
    assert visits[0].start_utc_s >= late.timestamp()


def test_more_visits_left_are_another_plan() -> None:
    driver = driver_of()
    order = series("s60", 60.0, visits=8)
    driver.update_conditions(conditions([replace(order, visits_left=2)]))
    assert len(plan_of(driver).visits) == 2
    driver.update_conditions(conditions([replace(order, visits_left=5)]))
    assert len(plan_of(driver).visits) == 5


def test_the_next_of_a_group_only() -> None:
    order = series("s60", 60.0)
    grouped = replace(order, request=replace(order.request, group="pair"))
    driver = driver_of()
    driver.update_conditions(conditions([grouped]))
    assert [one.visit for one in plan_of(driver).visits] == [0]


def test_the_visits_are_in_the_state_and_in_the_view() -> None:
    driver = driver_of()
    driver.update_conditions(conditions([SERIES[0]]))
    restored = driver_of()
    restored.set_state(json.loads(to_text(driver.get_state())))
    assert plan_of(restored) == plan_of(driver)
    view = driver.plan_view()
    assert view is not None
    visits = view["Visits"]
    assert isinstance(visits, list)
    assert [(one["Receipt"], one["Visit"]) for one in visits] == [
        ("s60", visit) for visit in range(1, 9)
    ]
    assert NIGHT.morning.timestamp() >= plan_of(driver).visits[-1].end_utc_s


def request(key: str, priority: float, minutes: float, group: str = "") -> PlanRequest:
    return PlanRequest(key, 60.0, 20.0, 60.0 * minutes, priority=priority, group=group)


@pytest.mark.parametrize(
    ("priorities", "first"),
    [
        ((7.0, 5.0), True),  # more than what fills the night
        ((5.0, 5.0), False),
        ((1.0, 9.0), False),  # all others go before, and leave it what is left
        ((3.0, 5.0), False),
    ],
)
def test_a_series_of_more_priority_than_what_fills_the_night_goes_first(
    priorities: tuple[float, float], first: bool
) -> None:
    mine, others = priorities
    visits = [request(visit_key("s", visit), mine, 10.0) for visit in (1, 2)]
    asked = [*visits, *(request(f"o{number}", others, 30.0) for number in range(4))]
    assert series_first(asked, 0.0, 20_000.0) == asked  # there is room to spare
    found = series_first(asked, 0.0, 7000.0)
    assert [one.is_time_critical for one in found] == [first] * 2 + [False] * 4
    assert [one.key for one in found] == [one.key for one in asked]


def test_what_is_no_series_does_not_go_first() -> None:
    asked = [request("a", 9.0, 10.0), request("b", 1.0, 300.0)]
    assert series_first(asked, 0.0, 7000.0) == asked


def test_a_full_night_leaves_a_series_of_more_priority_its_visits() -> None:
    orders = [*SERIES, *long_ones(60)]
    planned = night_of(driver_of(), orders)
    for order in SERIES:
        assert sum(one.target.receipt == order.receipt for one in planned.targets) >= 7
