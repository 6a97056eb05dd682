"""The garbage collector of a service: short pauses, however much the service remembers.

Python looks for dead cycles through all objects again and again while their number grows. With
20,000 pending orders each look stops all threads for a tenth of a second: measured, it made the
slowest of a hundred orders wait 87 ms instead of 26 and cost a fifth of the CPU. Most objects die
with their last reference and need no look at all. So what a service has loaded at its start is set
aside, the young are looked at in small portions, what came since the last look at everything every
few minutes, and everything once an hour. Without the third, dead cycles as large as a frame or the
properties of an INDI server that went away are kept for an hour.

What was freed is given back to the system then, too: glibc keeps it, in pieces among what is still
in use, and a telescope that took frames all night would seem to grow.
"""

from __future__ import annotations

import ctypes
import gc

from ctmo_indi.clock import Clock

PERIOD_S = 3600.0
"""Machine seconds from one look at everything to the next."""

RECENT_PERIOD_S = 240.0
"""Machine seconds from one look at what is not set aside to the next, at most."""

BUSY_PERIOD_S = 10.0
"""The same at least, while much comes and goes: many callers leave dead cycles behind."""

_MUCH = 20  # looks at the middle-aged, each after some 20,000 objects
_SHARE = 0.005  # of the time, that looks may take then

_YOUNG = 5000  # objects more than before: a look takes a millisecond
_MIDDLE = 4  # looks at the young for one at those that survived one: some milliseconds
_NEVER = 1_000_000


class Collector:
    """Owns the collector of this process; of one thread, which may stop all for a moment.

    Making it sets aside what is there and sets the portions; blocks for a tenth of a second.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Of glibc, where that is the C library; without the GIL, some milliseconds.
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        self._recent_machine_s = clock.machine_s()
        self._rest_s = BUSY_PERIOD_S
        self._set_aside()
        gc.set_threshold(_YOUNG, _MIDDLE, _NEVER)

    def look(self) -> None:
        """Look at everything, or at what is new, when it is time; to be called now and then."""
        now_s = self._clock.machine_s()
        if now_s >= self._next_machine_s:
            gc.unfreeze()
            self._set_aside()
            self._give_back()
            return
        passed_s = now_s - self._recent_machine_s
        is_busy = gc.get_count()[2] >= _MUCH and passed_s >= self._rest_s
        if is_busy or passed_s >= RECENT_PERIOD_S:
            gc.collect()
            self._give_back()
            self._recent_machine_s = self._clock.machine_s()
            took_s = self._recent_machine_s - now_s
            self._rest_s = max(BUSY_PERIOD_S, took_s / _SHARE)

    def _set_aside(self) -> None:
        gc.collect()
        gc.freeze()
        self._next_machine_s = self._clock.machine_s() + PERIOD_S

    def _give_back(self) -> None:
        if self._trim is not None:
            self._trim(0)
