"""When an order can be observed: against exact places, with reasons that name value and limit."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ctmo_indi.models import sky
from ctmo_indi.models.coordinates import altaz, hour_angle_h
from ctmo_indi.models.motions import BodyMotion, SolarSystemBody
from ctmo_indi.models.orders import Constraints, ObservationRequest, Window
from ctmo_indi.models.states import FrameType
from ctmo_indi.profiles import Limits, NightPolicy, Site

CTMO = Site("CTMO", 25.996275, -97.571269, 12.0)
NORTH_CAPE = Site("North Cape", 71.2, 25.8, 0.0)
LIMITS = Limits(horizon_deg=15.0, max_altitude_deg=89.0)
NIGHT = NightPolicy(sun_max_altitude_deg=-12.0)
EVENING = datetime(2026, 11, 22, 3, tzinfo=UTC)
MIDDAY = datetime(2026, 11, 22, 18, tzinfo=UTC)
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


def _window(start_h: float, end_h: float) -> Window:
    start = EVENING.timestamp()
    return Window(start + start_h * 3600.0, start + end_h * 3600.0)


def _reasons(request: ObservationRequest, utc: datetime = EVENING, **limits: object) -> str:
    is_observable, reasons = sky.observable_now(
        request, CTMO, replace(LIMITS, **limits), utc, NIGHT
    )
    assert is_observable == (not reasons)
    return "; ".join(reasons)


def test_the_2019_example_is_observable_this_evening_and_some_time() -> None:
    assert _reasons(EXAMPLE) == ""
    assert sky.ever_observable(EXAMPLE, CTMO, LIMITS, NIGHT, utc=EVENING) == (True, "")
    assert sky.ever_observable(EXAMPLE, CTMO, LIMITS, NIGHT) == (True, "")


def test_what_never_rises_is_refused_with_its_highest_altitude() -> None:
    request = replace(EXAMPLE, dec_deg=-70.0)
    is_observable, reason = sky.ever_observable(request, CTMO, LIMITS, NIGHT, utc=EVENING)
    assert not is_observable
    # 90 - (26.0 + 70) + precession of a quarter of a century, which is 0.1 deg here.
    assert reason.startswith("never at this site: at best altitude -5.")
    assert reason.endswith("expected at least 15.0 deg")


@pytest.mark.parametrize(
    ("constraints", "words"),
    [
        # Dec 38.8 plus 0.14 of precession: the altitude at culmination is 90 - (38.94 - 26.00).
        (Constraints(min_altitude_deg=80.0), "altitude 77.1 deg, expected at least 80.0 deg"),
        # The Sun's nadir in midsummer: -(90 - 26.0 + 23.4).
        (Constraints(max_sun_altitude_deg=-88.5), "Sun altitude -87.4 deg, expected at most -88.5"),
        # The Moon keeps within 5.3 degrees of the ecliptic, this target stands 27 off it.
        (Constraints(min_moon_separation_deg=179.0), "Moon separation 15"),
    ],
)
def test_constraints_no_night_can_meet_are_refused(constraints: Constraints, words: str) -> None:
    request = replace(EXAMPLE, dec_deg=38.8, constraints=constraints)
    is_observable, reason = sky.ever_observable(request, CTMO, LIMITS, NIGHT, utc=EVENING)
    assert not is_observable
    assert words in reason


def test_a_target_only_up_by_day_in_its_windows_is_refused_with_both_limits() -> None:
    # The Sun is at RA 15h49m: a target beside it is up only by day.
    request = replace(EXAMPLE, ra_deg=237.0, dec_deg=-20.0, windows=(_window(0.0, 72.0),))
    is_observable, reason = sky.ever_observable(request, CTMO, LIMITS, NIGHT, utc=EVENING)
    assert not is_observable
    assert reason.startswith("never in the order's windows within all limits at once")
    assert "altitude" in reason
    # Half a year later it is up at night.
    assert sky.ever_observable(replace(request, windows=()), CTMO, LIMITS, NIGHT, utc=EVENING)[0]


def test_a_midsummer_order_within_the_polar_circle_is_refused_for_the_sun() -> None:
    summer = datetime(2027, 6, 10, tzinfo=UTC).timestamp()
    request = replace(EXAMPLE, dec_deg=80.0, windows=(Window(summer, summer + 10 * 86400.0),))
    is_observable, reason = sky.ever_observable(request, NORTH_CAPE, LIMITS, NIGHT, utc=EVENING)
    assert not is_observable
    assert "Sun altitude" in reason
    assert "expected at most -12.0 deg" in reason


def test_windows_that_are_over_are_refused_with_their_end() -> None:
    request = replace(EXAMPLE, windows=(_window(-9.0, -6.0), _window(-5.0, -2.0)))
    assert sky.ever_observable(request, CTMO, LIMITS, NIGHT, utc=EVENING) == (
        False,
        "every window has ended, the last at 2026-11-22T01:00:00Z",
    )
    assert _reasons(request) == "every window has ended, the last at 2026-11-22T01:00:00Z"
    assert "next begins at 2026-11-22T04:00:00Z" in _reasons(
        replace(EXAMPLE, windows=(_window(1.0, 2.0), _window(3.0, 4.0)))
    )


def test_frames_without_sky_need_neither_night_nor_place() -> None:
    bias = ObservationRequest("2", "u", FrameType.BIAS, 0.0, 5)
    assert sky.observable_now(bias, CTMO, LIMITS, MIDDAY, NIGHT) == (True, ())
    assert sky.ever_observable(bias, CTMO, LIMITS, NIGHT, utc=MIDDAY) == (True, "")
    assert sky.observable_span(bias, CTMO, LIMITS, NIGHT, MIDDAY) is not None


def test_every_broken_limit_is_named_with_value_and_limit() -> None:
    by_day = _reasons(EXAMPLE, MIDDAY)
    assert "Sun altitude 43." in by_day
    assert "expected at most -12.0 deg" in by_day
    assert "; altitude -40.6 deg, expected at least 15.0 deg" in by_day
    close = replace(EXAMPLE, constraints=Constraints(min_moon_separation_deg=20.0))
    assert "Moon separation 1.1 deg, expected at least 20.0 deg" in _reasons(close)
    assert "hour angle 1." in _reasons(EXAMPLE, max_hour_angle_h=0.5)
    assert "altitude 71.1 deg, expected at most 60.0 deg" in _reasons(
        EXAMPLE, max_altitude_deg=60.0
    )
    far = replace(EXAMPLE, ra_deg=90.0, constraints=Constraints(max_airmass=2.0))
    assert "airmass 4.4, expected at most 2.0" in _reasons(far)


def test_the_sun_is_kept_away_from_as_long_as_it_is_up() -> None:
    by_day = NightPolicy(sun_max_altitude_deg=60.0)
    sun = sky.sun(CTMO, MIDDAY)
    near = replace(EXAMPLE, ra_deg=(sun.ra_deg + 20.0) % 360.0, dec_deg=sun.dec_deg)
    _, reasons = sky.observable_now(near, CTMO, LIMITS, MIDDAY, by_day)
    assert len(reasons) == 1
    assert reasons[0].startswith("Sun separation 18.8 deg, expected at least 30.0")


def test_the_horizon_is_the_higher_of_mask_and_plain_and_wraps_around_north() -> None:
    mask = Limits(horizon_deg=10.0, horizon_mask_deg=((90.0, 30.0), (270.0, 5.0), (350.0, 20.0)))
    assert sky.horizon_deg(mask, 90.0) == 30.0
    assert sky.horizon_deg(mask, 270.0) == 10.0
    assert sky.horizon_deg(mask, 40.0) == pytest.approx(25.0)
    assert sky.horizon_deg(mask, np.array([0.0, 360.0])) == pytest.approx([21.0, 21.0])
    assert sky.horizon_deg(LIMITS, 123.0) == 15.0


@settings(max_examples=25)
@given(st.floats(0.0, 360.0), st.floats(-60.0, 88.0), st.integers(0, 364), st.floats(0.0, 86400.0))
def test_the_next_span_holds_exactly_where_every_limit_is_met(
    ra_deg: float, dec_deg: float, day: int, second: float
) -> None:
    utc_s = (EVENING + timedelta(days=day, seconds=second)).timestamp()
    limits = replace(LIMITS, max_hour_angle_h=4.0)
    request = replace(EXAMPLE, ra_deg=ra_deg, dec_deg=dec_deg)
    skies = sky.Skies.of_night(CTMO, utc_s)
    span = sky.observable_span(request, CTMO, limits, NIGHT, utc_s, skies=skies)

    def is_good(when_s: float, grace_deg: float) -> bool:
        altitude, _ = altaz(ra_deg, dec_deg, CTMO, when_s)
        hours = abs(hour_angle_h(ra_deg, dec_deg, CTMO, when_s))
        is_dark = sky.sun_altitude_deg(CTMO, when_s) <= -12.0 + grace_deg
        is_up = 15.0 - grace_deg <= altitude <= 89.0 + grace_deg
        return is_dark and is_up and hours <= 4.0 + grace_deg / 15.0

    end_of_night = sky.noon_before(CTMO, utc_s) + 86400.0
    if span is None:
        times = np.arange(utc_s, end_of_night, 600.0)
        assert not any(is_good(when_s, -0.1) for when_s in times)
        return
    assert utc_s <= span.start_utc_s < span.end_utc_s <= end_of_night
    for when_s in np.linspace(span.start_utc_s, span.end_utc_s, 7):
        assert is_good(when_s, 0.05)
    before = np.arange(utc_s, span.start_utc_s - 61.0, 600.0)
    assert not any(is_good(when_s, -0.1) for when_s in before)
    if span.end_utc_s + 61.0 < end_of_night:
        assert not is_good(span.end_utc_s + 61.0, -0.05)


def test_a_span_that_is_too_short_is_passed_over() -> None:
    request = replace(EXAMPLE, windows=(_window(0.5, 0.6), _window(1.0, 3.0)))
    span = sky.observable_span(request, CTMO, LIMITS, NIGHT, EVENING)
    assert span is not None
    assert span.start_utc_s == pytest.approx(_window(0.5, 0).start_utc_s, abs=60.0)
    longer = sky.observable_span(request, CTMO, LIMITS, NIGHT, EVENING, min_length_s=3600.0)
    assert longer is not None
    assert longer.start_utc_s == pytest.approx(_window(1.0, 0).start_utc_s, abs=60.0)
    assert longer.end_utc_s <= _window(0, 3.0).end_utc_s
    assert sky.observable_span(request, CTMO, LIMITS, NIGHT, EVENING, min_length_s=1e5) is None


def test_what_a_whole_year_is_asked_for_agrees_with_a_dense_search() -> None:
    # Targets near the edge of visibility: none may be refused that a dense search finds.
    year_s = EVENING.timestamp() + np.arange(0.0, 366 * 86400.0, 600.0)
    skies = sky.Skies.over(CTMO, year_s)
    for dec_deg in (-52.0, -49.2, -48.9, -48.5, -45.0, 40.0, 89.5):
        request = replace(EXAMPLE, dec_deg=dec_deg)
        checked = sky.rules(request, skies, LIMITS, NIGHT)
        is_possible = bool(np.any(np.all([rule.slack >= 0.0 for rule in checked], axis=0)))
        found, reason = sky.ever_observable(request, CTMO, LIMITS, NIGHT, utc=EVENING)
        assert found or not is_possible, reason
        assert found == is_possible or abs(dec_deg + 49.0) < 0.3


def _until(year: int, since: int = 2026) -> Window:
    start, end = (datetime(y, 11, 22, tzinfo=UTC).timestamp() for y in (since, year))
    return Window(start, end)


@pytest.mark.parametrize(
    "windows",
    [
        (_until(9999),),
        tuple(_until(year + 1, year) for year in range(2026, 2126)),  # one year after the other
        tuple(_until(2030 + n) for n in range(100)),  # all over each other
    ],
)
def test_windows_of_a_thousand_years_cost_no_more_than_one(windows: tuple[Window, ...]) -> None:
    """Looked at whole, the first took 6 GB and more."""
    request = replace(EXAMPLE, dec_deg=-80.0, windows=windows)
    is_observable, reason = sky.ever_observable(request, CTMO, LIMITS, NIGHT, utc=EVENING)
    assert not is_observable
    assert reason.startswith("never in the order's windows: at best altitude -15.")
    began_s = time.process_time()
    sky.ever_observable(request, CTMO, LIMITS, NIGHT, utc=EVENING)
    assert time.process_time() - began_s < 0.3


def test_windows_of_more_than_a_year_with_gaps_leave_it_open() -> None:
    """Half of each year for a century: what is not looked at may serve."""
    windows = tuple(
        Window(one.start_utc_s, one.start_utc_s + 180 * 86400.0)
        for one in (_until(year + 1, year) for year in range(2026, 2126))
    )
    request = replace(EXAMPLE, dec_deg=-80.0, windows=windows)
    assert sky.ever_observable(request, CTMO, LIMITS, NIGHT, utc=EVENING) == (True, "")
    assert not sky.ever_observable(
        replace(request, windows=windows[:2]), CTMO, LIMITS, NIGHT, utc=EVENING
    )[0]


def _nightly(
    count: int, length_h: float, every_h: float = 24.0, first_h: float = 0.0
) -> list[Window]:
    return [_window(first_h + n * every_h, first_h + n * every_h + length_h) for n in range(count)]


MARS = BodyMotion(SolarSystemBody.MARS)
MOST_INSTANTS = 80_000


@pytest.mark.parametrize(
    "windows",
    [
        _nightly(100, 3.6 * 24.0, 3.65 * 24.0),
        _nightly(100, 12.0),
        _nightly(365, 23.9),
        [*_nightly(1, 300 * 24.0), *_nightly(99, 1.0, first_h=310 * 24.0)],
    ],
)
@pytest.mark.parametrize("what", ["fixed", "Moon", "moving"])
def test_many_windows_are_not_looked_at_more_closely_than_a_year(
    windows: list[Window], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each window by itself: a million instants, and 3 s with a limit of the Moon."""
    limits = Constraints(
        min_altitude_deg=88.0, min_moon_separation_deg=20.0 if what == "Moon" else None
    )
    request = replace(EXAMPLE, windows=tuple(windows), constraints=limits)
    if what == "moving":
        request = replace(request, ra_deg=None, dec_deg=None, motion=MARS)
    looked_at, over = [], sky.Skies.over

    def counted(site: Site, times_s: NDArray[np.float64]) -> sky.Skies:
        looked_at.append(times_s.size)
        return over(site, times_s)

    monkeypatch.setattr(sky.Skies, "over", counted)
    assert not sky.ever_observable(request, CTMO, LIMITS, NIGHT, utc=EVENING)[0]
    assert 0 < sum(looked_at) < MOST_INSTANTS


@pytest.mark.parametrize("exposure_s", [600.0, 7200.0])
@pytest.mark.parametrize("days", [3, 10, 20])
def test_short_windows_beside_a_long_one_do_not_hide_it(days: int, exposure_s: float) -> None:
    """Its instants were so far apart, among theirs, that none seemed to be of one stay."""
    by_day = _nightly(99, 1.0, first_h=15.0 + 24.0 * days)
    windows = (_window(0.0, 24.0 * days), *by_day)
    request = replace(EXAMPLE, exposure_s=exposure_s, windows=windows)
    assert sky.ever_observable(request, CTMO, LIMITS, NIGHT, utc=EVENING) == (True, "")
    alone = replace(request, windows=windows[1:], exposure_s=600.0)
    assert not sky.ever_observable(alone, CTMO, LIMITS, NIGHT, utc=EVENING)[0]


@settings(max_examples=40, deadline=None)
@given(
    dec_deg=st.floats(-52.0, -40.0),
    length_h=st.floats(0.5, 20.0),
    every_h=st.floats(21.0, 90.0),
    count=st.integers(30, 100),
)
def test_what_many_windows_are_asked_for_agrees_with_a_dense_search(
    dec_deg: float, length_h: float, every_h: float, count: int
) -> None:
    windows = tuple(_nightly(count, length_h, every_h))
    request = replace(EXAMPLE, dec_deg=dec_deg, windows=windows)
    stays_s = []
    for window in windows:
        times_s = np.arange(window.start_utc_s, window.end_utc_s, 60.0)
        checked = sky.rules(request, sky.Skies.over(CTMO, times_s), LIMITS, NIGHT)
        is_good = np.all([rule.slack >= 0.0 for rule in checked], axis=0)
        stays_s.append(60.0 * float(np.count_nonzero(is_good)))
    found, reason = sky.ever_observable(request, CTMO, LIMITS, NIGHT, utc=EVENING)
    assert found or max(stays_s) < 120.0, reason
    assert not found or max(stays_s) > 0.0
