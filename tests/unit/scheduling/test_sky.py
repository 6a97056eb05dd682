"""The real sky behind a driver: spans and obstacles tell the same story."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ctmo_indi import profiles
from ctmo_indi.models.orders import ObservationRequest, Window
from ctmo_indi.models.states import FrameType
from ctmo_indi.scheduling.sky import SiteSky

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


def test_a_window_of_the_next_night_is_found_before_that_nights_end(sky: SiteSky) -> None:
    night = sky.night(NOON)
    start = night.evening + timedelta(days=1, hours=2)
    window = Window(start.timestamp(), start.timestamp() + 1800.0)
    target = request(30.0, 20.0, (window,))
    assert sky.next_observable(target, NOON, night.morning) is None
    found = sky.next_observable(target, NOON, night.morning + timedelta(days=1))
    assert found is not None
    assert abs(found - start) <= timedelta(minutes=1)
