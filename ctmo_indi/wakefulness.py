"""Whether this very process did not run for a while: stopped (SIGSTOP), swapped out, starved.

Whoever wakes up finds every age grown and every reading old, of which neither says anything about
the others: what they sent meanwhile is still in a pipe. Ages that lead to action count from the
awakening then.
"""

from __future__ import annotations

import math

from ctmo_indi.clock import Clock

ASLEEP_S = 4.0
"""Machine seconds between two looks after which we must have slept; looks are twenty or one a
second, and a cycle that is late on a loaded machine is no sleep."""


class Wakefulness:
    """One thread only: :meth:`look` regularly, then ask."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looked_machine_s = clock.machine_s()
        self._woke_machine_s = -math.inf

    def look(self) -> None:
        """Take note that we run."""
        now_machine_s = self._clock.machine_s()
        if now_machine_s - self._looked_machine_s > ASLEEP_S:
            self._woke_machine_s = now_machine_s
        self._looked_machine_s = now_machine_s

    def awake_machine_s(self) -> float:
        """Machine seconds since the last awakening; infinite when there was none."""
        return self._clock.machine_s() - self._woke_machine_s
