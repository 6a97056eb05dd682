"""How long the scheduler waits before it asks a driver without a target again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ctmo_indi.scheduler.modes.idle_keeper import wait_s
from ctmo_indi.testing.fake_clock import EVENING


@pytest.mark.parametrize(
    ("expected_in_s", "waits_s"),
    [
        (None, 60.0),  # nobody knows
        (3600.0, 60.0),
        (40.0, 20.0),
        (8.0, 5.0),  # the last seconds in one piece
        (3.0, 3.0),
        (0.0, 1.0),  # expected now and not there, such as while the dome closes: not without pause
        (1e-6, 1.0),
        (-5.0, 1.0),
    ],
)
def test_the_wait_is_half_of_the_estimate_within_bounds(
    expected_in_s: float | None, waits_s: float
) -> None:
    expected = None if expected_in_s is None else EVENING + timedelta(seconds=expected_in_s)

    assert wait_s(EVENING, expected) == pytest.approx(waits_s)
