"""Explanations: the same as the rules say, the same as astropy says, and true of the plan."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from ctmo_indi.models.coordinates import hour_angle_h
from ctmo_indi.models.motions import BodyMotion, SolarSystemBody
from ctmo_indi.models.observability import observable_now
from ctmo_indi.models.orders import Constraints, ObservationRequest, Window
from ctmo_indi.models.states import FrameType
from ctmo_indi.planner.explain import Circumstances, Explanation, PlanView, explain
from ctmo_indi.planner.night_grid import NightGrid
from ctmo_indi.planner.plan import Plan, PlannedVisit
from ctmo_indi.planner.request_table import PlanRequest, RequestTable
from ctmo_indi.planner.standing import InPlan, LeftOut, NoTime
from ctmo_indi.profiles import Limits, NightPolicy, Site

iers.conf.auto_download = False
iers.conf.auto_max_age = None

SITE = Site("CTMO", 25.996, -97.571, 12.0)
LIMITS = Limits(horizon_deg=25.0, max_altitude_deg=88.0)
POLICY = NightPolicy(sun_max_altitude_deg=-18.0)
NOON_UTC_S = 1_795_298_400.0  # 2026-11-21 22:00, afternoon at the site
HOUR_S = 3600.0
NIGHT = NightGrid.of_night(SITE, LIMITS, POLICY, NOON_UTC_S)


def order(**changes: object) -> ObservationRequest:
    base = ObservationRequest(
        order_id="1", user="Ada", frame_type=FrameType.LIGHT, exposure_s=300.0, count=4,
        ra_deg=83.82, dec_deg=-5.39,
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]  # the fields by name


def told(request: ObservationRequest, utc_s: float, **more: object) -> Explanation:
    return explain("O-1", request, SITE, LIMITS, POLICY, utc_s, **more)  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize("hours", range(1, 24, 5))
@pytest.mark.parametrize(
    "request_",
    [
        order(),
        order(constraints=Constraints(max_airmass=1.3, min_moon_separation_deg=60.0)),
        order(dec_deg=80.0, constraints=Constraints(max_moon_altitude_deg=0.0)),
        order(windows=(Window(NOON_UTC_S + 6 * HOUR_S, NOON_UTC_S + 9 * HOUR_S),)),
        order(frame_type=FrameType.BIAS, ra_deg=None, dec_deg=None),
        order(ra_deg=None, dec_deg=None, motion=BodyMotion(SolarSystemBody.JUPITER)),
    ],
)
def test_what_fails_is_what_the_rules_say_word_for_word(
    request_: ObservationRequest, hours: int
) -> None:
    utc_s = NOON_UTC_S + hours * HOUR_S
    _, reasons = observable_now(request_, SITE, LIMITS, utc_s, POLICY)
    states = told(request_, utc_s).constraints
    failing = tuple(one.text for one in states if not one.is_met and one.name != "time left")
    assert failing == reasons


def test_of_a_planet_it_is_said_how_good_its_place_is() -> None:
    saturn = order(ra_deg=None, dec_deg=None, motion=BodyMotion(SolarSystemBody.SATURN))
    for request, good_to in ((saturn, 70.0), (order(), None)):
        target = told(request, NOON_UTC_S + 4 * HOUR_S).to_wire()["Target"]
        assert isinstance(target, dict)
        assert target.get("Good To") == good_to


def test_the_value_at_an_instant_is_astropys() -> None:
    utc_s = NOON_UTC_S + 9 * HOUR_S
    place = told(order(), utc_s).place
    where = EarthLocation.from_geodetic(
        SITE.longitude_deg * u.deg, SITE.latitude_deg * u.deg, 12 * u.m
    )
    frame = AltAz(obstime=Time(utc_s, format="unix"), location=where)
    star = SkyCoord(83.82 * u.deg, -5.39 * u.deg).transform_to(frame)
    assert place is not None
    assert place.altitude_deg == pytest.approx(star.alt.deg, abs=0.003)  # UT1 is taken as UTC
    assert place.azimuth_deg == pytest.approx(star.az.deg, abs=0.005)


def test_the_first_failing_one_is_met_when_it_says_and_not_before() -> None:
    request = order()
    found = told(request, NOON_UTC_S + 4 * HOUR_S)  # in the dark, Orion is not up
    failing = found.first_failing
    assert failing is not None
    assert (failing.name, failing.at_least, failing.limit) == ("altitude", True, 25.0)
    assert failing.asked_by == "the site"
    passes_s = found.passes_utc_s
    assert passes_s is not None
    assert observable_now(request, SITE, LIMITS, passes_s + 0.1, POLICY)[0]
    assert not observable_now(request, SITE, LIMITS, passes_s - 1.5, POLICY)[0]
    assert found.next_start_utc_s == pytest.approx(passes_s, abs=1.0)


def test_starts_are_those_of_the_compiled_intervals() -> None:
    from ctmo_indi.planner.visibility import intervals

    one = PlanRequest("O-1", 83.82, -5.39, 300.0, 4, constraints=Constraints(max_airmass=1.8))
    table = RequestTable.of([one], LIMITS, POLICY)
    expected = intervals(table, NIGHT).of_row(0)
    found = told(order(constraints=one.constraints), NOON_UTC_S + 6 * HOUR_S).starts
    assert [(w.start_utc_s, w.end_utc_s + 1200.0) for w in found] == [
        pytest.approx(span, abs=8.0)  # the coarse Sun of the rules is good to 0.02 deg
        for span in expected
    ]


def test_a_target_out_of_season_passes_months_later() -> None:
    request = order(ra_deg=240.0, dec_deg=20.0)  # with the Sun in November
    found = told(request, NOON_UTC_S + 6 * HOUR_S)
    assert found.starts == ()
    assert found.next_start_utc_s is not None
    days = (found.next_start_utc_s - NOON_UTC_S) / 86400.0
    assert 10 < days < 120
    assert observable_now(request, SITE, LIMITS, found.next_start_utc_s + 1.0, POLICY)[0]


def test_a_target_that_never_rises_has_no_start_within_the_horizon() -> None:
    found = told(order(dec_deg=-80.0), NOON_UTC_S + 6 * HOUR_S)
    assert found.next_start_utc_s is None
    assert found.passes_utc_s is None
    assert found.nights == 366
    assert "is not met in the next 366 nights" in " ".join(found.words())


def test_the_horizon_mask_is_named_when_it_binds() -> None:
    mask = Limits(
        horizon_deg=10.0, max_altitude_deg=88.0, horizon_mask_deg=((0.0, 60.0), (180.0, 60.0))
    )
    found = explain("O-1", order(), SITE, mask, POLICY, NOON_UTC_S + 6 * HOUR_S)
    assert found.first_failing is not None
    assert found.first_failing.limit == pytest.approx(60.0)
    assert "horizon mask at azimuth" in found.first_failing.asked_by


def test_the_flip_of_the_mount_is_named_with_value_limit_and_end() -> None:
    limits = replace(LIMITS, meridian_flip_h=0.5, meridian_flip_margin_min=10.0)
    request = order(dec_deg=10.0, exposure_s=60.0, count=1)
    noon_s = NOON_UTC_S + 2.0 * HOUR_S
    transit_s = noon_s + 3590.17 * (-hour_angle_h(request.ra_deg, 10.0, SITE, noon_s) % 24.0)
    flip_s = transit_s + 0.5 * 3590.17
    found = explain("O-1", request, SITE, limits, POLICY, flip_s - 240.0)
    failing = found.first_failing
    assert failing is not None
    assert failing.name == "meridian flip margin"
    assert failing.asked_by == "the mount"
    assert (failing.at_least, failing.limit, failing.unit) == (True, 10.0, " min")
    assert failing.value == pytest.approx(4.01, abs=0.01)
    assert found.passes_utc_s == pytest.approx(flip_s + 598.4, abs=2.0)
    assert found.next_start_utc_s == found.passes_utc_s
    assert "meridian flip margin 4.0 min, expected at least 10.0 min" in found.words()[0]
    assert len(found.starts) == 2
    # A visit that begins well before it, but would last until it, says how long there is left.
    late = explain("O-1", request, SITE, limits, POLICY, flip_s - 630.0).first_failing
    assert late is not None
    assert late.name == "time left"


def test_windows_and_not_before_say_when_they_pass() -> None:
    window = Window(NOON_UTC_S + 9 * HOUR_S, NOON_UTC_S + 10 * HOUR_S)
    found = told(order(windows=(window,)), NOON_UTC_S + 8 * HOUR_S)
    assert found.first_failing is not None
    assert found.first_failing.name == "windows"
    assert found.passes_utc_s == window.start_utc_s
    assert found.starts == (Window(window.start_utc_s, window.end_utc_s - 1200.0),)
    known = Circumstances(not_before_utc_s=NOON_UTC_S + 9.5 * HOUR_S)
    late = told(order(), NOON_UTC_S + 9 * HOUR_S, known=known)
    assert late.first_failing is not None
    assert late.first_failing.name == "not before"
    assert late.passes_utc_s == late.next_start_utc_s == NOON_UTC_S + 9.5 * HOUR_S


def test_the_verdict_and_a_lock_count_for_now_only() -> None:
    now_s = NOON_UTC_S + 9 * HOUR_S
    known = Circumstances(
        blocked=("observer lock of Ada: dusting",), forbidden=("unsafe: rain",), known_utc_s=now_s
    )
    found = told(order(), now_s, known=known)
    assert [one.text for one in found.constraints if not one.is_met] == [
        "observer lock of Ada: dusting",
        "unsafe: rain",
    ]
    assert "When that ends is not known." in found.words()
    assert told(order(), now_s + HOUR_S, known=known).first_failing is None


def test_a_visit_that_would_end_too_late_cannot_start() -> None:
    window = Window(NOON_UTC_S + 9 * HOUR_S, NOON_UTC_S + 10 * HOUR_S)
    found = told(order(windows=(window,)), window.end_utc_s - 1000.0)
    assert found.first_failing is not None
    assert found.first_failing.name == "time left"
    assert found.first_failing.value == pytest.approx(1000.0, abs=1.0)


def test_a_visit_longer_than_its_window_is_said_to_fit_nowhere() -> None:
    window = Window(NOON_UTC_S + 9 * HOUR_S, NOON_UTC_S + 9.2 * HOUR_S)
    found = told(order(windows=(window,)), window.start_utc_s + 1.0)
    assert found.is_one_exposure
    assert found.starts == (Window(window.start_utc_s, window.end_utc_s - 300.0),)
    assert any("a whole visit fits nowhere" in line for line in found.words())


@pytest.mark.parametrize("latitude_deg", [90.0, 78.0, -90.0])
def test_midnight_sun_and_polar_night_have_an_answer(latitude_deg: float) -> None:
    pole = replace(SITE, latitude_deg=latitude_deg)
    request = order(dec_deg=math.copysign(60.0, latitude_deg))
    found = explain("O-1", request, pole, LIMITS, POLICY, NOON_UTC_S)
    assert found.next_start_utc_s is not None
    assert observable_now(request, pole, LIMITS, found.next_start_utc_s + 1.0, POLICY)[0]
    is_winter = latitude_deg > 0.0
    assert bool(found.starts) is is_winter


def test_an_order_that_is_over_has_no_start() -> None:
    known = Circumstances(over="the order is COMPLETED")
    found = told(order(), NOON_UTC_S + 9 * HOUR_S, known=known)
    assert found.first_failing is not None
    assert found.first_failing.text == "the order is COMPLETED"
    assert found.next_start_utc_s is None


# -- with a plan -------------------------------------------------------------------------------


def view(price: float = 8.0) -> PlanView:
    requests = [
        PlanRequest("O-1", 83.82, -5.39, 300.0, 4, priority=1.0),
        PlanRequest("O-2", 90.0, 10.0, 300.0, 12, priority=9.0),
        PlanRequest("O-3", 70.0, 20.0, 300.0, 4, priority=9.0),
    ]
    table = RequestTable.of(requests, LIMITS, POLICY)
    slots = int((NIGHT.end_utc_s - NIGHT.begin_utc_s) // 60) + 1
    last_s = NIGHT.end_utc_s
    plan = Plan(
        visits=(
            PlannedVisit("O-2", 1, NIGHT.begin_utc_s + 60.0, last_s - 2000.0, 20.0, 34000.0),
            PlannedVisit("O-3", 2, last_s - 1950.0, last_s - 750.0, 40.0, 11000.0),
        ),
        bound=46000.0,
        begin_utc_s=NIGHT.begin_utc_s + 30.0,
        end_utc_s=NIGHT.end_utc_s,
        requests=3,
        kept=3,
        price=(price,) * slots,
        price_step_s=60.0,
    )  # fmt: skip
    return PlanView(plan, table, NIGHT)


def test_a_planned_order_tells_start_setup_and_place() -> None:
    request = order(ra_deg=70.0, dec_deg=20.0)
    found = explain("O-3", request, SITE, LIMITS, POLICY, NOON_UTC_S + 9 * HOUR_S, plan=view())
    assert isinstance(found.standing, InPlan)
    assert (found.standing.place, found.standing.visits) == (2, 2)
    assert found.standing.visit.setup_s == 40.0
    assert any("visit 2 of 2" in line for line in found.words())


def test_a_left_out_order_names_who_won_and_by_how_much() -> None:
    plan = view()
    found = told(order(), NOON_UTC_S + 9 * HOUR_S, plan=plan)
    left = found.standing
    assert isinstance(left, LeftOut)
    # one price all night: the best start has the middle of the visit in the meridian
    sky = SkyCoord(83.82 * u.deg, -5.39 * u.deg)
    where = EarthLocation.from_geodetic(
        SITE.longitude_deg * u.deg, SITE.latitude_deg * u.deg, 12 * u.m
    )
    times = Time(left.start_utc_s + 600.0 + np.array([-120.0, 0.0, 120.0]), format="unix")
    altitudes = sky.transform_to(AltAz(obstime=times, location=where)).alt.deg
    assert altitudes[1] == max(altitudes)
    expected = 2.0 * 1200.0 * np.sin(np.radians(altitudes[1])) ** 0.75
    assert left.value == pytest.approx(expected, rel=1e-4)
    assert left.setup_s == 30.0  # the mean of the plan's
    assert left.price == pytest.approx(8.0 * (1200.0 + 30.0))
    assert left.profit == pytest.approx(expected - 8.0 * 1230.0, rel=1e-3)
    assert left.rate == pytest.approx(expected / 1230.0, rel=1e-4)
    assert [visit.key for visit, _ in left.rivals] == ["O-2"]
    assert left.exchange is not None
    # in place of O-2, worth 34000, it would have all that time: its best
    best = plan.plan.visits[1].value - float(
        plan.values(0, np.array([NIGHT.end_utc_s - 2000.0 + 30.0]))[0]
    )
    assert (left.exchange[0].key, left.exchange[1]) == ("O-3", pytest.approx(best, rel=1e-3))
    words = " ".join(found.words())
    assert "It comes nearest in place of O-3" in words
    assert "falls short by" in words
    assert "O-2 stands there instead" in words


def test_the_best_start_is_before_time_gets_dear_counted_from_the_nights_begin() -> None:
    plan = view(0.0)
    slots = len(plan.plan.price)
    dear = tuple(100.0 if number >= slots // 2 else 0.0 for number in range(slots))
    later_s = NIGHT.begin_utc_s + 3 * HOUR_S
    plan = replace(plan, plan=replace(plan.plan, price=dear, begin_utc_s=later_s))
    left = told(order(), NOON_UTC_S + 9 * HOUR_S, plan=plan).standing
    assert isinstance(left, LeftOut)
    assert left.price == pytest.approx(0.0)
    dear_from_s = NIGHT.begin_utc_s + 60.0 * (slots // 2)  # an hour before it transits
    assert dear_from_s - 30.0 <= left.end_utc_s <= dear_from_s


def test_the_best_start_is_never_over() -> None:
    plan, at_s = view(), NOON_UTC_S + 9 * HOUR_S
    first = told(order(), at_s, plan=plan).standing
    assert isinstance(first, LeftOut)
    now_s = first.start_utc_s + 600.0
    left = told(order(), at_s, plan=replace(plan, now_utc_s=now_s)).standing
    assert isinstance(left, LeftOut)
    assert left.start_utc_s >= now_s
    found = told(order(), at_s, plan=replace(plan, now_utc_s=NIGHT.end_utc_s - 600.0))
    assert isinstance(found.standing, NoTime)
    assert "in what is left of the plan's night it cannot start" in " ".join(found.words())


def test_the_best_start_is_within_what_the_whole_visit_needs() -> None:
    begin_s = NIGHT.begin_utc_s + 5 * HOUR_S
    window = Window(begin_s, begin_s + 1500.0)  # four of twenty frames
    long_one = order(count=20, windows=(window,))
    plan = view()
    found = told(long_one, begin_s, plan=plan, duration_s=20 * 300.0)
    assert found.is_one_exposure
    left = found.standing
    assert isinstance(left, LeftOut)
    assert left.end_utc_s - left.start_utc_s == pytest.approx(1200.0)
    assert window.start_utc_s <= left.start_utc_s
    assert left.end_utc_s <= window.end_utc_s + 1.0


def test_who_has_the_minute_that_is_asked_about() -> None:
    plan = view()
    second = plan.plan.visits[1]
    found = told(order(), second.start_utc_s + 60.0, plan=plan)
    left = found.standing
    assert isinstance(left, LeftOut)
    assert left.minute is not None
    assert left.minute.visit is second
    assert [visit.key for visit, _ in left.rivals] == ["O-2"]  # its best start is another time
    when = "the plan has O-3, from"
    assert any(when in line for line in found.words())
    free_s = second.end_utc_s + 60.0
    assert any("the plan has nothing" in line for line in told(order(), free_s, plan=plan).words())
    # of what is over the plan does not tell
    before = told(order(), plan.plan.begin_utc_s - 60.0, plan=plan).standing
    assert isinstance(before, LeftOut)
    assert before.minute is None


class Known:
    """Exchanges that are known."""

    def losses(self, _key: str) -> dict[int, float]:
        return {0: 25_000.0, 1: 9_876.0}


def test_exchanges_that_are_known_are_told_as_they_are_and_estimates_as_about() -> None:
    plan = view()
    at_s = plan.plan.visits[0].start_utc_s + 60.0
    words = " ".join(told(order(), at_s, plan=replace(plan, exchanges=Known())).words())
    assert "It comes nearest in place of O-3" in words
    assert "the plan would be worth 9876 less" in words
    assert "with this order in its place it would be worth 25000 less" in words
    words = " ".join(told(order(), at_s, plan=plan).words())
    assert "the plan would be worth about" in words
    assert "falls short by about" in words


def test_without_prices_it_is_said_that_they_are_not_known() -> None:
    plan = view()
    plan = replace(plan, plan=replace(plan.plan, price=()))
    found = told(order(), NOON_UTC_S + 9 * HOUR_S, plan=plan)
    assert isinstance(found.standing, LeftOut)
    assert found.standing.price is None
    assert "What its time costs is not known" in " ".join(found.words())
    wire = found.to_wire()["Plan"]
    assert isinstance(wire, dict)
    assert not {"Price of Time", "Net Profit"} & wire.keys()


def test_windows_are_met_in_the_plural() -> None:
    begin_s = NIGHT.begin_utc_s + 5 * HOUR_S
    one = order(windows=(Window(begin_s, begin_s + 3 * HOUR_S),))
    assert any("The windows are met from" in line for line in told(one, begin_s - HOUR_S).words())


def test_a_surplus_is_owned_up_to() -> None:
    words = " ".join(told(order(), NOON_UTC_S + 9 * HOUR_S, plan=view(0.1)).words())
    assert "has a surplus of" in words
    assert "may have missed is at most 2.2 %" in words


def test_a_group_is_named() -> None:
    plan = view()
    group = np.array([0, -1, 0], dtype=np.int32)
    plan = replace(plan, table=replace(plan.table, group=group))
    left = told(order(), NOON_UTC_S + 9 * HOUR_S, plan=plan).standing
    assert isinstance(left, LeftOut)
    assert left.group == ("O-1", "O-3")


def test_a_plan_made_before_the_order_came_says_so() -> None:
    found = explain("O-9", order(), SITE, LIMITS, POLICY, NOON_UTC_S + 9 * HOUR_S, plan=view())
    assert found.standing is None
    assert "The plan that stands was made without it." in found.words()


def test_the_values_are_those_of_the_search() -> None:
    from ctmo_indi.planner.row_arrays import arrays_of, sky_of
    from ctmo_indi.planner.setup_kernels import value
    from ctmo_indi.planner.visibility import intervals

    plan = view()
    kept = arrays_of(plan.table, NIGHT, intervals(plan.table, NIGHT), NIGHT.begin_utc_s)
    sky = sky_of(NIGHT, NIGHT.begin_utc_s)
    starts_s = np.arange(3.0, 8.0, 0.5) * HOUR_S
    found = plan.values(2, NIGHT.begin_utc_s + starts_s)
    assert found == pytest.approx([value(sky, kept, 2, s) for s in starts_s], rel=1e-5)


def test_the_struct_is_plain_and_whole() -> None:
    import json

    wire = told(order(), NOON_UTC_S + 4 * HOUR_S, plan=view()).to_wire()
    assert json.loads(json.dumps(wire)) == wire
    assert wire["First Failing"] == "altitude"
    assert wire["Can Start"] is False
    assert wire["Passes"] == wire["Next Start"]
