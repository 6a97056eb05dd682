from __future__ import annotations

import math

from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.wakefulness import ASLEEP_S, Wakefulness


def test_regular_looks_and_a_late_one_are_no_sleep() -> None:
    clock = FakeClock()
    wakefulness = Wakefulness(clock)
    for pause_s in (0.05, 1.0, 0.9 * ASLEEP_S, 1.0):
        clock.advance(pause_s)
        wakefulness.look()
    assert wakefulness.awake_machine_s() == math.inf


def test_for_a_second_after_a_sleep_what_is_known_may_be_old() -> None:
    clock = FakeClock()
    wakefulness = Wakefulness(clock)
    clock.advance(100.0)
    assert wakefulness.look() is True
    clock.advance(0.5)
    assert wakefulness.look() is True
    clock.advance(0.5)
    assert wakefulness.look() is False


def test_one_that_is_starved_at_every_turn_acts_all_the_same() -> None:
    clock = FakeClock()
    wakefulness = Wakefulness(clock)
    told = []
    for _ in range(4):
        clock.advance(2.0 * ASLEEP_S)
        told.append(wakefulness.look())
    assert told == [True, False, False, False]


def test_after_a_sleep_the_time_counts_from_the_awakening() -> None:
    clock = FakeClock()
    wakefulness = Wakefulness(clock)
    clock.advance(100.0)
    wakefulness.look()
    clock.advance(1.0)
    wakefulness.look()
    assert wakefulness.awake_machine_s() == 1.0
