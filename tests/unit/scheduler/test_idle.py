"""Without a target: how long to wait, and what to do meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.scheduler.modes.idle_keeper import ESTIMATE_VALID, Estimator, wait_s
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.target import NextTarget
from ctmo_indi.testing.fake_clock import EVENING
from ctmo_indi.testing.fake_sky import fake_models

from .mode_rig import FieldsDriver


@pytest.mark.parametrize(
    ("expected_in_s", "waits_s"),
    [
        (None, 60.0),
        (3600.0, 60.0),
        (100.0, 50.0),
        (20.0, 10.0),
        (8.0, 5.0),  # the last piece is waited for at once
        (3.0, 3.0),
        (-5.0, 1.0),  # expected now, and there is none
    ],
)
def test_half_of_the_estimate_is_slept_a_minute_at_most(
    expected_in_s: float | None, waits_s: float
) -> None:
    expected = None if expected_in_s is None else EVENING + timedelta(seconds=expected_in_s)
    assert wait_s(EVENING, expected) == pytest.approx(waits_s)


class Counts(FieldsDriver):
    def __init__(self) -> None:
        super().__init__(fake_models())
        self.asked = 0

    def estimate_next_target(self) -> NextTarget:
        self.asked += 1
        reasons: Mapping[str, tuple[str, ...]] = {}
        later = EVENING + timedelta(hours=3)
        return NextTarget(later, later, "", dict(reasons))


def conditions(utc: datetime) -> Conditions:
    return Conditions(utc, ObservatoryState.OPEN, None, 0.0, telescope_answers=True, pending=())


def test_an_estimate_holds_for_a_while_and_not_before_it_was_made() -> None:
    driver, estimator = Counts(), Estimator()
    for after in (timedelta(0), timedelta(minutes=1), ESTIMATE_VALID - timedelta(seconds=1)):
        estimator.estimate(driver, conditions(EVENING + after))
    assert driver.asked == 1
    estimator.estimate(driver, conditions(EVENING + ESTIMATE_VALID))
    assert driver.asked == 2
    estimator.estimate(driver, conditions(EVENING - timedelta(hours=1)))  # the clock was set back
    assert driver.asked == 3
