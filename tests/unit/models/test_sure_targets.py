"""What is called sure is observable, by the full look along a year; the usual target is sure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ctmo_indi.models import sky
from ctmo_indi.models.orders import Constraints, ObservationRequest, Window
from ctmo_indi.models.states import FrameType
from ctmo_indi.models.sure_targets import SureTargets
from ctmo_indi.profiles import Limits, NightPolicy, Site

CTMO = Site("CTMO", 25.996275, -97.571269, 12.0)
SPITSBERGEN = Site("Spitsbergen", 78.2, 15.6, 0.0)
LIMITS = Limits()
NIGHT = NightPolicy()
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
EXAMPLE = ObservationRequest(
    order_id="1",
    user="Main Module",
    frame_type=FrameType.LIGHT,
    exposure_s=30.0,
    count=1,
    ra_deg=23.1,
    dec_deg=13.2,
    filter_name="I",
)


def sure(site: Site = CTMO, limits: Limits = LIMITS, night: NightPolicy = NIGHT) -> SureTargets:
    return SureTargets.of(site, limits, night, NOW)


def test_usual_targets_are_sure() -> None:
    """Where there is night all the year: whatever culminates 21 deg above the horizon's limit."""
    known = sure()
    for ra_deg in range(0, 360, 7):
        for dec_deg in range(-42, 75, 9):
            assert known.has(replace(EXAMPLE, ra_deg=float(ra_deg), dec_deg=float(dec_deg)))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"dec_deg": -50.0}, "culminates at 14 deg"),
        ({"dec_deg": 80.0}, "moves far with the precession"),
        ({"windows": (Window(0.0, 1.0),)}, "has windows"),
        ({"constraints": Constraints(min_moon_separation_deg=10.0)}, "the Moon"),
        ({"constraints": Constraints(max_sun_altitude_deg=-30.0)}, "its own darkness"),
        ({"constraints": Constraints(min_altitude_deg=78.0)}, "culminates at 77 deg"),
        ({"constraints": Constraints(max_airmass=1.0)}, "is in the zenith at best"),
        ({"ra_deg": None, "dec_deg": None}, "has no place"),
    ],
)
def test_what_has_to_be_looked_at_is_not_sure(changes: dict[str, object], why: str) -> None:
    request = replace(EXAMPLE, **changes)  # type: ignore[arg-type]  # fields by name
    assert not sure().has(request), why


@pytest.mark.parametrize(
    "limits",
    [
        Limits(horizon_mask_deg=((0.0, 20.0), (90.0, 80.0))),
        Limits(max_altitude_deg=40.0),
        Limits(max_hour_angle_h=0.3),
        Limits(meridian_flip_h=0.0, meridian_flip_margin_min=90.0),
        Limits(meridian_flip_h=0.0, max_hour_angle_h=1.5),
        Limits(sun_separation_above_deg=-18.0),
    ],
)
def test_limits_of_the_site_count(limits: Limits) -> None:
    assert not sure(limits=limits).has(EXAMPLE)


def test_what_culminates_too_near_to_the_zenith_is_observed_aside_of_the_meridian() -> None:
    assert sure(limits=Limits(max_altitude_deg=75.0)).has(replace(EXAMPLE, dec_deg=26.0))


def test_what_is_high_in_the_midnight_sun_only_is_not_sure() -> None:
    """At 78 deg North it is never dark when RA 17 h to 18.7 h stand in the meridian."""
    known = sure(SPITSBERGEN, Limits(horizon_deg=50.0))
    assert not known.has(replace(EXAMPLE, ra_deg=270.0, dec_deg=40.0))
    assert known.has(replace(EXAMPLE, ra_deg=90.0, dec_deg=40.0))


ANGLE = st.floats(-90.0, 90.0)


@settings(max_examples=150, deadline=None)
@given(
    latitude_deg=ANGLE,
    longitude_deg=st.floats(-180.0, 180.0),
    ra_deg=st.floats(0.0, 360.0, exclude_max=True),
    dec_deg=ANGLE,
    horizon_deg=st.floats(0.0, 60.0),
    highest_deg=st.floats(60.0, 90.0),
    hours=st.none() | st.floats(0.0, 6.0),
    dark_deg=st.floats(-18.0, -6.0),
    airmass=st.none() | st.floats(1.0, 3.0),
    least_deg=st.none() | st.floats(0.0, 80.0),
    flip_h=st.none() | st.none() | st.none() | st.floats(-0.5, 0.5),
    margin_min=st.floats(1.0, 30.0),
    year=st.integers(2020, 2049),
)
def test_sure_is_observable(
    latitude_deg: float,
    longitude_deg: float,
    ra_deg: float,
    dec_deg: float,
    horizon_deg: float,
    highest_deg: float,
    hours: float | None,
    dark_deg: float,
    airmass: float | None,
    least_deg: float | None,
    flip_h: float | None,
    margin_min: float,
    year: int,
) -> None:
    site = Site("anywhere", latitude_deg, longitude_deg, 0.0)
    limits = Limits(
        horizon_deg=horizon_deg,
        max_altitude_deg=highest_deg,
        max_hour_angle_h=hours,
        meridian_flip_h=flip_h,
        meridian_flip_margin_min=margin_min,
    )
    night = NightPolicy(sun_max_altitude_deg=dark_deg)
    wants = Constraints(max_airmass=airmass, min_altitude_deg=least_deg)
    request = replace(EXAMPLE, ra_deg=ra_deg, dec_deg=dec_deg, constraints=wants)
    assume(sure(site, limits, night).has(request))
    later = datetime(year, 5, 3, 20, tzinfo=UTC)
    assert sky.ever_observable(request, site, limits, night, utc=later) == (True, "")
