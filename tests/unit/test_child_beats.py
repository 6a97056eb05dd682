"""A child that hangs is told from one that works, and from a supervisor that did not run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from ctmo_indi.child_beats import START_LIMIT_S, ChildBeats
from ctmo_indi.notify import Notifier
from ctmo_indi.testing.fake_clock import FakeClock

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def beats(clock: FakeClock) -> Iterator[ChildBeats]:
    ear = ChildBeats(clock, limit_s=20.0)
    yield ear
    ear.close()


@pytest.fixture
def child(beats: ChildBeats) -> Notifier:
    return Notifier(beats.environment)


def pass_s(clock: FakeClock, beats: ChildBeats, seconds: float) -> float | None:
    """Let time pass as the supervisor sees it: asking all the while."""
    said = None
    for _ in range(int(seconds)):
        clock.advance(1.0)
        said = beats.silent_s()
    return said


def test_the_child_is_asked_to_beat_twice_within_the_limit(child: Notifier) -> None:
    assert child.watchdog_period_s == 10.0


def test_a_start_may_take_its_time_but_not_for_ever(clock: FakeClock, beats: ChildBeats) -> None:
    assert pass_s(clock, beats, START_LIMIT_S) is None
    assert pass_s(clock, beats, 5) == pytest.approx(START_LIMIT_S + 5.0)
    assert not beats.is_ready


def test_a_ready_child_that_beats_is_well(
    clock: FakeClock, beats: ChildBeats, child: Notifier
) -> None:
    child.ready("takes orders")
    for _ in range(10):
        assert pass_s(clock, beats, 15) is None
        child.watchdog()
    assert (beats.is_ready, beats.status) == (True, "takes orders")


def test_silence_beyond_the_limit_is_told_with_its_length(
    clock: FakeClock, beats: ChildBeats, child: Notifier
) -> None:
    child.ready()
    assert pass_s(clock, beats, 20) is None
    assert pass_s(clock, beats, 5) == pytest.approx(24.0, abs=1.1)


def test_a_child_that_stops_in_order_may_be_silent(
    clock: FakeClock, beats: ChildBeats, child: Notifier
) -> None:
    child.ready()
    child.stopping()
    assert pass_s(clock, beats, 300) is None


def test_silence_says_nothing_when_nobody_listened(
    clock: FakeClock, beats: ChildBeats, child: Notifier
) -> None:
    child.ready()
    beats.silent_s()
    clock.advance(600.0)  # the machine slept
    assert beats.silent_s() is None
    assert pass_s(clock, beats, 25) is not None


def test_a_flood_of_messages_from_elsewhere_is_taken_in(beats: ChildBeats, child: Notifier) -> None:
    for number in range(500):
        child.status(f"{os.getpid()} {number}")
        beats.silent_s()
    assert beats.status.endswith("499")


def test_another_user_does_not_speak_for_the_child(clock: FakeClock) -> None:
    """An abstract address is open to everybody on the machine."""
    ear = ChildBeats(clock, limit_s=20.0, uid=os.geteuid() + 1)
    stranger = Notifier(ear.environment)
    assert stranger.ready("all is well")
    assert stranger.stopping()
    assert ear.silent_s() is None
    assert (ear.is_ready, ear.status) == (False, "")
    ear.close()
