"""The plan as it is shown: where each visit's target stands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import astropy.units as u
import pytest
from astropy.coordinates import EarthLocation, SkyCoord, get_body
from astropy.time import Time
from astropy.utils import iers

from ctmo_indi.models.motions import BodyMotion, FixedHorizontal, SolarSystemBody
from ctmo_indi.models.states import FrameType
from ctmo_indi.scheduling.driver import to_text
from ctmo_indi.scheduling.errors import DriverError
from ctmo_indi.scheduling.plan.driver import PlanScheduler
from ctmo_indi.scheduling.target import PendingOrder

from .plan_world import NIGHT, PROFILE, RAIN, conditions, drawn, driver_of, long_ones

iers.conf.auto_download = False
iers.conf.auto_max_age = None


def on(order: PendingOrder, body: SolarSystemBody) -> PendingOrder:
    request = replace(
        order.request, ra_deg=None, dec_deg=None, motion=BodyMotion(body), windows=(), count=1
    )
    return replace(order, receipt=body.value, request=request, missing_count=1)


def test_a_target_that_moves_is_shown_where_it_is_in_the_middle_of_its_visit() -> None:
    star, one, other = drawn(3)
    star = replace(star, request=replace(star.request, windows=()))
    bodies = (SolarSystemBody.MOON, SolarSystemBody.SATURN)
    orders = (star, *(on(order, body) for order, body in zip((one, other), bodies, strict=True)))
    driver = driver_of()
    driver.update_conditions(conditions(orders))
    view = driver.plan_view()
    assert view is not None
    visits = view["Visits"]
    assert isinstance(visits, list)
    shown = {visit["Receipt"]: visit for visit in visits}
    fixed = shown[star.receipt]
    assert (fixed["RA"], fixed["Dec"]) == star.request.fixed_place_deg
    site = PROFILE.site
    where = EarthLocation.from_geodetic(
        site.longitude_deg * u.deg, site.latitude_deg * u.deg, site.elevation_m * u.m
    )
    for body in bodies:
        visit = shown[body.value]
        start, end = (datetime.fromisoformat(visit[key]) for key in ("Start", "End"))
        when = Time(start + 0.5 * (end - start))
        seen = get_body(body.value, when, where)
        place = SkyCoord(visit["RA"] * u.deg, visit["Dec"] * u.deg)
        # The direction as seen from the site, as a star's would be.
        away = place.separation(SkyCoord(seen.ra, seen.dec)).arcsec
        assert away == pytest.approx(0.0, abs=30.0)


def under_way(driver: PlanScheduler, orders: Sequence[PendingOrder]) -> PendingOrder:
    """Have the plan's first visit begun: its order does not wait any more."""
    driver.update_conditions(conditions(orders))
    first = visits_of(driver)[0]
    (order,) = (one for one in orders if one.receipt == first["Receipt"])
    begun = datetime.fromisoformat(str(first["Start"]))
    driver.update_conditions(conditions([one for one in orders if one is not order], begun))
    return order


def visits_of(driver: PlanScheduler) -> list[dict[str, object]]:
    view = driver.plan_view()
    assert view is not None
    visits = view["Visits"]
    assert isinstance(visits, list)
    return visits


def words_of(told: Mapping[str, object]) -> str:
    plan = told["Plan"]
    assert isinstance(plan, dict)
    return " ".join(plan["Words"])


def test_what_is_under_way_keeps_its_place_and_filter() -> None:
    driver = driver_of()
    order = under_way(driver, drawn(40))
    first = visits_of(driver)[0]
    assert first["Receipt"] == order.receipt
    assert (first["RA"], first["Dec"]) == order.request.fixed_place_deg
    assert first["Filter"] == order.request.filter_name


@pytest.mark.parametrize("is_restored", [False, True])
def test_what_is_under_way_or_next_is_explained_by_its_visit(is_restored: bool) -> None:
    orders = drawn(40)
    driver = driver_of()
    order = under_way(driver, orders)
    visits = visits_of(driver)
    if is_restored:
        state, now = driver.get_state(), driver.conditions
        assert now is not None
        driver = driver_of()
        driver.set_state(json.loads(to_text(state)))
        driver.update_conditions(now)
    told = driver.explain(order.receipt)
    assert f"visit 1 of {len(visits)}" in words_of(told)
    later = driver.explain(str(visits[4]["Receipt"]))
    assert f"visit 5 of {len(visits)}" in words_of(later)


def test_after_a_restart_an_order_that_is_left_out_is_told_that_prices_are_gone() -> None:
    orders = long_ones(80)
    driver = driver_of()
    driver.update_conditions(conditions(orders))
    planned = {visit["Receipt"] for visit in visits_of(driver)}
    left_out = next(one.receipt for one in orders if one.receipt not in planned)
    assert "its time costs" in words_of(driver.explain(left_out))
    restored = driver_of()
    restored.set_state(json.loads(to_text(driver.get_state())))
    restored.update_conditions(conditions(orders))
    said = words_of(restored.explain(left_out))
    assert "It is not in the plan" in said
    assert "not known" in said


def test_an_order_that_is_left_out_is_told_what_an_exchange_costs() -> None:
    orders = long_ones(80)
    driver = driver_of()
    driver.update_conditions(conditions(orders))
    visits = visits_of(driver)
    planned = {visit["Receipt"] for visit in visits}
    left_out = next(one.receipt for one in orders if one.receipt not in planned)
    holder = visits[3]
    at = datetime.fromisoformat(str(holder["Start"])) + timedelta(minutes=1)
    plan = driver.explain(left_out, at)["Plan"]
    assert isinstance(plan, dict)
    assert plan["At Minute"]["Receipt"] == holder["Receipt"]
    assert plan["Nearest Is Timed"] is True
    assert plan["Nearest"] in [visit["Receipt"] for visit in visits]


@pytest.mark.parametrize("is_raining", [False, True])
def test_without_a_plan_the_one_that_would_be_made_is_shown_and_nothing_changes(
    is_raining: bool,
) -> None:
    orders = drawn(40)
    driver = driver_of()
    if is_raining:
        now = replace(conditions(orders, NIGHT.evening - timedelta(minutes=30)), verdict=RAIN)
    else:
        now = conditions(orders, NIGHT.evening - timedelta(hours=3))
    driver.update_conditions(now)
    before = to_text(driver.get_state())
    view = driver.plan_view()
    assert view is not None
    assert view["Visits"]
    due = "rain" if is_raining else f"{NIGHT.evening - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    assert due in str(view["Preview"])
    told = driver.explain(orders[0].receipt)
    assert "There is no plan yet" in words_of(told)
    assert due in words_of(told)
    assert to_text(driver.get_state()) == before
    assert driver.select_next_target() is None
    # in the night the plan is made as if nobody had asked
    for one in (driver, other := driver_of()):
        one.update_conditions(conditions(orders))
    assert driver.plan_view() == other.plan_view()
    assert "Preview" not in (driver.plan_view() or {})
    assert to_text(driver.get_state()) == to_text(other.get_state())


def test_orders_that_came_in_the_rain_are_in_the_plan_that_is_shown() -> None:
    orders = drawn(40)
    driver = driver_of()
    driver.update_conditions(conditions(orders[:5]))
    dry = driver.plan_view()
    driver.update_conditions(replace(conditions(orders[:5]), verdict=RAIN))
    before = to_text(driver.get_state())
    assert driver.plan_view() == dry  # nothing is new
    driver.update_conditions(replace(conditions(orders), verdict=RAIN))
    view = driver.plan_view()
    assert view is not None
    assert "rain" in str(view["Preview"])
    assert view["Requests"] == len(orders)
    assert to_text(driver.get_state()) == before


def test_a_plan_is_not_asked_for_before_anything_is_known() -> None:
    with pytest.raises(DriverError, match="nothing is known of the night yet"):
        driver_of().plan_view()


def test_what_cannot_be_planned_is_told_when_it_is_taken() -> None:
    still, dark, *orders = drawn(20)
    still = replace(
        still,
        request=replace(
            still.request, ra_deg=None, dec_deg=None, motion=FixedHorizontal(60.0, 180.0)
        ),
    )
    dark = replace(
        dark,
        request=replace(dark.request, ra_deg=None, dec_deg=None, frame_type=FrameType.DARK),
    )
    driver = driver_of()
    driver.update_conditions(conditions((still, dark, *orders)))
    for order, why in ((still, "stands still over the ground"), (dark, "needs no sky")):
        told = driver.explain(order.receipt)
        assert why in words_of(told)
        assert "it is taken" in words_of(told)
        plan = told["Plan"]
        assert isinstance(plan, dict)
        assert plan["Planned"] is False
