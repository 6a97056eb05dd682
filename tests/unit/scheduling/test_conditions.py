"""What forbids the sky, and what a closed dome still allows."""

from __future__ import annotations

import pytest

from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.testing.fake_clock import EVENING
from ctmo_indi.testing.verdicts import HOLD, LATCHED, OBSERVER_LOCK, SAFE, UNSAFE


def conditions(verdict, age_s=1.0, observatory=ObservatoryState.CLOSED):
    return Conditions(EVENING, observatory, verdict, age_s, telescope_answers=True, pending=())


@pytest.mark.parametrize(
    ("verdict", "age_s", "words"),
    [
        (None, 1.0, "no verdict"),
        (SAFE, 10.5, "10 s old"),
        (HOLD, 1.0, "hold: weather warning"),
        (UNSAFE, 1.0, "unsafe: wind"),
        (LATCHED, 1.0, "stopped by ben"),
        (OBSERVER_LOCK, 1.0, "observer lock of ana"),
    ],
)
def test_only_a_fresh_safe_verdict_allows_the_sky(verdict, age_s, words):
    assert any(words in reason for reason in conditions(verdict, age_s).sky_forbidden)


def test_a_fresh_safe_verdict_allows_the_sky():
    assert conditions(SAFE).sky_forbidden == ()


@pytest.mark.parametrize("verdict", [SAFE, HOLD, UNSAFE])
def test_a_closed_dome_takes_calibrations_in_any_weather(verdict):
    assert conditions(verdict).closed_dome_forbidden == ()
