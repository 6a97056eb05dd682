from __future__ import annotations

from dataclasses import replace

from ctmo_indi.safety.beats import Beats
from ctmo_indi.safety_policy import SafetyPolicy
from ctmo_indi.testing.fake_clock import FakeClock

POLICY = replace(SafetyPolicy(), telescope_silence_s=30.0, scheduler_silence_s=300.0)


def cycles(beats: Beats, clock: FakeClock, seconds: int) -> tuple[str, ...]:
    for _ in range(seconds):
        clock.advance(1.0)
        found = beats.silent(POLICY)
    return found


def test_each_service_has_its_own_limit_of_silence() -> None:
    clock = FakeClock()
    beats = Beats(clock)
    beats.record("telescope", {})
    assert cycles(beats, clock, 30) == ()
    assert cycles(beats, clock, 1) == ("telescope silent for 31 s, limit 30 s",)
    beats.record("telescope", {})
    assert cycles(beats, clock, 1) == ()


def test_after_a_sleep_of_our_own_silence_counts_from_the_awakening() -> None:
    clock = FakeClock()
    beats = Beats(clock)
    beats.record("telescope", {})
    clock.advance(120.0)  # SIGSTOP; what they sent meanwhile is still in the socket
    assert beats.silent(POLICY) == ()
    assert cycles(beats, clock, 30) == ()
    assert cycles(beats, clock, 1) != ()
