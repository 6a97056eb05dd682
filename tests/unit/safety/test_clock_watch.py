"""A computer's clock that is set is noticed, and the Sun is judged by both clocks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ctmo_indi.safety.clock_watch import ClockWatch
from ctmo_indi.testing.fake_clock import EVENING, FakeClock


class Rig:
    def __init__(self, speed=1.0):
        self.clock = FakeClock(speed=speed)
        self.steps = []
        self.watch = ClockWatch(self.clock, 2.0, self.steps.append)
        self.watch.look()

    def turn(self, seconds=1.0):
        self.clock.advance(seconds)
        return self.watch.look()


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, 2.1, -2.1])
def test_a_step_is_noticed_in_the_next_cycle(step_s):
    rig = Rig()
    rig.turn()
    rig.clock.step(step_s)
    facts = rig.turn()
    assert rig.steps == [pytest.approx(step_s)]
    assert (facts.step_s, facts.since_step_s) == (pytest.approx(step_s), 0.0)
    assert rig.turn(5.0).since_step_s == 5.0


@pytest.mark.parametrize("speed", [1.0, 120.0])
def test_a_clock_that_runs_evenly_makes_no_step(speed):
    rig = Rig(speed)
    for seconds in (0.1, 1.0, 30.0, 3600.0):
        rig.turn(seconds)
    assert rig.steps == []
    assert rig.watch.times() == (rig.clock.utc(),)


def test_a_slewed_clock_makes_no_step_and_a_pushed_one_does():
    rig = Rig()
    for _ in range(600):
        rig.clock.step(0.05)
        rig.turn()
    assert rig.steps == []
    for _ in range(3):
        rig.clock.step(1.9)
        rig.turn()
    assert rig.steps


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_after_a_step_it_may_be_either_time(step_s):
    rig = Rig()
    rig.clock.step(step_s)
    rig.turn(1.0)
    rig.turn(7200.0)
    then = EVENING + timedelta(seconds=7201.0)
    assert [
        abs((t - e).total_seconds()) < 1e-3
        for t, e in zip(rig.watch.times(), (then + timedelta(seconds=step_s), then), strict=True)
    ] == [True, True]
    assert rig.watch.to_wire()["Off"] == pytest.approx(step_s, abs=1e-3)


def test_a_clock_that_comes_back_is_believed():
    rig = Rig()
    rig.clock.step(3600.0)
    rig.turn()
    rig.clock.step(-3600.0)
    assert rig.turn().since_step_s == 0.0
    assert len(rig.watch.times()) == 1


def test_a_second_step_keeps_the_time_before_the_first():
    rig = Rig()
    rig.clock.step(3600.0)
    rig.turn()
    rig.clock.step(600.0)
    rig.turn()
    assert rig.watch.times()[1] == EVENING + timedelta(seconds=2.0)


def test_a_human_can_say_that_the_clock_is_right():
    rig = Rig()
    rig.clock.step(3600.0)
    rig.turn()
    assert rig.watch.believe()
    assert rig.watch.times() == (rig.clock.utc(),)
    assert rig.watch.to_wire() == {}
    assert not rig.watch.believe()
