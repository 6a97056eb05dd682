"""The scheduler's periodic cycles: APScheduler's only place in this service.

A job only posts into the engine's inbox; what is true stands in the database. APScheduler computes
with the wall clock and stands still when that is set back, and its thread can die: a plain thread
watches a canary job with the monotonic clock and builds everything anew when the canary is silent.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from ctmo_indi.clock import Clock

_log = logging.getLogger(__name__)

CANARY_PERIOD_S = 1.0
CANARY_SILENCE_S = 4.0
SHORTEST_PERIOD_S = 0.05


@dataclass(frozen=True, slots=True)
class Cycle:
    """Something to post again and again.

    Parameters
    ----------
    period_s
        Machine seconds.
    """

    name: str
    period_s: float
    post: Callable[[], None]


def sky_period_s(clock: Clock, sky_s: float, longest_machine_s: float) -> float:
    """Machine seconds of a cycle that is to come every ``sky_s`` of sky time, within bounds."""
    return min(longest_machine_s, max(SHORTEST_PERIOD_S, sky_s / clock.speed))


class Cycles:
    """Runs cycles until stopped; restarts its APScheduler when that stands still."""

    def __init__(
        self,
        clock: Clock,
        cycles: tuple[Cycle, ...],
        *,
        canary_period_s: float = CANARY_PERIOD_S,
        canary_silence_s: float = CANARY_SILENCE_S,
    ) -> None:
        self._clock = clock
        self._cycles = cycles
        self._canary_period_s = canary_period_s
        self._canary_silence_s = canary_silence_s
        self._canary_machine_s = 0.0
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._watching, name="cycles-watch", daemon=True)
        self._scheduler: BackgroundScheduler | None = None
        self.restarts = 0

    def start(self) -> None:
        """Start the jobs and the thread that watches them."""
        self._scheduler = self._build()
        self._watch.start()

    def stop(self, timeout_s: float) -> None:
        """Post nothing more; waits ``timeout_s`` machine seconds for the watching thread."""
        self._stop.set()
        if self._watch.is_alive():
            self._watch.join(timeout_s)
        if self._scheduler is not None:
            _shut_down(self._scheduler)

    @property
    def canary_age_s(self) -> float:
        """Machine seconds since the last sign of life."""
        return self._clock.machine_s() - self._canary_machine_s

    def check(self) -> bool:
        """Restart when the canary is silent or the thread is gone; True when it did."""
        if self.canary_age_s <= self._canary_silence_s and self._is_alive():
            return False
        self.restarts += 1
        _log.error("cycles restarted silence_s=%.1f restarts=%d", self.canary_age_s, self.restarts)
        if self._scheduler is not None:
            _shut_down(self._scheduler)
        self._scheduler = self._build()
        return True

    def _is_alive(self) -> bool:
        thread = getattr(self._scheduler, "_thread", None)
        return isinstance(thread, threading.Thread) and thread.is_alive()

    def _watching(self) -> None:
        while not self._stop.wait(self._canary_period_s):
            try:
                self.check()
            except Exception:  # noqa: BLE001 - outermost loop of the thread: logged, tried again
                _log.exception("cycles could not be restarted restarts=%d", self.restarts)

    def _sing(self) -> None:
        self._canary_machine_s = self._clock.machine_s()

    def _build(self) -> BackgroundScheduler:
        self._sing()
        scheduler = BackgroundScheduler(
            timezone="UTC",
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(2)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        canary = Cycle("canary", self._canary_period_s, self._sing)
        for cycle in (*self._cycles, canary):
            scheduler.add_job(
                cycle.post,
                "interval",
                seconds=cycle.period_s,
                id=cycle.name,
                replace_existing=True,
            )
        scheduler.start()
        return scheduler


def _shut_down(scheduler: BackgroundScheduler) -> None:
    if scheduler.running:
        scheduler.shutdown(wait=False)
