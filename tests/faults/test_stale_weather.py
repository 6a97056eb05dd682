"""A weather driver that is frozen: what it said last is trusted for as long as the limit."""

from __future__ import annotations

import time

import pytest

from ctmo_indi.models.verdict import VerdictLevel

from .. import promises
from .safety_alone import SafetyAlone, drivers, profile_with

pytestmark = [pytest.mark.indi, pytest.mark.faults, pytest.mark.promise, pytest.mark.timeout(1200)]

LIMIT_S = 10.0


def test_a_frozen_weather_driver_is_unsafe_when_the_limit_has_passed(
    indi_simulators, tmp_path, promise
):
    profile = profile_with(weather_max_age_s=LIMIT_S, weather_update_s=2.0)
    server = indi_simulators(drivers(), speed=1.0)
    late_s = []
    with SafetyAlone(server, tmp_path / "data", profile).running() as safety:
        weather = safety.service.observatory.weather
        for _ in range(promises.runs(short=1, long=10)):
            safety.wait_for(VerdictLevel.SAFE)
            with safety.frozen("indi_simulator_weather"):
                safety.wait(lambda: safety.loop.verdict.is_unsafe, "UNSAFE", LIMIT_S + 10.0)
                verdict = safety.loop.verdict
                heard_s = time.monotonic() - weather.age_s("parameters")
                late_s.append(verdict.machine_s - heard_s - LIMIT_S)
                assert [finding.rule for finding in verdict.findings] == ["weather_fresh"]
    promise(
        "stale_weather",
        f"{LIMIT_S:g} s + {max(late_s):.2f} s at most after the last reading, "
        f"{len(late_s)} x SIGSTOP of the driver at speed 1",
        holds=0.0 <= min(late_s) and max(late_s) <= 2.0,
    )
