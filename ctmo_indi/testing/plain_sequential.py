"""The sequential driver's choice in its plainest form: sort, then ask one after the other.

What the fast driver has to agree with (tests) and to be faster than (benchmarks).
"""

from __future__ import annotations

from datetime import timedelta

from ctmo_indi.scheduling.candidates import Candidate, of_order
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.scheduling.target import DriverTarget

_SPAN_GRID = timedelta(minutes=2)


class PlainSequential(SequentialScheduler):
    """Sorts all candidates at each decision and looks at them in turn.

    Attributes
    ----------
    asks_spans_first
        Whether the sky's spans, kept from before, are asked before the exact rules. Faster, but a
        candidate of which less than a minute of its span is left may be passed over.
    """

    asks_spans_first = False

    def update_conditions(self, conditions: Conditions) -> None:
        """Take the newest telemetry, without any table."""
        Driver.update_conditions(self, conditions)

    def select_next_target(self) -> DriverTarget | None:
        """Return the first candidate without obstacles."""
        conditions = self.conditions
        assert conditions is not None
        candidates = [*map(of_order, conditions.pending), *self._left]
        for candidate in sorted(candidates, key=lambda one: one.sort_key):
            if self.asks_spans_first and self._is_later(candidate, conditions):
                continue
            slew_s = self._slew_s(candidate, conditions)
            if next(self._obstacles(candidate, conditions, slew_s), None) is None:
                return self._target(candidate, conditions, slew_s)
        return None

    def _is_later(self, candidate: Candidate, conditions: Conditions) -> bool:
        if not candidate.request.frame_type.needs_sky:
            return False
        if conditions.sky_forbidden:
            return True
        soon = conditions.utc + _SPAN_GRID
        return self.models.sky.next_observable(candidate.request, conditions.utc, soon) is None
