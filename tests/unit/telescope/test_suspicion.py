"""A stop, park or closing by somebody else: a closer of ours, or a human with another client."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ctmo_indi.models.verdict import Latch, Lock, LockKind, VerdictLevel
from ctmo_indi.profiles import Role
from ctmo_indi.telescope.safety_link import VerdictNews
from ctmo_indi.telescope.suspicion import Suspect, Suspicions, Whose, whose
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.verdicts import SAFE

SEEN_S = 1000.0
SUSPECT = Suspect("mount parks", Role.MOUNT, SEEN_S)
AFTERWARDS = VerdictNews(SAFE, SEEN_S + 1.0, {})
LATCH = Latch("ada", "stop", "2026-11-22T00:30:00+00:00")
LOCK = Lock(LockKind.OBSERVER, "ada", "focus", "2026-11-22T00:30:00+00:00", None)


@pytest.mark.parametrize(
    ("news", "now_s", "expected"),
    [
        (AFTERWARDS, SEEN_S + 1.5, Whose.HUMAN),
        (replace(AFTERWARDS, learned_machine_s=SEEN_S - 0.5), SEEN_S + 0.4, Whose.NOT_KNOWN),
        (replace(AFTERWARDS, learned_machine_s=SEEN_S - 0.5), SEEN_S + 10.0, Whose.CLOSER),
        (None, SEEN_S + 0.1, Whose.CLOSER),
        (
            replace(AFTERWARDS, verdict=replace(SAFE, level=VerdictLevel.UNSAFE)),
            SEEN_S + 1.5,
            Whose.CLOSER,
        ),
        (
            replace(AFTERWARDS, verdict=replace(SAFE, level=VerdictLevel.HOLD)),
            SEEN_S + 1.5,
            Whose.HUMAN,
        ),
        (replace(AFTERWARDS, verdict=replace(SAFE, latch=LATCH)), SEEN_S + 1.5, Whose.CLOSER),
        (replace(AFTERWARDS, verdict=replace(SAFE, lock=LOCK)), SEEN_S + 1.5, Whose.CLOSER),
        (replace(AFTERWARDS, safety_is_closing=True), SEEN_S + 1.5, Whose.CLOSER),
        (replace(AFTERWARDS, safety_moved_machine_s=SEEN_S - 100.0), SEEN_S + 1.5, Whose.CLOSER),
        (replace(AFTERWARDS, safety_moved_machine_s=SEEN_S - 130.0), SEEN_S + 1.5, Whose.HUMAN),
    ],
)
def test_whose_it_is(news, now_s, expected):
    assert whose(SUSPECT, news, now_s) is expected


def test_what_is_not_known_is_kept_and_judged_once():
    clock = FakeClock()
    suspicions = Suspicions(clock)
    news = VerdictNews(SAFE, clock.machine_s(), {}, safety_moved_machine_s=-math.inf)
    suspicions.note("mount parks", Role.MOUNT)
    at_first = suspicions.judge(news), suspicions.is_pending
    clock.advance(2.0)
    later = suspicions.judge(replace(news, learned_machine_s=clock.machine_s()))

    assert at_first == ([], True)
    assert [one.what for one in later] == ["mount parks"]
    assert not suspicions.is_pending
