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
        self._just_woke = False

    def look(self) -> bool:
        """Take note that we run.

        Returns
        -------
        bool
            Whether this is the first look after a sleep: what is known now is from before it. Not
            twice in a row, or a process that is starved at every turn would never act.
        """
        now_machine_s = self._clock.machine_s()
        slept = now_machine_s - self._looked_machine_s > ASLEEP_S
        if slept:
            self._woke_machine_s = now_machine_s
        self._looked_machine_s = now_machine_s
        self._just_woke = slept and not self._just_woke
        return self._just_woke

    def awake_machine_s(self) -> float:
        """Machine seconds since the last awakening; infinite when there was none."""
        return self._clock.machine_s() - self._woke_machine_s
