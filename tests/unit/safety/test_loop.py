from __future__ import annotations

from dataclasses import replace

import pytest

from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import VerdictLevel
from ctmo_indi.profiles import SafetyPolicy
from ctmo_indi.safety.beats import Beats
from ctmo_indi.safety.holds import Holds
from ctmo_indi.safety.loop import Look, SafetyLoop
from ctmo_indi.safety.rules import Facts, WeatherFacts, WeatherLevel
from ctmo_indi.safety.weather_memory import WeatherMemory
from ctmo_indi.testing.fake_clock import FakeClock

POLICY = SafetyPolicy(reopen_delay_s=600.0, latched_close_notice_s=600.0)
CLEAR = Facts(-30.0, link_up=True, weather=WeatherFacts(WeatherLevel.GOOD, age_s=3.0))


class FakeCloser:
    def __init__(self):
        self.demands = []
        self.is_closing = False
        self.alarm = None

    def demand(self, reason):
        self.demands.append(reason)

    def confirm_closed(self):
        self.alarm = None


class Rig:
    """A loop turned by hand, over facts and a state that the test sets."""

    def __init__(self, tmp_path):
        self.clock = FakeClock()
        self.facts, self.state = CLEAR, ObservatoryState.OPEN
        self.beats = Beats(self.clock)
        self.holds = Holds(tmp_path / "holds.json", self.clock)
        self.closer = FakeCloser()
        self.weather_memory = WeatherMemory(tmp_path / "weather.json", self.clock)
        self.loop = SafetyLoop(
            policy=POLICY,
            clock=self.clock,
            look=self._look,
            holds=self.holds,
            beats=self.beats,
            closer=self.closer,
            weather=self.weather_memory,
            publish=lambda kind, data: None,
        )

    def _look(self, since_s):
        if isinstance(self.facts, Exception):
            raise self.facts
        return Look(replace(self.facts, seconds_since_bad_weather=since_s), self.state)

    def turn(self, seconds=1.0):
        self.clock.advance(seconds)
        for service in ("telescope", "scheduler"):
            self.beats.record(service, {})
        return self.loop.cycle()

    def weather(self, level):
        self.facts = replace(CLEAR, weather=replace(CLEAR.weather, level=level))


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


def test_an_alarm_is_unsafe_in_fine_weather_until_all_is_closed(rig):
    rig.closer.alarm = "not closed: the shutter reads OPEN"
    assert "the shutter reads OPEN" in "; ".join(rig.turn().reasons)
    assert rig.closer.demands
    rig.state = ObservatoryState.CLOSED
    rig.turn()
    assert rig.turn().is_safe


def test_nobody_opens_against_a_closing_whatever_it_is_for(rig):
    assert rig.turn().is_safe
    rig.closer.is_closing = True
    assert rig.loop.verdict.level is VerdictLevel.UNSAFE
    rig.closer.is_closing = False
    assert rig.loop.verdict.is_safe


def test_the_notice_of_a_stop_counts_from_the_stop_not_from_the_rain(rig):
    rig.weather(WeatherLevel.ALERT)
    rig.turn()
    rig.turn(3600.0)
    rig.holds.set_latch("ana", "cable caught")
    rig.closer.demands.clear()
    rig.turn()
    rig.turn(599.0)
    assert rig.closer.demands == []
    rig.turn(1.0)
    assert len(rig.closer.demands) == 1


def test_a_warning_after_the_storm_is_not_yet_the_calm(rig):
    rig.weather(WeatherLevel.ALERT)
    rig.turn()
    rig.weather(WeatherLevel.WARNING)
    for _ in range(3):
        assert not rig.turn(300.0).is_safe
    rig.weather(WeatherLevel.GOOD)
    assert not rig.turn(599.0).is_safe
    assert rig.turn(2.0).is_safe


def test_a_warning_alone_closes_nothing(rig):
    rig.weather(WeatherLevel.WARNING)
    assert rig.turn().is_safe


def test_a_broken_look_is_unsafe(rig):
    rig.facts = ValueError("no such Sun")
    assert "no such Sun" in "; ".join(rig.turn().reasons)


def test_the_loop_outlives_a_cycle_that_breaks(rig):
    cycles = []

    def cycle():
        cycles.append(1)
        rig.clock.advance(10.0)
        if len(cycles) == 2:
            rig.loop._stop.set()
        raise RuntimeError("can't start new thread")

    rig.loop.cycle = cycle
    rig.loop._run()
    assert rig.loop.failures == 2
