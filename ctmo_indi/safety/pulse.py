"""How regularly the safety loop completes its cycles: for Status and for the service manager."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ctmo_indi.clock import Clock

_log = logging.getLogger(__name__)

LONGEST_GAP_S = 2.0
"""Machine seconds between two cycles that are promised; a longer gap is logged."""


@dataclass(frozen=True, slots=True)
class LoopHealth:
    """What a supervisor wants to know.

    Parameters
    ----------
    since_cycle_s
        Machine seconds since the last completed cycle; since the start before the first.
    cycle
        Number of the last completed cycle, 0 before the first.
    """

    since_cycle_s: float
    cycle: int


class Pulse:
    """Written in the loop's thread, read from any."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: tuple[float, int] = (clock.machine_s(), 0)
        self.longest_gap_s = 0.0
        self.long_gaps = 0

    def beat(self, cycle: int) -> None:
        """A cycle was completed."""
        now_s = self._clock.machine_s()
        before_s, before = self._last
        self._last = (now_s, cycle)
        if not before:
            return
        gap_s = now_s - before_s
        self.longest_gap_s = max(self.longest_gap_s, gap_s)
        if gap_s > LONGEST_GAP_S:
            self.long_gaps += 1
            _log.error("safety_cycle_gap gap_s=%.3f limit_s=%g", gap_s, LONGEST_GAP_S)

    @property
    def health(self) -> LoopHealth:
        """As of now."""
        at_s, cycle = self._last
        return LoopHealth(self._clock.machine_s() - at_s, cycle)

    def to_wire(self) -> dict[str, object]:
        """For Status; seconds of the machine."""
        health = self.health
        return {
            "Number": health.cycle,
            "Age": round(health.since_cycle_s, 3),
            "Longest Gap": round(self.longest_gap_s, 3),
            "Long Gaps": self.long_gaps,
        }
