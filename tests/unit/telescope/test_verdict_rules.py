"""What follows from safety's verdict, its age, lock and latch."""

from __future__ import annotations

import pytest

from ctmo_indi.errors import Locked, Stopped, Unsafe
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import Latch, Lock, LockKind, Verdict, VerdictLevel
from ctmo_indi.telescope.verdict_rules import Duty, VerdictTimes, judge, refusal

TIMES = VerdictTimes(latch_notice_s=600.0, safety_closes_s=330.0)
OPEN, CLOSED, CLOSING = ObservatoryState.OPEN, ObservatoryState.CLOSED, ObservatoryState.CLOSING
LOCK = Lock(LockKind.OBSERVER, "ann", "looks", "", None)
MAINTENANCE = Lock(LockKind.MAINTENANCE, "ann", "works", "", None)
LATCH = Latch("ann", "smoke", "")


def verdict(level=VerdictLevel.SAFE, lock=None, latch=None) -> Verdict:
    return Verdict(level, ("rain",) if level == "UNSAFE" else (), 1, "", 0.0, lock, latch)


SAFE, UNSAFE = verdict(), verdict(VerdictLevel.UNSAFE)
HOLD = verdict(VerdictLevel.HOLD)


@pytest.mark.parametrize(
    ("given", "age_s", "state", "unsafe_s", "speed", "duty"),
    [
        (SAFE, 0.0, OPEN, 0.0, 1.0, Duty.WORK),
        (SAFE, 10.0, OPEN, 0.0, 1.0, Duty.WORK),
        (SAFE, 10.1, OPEN, 0.0, 1.0, Duty.HOLD),
        (SAFE, 30.0, OPEN, 0.0, 1.0, Duty.HOLD),
        (SAFE, 30.1, OPEN, 0.0, 1.0, Duty.CLOSE),
        (None, 5.0, OPEN, 0.0, 1.0, Duty.HOLD),
        (None, 31.0, OPEN, 0.0, 1.0, Duty.CLOSE),
        (HOLD, 0.0, OPEN, 0.0, 1.0, Duty.HOLD),
        (HOLD, 0.0, OPEN, 9999.0, 1.0, Duty.HOLD),
        (HOLD, 30.1, OPEN, 0.0, 1.0, Duty.CLOSE),
        (UNSAFE, 0.0, OPEN, 0.0, 1.0, Duty.YIELD),
        (UNSAFE, 0.0, OPEN, 9.0, 1.0, Duty.YIELD),
        (UNSAFE, 0.0, OPEN, 11.0, 1.0, Duty.CLOSE),
        (UNSAFE, 0.0, CLOSING, 11.0, 1.0, Duty.YIELD),
        (UNSAFE, 0.0, CLOSING, 331.0, 1.0, Duty.CLOSE),
        (UNSAFE, 0.0, CLOSING, 19.0, 120.0, Duty.YIELD),
        (UNSAFE, 0.0, CLOSING, 21.0, 120.0, Duty.CLOSE),
        (UNSAFE, 0.0, CLOSED, 9999.0, 1.0, Duty.YIELD),
        (verdict(VerdictLevel.UNSAFE, latch=LATCH), 0.0, OPEN, 600.0, 1.0, Duty.YIELD),
        (verdict(VerdictLevel.UNSAFE, latch=LATCH), 0.0, OPEN, 611.0, 1.0, Duty.CLOSE),
        (verdict(latch=LATCH), 31.0, OPEN, 0.0, 1.0, Duty.HOLD),
        (verdict(latch=LATCH), 631.0, OPEN, 0.0, 1.0, Duty.CLOSE),
        (verdict(VerdictLevel.UNSAFE, MAINTENANCE), 0.0, OPEN, 9999.0, 1.0, Duty.YIELD),
        (verdict(lock=MAINTENANCE), 9999.0, OPEN, 0.0, 1.0, Duty.HOLD),
        (verdict(lock=LOCK), 31.0, OPEN, 0.0, 1.0, Duty.CLOSE),
    ],
)
def test_duty(given, age_s, state, unsafe_s, speed, duty):
    assert judge(given, age_s, state, unsafe_s, speed, TIMES).duty is duty


@pytest.mark.parametrize(
    ("given", "age_s", "needs_safe", "error"),
    [
        (None, 0.0, False, Unsafe),
        (SAFE, 10.1, False, Unsafe),
        (verdict(lock=LOCK), 0.0, False, Locked),
        (verdict(latch=LATCH), 0.0, False, Stopped),
        (UNSAFE, 0.0, True, Unsafe),
        (UNSAFE, 0.0, False, type(None)),
        (HOLD, 0.0, True, Unsafe),
        (HOLD, 0.0, False, type(None)),
        (SAFE, 10.0, True, type(None)),
    ],
)
def test_refusal(given, age_s, needs_safe, error):
    assert isinstance(refusal(given, age_s, TIMES, needs_safe=needs_safe), error)


@pytest.mark.parametrize(("unsafe_s", "duty"), [(60.0, Duty.YIELD), (331.0, Duty.CLOSE)])
def test_while_safety_parks_the_mount_the_telescope_keeps_its_hands_off(unsafe_s, duty):
    judgement = judge(UNSAFE, 0.0, OPEN, unsafe_s, 1.0, TIMES, safety_is_closing=True)

    assert judgement.duty is duty
