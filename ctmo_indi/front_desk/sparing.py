"""Log lines about callers, a few a second of each kind: who attacks must not write the log."""

from __future__ import annotations

import logging

from ctmo_indi.clock import Clock, SystemClock

BURST = 50
PER_S = 2.0


class SparingLog:
    """Logs lines of some kinds; those that are too many are counted, and told with the next one.

    One thread at a time.

    Parameters
    ----------
    burst, per_s
        Of each kind: how many at once, and how many a machine second go on.
    """

    def __init__(
        self,
        logger: logging.Logger,
        clock: Clock | None = None,
        *,
        burst: int = BURST,
        per_s: float = PER_S,
    ) -> None:
        self._logger = logger
        self._clock = clock or SystemClock()
        self._burst = float(burst)
        self._per_s = per_s
        self._kinds: dict[str, _Kind] = {}

    def log(self, level: int, kind: str, form: str, *values: object) -> None:
        """Log ``kind`` and what follows it, or count it.

        Parameters
        ----------
        kind
            First word of the line; one of a few.
        """
        now_s = self._clock.machine_s()
        state = self._kinds.setdefault(kind, _Kind(self._burst, now_s))
        state.left = min(self._burst, state.left + (now_s - state.since_s) * self._per_s)
        state.since_s = now_s
        if state.left < 1.0:
            state.untold += 1
            return
        state.left -= 1.0
        line = f"%s {form}"
        if state.untold:
            line, values = f"{line} untold=%d", (*values, state.untold)
            state.untold = 0
        self._logger.log(level, line, kind, *values)


class _Kind:
    """Where a kind stands: lines it may still have, and those it had too many."""

    __slots__ = ("left", "since_s", "untold")

    def __init__(self, left: float, since_s: float) -> None:
        self.left = left
        self.since_s = since_s
        self.untold = 0
