"""Hands off after another INDI client moved something: a human took over, do not fight them.

Attempts at the sky and the scheduler's own control orders are refused for a while, counted anew at
each further foreign motion; orders given by hand through our desks are not. A release ends it.
Safety and the limits go on as always.
"""

from __future__ import annotations

import math
from datetime import timedelta

from ctmo_indi.clock import Clock
from ctmo_indi.errors import Locked


class Takeover:
    """Written in the engine's thread, read from any.

    Parameters
    ----------
    hands_off_s
        Elapsed seconds after the last foreign motion; 0 goes on at once, None not before a release.
    """

    def __init__(self, clock: Clock, hands_off_s: float | None) -> None:
        self._clock = clock
        self._hands_off_s = hands_off_s
        self._what = ""
        self._utc = ""
        self._until_utc = ""
        self._until_elapsed_s: float | None = None

    def begin(self, what: str) -> dict[str, object]:
        """Note a foreign motion and return it as a struct."""
        now_utc = self._clock.utc()
        self._what = what
        self._utc = now_utc.isoformat(timespec="milliseconds")
        if self._hands_off_s is None:
            self._until_utc, self._until_elapsed_s = "", math.inf
        else:
            until_utc = now_utc + timedelta(seconds=self._hands_off_s)
            self._until_utc = until_utc.isoformat(timespec="seconds")
            self._until_elapsed_s = self._clock.elapsed_s() + self._hands_off_s
        return self.to_wire()

    def release(self) -> None:
        """End it: the human is done."""
        self._until_elapsed_s = None

    @property
    def is_active(self) -> bool:
        """Whether hands are to be kept off now."""
        until_s = self._until_elapsed_s
        return until_s is not None and self._clock.elapsed_s() < until_s

    def refusal(self) -> Locked | None:
        """Why a motion of the manager's own is refused now; None when it is not."""
        if not self.is_active:
            return None
        until = f"{self._until_utc}, or until released" if self._until_utc else "released"
        return Locked(
            f"another INDI client took over ({self._what}, {self._utc}): hands off until {until}"
        )

    def to_wire(self) -> dict[str, object]:
        """The last foreign motion; empty when there was none."""
        if not self._what:
            return {}
        wire: dict[str, object] = {"What": self._what, "UTC": self._utc}
        if self.is_active:
            wire["Hands Off Until"] = self._until_utc or "released"
        return wire
