"""Notice that the computer's clock was set, and remember what it would say otherwise.

All ages and delays are monotonic, so a step touches only what is computed from the time: where the
Sun is. Nobody can tell which clock is right then, the old one (a broken GPS sets a wrong time) or
the new one (NTP corrects what a dead battery left). So until a human releases, or the clock comes
back, the Sun is judged at both times: no wrong time can open by day as long as one of the two is
right. A clock that is slewed is followed.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from datetime import datetime, timedelta

from ctmo_indi.clock import Clock
from ctmo_indi.safety.facts import ClockFacts

_log = logging.getLogger(__name__)

SLEW = 0.1  # seconds a second: as fast as chronyd slews (maxslewrate 100000 ppm)


class ClockWatch:
    """Compares sky time with the monotonic clock; the loop's thread, but for :meth:`believe`.

    Parameters
    ----------
    max_step_s
        Largest difference that is no step, machine seconds.
    on_step
        Called with each step, machine seconds, forward positive.
    """

    def __init__(self, clock: Clock, max_step_s: float, on_step: Callable[[float], None]) -> None:
        self._clock = clock
        self._max_step_s = max_step_s
        self._on_step = on_step
        self._base_s: float | None = None  # clock minus monotonic clock, machine seconds
        self._looked_machine_s = 0.0
        self._before_step_s: float | None = None
        self._step_s = 0.0
        self._stepped_machine_s = -math.inf

    def look(self) -> ClockFacts:
        """Compare now; never blocks."""
        now_s, offset_s = self._clock.machine_s(), self._offset_s()
        if self._base_s is None:
            self._base_s, self._looked_machine_s = offset_s, now_s
        moved_s = offset_s - self._base_s
        if abs(moved_s) > self._max_step_s:
            self._stepped(moved_s, offset_s, now_s)
        else:
            room_s = SLEW * (now_s - self._looked_machine_s)
            self._base_s += max(-room_s, min(room_s, moved_s))
        self._looked_machine_s = now_s
        return ClockFacts(self._step_s, now_s - self._stepped_machine_s)

    def times(self) -> tuple[datetime, ...]:
        """Return what time it may be: one, or two after a step."""
        utc, before_s = self._clock.utc(), self._before_step_s
        if before_s is None:
            return (utc,)
        ahead_s = (self._offset_s() - before_s) * self._clock.speed
        try:
            return utc, utc - timedelta(seconds=ahead_s)
        except OverflowError:
            return (utc,)

    def believe(self) -> bool:
        """Take the clock as it is: a human says so; any thread. Whether it was in doubt."""
        was_in_doubt = self._before_step_s is not None
        self._before_step_s = None
        return was_in_doubt

    def to_wire(self) -> dict[str, object]:
        """Return the last step for Status; empty while there is no doubt."""
        before_s = self._before_step_s
        if before_s is None:
            return {}
        return {"Step": round(self._step_s, 3), "Off": round(self._offset_s() - before_s, 3)}

    def _offset_s(self) -> float:
        return (self._clock.utc().timestamp() - self._clock.elapsed_s()) / self._clock.speed

    def _stepped(self, step_s: float, offset_s: float, now_s: float) -> None:
        before_s = self._base_s if self._before_step_s is None else self._before_step_s
        self._base_s = offset_s
        self._step_s, self._stepped_machine_s = step_s, now_s
        is_back = before_s is not None and abs(offset_s - before_s) <= self._max_step_s
        self._before_step_s = None if is_back else before_s
        _log.critical("clock_step step_s=%+.3f is_back=%s", step_s, is_back)
        self._on_step(step_s)
