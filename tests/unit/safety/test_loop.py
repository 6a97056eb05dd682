from __future__ import annotations

from dataclasses import replace

import pytest

from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import VerdictLevel
from ctmo_indi.safety.beats import Beats
from ctmo_indi.safety.facts import ClockFacts, DiskFacts, Facts, WeatherFacts, WeatherLevel
from ctmo_indi.safety.holds import Holds
from ctmo_indi.safety.look import Look
from ctmo_indi.safety.loop import SafetyLoop
from ctmo_indi.safety.weather_memory import WeatherMemory
from ctmo_indi.safety_policy import SafetyPolicy
from ctmo_indi.testing.fake_clock import FakeClock

POLICY = SafetyPolicy(reopen_delay_s=600.0, latched_close_notice_s=600.0)
CLEAR = Facts(
    -30.0,
    link_up=True,
    weather=WeatherFacts(WeatherLevel.GOOD, age_s=3.0),
    disk=DiskFacts(9000.0, 1.0),
    clock=ClockFacts(),
)


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

    def __init__(self, tmp_path, policy=POLICY):
        self.telescope = {"Busy": ""}
        self.clock = FakeClock()
        self.facts, self.state = CLEAR, ObservatoryState.OPEN
        self.beats = Beats(self.clock)
        self.holds = Holds(tmp_path / "holds.json", self.clock)
        self.closer = FakeCloser()
        self.weather_memory = WeatherMemory(tmp_path / "weather.json", self.clock)
        self.loop = SafetyLoop(
            policy=policy,
            clock=self.clock,
            look=self._look,
            holds=self.holds,
            beats=self.beats,
            closer=self.closer,
            weather=self.weather_memory,
            publish=lambda kind, data: None,
        )

    def _look(self, since_s, alert_s):
        if isinstance(self.facts, Exception):
            raise self.facts
        facts = replace(self.facts, seconds_since_bad_weather=since_s, alert_for_s=alert_s)
        return Look(facts, self.state)

    def turn(self, seconds=1.0):
        self.clock.advance(seconds)
        self.beats.record("telescope", self.telescope)
        self.beats.record("scheduler", {})
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


def test_who_presses_stop_again_gets_the_whole_notice_again(rig):
    rig.holds.set_latch("ana", "cable caught")
    rig.weather(WeatherLevel.ALERT)
    rig.turn()
    rig.turn(599.0)
    rig.holds.set_latch("ana", "cable caught")
    rig.turn()
    rig.turn(599.0)
    assert rig.closer.demands == []
    rig.turn(1.0)
    assert len(rig.closer.demands) == 1


def test_after_a_sleep_of_its_own_it_looks_once_more_before_it_closes(rig):
    rig.turn()
    rig.weather(WeatherLevel.ALERT)
    rig.turn(60.0)
    assert rig.closer.demands == []
    assert rig.loop.verdict.is_unsafe
    rig.turn()
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


def test_an_alert_holds_for_the_delay_and_then_closes(tmp_path):
    rig = Rig(tmp_path, replace(POLICY, close_delay_s=30.0))
    rig.weather(WeatherLevel.ALERT)
    seen = [rig.turn().level for _ in range(30)]
    assert set(seen) == {VerdictLevel.HOLD}
    assert rig.closer.demands == []
    assert rig.turn().level is VerdictLevel.UNSAFE
    assert rig.closer.demands


def test_a_gust_shorter_than_the_delay_is_forgotten(tmp_path):
    rig = Rig(tmp_path, replace(POLICY, close_delay_s=30.0))
    for _ in range(5):
        rig.weather(WeatherLevel.ALERT)
        assert rig.turn(20.0).level is VerdictLevel.HOLD
        rig.weather(WeatherLevel.GOOD)
        assert rig.turn(20.0).is_safe


def test_a_hold_closes_nothing(rig):
    rig.facts = replace(CLEAR, clock=ClockFacts(3600.0, 1.0))
    assert rig.turn().level is VerdictLevel.HOLD
    rig.turn(600.0)
    assert rig.closer.demands == []


@pytest.mark.parametrize("state", [ObservatoryState.UNKNOWN, ObservatoryState.OPENING])
def test_what_was_left_half_way_is_closed(rig, state):
    rig.state = state
    for _ in range(120):
        assert rig.turn().is_safe
    assert rig.closer.demands == []
    rig.turn()
    assert "nobody works on it" in rig.closer.demands[0]


@pytest.mark.parametrize("beat", [{"Busy": "open"}, {"Busy": "", "Foreign Motion": True}, {}])
def test_nothing_is_half_way_while_somebody_is_at_work(rig, beat):
    rig.state, rig.telescope = ObservatoryState.OPENING, beat
    for _ in range(300):
        rig.turn()
    assert rig.closer.demands == []


def test_a_person_who_pressed_stop_left_it_half_way_on_purpose(rig):
    rig.state = ObservatoryState.OPENING
    rig.holds.set_latch("ana", "cable caught")
    for _ in range(900):
        rig.turn()
    assert rig.closer.demands == []


def test_the_gap_between_cycles_is_measured(rig):
    rig.turn()
    rig.turn(1.0)
    assert rig.loop.pulse.longest_gap_s == pytest.approx(1.0)
    rig.turn(5.0)
    wire = rig.loop.pulse.to_wire()
    assert (wire["Longest Gap"], wire["Long Gaps"], wire["Number"]) == (5.0, 1, 3)


def test_rules_are_data_with_their_ages(rig):
    rig.weather(WeatherLevel.ALERT)
    (rule,) = rig.turn().to_wire()["Rules"]
    assert (rule["Rule"], rule["Level"], rule["Age"]) == ("weather_alert", "UNSAFE", 3.0)
