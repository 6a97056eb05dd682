"""Time-critical orders in the plan driver: which they are, and that they are made at their time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ctmo_indi.models.coordinates import sidereal_time_h
from ctmo_indi.models.motions import FixedHorizontal
from ctmo_indi.models.orders import Cadence, ObservationRequest, Window
from ctmo_indi.scheduling.plan.driver import PlanScheduler
from ctmo_indi.scheduling.plan.night_plan import PlannedOrder
from ctmo_indi.scheduling.plan.time_critical import GOES_FIRST, is_time_critical, missed
from ctmo_indi.scheduling.target import PendingOrder

from .plan_world import NIGHT, SKY, conditions, drawn, driver_of, long_ones
from .test_plan_driver import night_of

EVENING_S = NIGHT.evening.timestamp()
MORNING_S = NIGHT.morning.timestamp()
LENGTH_S = 600.0


def asked(*windows: tuple[float, float], **changes: object) -> ObservationRequest:
    """Ask for windows in seconds from the evening on."""
    found = tuple(Window(EVENING_S + begin_s, EVENING_S + end_s) for begin_s, end_s in windows)
    request = replace(drawn(1)[0].request, windows=found)
    return replace(request, **changes)  # type: ignore[arg-type]  # the tests' own names


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (asked(), False),
        (asked((3600.0, 4300.0)), True),
        (asked((3600.0, 3600.0 + LENGTH_S + 900.0)), True),
        (asked((3600.0, 3600.0 + LENGTH_S + 901.0)), False),
        (asked((3600.0, 3600.0 + LENGTH_S - 1.0)), False),
        (asked((3600.0, 4300.0), (9000.0, 9700.0)), True),
        (asked((3600.0, 4300.0), (9000.0, 10500.0)), False),
        (asked((-9000.0, -8000.0)), False),
        (asked((3600.0, 4300.0), (86400.0, 90000.0)), True),
        (asked((0.0, 30000.0), latest_start_utc_s=EVENING_S + 4000.0), True),
        (asked((3600.0, 4300.0), group="G"), False),
        (asked((3600.0, 4300.0), cadence=Cadence(3600.0, 360.0, 5)), False),
    ],
)
def test_what_has_a_start_or_little_choice_in_its_windows_is_time_critical(
    request_: ObservationRequest, expected: bool
) -> None:
    assert is_time_critical(request_, LENGTH_S, NIGHT) is expected


def test_a_long_order_may_have_a_tenth_of_its_length_of_choice() -> None:
    long_s = 18000.0
    assert is_time_critical(asked((0.0, long_s + 1800.0)), long_s, NIGHT)
    assert not is_time_critical(asked((0.0, long_s + 1801.0)), long_s, NIGHT)


def fixed(name: str, start_s: float, priority: float = 0.0, frames: int = 5) -> PendingOrder:
    """Begin so many seconds after the evening, a minute earlier or later; in the south then."""
    at_s = EVENING_S + start_s
    request = replace(
        drawn(1)[0].request,
        order_id=name,
        exposure_s=60.0,
        count=frames,
        filter_name=None,
        constraints=type(drawn(1)[0].request.constraints)(),
        ra_deg=15.0 * sidereal_time_h(SKY.site, at_s),
        dec_deg=20.0,
        windows=(Window(at_s - 60.0, at_s + 60.0 + frames * 70.0),),
        latest_start_utc_s=at_s + 60.0,
    )
    return PendingOrder(name, request, priority, 0.0, frames)


def visits(driver: PlanScheduler) -> dict[str, PlannedOrder]:
    assert driver._plan is not None
    return {one.key: one for one in driver._plan.visits}


def assert_in_time(driver: PlanScheduler, orders: Sequence[PendingOrder]) -> None:
    found = visits(driver)
    for one in orders:
        latest_s = one.request.latest_start_utc_s
        assert latest_s is not None
        assert latest_s - 120.0 <= found[one.receipt].start_utc_s <= latest_s


HOURLY = [fixed(f"fixed {n}", 3600.0 * (n + 1)) for n in range(8)]


def test_orders_with_a_start_are_planned_at_it_whatever_else_there_is() -> None:
    driver = driver_of()
    driver.update_conditions(conditions([*long_ones(80), *HOURLY]))
    assert_in_time(driver, HOURLY)
    plan = driver._plan
    assert plan is not None
    assert plan.time_critical_cost > 0.0
    assert plan.bound > plan.value
    view = driver.plan_view()
    assert view is not None
    assert view["Time Critical Cost"] == round(plan.time_critical_cost, 1)
    again = type(plan).of_state(plan.state())
    assert again == plan


@pytest.mark.parametrize("tolerance_s", [0.0, 3.0, 40.0])
@pytest.mark.parametrize("start_s", [3601.0, 7230.5])
def test_an_order_with_seconds_to_start_in_is_planned(start_s: float, tolerance_s: float) -> None:
    order = fixed("short", start_s)
    latest_s = order.request.latest_start_utc_s
    assert latest_s is not None
    request = replace(order.request, exposure_s=61.37)  # sums are rounded
    order = replace(order, request=request, not_before_utc_s=latest_s - tolerance_s)
    for others in ((), long_ones(40)):
        driver = driver_of()
        driver.update_conditions(conditions([order, *others]))
        planned_s = visits(driver)["short"].start_utc_s
        assert latest_s - tolerance_s <= planned_s <= latest_s + 0.01


def test_in_a_whole_night_they_are_begun_in_time() -> None:
    night = night_of(driver_of(tries=2000), [*long_ones(80), *HOURLY])
    begun = {one.target.receipt: one.visit.start_utc_s for one in night.targets}
    for one in HOURLY:
        latest_s = one.request.latest_start_utc_s
        assert latest_s is not None
        assert latest_s - 120.0 <= begun[one.receipt] <= latest_s


def test_an_explanation_says_that_it_goes_first() -> None:
    driver = driver_of()
    driver.update_conditions(conditions([*long_ones(20), *HOURLY]))
    told = driver.explain(HOURLY[0].receipt)["Plan"]
    assert isinstance(told, dict)
    assert told["Words"][0] == GOES_FIRST
    other = driver.explain(long_ones(1)[0].receipt)["Plan"]
    assert isinstance(other, dict)
    assert GOES_FIRST not in other.get("Words", [])


def test_of_two_starts_at_one_time_the_larger_priority_is_planned() -> None:
    pair = [fixed("small", 7200.0, 3.0, 20), fixed("large", 7200.0, 4.0)]
    driver = driver_of()
    driver.update_conditions(conditions([*long_ones(80), *pair]))
    assert "large" in visits(driver)
    assert "small" not in visits(driver)


def test_a_little_late_the_visit_before_a_start_makes_room_for_it() -> None:
    driver = driver_of(replan_after_s=3600.0)
    orders = [*long_ones(80), *HOURLY]
    driver.update_conditions(conditions(orders))
    first = next(iter(visits(driver).values()))
    at = datetime.fromtimestamp(first.start_utc_s, UTC) + timedelta(seconds=1000.0)
    late = driver_of(replan_after_s=3600.0)
    late.set_state(driver.get_state())
    late.update_conditions(conditions(orders, at))
    assert_in_time(late, HOURLY)
    assert late._plan is not None
    assert late._plan.changed_utc_s > 0.0


def test_it_is_known_whom_a_delay_would_cost() -> None:
    first, second, third = (
        PlannedOrder(name, at_s, at_s + 100.0, 5.0, idle_s, 1.0, 1, 0.0, 0.0, 100.0, 0.0, "")
        for name, at_s, idle_s in (("a", 0.0, 0.0), ("b", 145.0, 40.0), ("c", 250.0, 0.0))
    )
    plan = [first, second, third]
    assert missed(plan, [None, 155.0, None], 49.0) is None
    assert missed(plan, [None, 155.0, None], 51.0) is second
    assert missed(plan, [None, None, 255.0], 44.0) is None
    assert missed(plan, [None, None, 255.0], 46.0) is third
    assert missed(plan, [0.0, None, None], 1.0) is first
    assert missed(plan, [None, None, None], 1e6) is None


def test_what_cannot_be_planned_is_begun_only_when_it_is_over_before_a_start() -> None:
    start = HOURLY[0]
    assert start.request.latest_start_utc_s is not None
    request = replace(
        start.request,
        order_id="zenith",
        ra_deg=None,
        dec_deg=None,
        motion=FixedHorizontal(70.0, 180.0),
        windows=(),
        latest_start_utc_s=None,
    )
    chosen = {}
    for length_s in (300.0, 1200.0):
        zenith = PendingOrder("zenith", replace(request, exposure_s=length_s, count=1), 9.0, 0.0, 1)
        at = datetime.fromtimestamp(start.request.latest_start_utc_s - 900.0, UTC)
        driver = driver_of()
        driver.update_conditions(conditions([start, zenith], at))
        target = driver.select_next_target()
        chosen[length_s] = None if target is None else target.target_id or target.receipt
    assert chosen == {300.0: "zenith", 1200.0: None}
