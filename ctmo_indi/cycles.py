"""Periodic cycles of a service: the only place of APScheduler.

A job only posts into the engine's inbox; what is true stands in the database. APScheduler computes
with the wall clock and stands still when that is set back, and its thread can die: a plain thread
watches a canary job with the monotonic clock and builds everything anew when the canary is silent,
when the thread is gone, and when the wall clock was set.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    JobEvent,
)
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from ctmo_indi.clock import Clock, wall_s

_log = logging.getLogger(__name__)

CANARY_PERIOD_S = 1.0
CANARY_SILENCE_S = 4.0
CLOCK_STEP_S = 2.0
"""A wall clock that moved by more than this against the monotonic one was set; NTP only slews."""

SHORTEST_PERIOD_S = 0.05
_END_WITHIN_S = 2.0


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


class Steady(BaseTrigger):  # type: ignore[misc]  # apscheduler is not typed
    """Fires every ``period_s`` seconds and forgets what it missed.

    APScheduler's own interval names every missed instant one by one: after a month's step of the
    clock (a machine without a battery meets NTP) that takes a minute and a gigabyte.
    """

    def __init__(self, period_s: float) -> None:
        self._period = timedelta(seconds=period_s)

    def __str__(self) -> str:
        return f"every {self._period.total_seconds():g} s"

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """Return when to fire next; never more than once for what was missed."""
        following = now if previous is None else previous
        following += self._period
        return following if following > now else now + self._period


class Cycles:
    """Runs cycles until stopped; restarts its APScheduler when that stands still.

    Parameters
    ----------
    on_step
        Told by how many seconds the wall clock was set; called in the watching thread.
    wall
        The wall clock, Unix seconds.

    Attributes
    ----------
    restarts, clock_steps
        How often it was built anew, and how often since the wall clock was set.
    troubles
        How often a job raised, was missed or still ran when it was due again, by its name.
    """

    def __init__(
        self,
        clock: Clock,
        cycles: tuple[Cycle, ...],
        *,
        canary_period_s: float = CANARY_PERIOD_S,
        canary_silence_s: float = CANARY_SILENCE_S,
        on_step: Callable[[float], object] = lambda _step_s: None,
        wall: Callable[[], float] = wall_s,
    ) -> None:
        self._clock = clock
        self._cycles = cycles
        self._canary_period_s = canary_period_s
        self._canary_silence_s = canary_silence_s
        self._canary_machine_s = 0.0
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._watching, name="cycles-watch", daemon=True)
        self._scheduler: BackgroundScheduler | None = None
        self._on_step = on_step
        self._wall = wall
        self._offset_s = self._offset()
        self.restarts = 0
        self.clock_steps = 0
        self.troubles: Counter[str] = Counter()

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
        """Restart when the canary is silent, the thread gone or the clock set; True when it did."""
        step_s = self._step_s()
        if not step_s and self.canary_age_s <= self._canary_silence_s and self._is_alive():
            return False
        self.restarts += 1
        _log.error(
            "cycles restarted silence_s=%.1f clock_step_s=%.1f restarts=%d",
            self.canary_age_s,
            step_s,
            self.restarts,
        )
        if self._scheduler is not None:
            _shut_down(self._scheduler)
        self._scheduler = self._build()
        if step_s:
            self.clock_steps += 1
            self._on_step(step_s)
        return True

    def to_wire(self) -> dict[str, object]:
        """Keys of the service's Status."""
        return {
            "Restarts": self.restarts,
            "Clock Steps": self.clock_steps,
            "Canary Age (s)": self.canary_age_s,
            "Troubles": dict(self.troubles),
        }

    def _offset(self) -> float:
        return self._wall() - self._clock.machine_s()

    def _step_s(self) -> float:
        """Seconds by which the wall clock was set since the last look; 0.0 when it was not."""
        before, self._offset_s = self._offset_s, self._offset()
        step_s = self._offset_s - before
        return step_s if abs(step_s) > CLOCK_STEP_S else 0.0

    def _trouble(self, event: JobEvent) -> None:
        self.troubles[event.job_id] += 1

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
                Steady(cycle.period_s),
                id=cycle.name,
                name=cycle.name,
                replace_existing=True,
            )
        scheduler.add_listener(
            self._trouble, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES
        )
        scheduler.start()
        return scheduler


def _shut_down(scheduler: BackgroundScheduler) -> None:
    """End it; one that hangs is left behind, since APScheduler would wait for it without end."""
    if not scheduler.running:
        return
    ending = threading.Thread(
        target=scheduler.shutdown, kwargs={"wait": False}, name="cycles-end", daemon=True
    )
    ending.start()
    ending.join(_END_WITHIN_S)
    if ending.is_alive():
        _log.error("cycles hang and are left behind")
