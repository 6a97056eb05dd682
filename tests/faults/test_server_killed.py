"""indiserver and its drivers are killed over and over; nothing crashes, nothing is left behind."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from .. import promises
from ..integration.telescope.stage import EVENING, drivers
from .killed_stage import Holdings, KilledStage, grown, settled, slope_per_100
from .test_link import spread

pytestmark = [pytest.mark.indi, pytest.mark.faults, pytest.mark.promise]

SPEED = 20.0
WARM_UP = 1
# What is made when it is first needed and then stays: a pool's second worker, the drivers' ear.
LATE = {"threads": 3, "descriptors": 3, "children": 0}
MEMORY_MB_PER_100 = 10.0
KILLED = ("indi_simulator_telescope", "indi_simulator_ccd", "indi_simulator_dome")


@pytest.fixture
def stage(indi_simulators, tmp_path: Path) -> Iterator[KilledStage]:
    server = indi_simulators(drivers(), speed=SPEED, utc=EVENING)
    with KilledStage(server, tmp_path).running() as stage:
        yield stage


class Series:
    """Cycles of one kind, and what they cost."""

    def __init__(self, stage: KilledStage) -> None:
        self._stage = stage
        self.noticed_s: list[float] = []
        self.known_s: list[float] = []
        self._rss_mb: list[float] = []
        self._before: Holdings | None = None

    def take(self, noticed_s: float, known_s: float) -> None:
        self.noticed_s.append(noticed_s)
        self.known_s.append(known_s)
        if len(self.known_s) == WARM_UP:
            self._before = Holdings.now()
        self._rss_mb.append(Holdings.now().rss_mb)

    def verdict(self) -> tuple[str, bool]:
        """The measurement as text, and whether nothing crashed or leaked."""
        assert self._before is not None
        after, crashes = settled(self._before, LATE), self._stage.losses.crashes
        growth_mb = slope_per_100(self._rss_mb[len(self._rss_mb) // 5 :])
        text = (
            f"{len(self.known_s)} cycles: {len(crashes)} crashes, "
            f"noticed {spread(self.noticed_s)}, known again {spread(self.known_s)}; "
            f"{self._before.threads} to {after.threads} threads, "
            f"{self._before.descriptors} to {after.descriptors} descriptors, "
            f"{self._before.children} to {after.children} processes, "
            f"memory {growth_mb:+.1f} MB per 100 cycles"
        )
        # A few cycles say nothing about memory.
        is_flat = len(self._rss_mb) < 20 or growth_mb <= MEMORY_MB_PER_100
        return text, not crashes and not grown(self._before, after, LATE) and is_flat


def test_a_server_killed_again_and_again_costs_only_the_time(stage, promise):
    series = Series(stage)
    for _ in range(promises.runs(short=3, long=100)):
        lost = len(stage.losses.links)
        series.take(
            *stage.cycle(
                stage.server.kill,
                lambda lost=lost: len(stage.losses.links) >= lost + len(stage.clients),
                stage.start_again,
            )
        )
    text, holds = series.verdict()
    promise("server_killed", text, holds=holds)


def test_drivers_killed_again_and_again_cost_only_the_time(stage, promise):
    series = Series(stage)
    count = promises.runs(short=3, long=50)
    for driver in itertools.islice(itertools.cycle(KILLED), count):
        pid = stage.server.driver_pids()[driver]
        lost = len(stage.losses.devices)
        series.take(
            *stage.cycle(
                lambda pid=pid: os.kill(pid, signal.SIGKILL),
                lambda lost=lost: len(stage.losses.devices) >= lost + len(stage.clients),
            )
        )
    assert stage.losses.links == []
    text, holds = series.verdict()
    promise("driver_killed", text, holds=holds)
