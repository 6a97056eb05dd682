"""The telescope's cycles: one for each device, each only posts a call to the engine's inbox.

APScheduler: memory job store, UTC, ``coalesce``, ``max_instances=1``, no
misfire grace. It has been seen to stop without a word, so a canary job is watched and the whole
scheduler is rebuilt when the canary is silent or the thread is gone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from ctmo_indi.clock import Clock

_log = logging.getLogger(__name__)

SHORTEST_MACHINE_S = 0.2
CANARY_MACHINE_S = 1.0
CANARY_SILENT_MACHINE_S = 10.0


@dataclass(frozen=True, slots=True)
class Cycle:
    """One job.

    Parameters
    ----------
    period_s
        Elapsed (sky) seconds; never more often than five times a machine second.
    post
        Posts a call to an inbox; must not block.
    """

    name: str
    period_s: float
    post: Callable[[], None]


class Cycles:
    """Runs the jobs; :meth:`watch` must be called now and then by somebody alive."""

    def __init__(self, cycles: Sequence[Cycle], clock: Clock) -> None:
        self._cycles = tuple(cycles)
        self._clock = clock
        self._canary_machine_s = clock.machine_s()
        self._scheduler: BackgroundScheduler | None = None
        self.restarts = 0

    def start(self) -> None:
        """Start the jobs; returns at once."""
        scheduler = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(2)},
            timezone=UTC,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        for cycle in self._cycles:
            seconds = max(cycle.period_s / self._clock.speed, SHORTEST_MACHINE_S)
            scheduler.add_job(
                cycle.post, "interval", seconds=seconds, id=cycle.name, name=cycle.name
            )
        scheduler.add_job(
            self._sing, "interval", seconds=CANARY_MACHINE_S, id="canary", name="canary"
        )
        self._canary_machine_s = self._clock.machine_s()
        scheduler.start()
        self._scheduler = scheduler

    def stop(self) -> None:
        """Stop the jobs; those under way only post, so nothing is waited for."""
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None and scheduler.running:
            scheduler.shutdown(wait=False)

    def watch(self) -> None:
        """Restart everything when the canary has been silent for ten machine seconds."""
        if self._scheduler is None:
            return
        silent_s = self._clock.machine_s() - self._canary_machine_s
        if silent_s <= CANARY_SILENT_MACHINE_S:
            return
        self.restarts += 1
        _log.error("cycles_restarted silent_s=%.1f restarts=%d", silent_s, self.restarts)
        self.stop()
        self.start()

    def _sing(self) -> None:
        self._canary_machine_s = self._clock.machine_s()
