"""The picture of a night: altitudes against astropy, what it says, how large and how dear it is."""

from __future__ import annotations

import math
import random
import time
from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from ctmo_indi import profiles
from ctmo_indi.profiles import Site
from ctmo_indi.web.answers import to_json
from ctmo_indi.web.night_facts import Attempt, Hold, NightFacts
from ctmo_indi.web.night_view import night_view
from ctmo_indi.web.plan_facts import PlanFacts, Visit
from ctmo_indi.web.wire_readers import unix_s

iers.conf.auto_download = False
iers.conf.auto_max_age = None  # the tables of the package serve, whatever the date

PROFILE = profiles.load("simulators")
NOW_S = unix_s("2026-11-23T03:00:00Z")


def receipt(number: int, kind: str = "O") -> str:
    return f"{kind}-01M82WQV3K2R46V0SHGBW1X{number:03d}"


def visit(number: int, start_s: float, length_s: float = 900.0, ra_deg: float = 10.68) -> Visit:
    return Visit(
        receipt(number), f"NGC {number}", "V", start_s, start_s + length_s, ra_deg, 41.27, 4, 220.0,
        5.0,
    )  # fmt: skip


def attempt(number: int, start_s: float, end_s: float | None, status: str = "COMPLETED") -> Attempt:
    return Attempt(
        receipt(number, "A"), receipt(number), start_s, end_s, status, "", "M 15", "V", "Light",
        322.49, 12.17,
    )  # fmt: skip


def plan(*visits: Visit, **keys: object) -> PlanFacts:
    made = PlanFacts(
        "20261122", "2026-11-23T00:29:20Z", "", 90.0, 0.001, 0.4, "", "", len(visits), visits
    )
    return replace(made, **keys)


def facts(**keys: object) -> NightFacts:
    return replace(NightFacts("20261122", NOW_S, None, "", (), ()), **keys)


def astropy_altitudes_deg(
    site: Site, ra_deg: float, dec_deg: float, times_s: np.ndarray
) -> np.ndarray:
    location = EarthLocation(
        lon=site.longitude_deg * u.deg, lat=site.latitude_deg * u.deg, height=site.elevation_m * u.m
    )
    times = Time(times_s, format="unix")
    place = SkyCoord(ra_deg * u.deg, dec_deg * u.deg)
    return place.transform_to(AltAz(obstime=times, location=location)).alt.deg


def test_altitudes_of_visits_and_attempts_are_astropys() -> None:
    length_s = 3 * 3600.0
    view = night_view(
        facts(
            plan=plan(visit(1, NOW_S + 600.0, length_s)),
            attempts=(attempt(2, NOW_S - length_s, NOW_S - 60.0),),
        ),
        PROFILE,
    )
    (planned,), (done,) = view["plan"]["visits"], view["done"]
    for told, ra_deg, dec_deg in ((planned, 10.68, 41.27), (done, 322.49, 12.17)):
        altitudes = told["altitude_deg"]
        times_s = np.linspace(unix_s(told["start"]), unix_s(told["end"]), len(altitudes))
        theirs = astropy_altitudes_deg(PROFILE.site, ra_deg, dec_deg, times_s)
        assert np.abs(altitudes - theirs).max() < 0.1
        assert np.diff(times_s).max() <= 300.0


def test_what_runs_is_done_so_far_and_running_in_the_plan_and_the_one_after_it_next() -> None:
    going = attempt(1, NOW_S - 600.0, None, "IN_PROGRESS")
    view = night_view(
        facts(
            plan=plan(visit(1, NOW_S - 600.0), visit(2, NOW_S + 300.0), visit(3, NOW_S + 1300.0)),
            attempts=(going,),
        ),
        PROFILE,
    )
    assert [one["state"] for one in view["plan"]["visits"]] == ["running", "next", "planned"]
    (done,) = view["done"]
    assert (done["status"], done["end"]) == ("IN_PROGRESS", "")
    until_now = astropy_altitudes_deg(PROFILE.site, going.ra_deg, going.dec_deg, np.array([NOW_S]))
    assert done["altitude_deg"][-1] == pytest.approx(until_now[0], abs=0.1)


def test_of_a_series_only_the_first_visit_runs() -> None:
    series = [replace(visit(1, NOW_S + 3600.0 * n)) for n in range(3)]
    going = attempt(1, NOW_S - 600.0, None, "IN_PROGRESS")
    view = night_view(facts(plan=plan(*series), attempts=(going,)), PROFILE)
    assert [one["state"] for one in view["plan"]["visits"]] == ["running", "next", "planned"]


def test_the_picture_reaches_from_dusk_to_dawn_and_over_what_was_done_by_day() -> None:
    usual = night_view(facts(), PROFILE)
    dark = attempt(3, unix_s("2026-11-23T14:00:00Z"), unix_s("2026-11-23T15:00:00Z"))
    longer = night_view(facts(attempts=(dark,)), PROFILE)
    assert (usual["begin"], longer["begin"]) == ("2026-11-22T23:10:17Z",) * 2
    assert unix_s(longer["end"]) >= unix_s("2026-11-23T15:00:00Z") > unix_s(usual["end"])
    for view in (usual, longer):
        assert view["utc_s"][0] == unix_s(view["begin"])
        assert view["utc_s"][-1] == unix_s(view["end"])
        assert len(view["utc_s"]) == len(view["sun_deg"]) == len(view["moon_deg"])
        assert view["twilight"][0]["from"] == view["begin"]
        assert view["twilight"][-1]["to"] == view["end"]


def test_a_frame_that_needs_no_sky_has_no_altitude() -> None:
    dark = replace(
        attempt(1, NOW_S - 900.0, NOW_S - 300.0), ra_deg=math.nan, label="", frame_type="Dark"
    )
    (done,) = night_view(facts(attempts=(dark,)), PROFILE)["done"]
    assert (done["altitude_deg"], done["label"]) == ([], "Dark")


def test_a_night_without_plan_says_why_and_holds_are_told() -> None:
    rain = Hold(NOW_S - 3600.0, None, "UNSAFE", ("rain",))
    view = night_view(facts(no_plan="the driver plans nothing", holds=(rain,)), PROFILE)
    assert (view["plan"], view["no_plan"]) == (None, "the driver plans nothing")
    assert view["holds"] == [
        {"from": "2026-11-23T02:00:00Z", "to": "", "level": "UNSAFE", "reasons": ["rain"]}
    ]


@pytest.mark.parametrize(
    ("latitude_deg", "night"), [(69.65, "20260621"), (78.2, "20261221"), (-89.9, "20260621")]
)
def test_polar_sites_have_a_picture(latitude_deg: float, night: str) -> None:
    site = replace(PROFILE.site, latitude_deg=latitude_deg)
    view = night_view(facts(night=night), replace(PROFILE, site=site))
    assert unix_s(view["end"]) - unix_s(view["begin"]) == 86400.0
    assert view["twilight"]


def a_full_night(planned: int, done: int) -> NightFacts:
    chance = random.Random(7)
    visits = [
        replace(visit(n, NOW_S + 300.0 * n, 290.0), ra_deg=chance.uniform(0.0, 360.0))
        for n in range(planned)
    ]
    attempts = tuple(
        replace(
            attempt(n, NOW_S - 1e4 + 100.0 * n, NOW_S - 1e4 + 90.0 + 100.0 * n), status="FAILED"
        )
        for n in range(done)
    )
    return facts(plan=plan(*visits), attempts=attempts)


def test_a_night_of_100_visits_is_small_and_cheap() -> None:
    full = a_full_night(60, 40)
    night_view(facts(), PROFILE)  # imports and the night's sky once
    began_s = time.process_time()
    body = to_json(night_view(full, PROFILE))
    assert time.process_time() - began_s < 0.15
    assert len(body) < 40_000


def test_many_long_visits_are_told_with_fewer_altitudes_each() -> None:
    long = [visit(n, NOW_S + 60.0 * n, 5 * 3600.0) for n in range(100)]
    view = night_view(facts(plan=plan(*long)), PROFILE)
    assert sum(len(one["altitude_deg"]) for one in view["plan"]["visits"]) < 1500
    assert len(to_json(view)) < 60_000


def test_a_night_of_very_many_short_visits_is_cut_and_says_how_many_there_are() -> None:
    view = night_view(a_full_night(600, 500), PROFILE)
    assert len(view["plan"]["visits"]) + len(view["done"]) == 200
    assert (view["plan"]["number_of_visits"], view["number_done"]) == (600, 500)
    assert len(to_json(view)) < 60_000
