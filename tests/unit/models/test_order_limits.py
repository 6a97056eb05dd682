"""Limits an order sets itself on hour angle and Moon, and what can never be: against astropy."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import astropy.units as u
import numpy as np
import pytest
from astroplan import moon_illumination
from astropy.coordinates import AltAz, EarthLocation, get_body
from astropy.time import Time
from astropy.utils import iers

from ctmo_indi.models.coordinates import hour_angle_h, icrs_to_eod
from ctmo_indi.models.motions import (
    BodyMotion,
    FixedHorizontal,
    Motion,
    Orbit,
    SolarSystemBody,
)
from ctmo_indi.models.observability import ever_observable, observable_now
from ctmo_indi.models.orders import Constraints, ObservationRequest, Window
from ctmo_indi.models.states import FrameType
from ctmo_indi.models.sure_targets import SureTargets
from ctmo_indi.profiles import Limits, NightPolicy, Site

iers.conf.auto_download = False
iers.conf.auto_max_age = None  # the tables of the package serve, whatever the date

CTMO = Site("CTMO", 25.996275, -97.571269, 12.0)
LIMITS = Limits(horizon_deg=15.0, max_altitude_deg=89.0)
NIGHT = NightPolicy(sun_max_altitude_deg=-12.0)
EVENING = datetime(2026, 11, 22, 3, tzinfo=UTC)
STAR = ObservationRequest("1", "ada", FrameType.LIGHT, 30.0, 1, 23.1, 13.2, filter_name="I")
# A month of nights, an hour apart: every phase, up and down.
INSTANTS = [EVENING + timedelta(days=day, hours=hour) for day in range(0, 30, 3) for hour in (0, 6)]


def wants(**limits: float) -> ObservationRequest:
    return replace(STAR, constraints=Constraints(**limits))


def about(request: ObservationRequest, utc: datetime, word: str) -> list[str]:
    _, reasons = observable_now(request, CTMO, LIMITS, utc, NIGHT)
    return [reason for reason in reasons if reason.startswith(word)]


def test_hour_angles_are_limited_on_both_sides() -> None:
    request = wants(min_hour_angle_h=-1.0, max_hour_angle_h=2.5)
    for minutes in range(0, 480, 13):
        utc = EVENING + timedelta(minutes=minutes)
        hours = hour_angle_h(23.1, 13.2, CTMO, utc)
        assert bool(about(request, utc, "hour angle")) == (not -1.0 <= hours <= 2.5)
    assert about(wants(min_hour_angle_h=3.0), EVENING, "hour angle") == [
        f"hour angle {hour_angle_h(23.1, 13.2, CTMO, EVENING):.1f} h, expected at least 3.0 h"
    ]


def _moon_altitudes_deg() -> np.ndarray:
    times = Time(INSTANTS)
    location = EarthLocation(
        lon=CTMO.longitude_deg * u.deg, lat=CTMO.latitude_deg * u.deg, height=12 * u.m
    )
    moon = get_body("moon", times, location)
    return np.asarray(moon.transform_to(AltAz(obstime=times, location=location)).alt.deg)


@pytest.mark.parametrize("most_deg", [0.0, 20.0])
def test_the_moon_must_be_down_or_low(most_deg: float) -> None:
    altitudes_deg = _moon_altitudes_deg()
    assert (altitudes_deg < most_deg).any()
    assert (altitudes_deg > most_deg).any()
    for utc, altitude_deg in zip(INSTANTS, altitudes_deg, strict=True):
        assert abs(altitude_deg - most_deg) > 0.02  # none of them is at the limit itself
        said = about(wants(max_moon_altitude_deg=most_deg), utc, "Moon altitude")
        assert bool(said) == (altitude_deg > most_deg)


def test_the_moons_light_counts_while_it_is_up() -> None:
    altitudes_deg, lit = _moon_altitudes_deg(), moon_illumination(Time(INSTANTS))
    found = set()
    for utc, altitude_deg, part in zip(INSTANTS, altitudes_deg, lit, strict=True):
        assert abs(part - 0.4) > 0.003
        said = about(wants(max_moon_illumination=0.4), utc, "Moon illumination")
        assert bool(said) == (altitude_deg > 0.0 and part > 0.4)
        found.add((bool(altitude_deg > 0.0), bool(part > 0.4)))
    assert len(found) == 4


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (wants(min_hour_angle_h=7.0), "hour angle 7.0 h|altitude"),
        (wants(max_airmass=1.5, min_hour_angle_h=5.0), "within all limits at once.*"),
        (replace(wants(min_moon_separation_deg=5.0), motion=BodyMotion(SolarSystemBody.MOON)),
         "at best Moon separation 0.0 deg, expected at least 5.0 deg"),
        (replace(STAR, motion=BodyMotion(SolarSystemBody.MERCURY),
                 constraints=Constraints(min_altitude_deg=60.0)), "altitude"),
        (replace(STAR, motion=FixedHorizontal(10.0, 90.0)),
         "never at this site: at best altitude 10.0 deg, expected at least 15.0 deg"),
        (replace(STAR, motion=Orbit(30.0, 1.0, 90.0, 90.0, 270.0, 2461550.5)), "altitude -"),
    ],
)  # fmt: skip
def test_what_can_never_be_is_refused_with_its_reason(
    request_: ObservationRequest, why: str
) -> None:
    if request_.motion is not None:
        request_ = replace(request_, ra_deg=None, dec_deg=None)
    is_possible, reason = ever_observable(request_, CTMO, LIMITS, NIGHT, utc=EVENING)
    assert not is_possible
    assert any(part in reason for part in why.rstrip(".*").split("|")), reason


@pytest.mark.parametrize("body", SolarSystemBody)
def test_every_planet_and_the_moon_is_seen_some_time_of_the_year(body: SolarSystemBody) -> None:
    request = replace(STAR, ra_deg=None, dec_deg=None, motion=BodyMotion(body))
    policy = NightPolicy(sun_max_altitude_deg=-6.0)  # Mercury is never high in a dark sky
    assert ever_observable(request, CTMO, LIMITS, policy, utc=EVENING) == (True, "")


@pytest.mark.parametrize(
    "request_",
    [
        wants(min_hour_angle_h=-1.0),
        wants(max_hour_angle_h=1.0),
        wants(max_moon_illumination=0.5),
        wants(max_moon_altitude_deg=0.0),
        replace(STAR, ra_deg=None, dec_deg=None, motion=BodyMotion(SolarSystemBody.MARS)),
    ],
)
def test_such_orders_are_looked_at_not_taken_for_sure(request_: ObservationRequest) -> None:
    sure = SureTargets.of(CTMO, LIMITS, NIGHT, EVENING)
    assert sure.has(STAR)
    assert not sure.has(request_)


def test_an_exposure_longer_than_the_target_is_up_is_refused() -> None:
    low = replace(STAR, dec_deg=-48.5, exposure_s=9000.0)  # culminates at 15.6 degrees
    is_possible, reason = ever_observable(low, CTMO, LIMITS, NIGHT, utc=EVENING)
    assert not is_possible
    # It is above h while cos H >= (sin h - sin p sin d) / (cos p cos d); h has a tenth of grace.
    p, d = np.radians([CTMO.latitude_deg, icrs_to_eod(23.1, -48.5, EVENING)[1]])
    cosine = (np.sin(np.radians(14.9)) - np.sin(p) * np.sin(d)) / (np.cos(p) * np.cos(d))
    up_s = 2.0 * np.degrees(np.arccos(cosine)) / 15.041 * 3600.0
    found = re.fullmatch(
        r"never at this site for long enough: one exposure takes 9000 s, at best (\d+) s are"
        r" within all limits",
        reason,
    )
    assert found is not None
    assert up_s <= float(found[1]) <= up_s + 2.0 * 900.0 + 60.0
    assert ever_observable(replace(low, exposure_s=1200.0), CTMO, LIMITS, NIGHT, utc=EVENING)[0]
    assert not SureTargets.of(CTMO, LIMITS, NIGHT, EVENING).has(replace(STAR, exposure_s=7200.0))


@pytest.mark.parametrize("frame_type", [FrameType.LIGHT, FrameType.DARK])
def test_a_window_shorter_than_one_exposure_is_refused(frame_type: FrameType) -> None:
    start_s = EVENING.timestamp() + 3600.0
    windows = (Window(start_s, start_s + 20.0), Window(start_s + 100.0, start_s + 125.0))
    request = replace(STAR, frame_type=frame_type, windows=windows)
    assert ever_observable(request, CTMO, LIMITS, NIGHT, utc=EVENING) == (
        False,
        "no window is long enough: one exposure takes 30 s, at best 25 s are left of one",
    )
    request = replace(request, exposure_s=25.0)
    assert ever_observable(request, CTMO, LIMITS, NIGHT, utc=EVENING) == (True, "")


def test_a_missed_start_is_refused() -> None:
    request = replace(STAR, latest_start_utc_s=EVENING.timestamp() - 1.0)
    is_possible, reason = ever_observable(request, CTMO, LIMITS, NIGHT, utc=EVENING)
    assert (is_possible, reason) == (
        False, "its start is missed: expected by 2026-11-22T02:59:59Z",
    )  # fmt: skip
    assert ever_observable(request, CTMO, LIMITS, NIGHT)[0]


MOTIONS: list[Motion] = [BodyMotion(SolarSystemBody.JUPITER), FixedHorizontal(50.0, 180.0)]


@pytest.mark.parametrize("motion", MOTIONS)
def test_the_rules_follow_a_moving_target(motion: Motion) -> None:
    request = replace(STAR, ra_deg=None, dec_deg=None, motion=motion)
    if isinstance(motion, FixedHorizontal):
        assert about(request, EVENING, "altitude") == []
        low = replace(request, motion=FixedHorizontal(14.0, 180.0))
        assert about(low, EVENING, "altitude") == [
            "altitude 14.0 deg, expected at least 15.0 deg"
        ]  # fmt: skip
        return
    times = Time([EVENING + timedelta(hours=hour) for hour in range(10)])
    location = EarthLocation(
        lon=CTMO.longitude_deg * u.deg, lat=CTMO.latitude_deg * u.deg, height=12 * u.m
    )
    planet = get_body("jupiter", times, location, ephemeris="builtin")
    altitudes_deg = planet.transform_to(AltAz(obstime=times, location=location)).alt.deg
    for time, altitude_deg in zip(times, altitudes_deg, strict=True):
        utc = time.to_datetime(timezone=UTC)
        assert bool(about(request, utc, "altitude")) == (not 15.0 <= altitude_deg <= 89.0)
