"""The checker of plans: a plan made by hand passes, and each way to spoil it is found.

The checker's own sky is compared with the tree's: two implementations, neither made for the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from ctmo_indi.models import coordinates, observing_rules, sun_moon
from ctmo_indi.models.coordinates import Array
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.orders import Constraints, Window
from ctmo_indi.planner import checked_limits, checked_sky, checker
from ctmo_indi.planner.plan import Infeasible, Plan, PlannedVisit
from ctmo_indi.planner.plan_request import PlanRequest
from ctmo_indi.planner.violation import THE_PLAN
from ctmo_indi.profiles import Kinematics, Limits, MountKind, NightPolicy, Site

SITE = Site("CTMO", 25.995, -97.569, 12.0)
BEGIN_S = 1795309200.0  # 2026-11-22 01:00 UTC; the Sun is below -18 deg from 00:56:44 to 11:33:26
END_S = BEGIN_S + 10.5 * 3600.0
LIMITS = Limits(horizon_deg=25.0, max_altitude_deg=88.0, max_hour_angle_h=5.0)
NIGHT = NightPolicy(sun_max_altitude_deg=-18.0)
MODEL = ObservatoryModel(
    SITE,
    Kinematics(
        mount=MountKind.FORK,
        hour_angle_rate_deg_s=2.0,
        declination_rate_deg_s=2.0,
        readout_s=5.0,
        filter_change_s=10.0,
    ),
)
START = ObservatoryModelState(
    BEGIN_S, ra_deg=340.0, dec_deg=20.0, is_tracking=True, is_parked=False, is_open=True
)


def a_plan(visits: Sequence[PlannedVisit], bound: float) -> Plan:
    return Plan(tuple(visits), bound, BEGIN_S, END_S, len(visits), len(visits), (), 60.0)


@dataclass(frozen=True)
class Case:
    """A plan and what it is judged by."""

    plan: Plan
    requests: tuple[PlanRequest, ...]
    site: Site = SITE
    limits: Limits = LIMITS
    night: NightPolicy = NIGHT
    model: ObservatoryModel = MODEL
    start: ObservatoryModelState = START
    closed_utc_s: Array | None = None

    def found(self) -> set[tuple[str, str]]:
        return {(one.key, one.constraint) for one in self.violations()}

    def violations(self) -> tuple[checker.Violation, ...]:
        return checker.check(
            self.plan,
            self.requests,
            self.site,
            self.limits,
            self.night,
            self.model,
            self.start,
            self.closed_utc_s,
        )


# Stars that pass the meridian an hour or two after they are begun; the Moon is at RA 30, Dec 14.
WANTED = (
    PlanRequest("a", 0.0, 10.0, 100.0, 6, "R", 5.0, constraints=Constraints(max_airmass=1.8)),
    PlanRequest(
        "b", 10.0, 50.0, 60.0, 10, "R", 9.0, windows=(Window(BEGIN_S, BEGIN_S + 5000.0),), group="g"
    ),
    PlanRequest("c", 60.0, -5.0, 295.0, 9, "V", 1.0, constraints=Constraints(None, 30.0, 25.0)),
    PlanRequest("d", 100.0, 30.0, 30.0, 1, "V", 3.0, group="g"),
    PlanRequest("e", 200.0, 30.0, 30.0, 1, "B", 3.0),
)


def sound(
    wanted: tuple[PlanRequest, ...] = WANTED,
    offsets_s: tuple[float, ...] = (200.0, 1000.0, 11000.0, 15000.0),
) -> Case:
    """Return the valid plan: a, b, c and d, begun so long after the begin of the night."""
    middles = []
    visits: list[PlannedVisit] = []
    for request, offset_s in zip(wanted, offsets_s, strict=False):
        lasts_s = request.count * (request.exposure_s + 5.0)
        start_s = BEGIN_S + offset_s
        visits.append(PlannedVisit(request.key, 0, start_s, start_s + lasts_s, 60.0, 0.0))
        middles.append(start_s + lasts_s / 2.0)
    planned = wanted[: len(visits)]
    worth, _ = checker.scores(planned, middles, SITE)
    visits = [replace(one, value=float(v)) for one, v in zip(visits, worth, strict=True)]
    return Case(a_plan(visits, 1.02 * sum(one.value for one in visits)), wanted)


@pytest.fixture(scope="module")
def case() -> Case:
    return sound()


def with_visit(case: Case, key: str, /, **changes: Any) -> Case:
    visits = tuple(replace(one, **changes) if one.key == key else one for one in case.plan.visits)
    return replace(case, plan=replace(case.plan, visits=visits))


def with_request(case: Case, key: str, /, **changes: Any) -> Case:
    requests = tuple(replace(one, **changes) if one.key == key else one for one in case.requests)
    return replace(case, requests=requests)


def wants(**constraints: float) -> dict[str, Any]:
    return {"constraints": Constraints(**constraints)}


def with_flip(
    case: Case, key: str, after_s: float, margin_min: float, turned_h: float = 0.0
) -> Limits:
    """Limits by which the mount flips so long after a visit's begin, when it tracks its star."""
    request = next(each for each in case.requests if each.key == key)
    when_s = visit(case, key).start_utc_s + after_s
    flip_h = coordinates.hour_angle_h(request.ra_deg, request.dec_deg, SITE, when_s) + turned_h
    return replace(LIMITS, meridian_flip_h=flip_h, meridian_flip_margin_min=margin_min)


def visit(case: Case, key: str) -> PlannedVisit:
    return next(one for one in case.plan.visits if one.key == key)


def moved(case: Case, key: str, by_s: float) -> Case:
    """Move a visit and keep its value right, so that only what the move breaks is found."""
    one = visit(case, key)
    request = next(each for each in case.requests if each.key == key)
    middle_s = (one.start_utc_s + one.end_utc_s) / 2.0 + by_s
    (value,), _ = checker.scores([request], [middle_s], SITE)
    spoiled = with_visit(
        case,
        key,
        start_utc_s=one.start_utc_s + by_s,
        end_utc_s=one.end_utc_s + by_s,
        value=float(value),
    )
    return replace(spoiled, plan=replace(spoiled.plan, bound=2.0 * spoiled.plan.bound))


def test_a_sound_plan_passes(case: Case) -> None:
    assert case.violations() == ()


def test_an_empty_plan_passes() -> None:
    assert replace(sound(), plan=a_plan((), 0.0)).violations() == ()


SPOILED: dict[str, tuple[Callable[[Case], Case], set[tuple[str, str]]]] = {
    "another's key": (
        lambda case: with_visit(case, "a", key="z"),
        {("z", "unknown request"), (THE_PLAN, "plan value")},
    ),
    "a visit too much": (
        lambda case: replace(
            case, plan=replace(case.plan, visits=(case.plan.visits[0], *case.plan.visits))
        ),
        {("a", "once"), ("a", "overlap"), (THE_PLAN, "bound")},
    ),
    "no number": (
        lambda case: with_visit(case, "d", start_utc_s=float("nan")),
        {("d", "finite"), (THE_PLAN, "plan value")},
    ),
    "not in order": (
        lambda case: replace(
            case, plan=replace(case.plan, visits=(*case.plan.visits[1:], case.plan.visits[0]))
        ),
        {("a", "order")},
    ),
    "half a group": (
        lambda case: with_request(case, "e", group="g"),
        {("e", "group")},
    ),
    "a frame too few": (
        lambda case: with_request(case, "d", count=2),
        {("d", "duration"), ("d", "value"), (THE_PLAN, "plan value")},
    ),
    "too short": (
        lambda case: with_visit(case, "d", end_utc_s=visit(case, "d").end_utc_s - 2.0),
        {("d", "duration")},
    ),
    "before the plan": (
        lambda case: replace(case, plan=replace(case.plan, begin_utc_s=BEGIN_S + 202.0)),
        {("a", "begin"), ("a", "setup")},
    ),
    "after the plan": (
        lambda case: replace(
            case, plan=replace(case.plan, end_utc_s=visit(case, "d").end_utc_s - 2.0)
        ),
        {("d", "end")},
    ),
    "before its window": (
        lambda case: with_request(case, "b", windows=(Window(BEGIN_S + 1002.0, END_S),)),
        {("b", "windows")},
    ),
    "after its window": (
        lambda case: with_request(case, "b", windows=(Window(BEGIN_S, BEGIN_S + 1648.0),)),
        {("b", "windows")},
    ),
    "in two windows with a gap": (
        lambda case: with_request(
            case,
            "b",
            windows=(Window(BEGIN_S, BEGIN_S + 1300.0), Window(BEGIN_S + 1310.0, END_S)),
        ),
        {("b", "windows")},
    ),
    "while it is closed": (
        lambda case: replace(
            case,
            closed_utc_s=np.array([[BEGIN_S, BEGIN_S + 201.5], [BEGIN_S + 1700, BEGIN_S + 10990]]),
        ),
        {("a", "closed")},
    ),
    "overlapping": (
        lambda case: moved(case, "b", -175.0),
        {("b", "overlap")},
    ),
    "no time to slew": (
        lambda case: moved(case, "b", -160.0),
        {("b", "setup")},
    ),
    "no time to slew from the start": (
        lambda case: replace(case, plan=replace(case.plan, begin_utc_s=BEGIN_S + 195.0)),
        {("a", "setup")},
    ),
    "no time to slew from a later start": (
        lambda case: replace(case, start=replace(START, utc_s=BEGIN_S + 195.0)),
        {("a", "setup")},
    ),
    "no time to open": (
        lambda case: replace(
            case,
            model=ObservatoryModel(SITE, replace(MODEL.kinematics, open_s=220.0)),
            start=replace(START, is_open=False),
        ),
        {("a", "setup")},
    ),
    "no time to change the filter": (
        lambda case: replace(
            case,
            model=ObservatoryModel(SITE, replace(MODEL.kinematics, filter_change_s=1250.0)),
            start=replace(START, filter_name="R"),
        ),
        {("c", "stated setup")},  # there is time for it
    ),
    "a setup that is too short": (
        lambda case: with_visit(case, "b", setup_s=5.0),
        {("b", "stated setup")},
    ),
    "by day": (
        lambda case: replace(case, night=NightPolicy(sun_max_altitude_deg=-19.5)),
        {("a", "Sun altitude")},
    ),
    "too light for it": (
        lambda case: with_request(case, "a", **wants(max_sun_altitude_deg=-20.0)),
        {("a", "Sun altitude")},
    ),
    "below the horizon": (
        lambda case: replace(case, limits=replace(LIMITS, horizon_deg=50.0)),
        {("d", "altitude"), ("c", "altitude")},
    ),
    "behind a tree": (
        lambda case: replace(
            case,
            limits=replace(LIMITS, horizon_mask_deg=((50.0, 20.0), (70.0, 60.0), (90.0, 20.0))),
        ),
        {("d", "altitude")},
    ),
    "too low for it": (
        lambda case: with_request(case, "c", **wants(min_altitude_deg=59.5)),
        {("c", "altitude")},
    ),
    "too high": (
        lambda case: replace(case, limits=replace(LIMITS, max_altitude_deg=66.0)),
        {("a", "altitude")},
    ),
    "too far from the meridian": (
        lambda case: replace(case, limits=replace(LIMITS, max_hour_angle_h=2.0)),
        {("c", "hour angle"), ("d", "hour angle")},
    ),
    "too far east for it": (
        lambda case: with_request(case, "c", **wants(min_hour_angle_h=-2.0)),
        {("c", "hour angle")},
    ),
    "too far west for it": (
        lambda case: with_request(case, "c", **wants(max_hour_angle_h=-2.0)),
        {("c", "hour angle")},
    ),
    "across the flip": (
        lambda case: replace(case, limits=with_flip(case, "c", 320.0, 1.0)),
        {("c", "meridian flip margin")},
    ),
    "across the flip on the lower meridian": (
        lambda case: replace(case, limits=with_flip(case, "c", 320.0, 1.0, turned_h=12.0)),
        {("c", "meridian flip margin")},
    ),
    "too near to the flip": (
        lambda case: replace(case, limits=with_flip(case, "d", 35.0 + 590.0, 10.0)),
        {("d", "meridian flip margin")},
    ),
    "the Moon too high": (
        lambda case: with_request(case, "c", **wants(max_moon_altitude_deg=70.0)),
        {("c", "Moon altitude")},
    ),
    "the Moon too bright": (
        lambda case: with_request(case, "c", **wants(max_moon_illumination=0.9)),
        {("c", "Moon illumination")},
    ),
    "too much air": (
        lambda case: with_request(case, "a", **wants(max_airmass=1.05)),
        {("a", "airmass")},
    ),
    "beside the Moon": (
        lambda case: with_request(case, "c", **wants(min_moon_separation_deg=50.0)),
        {("c", "Moon separation")},
    ),
    "another value": (
        lambda case: with_visit(case, "c", value=visit(case, "c").value * 1.001),
        {("c", "value"), (THE_PLAN, "plan value")},
    ),
    "a bound below the value": (
        lambda case: replace(case, plan=replace(case.plan, bound=case.plan.value * 0.999)),
        {(THE_PLAN, "bound")},
    ),
    "no bound": (
        lambda case: replace(case, plan=replace(case.plan, bound=float("nan"))),
        {(THE_PLAN, "bound")},
    ),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_wrong_is_found(case: Case, name: str) -> None:
    spoil, expected = SPOILED[name]
    assert spoil(case).found() == expected


def only_once(**constraints: float) -> Callable[[Case], Case]:
    """Return what spoils visit c, which lasts 45 minutes, at one of its ends only."""
    return lambda case: with_request(case, "c", **wants(**constraints))


ONLY_ONCE: dict[str, tuple[Callable[[Case], Case], str, str, float]] = {
    "at its start": (only_once(min_altitude_deg=43.5), "c", "altitude", 0.0),
    "at its end": (only_once(min_moon_separation_deg=41.688), "c", "Moon separation", 1.0),
    "in its middle": (
        lambda case: replace(
            case,
            limits=replace(LIMITS, horizon_mask_deg=((126.2, 20.0), (126.7, 80.0), (127.2, 20.0))),
        ),
        "a",
        "altitude",
        0.5,
    ),
}


@pytest.mark.parametrize("name", ONLY_ONCE)
def test_a_limit_that_is_broken_for_a_moment_is_found(case: Case, name: str) -> None:
    spoil, key, constraint, when = ONLY_ONCE[name]
    (found,) = spoil(case).violations()
    assert (found.key, found.constraint) == (key, constraint)
    one = visit(case, key)
    instant_s = one.start_utc_s + when * (one.end_utc_s - one.start_utc_s)
    assert found.utc_s == pytest.approx(instant_s, abs=0.1)


TOLERATED: dict[str, Callable[[Case], Case]] = {
    "a second of its window": lambda case: with_request(
        case, "b", windows=(Window(BEGIN_S + 1000.9, BEGIN_S + 1649.1),)
    ),
    "windows that touch": lambda case: with_request(
        case, "b", windows=(Window(BEGIN_S + 1300.0, END_S), Window(BEGIN_S, BEGIN_S + 1300.0))
    ),
    "a second of the plan": lambda case: replace(
        case, plan=replace(case.plan, end_utc_s=visit(case, "d").end_utc_s - 0.9)
    ),
    "half a second of the setup": lambda case: moved(case, "b", -170.0 + delay_to_b_s() - 0.4),
    "ten arcseconds of altitude": lambda case: with_request(
        case, "a", **wants(min_altitude_deg=altitude_of_a_deg(case) + 8.0 / 3600.0)
    ),
    "ten arcseconds in its value": lambda case: with_visit(
        case, "c", value=visit(case, "c").value * (1.0 + 2e-5)
    ),
    "a group of which nothing is planned": lambda case: with_request(case, "e", group="other"),
}


def delay_to_b_s() -> float:
    after_a = replace(START, utc_s=BEGIN_S + 830.0, ra_deg=0.0, dec_deg=10.0, filter_name="R")
    return MODEL.delay_s(after_a, 10.0, 50.0, "R")


def altitude_of_a_deg(case: Case) -> float:
    return coordinates.altaz(0.0, 10.0, SITE, visit(case, "a").start_utc_s)[0]


@pytest.mark.parametrize("name", TOLERATED)
def test_what_is_within_the_tolerance_passes(case: Case, name: str) -> None:
    eased = TOLERATED[name](case)
    eased = with_visit(eased, "b", setup_s=delay_to_b_s())
    assert eased.violations() == ()


def test_a_star_that_culminates_between_the_samples_is_found_too_high() -> None:
    rises_s = 600.0  # the star of the request culminates 3 minutes after its visit begins
    sky = checked_sky.places(SITE, *(np.array([v]) for v in (0.0, 20.0, BEGIN_S + rises_s)))
    wait_s = float(-sky.hour_angle_deg[0]) * 240.0 * 0.99727 - 180.0
    star = PlanRequest("s", 0.0, 20.0, 175.0, 5)
    case = sound((star,), (rises_s + wait_s,))
    start_s = visit(case, "s").start_utc_s
    highest = coordinates.altaz(0.0, 20.0, SITE, start_s + 180.0)[0]
    assert highest - coordinates.altaz(0.0, 20.0, SITE, start_s)[0] > 0.03
    assert case.violations() == ()
    limited = replace(case, limits=replace(LIMITS, max_altitude_deg=highest - 0.015))
    (found,) = limited.violations()
    assert (found.key, found.constraint) == ("s", "altitude")
    assert found.value == pytest.approx(highest, abs=1e-3)
    assert found.utc_s == pytest.approx(start_s + 180.0, abs=5.0)


def test_the_sun_must_be_far_where_a_night_begins_in_twilight() -> None:
    # 23:50 UTC, the Sun 5 deg below the horizon in the west; a star stands 30 deg above it.
    dusk = Limits(horizon_deg=5.0, sun_separation_deg=60.0, sun_separation_above_deg=-6.0)
    star = PlanRequest("s", 275.0, -5.0, 30.0, 1)
    case = replace(
        sound((star,), (-4200.0,)), limits=dusk, night=NightPolicy(sun_max_altitude_deg=0.0)
    )
    case = replace(case, plan=replace(case.plan, begin_utc_s=BEGIN_S - 7200.0))
    case = replace(case, start=replace(START, utc_s=BEGIN_S - 7200.0))
    assert case.found() == {("s", "Sun separation")}


def test_a_plan_with_violations_is_refused_and_all_are_told(case: Case) -> None:
    spoiled = with_request(with_visit(case, "c", value=0.0), "a", **wants(max_airmass=1.05))
    judged = (SITE, LIMITS, NIGHT, MODEL, START)
    with pytest.raises(Infeasible) as raised:
        checker.refuse(spoiled.plan, spoiled.requests, *judged)
    told = str(raised.value)
    assert "request a: airmass 1.1068, limit 1.05 at 2026-11-22T01:03:20Z" in told
    assert "request c: value 0, limit" in told
    assert told.count(";") == 2  # these two, and the sum
    checker.refuse(case.plan, case.requests, *judged)


# -- the checker's own sky -----------------------------------------------------------------------

SITES = (SITE, Site("South", -70.0, 20.0, 2400.0))
GRID = np.meshgrid(np.arange(0.0, 360.0, 40.0), [-80.0, -30.0, 0.0, 25.0, 75.0])
STARS = tuple(axis.ravel() for axis in GRID)
TIMES_S = BEGIN_S + 700.0 * np.arange(STARS[0].size)
ARCSEC = 1.0 / 3600.0


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.name)
def test_its_sky_is_the_one_of_the_tree(site: Site) -> None:
    sky = checked_sky.places(site, *STARS, TIMES_S)
    altitude, azimuth = coordinates.altaz(*STARS, site, TIMES_S)
    assert np.abs(sky.altitude_deg - altitude).max() < 2.0 * ARCSEC
    turned = (sky.azimuth_deg - azimuth + 180.0) % 360.0 - 180.0
    assert np.abs(turned * np.cos(np.radians(altitude))).max() < 2.0 * ARCSEC
    hours = coordinates.hour_angle_h(*STARS, site, TIMES_S)
    turned = (sky.hour_angle_deg - 15.0 * hours + 180.0) % 360.0 - 180.0
    assert np.abs(turned * np.cos(np.radians(STARS[1]))).max() < 2.0 * ARCSEC
    moon = [
        sun_moon.moon_separation_deg(ra, dec, site, when)
        for ra, dec, when in zip(*STARS, TIMES_S, strict=True)
    ]
    assert np.abs(sky.moon[1] - moon).max() < checked_limits.MOON_DEG
    moons = [sun_moon.moon(site, when) for when in TIMES_S]
    off = sky.moon[0] - [one.altitude_deg for one in moons]
    assert np.abs(off).max() < checked_limits.MOON_DEG
    off = 100.0 * (sky.moon_illumination - [one.illumination for one in moons])
    assert np.abs(off).max() < checked_limits.LIT_PERCENT
    sun = [sun_moon.sun(site, when) for when in TIMES_S]
    assert np.abs(sky.sun[0] - [one.altitude_deg for one in sun]).max() < checked_limits.SUN_DEG
    places = [(one.azimuth_deg, one.altitude_deg) for one in sun]
    apart = coordinates.separation_deg(azimuth, altitude, *np.transpose(places))
    assert np.abs(sky.sun[1] - apart).max() < checked_limits.SUN_DEG


def test_its_air_mass_and_its_horizon_are_those_of_the_rules() -> None:
    altitude = np.linspace(0.0, 90.0, 181)
    ours, theirs = checked_limits.airmass(altitude), coordinates.airmass(altitude)
    assert np.abs(ours / theirs - 1.0).max() < 1e-12
    assert checked_limits.airmass(np.array([-0.1])) == pytest.approx([99.9])
    limits = Limits(horizon_deg=22.0, horizon_mask_deg=((10.0, 30.0), (90.0, 20.0), (300.0, 45.0)))
    azimuth = np.linspace(0.0, 359.0, 360)
    sky = replace(
        checked_sky.places(SITE, *(np.full(360, v) for v in (0.0, 20.0, BEGIN_S))),
        azimuth_deg=azimuth,
        altitude_deg=np.full(360, 30.0),
    )
    floor = checked_limits.limits_along(
        sky, np.zeros(360, dtype=np.intp), [Constraints()], limits, NIGHT
    )[1].bounds
    assert np.abs(floor - observing_rules.horizon_deg(limits, azimuth)).max() < 0.005


def test_a_bright_moon_counts_only_while_it_is_up() -> None:
    days = BEGIN_S + np.array([0.0, 6.0, 7.0]) * 86400.0  # it rises late when some days past full
    sky = checked_sky.places(SITE, np.full(3, 10.0), np.full(3, 20.0), days)
    assert np.array_equal(sky.moon[0] > 0.0, [True, False, False])
    wanted = [Constraints(max_moon_illumination=0.2)]
    limits = checked_limits.limits_along(sky, np.zeros(3, dtype=np.intp), wanted, LIMITS, NIGHT)
    (lit,) = (one for one in limits if one.name == "Moon illumination")
    assert lit.values.min() > 50.0
    assert np.array_equal(lit.slack < 0.0, [True, False, False])


def test_a_year_beyond_the_tables_of_the_earth_is_judged_without_a_warning() -> None:
    sky = checked_sky.places(SITE, *(np.array([v]) for v in (10.0, 20.0, 4.0e9)))
    altitude, _ = coordinates.altaz(10.0, 20.0, SITE, 4.0e9)
    assert sky.altitude_deg[0] == pytest.approx(altitude, abs=5.0 * ARCSEC)
    assert sky.ut1_deg[0] == 0.0


def test_what_a_visit_is_worth_is_the_formula_of_the_specification() -> None:
    request = PlanRequest("x", 10.0, 50.0, 60.0, 10, priority=4.0)
    (value,), (allowed,) = checker.scores([request], [BEGIN_S], SITE)
    altitude, _ = coordinates.altaz(10.0, 50.0, SITE, BEGIN_S)
    assert value == pytest.approx(5.0 * 600.0 * np.sin(np.radians(altitude)) ** 0.75, rel=1e-5)
    assert 1e-5 < allowed / value < 1e-4
    (below,), _ = checker.scores([replace(request, dec_deg=-80.0)], [BEGIN_S], SITE)
    assert below == 0.0
