"""Watch the pointing limits all the time, not only before a slew.

A target sets, crosses the meridian, or the Sun comes up during a long exposure. The pointing is
judged now and a little ahead, so that there is time to stop.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from datetime import timedelta

from ctmo_indi.clock import Clock
from ctmo_indi.devices.limits import LimitViolation, limit_violations, pointing_at
from ctmo_indi.devices.mount import MountStatus
from ctmo_indi.models import sun_moon
from ctmo_indi.profiles import Limits, Site

_log = logging.getLogger(__name__)

_SUN = "Sun"
_SLOWEST_MACHINE_S = 0.2
_SOONEST_AGAIN_MACHINE_S = 5.0
_SHORTEST_GRACE_MACHINE_S = 10.0
"""A driver that comes back takes machine seconds until it is told where to point."""


class LimitWatch:
    """Judges where the mount points; calls back for each limit that it breaks.

    While the mount slews only the Sun counts: the target was checked before, and the way from a
    park position may begin below the horizon. A mount that tracks where it was parked, or where
    its driver came up, has ``grace_s`` to be slewed away; after it was once within the limits it
    has none.

    Parameters
    ----------
    status
        Gives the mount's status; must not block.
    on_violation
        Called in the watch's thread when a limit is broken, and again every ``again_s`` (elapsed
        seconds) while it is: a park may fail, or a lock forbid it for a while.
    ahead_s
        How far ahead is looked, elapsed seconds.
    """

    def __init__(
        self,
        status: Callable[[], MountStatus],
        site: Site,
        limits: Limits,
        clock: Clock,
        on_violation: Callable[[LimitViolation], None],
        *,
        period_s: float = 1.0,
        ahead_s: float = 30.0,
        grace_s: float = 300.0,
        again_s: float = 60.0,
    ) -> None:
        self._status = status
        self._site = site
        self._limits = limits
        self._clock = clock
        self._on_violation = on_violation
        self._period_machine_s = max(period_s / clock.speed, _SLOWEST_MACHINE_S)
        # Under a fast clock one period is many sky seconds.
        self._ahead_s = max(ahead_s, 3.0 * self._period_machine_s * clock.speed)
        self._grace_s = max(grace_s, _SHORTEST_GRACE_MACHINE_S * clock.speed)
        self._armed = False
        self._outside_since_s: float | None = None
        self._again_machine_s = max(again_s / clock.speed, _SOONEST_AGAIN_MACHINE_S)
        self._told_machine_s: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.failures = 0

    def start(self) -> None:
        """Watch in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="limit-watch", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the watch, waiting at most ``timeout_s`` machine seconds."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def look(self) -> tuple[LimitViolation, ...]:
        """Judge once and call back for what is due; the body of the watch.

        Returns
        -------
        tuple
            Every limit that is broken now and counts.
        """
        found = self._judge(self._status())
        now_s, before = self._clock.machine_s(), self._told_machine_s
        self._told_machine_s = {}
        for violation in found:
            told_s = before.get(violation.name)
            if told_s is None or now_s - told_s >= self._again_machine_s:
                _log.warning("limit_violated name=%r %s", violation.name, violation.message)
                self._on_violation(violation)
                told_s = now_s
            self._told_machine_s[violation.name] = told_s
        return found

    def _judge(self, mount: MountStatus) -> tuple[LimitViolation, ...]:
        if not mount.connected or mount.parked is True:
            self._rest()
            return ()
        found = self._broken(mount)
        sun = tuple(violation for violation in found if violation.name == _SUN)
        others = tuple(violation for violation in found if violation.name != _SUN)
        if mount.slewing is True or mount.tracking is False:
            self._rest()
            return sun
        if not others:
            self._armed, self._outside_since_s = True, None
            return sun
        return found if self._counts() else sun

    def _broken(self, mount: MountStatus) -> tuple[LimitViolation, ...]:
        if mount.ra_deg is None or mount.dec_deg is None:
            text = "it is not known where the mount points"
            return (LimitViolation("position", math.nan, math.nan, text),)
        now = self._clock.utc()
        found: dict[str, LimitViolation] = {}
        for utc in (now, now + timedelta(seconds=self._ahead_s)):
            pointing = pointing_at(mount.ra_deg, mount.dec_deg, self._site, utc)
            sun_altitude_deg = sun_moon.sun_altitude_deg(self._site, utc)
            for violation in limit_violations(pointing, self._limits, sun_altitude_deg):
                found.setdefault(violation.name, violation)
        return tuple(found.values())

    def _counts(self) -> bool:
        if self._armed:
            return True
        now_s = self._clock.elapsed_s()
        if self._outside_since_s is None:
            self._outside_since_s = now_s
        return now_s - self._outside_since_s >= self._grace_s

    def _rest(self) -> None:
        self._armed, self._outside_since_s = False, None

    def _run(self) -> None:
        while not self._stop.wait(self._period_machine_s):
            try:
                self.look()
            except Exception:  # noqa: BLE001 - outermost loop of the thread: log, count, go on
                self.failures += 1
                _log.exception("limit_watch_failed failures=%d", self.failures)
