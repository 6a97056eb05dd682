"""What the telescope makes of ages after it did not run itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import Latch, Verdict, VerdictLevel
from ctmo_indi.telescope.safety_link import VerdictNews
from ctmo_indi.telescope.verdict_rules import Duty, VerdictTimes
from ctmo_indi.telescope.vigil import Vigil
from ctmo_indi.testing.fake_clock import FakeClock

OPEN = ObservatoryState.OPEN


class Source:
    news: VerdictNews | None = None


class Stage:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.source = Source()
        self.vigil = Vigil(self.source, self.clock, VerdictTimes())

    def hear(self, level: VerdictLevel, *, closing: bool = False) -> None:
        verdict = Verdict(level, (), 1, "", 0.0, None, None)
        self.source.news = VerdictNews(verdict, self.clock.machine_s(), {}, closing)

    def awake_for(self, seconds: float) -> Duty:
        for _ in range(round(seconds)):
            self.clock.advance(1.0)
            duty = self.vigil.look(OPEN).duty
        return duty


@pytest.fixture
def stage() -> Stage:
    found = Stage()
    found.hear(VerdictLevel.SAFE)
    found.vigil.look(OPEN)
    return found


def test_safety_that_is_silent_while_we_run_is_closed_for(stage: Stage) -> None:
    assert stage.awake_for(29) is Duty.HOLD
    assert stage.awake_for(2) is Duty.CLOSE


def test_stopped_ourselves_we_hold_until_safety_had_time_to_tell(stage: Stage) -> None:
    stage.clock.advance(100.0)
    assert stage.vigil.look(OPEN).duty is Duty.HOLD
    assert stage.awake_for(28) is Duty.HOLD
    assert stage.awake_for(4) is Duty.CLOSE


def test_a_short_sleep_does_not_begin_the_count_anew_for_ever(stage: Stage) -> None:
    assert stage.awake_for(8) is Duty.WORK
    stage.clock.advance(5.0)
    assert stage.vigil.look(OPEN).duty is Duty.HOLD
    assert stage.awake_for(31) is Duty.CLOSE


def test_how_long_it_is_unsafe_counts_from_the_awakening_too(stage: Stage) -> None:
    stage.hear(VerdictLevel.UNSAFE)
    stage.awake_for(2)
    stage.clock.advance(100.0)
    stage.hear(VerdictLevel.UNSAFE)
    assert stage.vigil.look(OPEN).duty is Duty.YIELD


def test_the_notice_of_a_stop_counts_from_the_newest_press(stage: Stage) -> None:
    def press(second: int) -> None:
        latch = Latch("ana", "stop", f"2026-11-23T03:00:{second:02d}")
        news = stage.source.news
        assert news is not None
        stage.source.news = replace(news, verdict=replace(news.verdict, latch=latch))

    def rain_for(seconds: int) -> Duty:
        for _ in range(seconds):
            stage.clock.advance(1.0)
            assert stage.source.news is not None
            stage.source.news = replace(
                stage.source.news, learned_machine_s=stage.clock.machine_s()
            )
            duty = stage.vigil.look(OPEN).duty
        return duty

    notice_s = round(VerdictTimes().latch_notice_s)
    stage.hear(VerdictLevel.UNSAFE)
    press(1)
    assert rain_for(notice_s - 10) is Duty.YIELD
    press(2)
    assert rain_for(notice_s - 10) is Duty.YIELD
    assert rain_for(30) is Duty.CLOSE


def test_a_stop_pressed_long_after_safety_fell_silent_has_its_whole_notice(stage: Stage) -> None:
    assert stage.awake_for(700) is Duty.CLOSE
    news = stage.source.news
    assert news is not None
    latch = Latch("ana", "stop", "2026-11-23T03:00:00")
    stage.source.news = replace(news, verdict=replace(news.verdict, latch=latch))
    notice_s = round(VerdictTimes().latch_notice_s)
    assert stage.vigil.look(OPEN).duty is Duty.HOLD
    assert stage.awake_for(notice_s - 5) is Duty.HOLD
    assert stage.awake_for(10) is Duty.CLOSE
