"""A planned night: possible, certified, the same each time, and nothing where nothing can be."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from ctmo_indi.models.coordinates import hour_angle_h
from ctmo_indi.models.dome_geometry import DomeMeasurements
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.orders import Constraints, Window
from ctmo_indi.planner.bound import Prices
from ctmo_indi.planner.certify import certified_bound
from ctmo_indi.planner.checker import check
from ctmo_indi.planner.kept import setup_of
from ctmo_indi.planner.night_grid import NightGrid
from ctmo_indi.planner.pipeline import PlanStart, plan_night
from ctmo_indi.planner.plan import Plan
from ctmo_indi.planner.problem import PlanSettings
from ctmo_indi.planner.request_table import PlanRequest, RequestTable
from ctmo_indi.planner.row_arrays import arrays_of, cut, sky_of
from ctmo_indi.planner.visibility import intervals
from ctmo_indi.profiles import Kinematics, Limits, MountKind, NightPolicy, Site

SITE = Site("CTMO", 25.996, -97.571, 12.0)
LIMITS = Limits(horizon_deg=25.0, max_altitude_deg=88.0)
POLICY = NightPolicy(sun_max_altitude_deg=-18.0)
NOON_UTC_S = 1_795_284_000.0  # 2026-11-21 22:00
NIGHT = NightGrid.of_night(SITE, LIMITS, POLICY, NOON_UTC_S)
FORK = ObservatoryModel(
    SITE, Kinematics(mount=MountKind.FORK, mount_settle_s=3.0, readout_s=5.0, filter_change_s=8.0)
)
GERMAN = ObservatoryModel(
    SITE,
    Kinematics(mount_settle_s=3.0, readout_s=5.0, filter_change_s=8.0, flip_s=20.0, handling_s=2.0),
    DomeMeasurements(3.0, 1.0, 0.0, 0.1, 0.2, 0.4),
)
QUICK = PlanSettings(tries=3000, price_steps=60)
START = ObservatoryModelState(
    utc_s=NIGHT.begin_utc_s, ra_deg=30.0, dec_deg=20.0, is_tracking=True, is_parked=False,
    is_open=True,
)  # fmt: skip


def some(count: int, seed: int = 1, *, window_share: float = 0.3) -> list[PlanRequest]:
    """Requests all over the sky, of five minutes to half an hour, some with a window."""
    generator = np.random.default_rng(seed)
    found = []
    for number in range(count):
        windows: tuple[Window, ...] = ()
        if generator.random() < window_share:
            begin_s = NIGHT.begin_utc_s + generator.uniform(-1800.0, 30000.0)
            windows = (Window(begin_s, begin_s + generator.uniform(3600.0, 14400.0)),)
        found.append(
            PlanRequest(
                key=f"O-{number:05d}",
                ra_deg=float(generator.uniform(0.0, 360.0)),
                dec_deg=float(generator.uniform(-25.0, 80.0)),
                exposure_s=float(generator.uniform(60.0, 300.0)),
                count=int(generator.integers(3, 8)),
                filter_name=str(generator.choice(["B", "V", "R", ""])),
                priority=float(generator.integers(0, 11)),
                windows=windows,
                constraints=Constraints(max_airmass=float(generator.choice([1.5, 2.0, 2.5]))),
            )
        )
    return found


def table_of(requests: Sequence[PlanRequest], night: NightGrid = NIGHT) -> RequestTable:
    return RequestTable.of(
        requests, night.limits, night.policy, readout_s=5.0, filter_names=("B", "V", "R")
    )


def planned(
    requests: Sequence[PlanRequest],
    model: ObservatoryModel = FORK,
    night: NightGrid = NIGHT,
    start: PlanStart | None = None,
    settings: PlanSettings = QUICK,
) -> Plan:
    start = start or PlanStart(START.utc_s, START)
    return plan_night(table_of(requests, night), night, model, start, settings)


@pytest.mark.parametrize("model", [FORK, GERMAN], ids=["fork", "german with a dome"])
@pytest.mark.parametrize("count", [1, 12, 150])
def test_a_plan_passes_the_independent_checker(model: ObservatoryModel, count: int) -> None:
    requests = some(count, seed=count)
    plan = planned(requests, model)
    assert plan.visits
    assert check(plan, requests, SITE, LIMITS, POLICY, model, START) == ()
    assert plan.bound >= plan.value


def test_no_visit_of_a_german_mount_comes_near_to_its_flip() -> None:
    limits = replace(LIMITS, meridian_flip_h=0.1, meridian_flip_margin_min=15.0)
    night = NightGrid.of_night(SITE, limits, POLICY, NOON_UTC_S)
    requests = some(150)
    known = {one.key: one for one in requests}
    plan = planned(requests, GERMAN, night)
    assert check(plan, requests, SITE, limits, POLICY, GERMAN, START) == ()
    for one in plan.visits:
        place = known[one.key].ra_deg, known[one.key].dec_deg
        begin_h = hour_angle_h(*place, SITE, one.start_utc_s)
        lasts_h = (one.end_utc_s - one.start_utc_s) / 3590.17
        until_h = (0.1 - begin_h) % 12.0
        assert lasts_h + 0.2499 < until_h < 12.0 - 0.2499
    # Without the margin visits do come near to it, and the checker says so.
    free = planned(requests, GERMAN)
    told = check(free, requests, SITE, limits, POLICY, GERMAN, START)
    assert {one.constraint for one in told} == {"meridian flip margin"}
    assert plan.value < free.value


def test_an_oversubscribed_night_is_full_and_near_to_the_best() -> None:
    plan = planned(some(300), settings=PlanSettings())
    assert plan.filled > 0.95
    assert plan.gap < 0.05


def test_the_same_input_gives_the_same_plan_whatever_its_order() -> None:
    requests = some(120)
    first = planned(requests)
    assert planned(requests) == first
    again = planned(list(reversed(requests)))
    assert [replace(one, row=0) for one in again.visits] == [
        replace(one, row=0) for one in first.visits
    ]
    assert again.bound == pytest.approx(first.bound, rel=1e-12)


def test_requests_that_are_never_up_change_nothing() -> None:
    requests = some(80)
    below = [replace(one, key=f"N-{one.key}", dec_deg=-80.0) for one in some(40, seed=5)]
    first, more = planned(requests), planned([*below, *requests])
    assert [one.start_utc_s for one in first.visits] == [one.start_utc_s for one in more.visits]
    assert more.bound == first.bound


def test_another_seed_gives_another_search() -> None:
    requests = some(150)
    assert planned(requests, settings=replace(QUICK, seed=2)) != planned(requests)


def test_any_prices_certify_and_more_requests_never_lower_the_bound() -> None:
    requests = some(120)
    best = planned(requests)
    generator = np.random.default_rng(4)
    setup = setup_of(FORK, ("B", "V", "R"))
    sky = sky_of(NIGHT, NIGHT.begin_utc_s)
    slots = len(best.price)
    capacity_s = np.full(slots, 60.0)

    def bound(asked: Sequence[PlanRequest], price: np.ndarray) -> float:
        table = table_of(asked)
        spans = intervals(table, NIGHT)
        every = arrays_of(table, NIGHT, spans, NIGHT.begin_utc_s)
        return certified_bound(sky, every, setup, Prices(price, 60.0, 0.0), capacity_s)

    level = max(best.price)
    for _ in range(10):
        price = np.repeat(generator.uniform(0.0, 2.0 * level, slots // 10 + 1), 10)[:slots]
        all_of_them = bound(requests, price)
        assert all_of_them >= best.value
        assert bound(requests[:60], price) <= all_of_them + 1e-6 * all_of_them


def test_nothing_is_planned_into_bad_weather_or_before_the_start() -> None:
    requests = some(150)
    begin_s = NIGHT.begin_utc_s + 7200.0
    closed = np.array([[begin_s + 3600.0, begin_s + 10800.0]])
    plan = planned(requests, start=PlanStart(begin_s, replace(START, utc_s=begin_s), closed))
    assert plan.visits
    for visit in plan.visits:
        assert visit.start_utc_s - visit.setup_s >= begin_s - 1e-3
        assert visit.end_utc_s <= closed[0, 0] + 1e-3 or visit.start_utc_s >= closed[0, 1] - 1e-3
    assert plan.filled < (1.0 - 7200.0 / (NIGHT.end_utc_s - begin_s)) + 1e-6
    assert plan.gap < 0.15


def test_any_prices_certify_a_night_with_bad_weather() -> None:
    requests = some(120)
    begin_s = NIGHT.begin_utc_s
    closed = np.array([[begin_s + 7200.0 * k, begin_s + 7200.0 * k + 1000.0] for k in range(4)])
    best = planned(requests, start=PlanStart(begin_s, START, closed))
    table = table_of(requests)
    every = arrays_of(table, NIGHT, intervals(table, NIGHT), begin_s)
    every = cut(every, closed - begin_s)
    slots = np.arange(len(best.price)) * 60.0
    is_closed = np.zeros(slots.size, dtype=np.bool_)
    for low, high in closed - begin_s:
        is_closed |= (slots >= low) & (slots + 60.0 <= high)
    generator = np.random.default_rng(4)
    for _ in range(10):
        price = generator.uniform(0.5, 1.5, slots.size) * max(best.price)
        bound = certified_bound(
            sky_of(NIGHT, begin_s), every, setup_of(FORK, ("B", "V", "R")),
            Prices(price, 60.0, 0.0), np.where(is_closed, 0.0, 60.0),
        )  # fmt: skip
        assert bound >= best.value


def test_no_requests_and_none_that_can_be_observed_give_an_empty_plan() -> None:
    never = [replace(one, dec_deg=-85.0) for one in some(5)]
    past = [replace(one, windows=(Window(0.0, 1000.0),)) for one in some(5)]
    too_long = [replace(one, exposure_s=20000.0, count=7) for one in some(5)]
    for requests in ([], never, past, too_long):
        plan = planned(requests)
        assert (plan.visits, plan.value, plan.bound, plan.gap) == ((), 0.0, 0.0, 0.0)
        assert plan.requests == len(requests)


def test_a_start_after_the_night_gives_an_empty_plan() -> None:
    late = NIGHT.end_utc_s + 10.0
    plan = planned(some(5), start=PlanStart(late, replace(START, utc_s=late)))
    assert plan.visits == ()


@pytest.mark.parametrize("noon_utc_s", [1_782_064_800.0, 1_797_876_000.0], ids=["June", "December"])
@pytest.mark.parametrize("latitude_deg", [78.2, 90.0, -90.0])
def test_midnight_sun_polar_night_and_the_poles(latitude_deg: float, noon_utc_s: float) -> None:
    site = Site("far", latitude_deg, 15.6, 400.0)
    night = NightGrid.of_night(site, LIMITS, POLICY, noon_utc_s)
    model = ObservatoryModel(site, FORK.kinematics)
    requests = [
        replace(one, windows=(), dec_deg=one.dec_deg * (1.0 if latitude_deg > 0.0 else -1.0))
        for one in some(60)
    ]
    start = ObservatoryModelState(
        utc_s=night.begin_utc_s, ra_deg=30.0, dec_deg=60.0, is_tracking=True, is_parked=False,
        is_open=True,
    )  # fmt: skip
    plan = planned(requests, model, night, PlanStart(night.begin_utc_s, start))
    is_dark = night.end_utc_s > night.begin_utc_s
    assert bool(plan.visits) == is_dark
    assert check(plan, requests, site, LIMITS, POLICY, model, start) == ()


def test_memory_grows_by_half_a_kilobyte_a_request() -> None:
    generator = np.random.default_rng(7)

    def peak_bytes(count: int) -> int:
        keys = [f"O-{number:07d}" for number in range(count)]
        place = generator.uniform(0.0, 360.0, count), generator.uniform(-30.0, 80.0, count)
        tracemalloc.start()
        try:
            table = RequestTable.from_arrays(keys, *place, 600.0, 610.0, LIMITS, POLICY)
            settings = PlanSettings(tries=100, price_steps=10)
            plan_night(table, NIGHT, FORK, PlanStart(START.utc_s, START), settings)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = peak_bytes(10_000), peak_bytes(60_000)
    assert (many - few) / 50_000 < 600.0
