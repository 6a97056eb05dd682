"""Whether this very process did not run for a while: stopped (SIGSTOP), swapped out, starved.

Whoever wakes up finds every age grown and every reading old, of which neither says anything about
the others: what they sent meanwhile is still in a pipe. Ages that lead to action count from the
awakening then, and nothing is begun before what is in the pipe was read.
"""

from __future__ import annotations

import math

from ctmo_indi.clock import Clock

# Machine seconds.
ASLEEP_S = 4.0
"""Between two looks, after which we must have slept; looks are twenty or one a second, and a cycle
that is late on a loaded machine is no sleep."""
SETTLES_S = 1.0
"""For reading what came meanwhile."""
RARELY_S = 15.0
"""One that is starved again and again acts all the same."""


class Wakefulness:
    """One thread only: :meth:`look` regularly, then ask."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looked_machine_s = clock.machine_s()
        self._woke_machine_s = -math.inf
        self._settled_machine_s = -math.inf

    def look(self) -> bool:
        """Take note that we run.

        Returns
        -------
        bool
            Whether we just woke: what is known now may be from before the sleep.
        """
        now_machine_s = self._clock.machine_s()
        if now_machine_s - self._looked_machine_s > ASLEEP_S:
            if now_machine_s - self._woke_machine_s > RARELY_S:
                self._settled_machine_s = now_machine_s + SETTLES_S
            self._woke_machine_s = now_machine_s
        self._looked_machine_s = now_machine_s
        return now_machine_s < self._settled_machine_s

    def awake_machine_s(self) -> float:
        """Machine seconds since the last awakening; infinite when there was none."""
        return self._clock.machine_s() - self._woke_machine_s
