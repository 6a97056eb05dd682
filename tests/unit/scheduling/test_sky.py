"""The real sky behind a driver: spans and obstacles tell the same story."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import astropy.units as u
import pytest
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from ctmo_indi import profiles
from ctmo_indi.models.coordinates import hour_angle_h
from ctmo_indi.models.orders import ObservationRequest, Window
from ctmo_indi.models.states import FrameType
from ctmo_indi.scheduling.sky import NIGHTS_KEPT, SiteSky

iers.conf.auto_download = False
iers.conf.auto_max_age = None
NOON = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)  # 13:00 at the site


def request(ra_deg: float, dec_deg: float, windows: tuple[Window, ...] = ()) -> ObservationRequest:
    return ObservationRequest(
        "1", "u", FrameType.LIGHT, 60.0, 1, ra_deg=ra_deg, dec_deg=dec_deg, windows=windows
    )


@pytest.fixture(scope="module")
def sky() -> SiteSky:
    return SiteSky(profiles.load("simulators"))


def test_by_day_the_night_is_the_coming_one_and_at_night_the_one_that_lasts(sky: SiteSky) -> None:
    coming = sky.night(NOON)
    assert NOON < coming.evening < coming.morning < NOON + timedelta(days=1)
    assert sky.night(coming.evening + timedelta(hours=3)) == coming
    after = sky.night(coming.morning + timedelta(minutes=1))
    assert after.evening - coming.evening == pytest.approx(
        timedelta(days=1), abs=timedelta(minutes=3)
    )


@pytest.mark.parametrize("ra_deg", [330.0, 30.0, 120.0])
def test_the_next_observable_instant_is_the_edge_of_the_obstacles(
    sky: SiteSky, ra_deg: float
) -> None:
    night = sky.night(NOON)
    target = request(ra_deg, 20.0)
    when = sky.next_observable(target, NOON, night.morning)
    assert when is not None
    assert sky.obstacles(target, when + timedelta(minutes=1)) == ()
    assert sky.obstacles(target, when - timedelta(minutes=2)) != ()
    middle = when + timedelta(minutes=10)
    assert sky.next_observable(target, middle, night.morning) == middle


def test_an_answer_does_not_depend_on_what_was_asked_before() -> None:
    def fresh() -> SiteSky:
        return SiteSky(profiles.load("simulators"))

    night = fresh().night(NOON)
    target = request(30.0, 20.0)
    rises = fresh().next_observable(target, NOON, night.morning)
    assert rises is not None
    later = rises + timedelta(hours=2)
    sky = fresh()
    assert sky.next_observable(target, later, night.morning) == later
    assert sky.next_observable(target, NOON, night.morning) == rises  # a look ahead came first
    end_s = later.timestamp() + 1800.0
    short = request(30.0, 20.0, (Window(later.timestamp(), end_s),))
    assert sky.next_observable(short, later, night.morning) == later
    too_late = datetime.fromtimestamp(end_s - 30.0, UTC)  # less than an exposure is left
    assert sky.next_observable(short, too_late, night.morning) is None


def test_a_window_of_the_next_night_is_found_before_that_nights_end(sky: SiteSky) -> None:
    night = sky.night(NOON)
    start = night.evening + timedelta(days=1, hours=2)
    window = Window(start.timestamp(), start.timestamp() + 1800.0)
    target = request(30.0, 20.0, (window,))
    assert sky.next_observable(target, NOON, night.morning) is None
    found = sky.next_observable(target, NOON, night.morning + timedelta(days=1))
    assert found is not None
    assert abs(found - start) <= timedelta(minutes=1)


def test_what_was_asked_for_in_an_earlier_night_is_forgotten() -> None:
    sky, target, day = SiteSky(profiles.load("simulators")), request(30.0, 20.0), timedelta(days=1)
    unasked = sys.getrefcount(target)
    sky.next_observable(target, NOON, sky.night(NOON).morning)
    assert sys.getrefcount(target) > unasked
    for later in range(1, NIGHTS_KEPT + 1):
        when = NOON + later * day
        sky.next_observable(request(60.0, 20.0), when, sky.night(when).morning)
    assert sys.getrefcount(target) == unasked


def test_a_span_holds_what_is_up_and_nothing_else(sky: SiteSky) -> None:
    night = sky.night(NOON)
    up, never = request(30.0, 20.0), request(30.0, -80.0)
    spans = sky.spans([never, up], night)
    assert set(spans.index) == {1}
    start = datetime.fromtimestamp(float(spans.start_utc_s[0]), UTC)
    end = datetime.fromtimestamp(float(spans.end_utc_s[-1]), UTC)
    minute = timedelta(seconds=70)
    assert not sky.obstacles(up, start + minute)
    assert not sky.obstacles(up, end - minute)
    assert sky.obstacles(up, start - minute)
    assert sky.obstacles(up, end + minute)


def test_a_darker_night_lies_within_the_profiles_and_a_brighter_one_does_not_exist(
    sky: SiteSky,
) -> None:
    plain, dark, bright = sky.night(NOON), sky.night(NOON, -18.0), sky.night(NOON, -3.0)
    assert plain.evening < dark.evening < dark.morning < plain.morning
    assert dark.label == plain.label
    assert bright == plain


def test_the_airmass_agrees_with_astropy(sky: SiteSky) -> None:
    site = profiles.load("simulators").site
    place = EarthLocation(
        lon=site.longitude_deg * u.deg, lat=site.latitude_deg * u.deg, height=site.elevation_m * u.m
    )
    when = sky.night(NOON).evening + timedelta(hours=2)
    target = SkyCoord(30.0 * u.deg, 20.0 * u.deg)
    there = target.transform_to(AltAz(obstime=Time(when), location=place))
    # Kasten and Young's formula, and the plain secant: the same above 20 deg to 0.8 %
    assert sky.airmass(request(30.0, 20.0), when) == pytest.approx(there.secz.value, rel=0.008)
    assert sky.airmass(request(30.0, -85.0), when) is None


def test_an_exposure_across_the_flip_is_seen_though_both_its_ends_are_well() -> None:
    profile = profiles.load("simulators")
    limits = replace(profile.limits, meridian_flip_h=0.0, meridian_flip_margin_min=5.0)
    german = SiteSky(replace(profile, limits=limits))
    star = request(52.0, 20.0)
    noon_h = hour_angle_h(52.0, 20.0, profile.site, NOON)
    transit = NOON + timedelta(seconds=3590.17 * (-noon_h % 24.0))
    before, after = transit - timedelta(minutes=6), transit + timedelta(minutes=6)
    for when in (before, after):
        assert german.obstacles(star, when) == ()
    (near,) = german.obstacles(star, transit - timedelta(minutes=3))
    assert near == "meridian flip margin 3.0 min, expected at least 5.0 min"
    (across,) = german.flips_within(star, before, after)
    assert across == f"meridian flip at {transit:%Y-%m-%dT%H:%M:%SZ}, within the exposure"
    assert german.flips_within(star, before, transit - timedelta(seconds=5)) == ()
    assert german.flips_within(star, after, after + timedelta(hours=8)) == ()
    assert SiteSky(profile).flips_within(star, before, after) == ()
