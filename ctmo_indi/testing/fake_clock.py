"""A clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EVENING = datetime(2026, 11, 22, 0, 30, tzinfo=UTC)


class FakeClock:
    """A :class:`~ctmo_indi.clock.Clock` under the test's hand.

    Parameters
    ----------
    utc
        Sky time at the start; both monotonic times start at 1000 s.
    speed
        Sky seconds per machine second.
    """

    def __init__(self, utc: datetime = EVENING, speed: float = 1.0) -> None:
        self._begin = utc
        self._machine_s = 0.0
        self.speed = speed

    def advance(self, machine_s: float) -> None:
        """Let ``machine_s`` machine seconds pass."""
        self._machine_s += machine_s

    def step(self, seconds: float) -> None:
        """Set sky time by so much, as NTP or a person sets a computer's clock."""
        self._begin += timedelta(seconds=seconds)

    def utc(self) -> datetime:
        """Sky time."""
        return self._begin + timedelta(seconds=self._machine_s * self.speed)

    def elapsed_s(self) -> float:
        """Monotonic sky seconds."""
        return (1000.0 + self._machine_s) * self.speed

    def machine_s(self) -> float:
        """Monotonic machine seconds."""
        return 1000.0 + self._machine_s
