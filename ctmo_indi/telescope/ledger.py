"""Where the night went: every second of sky time in exactly one class.

The engine tells at each turn what it waits for; the time since the last turn goes to the class of
what it was waiting for then. The classes are those an observer asks for in the morning. Engine
thread only.
"""

from __future__ import annotations

from ctmo_indi.clock import Clock
from ctmo_indi.models.states import ObservatoryState

EXPOSING = "exposing"
POINTING = "slewing, dome and filter"
OPENING = "opening"
CLOSING = "closing"
OVERHEAD = "other overhead"
UNSAFE = "unsafe or held"
IDLE_OPEN = "idle, open"
IDLE_CLOSED = "idle, closed"

# How what a procedure waits for begins -> class; the rest is overhead.
_CLASSES = (
    ("exposure", EXPOSING),
    ("slew", POINTING),
    ("tracking", POINTING),
    ("unpark", POINTING),
    ("filter", POINTING),
    ("dome", POINTING),
    ("the dome", POINTING),
    ("opening", OPENING),
    ("closing", CLOSING),
)


def classify(
    waits_for: str | None, *, is_closing: bool, is_working: bool, state: ObservatoryState
) -> str:
    """Return the class of a moment.

    Parameters
    ----------
    waits_for
        Of the procedure under way; None when there is none.
    is_working
        Whether the verdict lets the telescope work.
    """
    if is_closing:
        return CLOSING
    if waits_for is not None:
        return next((kind for start, kind in _CLASSES if waits_for.startswith(start)), OVERHEAD)
    if not is_working:
        return UNSAFE
    return IDLE_OPEN if state is ObservatoryState.OPEN else IDLE_CLOSED


class TimeLedger:
    """Seconds of sky time by class since the service began."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_elapsed_s = clock.elapsed_s()
        self._kind = IDLE_CLOSED
        self._spent_s: dict[str, float] = {}

    def turn(self, kind: str) -> None:
        """Book the time since the last turn, and begin a moment of class ``kind``."""
        self._book()
        self._kind = kind

    def to_wire(self) -> dict[str, object]:
        """Seconds by class, the largest first; they add up to the time since the beginning."""
        self._book()
        entries = sorted(self._spent_s.items(), key=lambda entry: -entry[1])
        return {kind: round(seconds, 1) for kind, seconds in entries}

    def _book(self) -> None:
        now_s = self._clock.elapsed_s()
        spent_s = now_s - self._last_elapsed_s
        self._spent_s[self._kind] = self._spent_s.get(self._kind, 0.0) + spent_s
        self._last_elapsed_s = now_s
