"""When the next target is looked for."""

from __future__ import annotations

import itertools
from datetime import timedelta

from ctmo_indi.scheduling.conditions import Night
from ctmo_indi.scheduling.feature.instants import LATER_STEP, SOON, SOON_STEP, instants

from .feature_world import MIDNIGHT

NIGHT = Night("20261121", MIDNIGHT - timedelta(hours=5), MIDNIGHT + timedelta(hours=5))


def test_soon_is_looked_at_closely_and_later_coarsely() -> None:
    found = list(instants(MIDNIGHT, NIGHT, skip_day=True))
    assert found[0] == MIDNIGHT
    steps = [b - a for a, b in itertools.pairwise(found)]
    assert steps[: SOON // SOON_STEP] == [SOON_STEP] * (SOON // SOON_STEP)
    assert set(steps[SOON // SOON_STEP :]) == {LATER_STEP}
    assert found[-1] < NIGHT.morning <= found[-1] + LATER_STEP


def test_by_day_the_evening_comes_at_once_unless_there_is_something_to_do() -> None:
    noon = NIGHT.evening - timedelta(hours=5, minutes=2)
    assert list(instants(noon, NIGHT, skip_day=True))[:2] == [noon, NIGHT.evening]
    by_day = list(instants(noon, NIGHT, skip_day=False))
    assert by_day[1] == noon + SOON_STEP
    assert NIGHT.evening in by_day


def test_after_the_night_there_is_nothing() -> None:
    assert list(instants(NIGHT.morning, NIGHT, skip_day=True)) == []
