"""Stages for the telescope's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .stage import EVENING, Stage, drivers


@pytest.fixture
def stage(indi_simulators, tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Return ``make(speed=240, **options_of_the_service) -> Stage``, ready to take orders."""
    stages: list[Stage] = []

    def make(speed: float = 240.0, **options: object) -> Stage:
        server = indi_simulators(drivers(), speed=speed, utc=EVENING)
        made = Stage(server, tmp_path / f"data-{len(stages)}", **options)
        stages.append(made)
        return made.start().ready()

    yield make
    for made in stages:
        made.stop()
