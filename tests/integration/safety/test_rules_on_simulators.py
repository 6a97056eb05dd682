"""A site's own rules on real simulators: warnings, limits, delays, watched elements, the clock."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from ctmo_indi.models.verdict import VerdictLevel
from ctmo_indi.safety_policy import Range, WatchedElement, WeatherWarningPolicy
from ctmo_indi.testing.clock_steps import SteppedClock

from ...faults.safety_alone import SafetyAlone, drivers, profile_with

pytestmark = pytest.mark.indi

SPEED = 50.0
NOON = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
TEMPERATURE = WatchedElement(
    "cabinet", "Weather Simulator", "WEATHER_CONTROL", "Temperature", Range(-5.0, 30.0)
)


@pytest.fixture
def start(indi_simulators, tmp_path):
    server = indi_simulators(drivers(), speed=SPEED)
    return lambda **policy: SafetyAlone(server, tmp_path / "data", profile_with(**policy)).running()


def rules(safety):
    """Rules that are not content; the simulators begin unparked, so safety may be closing."""
    return {finding.rule for finding in safety.loop.verdict.findings} - {"closing"}


def test_a_warning_that_holds_leaves_open_what_is_open(start):
    with start(weather_warning=WeatherWarningPolicy.HOLD) as safety:
        safety.open()
        safety.weather(Wind=18.0)
        safety.wait_for(VerdictLevel.HOLD)
        assert rules(safety) == {"weather_warning"}
        assert not threading.Event().wait(3.0)  # three cycles
        assert safety.loop.state == "OPEN"
        safety.weather(Wind=2.0)
        safety.wait_for(VerdictLevel.SAFE)


def test_a_limit_of_the_site_closes_where_the_driver_sees_no_harm(start):
    with start(weather_limits={"WEATHER_TEMPERATURE": Range(None, 25.0)}) as safety:
        safety.open()
        safety.weather(Temperature=26.0)
        safety.wait(lambda: safety.loop.state == "CLOSED", "CLOSED")
        assert "weather_limits" in rules(safety)


def test_bad_weather_must_last_for_the_delay(start):
    with start(close_delay_s=5.0 * SPEED) as safety:
        safety.open()
        safety.weather(Wind=30.0)
        safety.wait_for(VerdictLevel.HOLD)
        begun_s = safety.clock.machine_s()
        assert safety.loop.state == "OPEN"
        safety.wait_for(VerdictLevel.UNSAFE)
        assert safety.clock.machine_s() - begun_s == pytest.approx(5.0, abs=1.5)
        safety.wait(lambda: safety.loop.state == "CLOSED", "CLOSED")


def test_a_watched_element_closes(start):
    with start(watch=(TEMPERATURE,)) as safety:
        safety.open()
        safety.weather(Temperature=35.0)
        safety.wait(lambda: safety.loop.state == "CLOSED", "CLOSED")
        assert any("cabinet is 35" in reason for reason in safety.loop.verdict.reasons)


def test_a_wrong_clock_opens_nothing_by_day(indi_simulators, tmp_path):
    server = indi_simulators(drivers(), speed=1.0, utc=NOON)
    clock = SteppedClock(server.clock)
    with SafetyAlone(server, tmp_path / "data", profile_with(), clock=clock).running() as safety:
        safety.wait(lambda: rules(safety) == {"sun"}, "the Sun is up, all else is well")
        clock.step(12 * 3600.0)  # midnight, it says
        safety.wait(lambda: "clock" in rules(safety), "the step is noticed", 5.0)
        assert not threading.Event().wait(2.0)
        assert rules(safety) == {"sun", "clock"}
        assert "clock is believed" in safety.control("release")
        safety.wait(lambda: rules(safety) == {"clock"}, "a human believes the clock", 5.0)
