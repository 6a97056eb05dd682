"""The map of the sky: star list against Hipparcos, places against astropy, horizon and targets."""

from __future__ import annotations

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body
from astropy.time import Time
from astropy.utils import iers

from ctmo_indi import profiles
from ctmo_indi.profiles import Profile
from ctmo_indi.web.answers import to_json
from ctmo_indi.web.night_facts import Attempt, NightFacts
from ctmo_indi.web.plan_facts import PlanFacts, Visit
from ctmo_indi.web.sky_view import sky_view
from ctmo_indi.web.star_list import STARS
from ctmo_indi.web.wire_readers import unix_s

iers.conf.auto_download = False
iers.conf.auto_max_age = None  # the tables of the package serve, whatever the date

PROFILE = profiles.load("simulators")
NOW_S = unix_s("2026-11-23T03:00:00Z")
NOTHING = NightFacts("20261122", NOW_S, None, "", (), ())

# RA (h), Dec, V of the Hipparcos catalogue (ESA 1997), moved to epoch 2000.0; as PyEphem 4.2.1 has
# them. V differs by the variables' light and by components taken together.
HIPPARCOS = {
    "Sirius": (6.75247697, -16.71611569, -1.44),
    "Canopus": (6.39919718, -52.69566045, -0.62),
    "Vega": (18.61564903, 38.78369185, 0.03),
    "Antares": (16.49012803, -26.43200250, 1.06),
    "Fomalhaut": (22.96084626, -29.62223601, 1.17),
    "Dubhe": (11.06213019, 61.75103324, 1.81),
    "Polaris": (2.53030100, 89.26410949, 1.97),
    "Algol": (3.13614765, 40.95564766, 2.09),
    "Mizar": (13.39876192, 54.92536183, 2.23),
}


def location(profile: Profile) -> EarthLocation:
    site = profile.site
    return EarthLocation(
        lon=site.longitude_deg * u.deg, lat=site.latitude_deg * u.deg, height=site.elevation_m * u.m
    )


def apart_deg(place: dict[str, float], theirs: SkyCoord) -> float:
    ours = SkyCoord(place["az_deg"] * u.deg, place["alt_deg"] * u.deg)
    return float(ours.separation(SkyCoord(theirs.az, theirs.alt)).deg)


def here(profile: Profile = PROFILE) -> AltAz:
    return AltAz(obstime=Time(NOW_S, format="unix"), location=location(profile))


@pytest.mark.parametrize("name", HIPPARCOS)
def test_stars_are_where_hipparcos_has_them(name: str) -> None:
    ra_h, dec_deg, magnitude = HIPPARCOS[name]
    (star,) = [one for one in STARS if one[3] == name]
    ours = SkyCoord(star[0] * u.deg, star[1] * u.deg)
    assert ours.separation(SkyCoord(15.0 * ra_h * u.deg, dec_deg * u.deg)).deg < 0.01
    assert star[2] == pytest.approx(magnitude, abs=0.12)


def test_the_list_is_of_bright_stars_each_once() -> None:
    assert 150 < len(STARS) < 250
    assert [one[2] for one in STARS] == sorted(one[2] for one in STARS)
    assert len({one[3] for one in STARS}) == len(STARS)
    places = SkyCoord([one[0] for one in STARS] * u.deg, [one[1] for one in STARS] * u.deg)
    _, nearest, _ = places.match_to_catalog_sky(places, nthneighbor=2)
    assert nearest.deg.min() > 0.05


def test_stars_on_the_map_stand_where_astropy_has_them() -> None:
    told = {name: (az, alt) for az, alt, _, name in sky_view(NOTHING, PROFILE, NOW_S)["stars"]}
    places = SkyCoord([one[0] for one in STARS] * u.deg, [one[1] for one in STARS] * u.deg)
    theirs = places.transform_to(here())
    assert {one[3] for one, up in zip(STARS, theirs.alt.deg > -0.9, strict=True) if up} <= set(told)
    for one, az, alt in zip(STARS, theirs.az, theirs.alt, strict=True):
        if one[3] in told:
            ours = SkyCoord(*(value * u.deg for value in told[one[3]]))
            assert ours.separation(SkyCoord(az, alt)).deg < 0.15


def test_sun_moon_and_planets_stand_where_astropy_has_them() -> None:
    bodies = sky_view(NOTHING, PROFILE, NOW_S)["bodies"]
    assert [one["name"] for one in bodies][:2] == ["Sun", "Moon"]
    assert "Saturn" in {one["name"] for one in bodies}  # it culminates then
    for one in bodies:
        theirs = get_body(one["name"].lower(), Time(NOW_S, format="unix"), location(PROFILE))
        assert apart_deg(one, theirs.transform_to(here())) < 0.1


def test_the_sidereal_time_is_astropys() -> None:
    theirs = Time(NOW_S, format="unix").sidereal_time(
        "apparent", PROFILE.site.longitude_deg * u.deg
    )
    assert sky_view(NOTHING, PROFILE, NOW_S)["lst_h"] == pytest.approx(theirs.hour, abs=0.001)


def test_the_horizon_is_the_higher_of_plain_horizon_and_mask_all_around() -> None:
    plain = sky_view(NOTHING, PROFILE, NOW_S)["horizon"]
    assert {altitude for _, altitude in plain} == {15.0}
    limits = replace(
        PROFILE.limits, horizon_mask_deg=((0.0, 5.0), (7.3, 5.0), (90.5, 40.0), (180.0, 5.0))
    )
    masked = dict(map(tuple, sky_view(NOTHING, replace(PROFILE, limits=limits), NOW_S)["horizon"]))
    assert (masked[0.0], masked[90.5], masked[270.0]) == (15.0, 40.0, 15.0)
    assert list(masked) == sorted(masked)


def attempt(receipt: str, end_s: float | None) -> Attempt:
    return Attempt(
        "A-1", receipt, NOW_S - 600.0, end_s, "IN_PROGRESS", "", "M 15", "V", "Light", 322.49, 12.17
    )


def visit(receipt: str, start_s: float, ra_deg: float = 10.68) -> Visit:
    return Visit(receipt, receipt, "V", start_s, start_s + 900.0, ra_deg, 41.27, 4, 220.0, 5.0)


def test_what_runs_comes_first_with_its_path_to_the_planned_end() -> None:
    visits = (visit("O-1", NOW_S - 600.0, 322.49), visit("O-2", NOW_S + 400.0), visit("O-3", NOW_S))
    plan = PlanFacts("20261122", "", "", 0.0, 0.0, 0.0, "", "", 3, visits)
    done = replace(attempt("O-0", NOW_S - 300.0), status="COMPLETED")
    facts = replace(NOTHING, plan=plan, attempts=(done, attempt("O-1", None)))
    targets = sky_view(facts, PROFILE, NOW_S)["targets"]
    assert [(one["receipt"], one["state"]) for one in targets] == [
        ("O-1", "running"),
        ("O-2", "next"),
        ("O-3", "planned"),
    ]
    path = targets[0]["path"]
    times = Time(np.linspace(NOW_S - 600.0, NOW_S + 300.0, len(path)), format="unix")
    theirs = SkyCoord(322.49 * u.deg, 12.17 * u.deg).transform_to(
        AltAz(obstime=times, location=location(PROFILE))
    )
    for (az_deg, alt_deg), one in zip(path, theirs, strict=True):
        assert apart_deg({"az_deg": az_deg, "alt_deg": alt_deg}, one) < 0.15


def test_a_target_that_runs_without_a_plan_has_the_path_it_has_gone() -> None:
    facts = replace(NOTHING, attempts=(attempt("O-1", None),))
    (target,) = sky_view(facts, PROFILE, NOW_S)["targets"]
    assert target["path"][-1] == [target["az_deg"], target["alt_deg"]]


def test_a_dome_that_was_not_measured_has_no_slit_to_draw() -> None:
    # simulators.yaml: 1.0 m of slit in a sphere of 2.5 m
    assert sky_view(NOTHING, PROFILE, NOW_S)["slit_deg"] == 23
    bare = replace(PROFILE, equipment={})
    assert sky_view(NOTHING, bare, NOW_S)["slit_deg"] is None


@pytest.mark.parametrize("latitude_deg", [89.9, -89.9])
def test_the_map_is_small_also_at_the_poles(latitude_deg: float) -> None:
    site = replace(PROFILE.site, latitude_deg=latitude_deg)
    visits = tuple(visit(f"O-{n:026d}", NOW_S + 900.0 * n) for n in range(250))
    plan = PlanFacts("20261122", "", "", 0.0, 0.0, 0.0, "", "", 250, visits)
    view = sky_view(replace(NOTHING, plan=plan), replace(PROFILE, site=site), NOW_S)
    assert len(to_json(view)) < 30_000
