"""Spans of many orders at once never hide what the exact rules let through, and hide the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctmo_indi import profiles
from ctmo_indi.models.coordinates import hour_angle_h
from ctmo_indi.models.motions import (
    BodyMotion,
    FixedHorizontal,
    Motion,
    Orbit,
    SolarSystemBody,
)
from ctmo_indi.models.nights import night_bounds
from ctmo_indi.models.observability import observable_now
from ctmo_indi.models.orders import Constraints, ObservationRequest, Window
from ctmo_indi.models.states import FrameType
from ctmo_indi.models.sun_moon import sun_icrs
from ctmo_indi.models.visibility import visible_spans
from ctmo_indi.profiles import Site

PROFILE = profiles.load("simulators")
NOON = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
SITES = {
    "CTMO": PROFILE.site,
    "south": Site("south", -45.0, 20.0, 2400.0),
    "equator": Site("equator", 0.0, 100.0, 0.0),
}
LIMITS = {
    "plain": PROFILE.limits,
    "hour angle": replace(PROFILE.limits, max_hour_angle_h=4.5),
    "flip": replace(PROFILE.limits, meridian_flip_h=0.3, meridian_flip_margin_min=7.0),
    "mask": replace(
        PROFILE.limits, horizon_mask_deg=((0.0, 40.0), (90.0, 20.0), (180.0, 10.0), (270.0, 55.0))
    ),
}
NIGHTS = {
    "dark": PROFILE.night,
    "twilight": replace(PROFILE.night, sun_max_altitude_deg=-3.0),  # then the Sun's distance counts
}
STEP = timedelta(seconds=61.0)  # spans are a minute too long at most

maybe = st.none() | st.floats(0.0, 1.0)


def request(
    ra_deg: float | None,
    dec_deg: float | None,
    windows: tuple[Window, ...] = (),
    motion: Motion | None = None,
    **wants: float | None,
) -> ObservationRequest:
    constraints = Constraints(**wants)
    return ObservationRequest(
        "1",
        "u",
        FrameType.LIGHT,
        60.0,
        1,
        ra_deg,
        dec_deg,
        windows=windows,
        constraints=constraints,
        motion=motion,
    )


MOTIONS: tuple[Motion, ...] = (
    BodyMotion(SolarSystemBody.SATURN),
    BodyMotion(SolarSystemBody.MOON),
    Orbit(2.545, 0.0796, 10.588, 80.25, 73.3, 2461599.94),
    FixedHorizontal(62.0, 200.0),
)

requests = st.builds(
    lambda ra, dec, motion, mass, floor, moon, sun, east, west, lit, moon_up: request(
        None if motion else ra,
        None if motion else dec,
        motion=motion,
        max_airmass=None if mass is None else 1.05 + 3.0 * mass,
        min_altitude_deg=None if floor is None else 60.0 * floor,
        min_moon_separation_deg=None if moon is None else 90.0 * moon,
        max_sun_altitude_deg=None if sun is None else -18.0 + 12.0 * sun,
        min_hour_angle_h=None if east is None else -6.0 * east,
        max_hour_angle_h=None if west is None else 6.0 * west,
        max_moon_illumination=lit,
        max_moon_altitude_deg=None if moon_up is None else 60.0 * moon_up - 20.0,
    ),
    st.floats(0.0, 359.99),
    st.floats(-89.0, 89.0),
    st.none() | st.none() | st.sampled_from(MOTIONS),
    maybe,
    maybe,
    maybe,
    maybe,
    maybe,
    maybe,
    maybe,
    maybe,
)


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("night", NIGHTS)
@settings(max_examples=15, deadline=None)
@given(
    asked=st.lists(requests, min_size=1, max_size=4),
    instants=st.lists(st.floats(-0.05, 1.05), min_size=1, max_size=8),
)
def test_spans_agree_with_the_exact_rules(
    site: str,
    limits: str,
    night: str,
    asked: list[ObservationRequest],
    instants: list[float],
) -> None:
    place, rules, policy = SITES[site], LIMITS[limits], NIGHTS[night]
    bounds = night_bounds(place, NOON, policy.sun_max_altitude_deg)
    assert bounds is not None
    begin_s, end_s = (when.timestamp() for when in bounds)
    spans = visible_spans(asked, place, rules, policy, begin_s, end_s)
    for part in instants:
        now_s = begin_s + part * (end_s - begin_s)
        for index, one in enumerate(asked):
            mine = spans.index == index
            inside = np.any(mine & (spans.start_utc_s <= now_s) & (now_s <= spans.end_utc_s))
            is_up = [
                observable_now(
                    one, place, rules, datetime.fromtimestamp(now_s + shift_s, UTC), policy
                )[0]
                for shift_s in (-62.0, -30.0, 0.0, 30.0, 62.0)
            ]
            # A rise shorter than a minute may be missed; one of two minutes may not.
            if is_up[2] and (all(is_up[:3]) or all(is_up[2:])):
                assert inside
            if not any(is_up) and inside:
                # Rare: a rise between the instants looked at.
                assert _is_up_near(one, place, rules, policy, now_s)


def _is_up_near(
    one: ObservationRequest,
    site: Site,
    limits: profiles.Limits,
    night: profiles.NightPolicy,
    now_s: float,
) -> bool:
    return any(
        observable_now(one, site, limits, datetime.fromtimestamp(now_s + shift_s, UTC), night)[0]
        for shift_s in np.arange(-66.0, 66.5, 0.5)
    )


def test_a_window_cuts_exactly_even_a_short_one() -> None:
    bounds = night_bounds(PROFILE.site, NOON, PROFILE.night.sun_max_altitude_deg)
    assert bounds is not None
    begin_s, end_s = (when.timestamp() for when in bounds)
    middle_s = (begin_s + end_s) / 2.0
    up = request(50.0, 5.0)  # culminates around local midnight in November
    short = Window(middle_s + 7.25, middle_s + 30.5)
    later = Window(middle_s + 3600.0, end_s + 90_000.0)
    asked = [up, replace(up, windows=(short, later)), replace(up, windows=(Window(0.0, 1.0),))]
    spans = visible_spans(asked, PROFILE.site, PROFILE.limits, PROFILE.night, begin_s, end_s)
    assert list(spans.index) == [0, 1, 1]
    assert spans.start_utc_s[1] == short.start_utc_s
    assert spans.end_utc_s[1] == short.end_utc_s
    assert spans.start_utc_s[2] == later.start_utc_s
    assert spans.end_utc_s[2] == spans.end_utc_s[0]


def test_near_the_sun_in_twilight_is_hidden_as_the_exact_rules_say() -> None:
    night = replace(PROFILE.night, sun_max_altitude_deg=-3.0)
    limits = replace(PROFILE.limits, sun_separation_deg=60.0, sun_separation_above_deg=-6.0)
    bounds = night_bounds(PROFILE.site, NOON, night.sun_max_altitude_deg)
    assert bounds is not None
    dusk_s, end_s = (when.timestamp() for when in bounds)
    sun_ra_deg, sun_dec_deg = sun_icrs(dusk_s)
    near, far = (request((sun_ra_deg + shift) % 360.0, sun_dec_deg) for shift in (45.0, 80.0))
    spans = visible_spans([near, far], PROFILE.site, limits, night, dusk_s, end_s)
    start_s = [float(spans.start_utc_s[spans.index == index][0]) for index in (0, 1)]
    assert start_s[1] == pytest.approx(dusk_s, abs=70.0)
    # until the Sun is 6 deg below the horizon, a quarter of an hour later
    bounds = night_bounds(PROFILE.site, NOON, -6.0)
    assert bounds is not None
    assert start_s[0] == pytest.approx(bounds[0].timestamp(), abs=70.0)


def test_no_orders_have_no_spans() -> None:
    spans = visible_spans([], PROFILE.site, PROFILE.limits, PROFILE.night, 1.8e9, 1.8e9 + 3600.0)
    assert spans.index.size == spans.start_utc_s.size == spans.end_utc_s.size == 0


def test_near_the_flip_of_the_mount_an_order_is_hidden() -> None:
    limits = replace(PROFILE.limits, meridian_flip_h=0.5, meridian_flip_margin_min=10.0)
    bounds = night_bounds(PROFILE.site, NOON, PROFILE.night.sun_max_altitude_deg)
    assert bounds is not None
    begin_s, end_s = (when.timestamp() for when in bounds)
    star = request(60.0, 20.0)
    spans = visible_spans([star], PROFILE.site, limits, PROFILE.night, begin_s, end_s)
    whole = visible_spans([star], PROFILE.site, PROFILE.limits, PROFILE.night, begin_s, end_s)
    assert spans.start_utc_s[0] == whole.start_utc_s[0]
    assert spans.end_utc_s[1] == whole.end_utc_s[0]
    hours = [
        hour_angle_h(60.0, 20.0, PROFILE.site, when)
        for when in (spans.end_utc_s[0], spans.start_utc_s[1])
    ]
    minute_h = 1.0 / 60.0  # too long rather than too short
    assert hours == pytest.approx([0.5 - 10 * minute_h, 0.5 + 10 * minute_h], abs=1.01 * minute_h)
    assert hours[0] > 0.5 - 10 * minute_h
    assert hours[1] < 0.5 + 10 * minute_h
