"""The three times of the manager, and deadlines.

* :meth:`Clock.utc`: sky time. Scaled and shifted in demo, rehearsal and tests.
* :meth:`Clock.elapsed_s`: monotonic, runs ``speed`` times as fast as the machine. For device
  deadlines and ages of INDI data, since a driver under a fast clock lives in that time.
* :meth:`Clock.machine_s`: monotonic, never scaled. For pings, beats between processes, back-off.

Nobody else in the package asks the operating system for the time. One :class:`ClockAnchor` is
handed to every process in the environment variable ``CTMO_CLOCK``, so that all agree.
``time.monotonic`` is CLOCK_MONOTONIC on Linux and macOS and thus common to all processes of a
machine.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

ENVIRONMENT_VARIABLE = "CTMO_CLOCK"


@dataclass(frozen=True, slots=True)
class ClockAnchor:
    """One instant in machine time and in sky time, and how fast sky time runs."""

    machine_s: float
    utc_s: float
    speed: float

    def encode(self) -> str:
        """Text for the environment of a child process; :meth:`decode` reads it."""
        return f"{self.machine_s!r},{self.utc_s!r},{self.speed!r}"

    @classmethod
    def decode(cls, text: str) -> ClockAnchor:
        """Read what :meth:`encode` wrote; ValueError when it is something else."""
        parts = text.split(",")
        if len(parts) != 3:
            raise ValueError(f"{ENVIRONMENT_VARIABLE} is {text!r}, expected three numbers")
        machine_s, utc_s, speed = (float(part) for part in parts)
        if not speed > 0:
            raise ValueError(f"{ENVIRONMENT_VARIABLE}: speed is {speed}, expected > 0")
        return cls(machine_s, utc_s, speed)


class Clock(Protocol):
    """What every part asks for the time. Thread-safe; no call blocks."""

    @property
    def speed(self) -> float:
        """Sky seconds per machine second; 1.0 in production."""
        ...

    def utc(self) -> datetime:
        """Sky time, aware, UTC."""
        ...

    def elapsed_s(self) -> float:
        """Monotonic seconds of sky time, from an arbitrary origin."""
        ...

    def machine_s(self) -> float:
        """Monotonic seconds of the machine, from an arbitrary origin."""
        ...


class SystemClock:
    """The machine's clock; with an anchor, a scaled and shifted one."""

    def __init__(self, anchor: ClockAnchor | None = None) -> None:
        self._anchor = anchor

    @classmethod
    def from_environment(cls) -> SystemClock:
        """Take the anchor the parent process handed down, else real time.

        Raises
        ------
        ValueError
            The variable is set but malformed: running on with real time would be wrong by years.
        """
        text = os.environ.get(ENVIRONMENT_VARIABLE)
        return cls(ClockAnchor.decode(text) if text else None)

    @property
    def anchor(self) -> ClockAnchor | None:
        """The anchor, None for real time."""
        return self._anchor

    @property
    def speed(self) -> float:
        """Sky seconds per machine second."""
        return self._anchor.speed if self._anchor else 1.0

    def utc(self) -> datetime:
        """Sky time, aware, UTC."""
        if self._anchor is None:
            return datetime.now(UTC)
        passed_s = (time.monotonic() - self._anchor.machine_s) * self._anchor.speed
        return datetime.fromtimestamp(self._anchor.utc_s, UTC) + timedelta(seconds=passed_s)

    def elapsed_s(self) -> float:
        """Monotonic seconds of sky time."""
        return time.monotonic() * self.speed

    def machine_s(self) -> float:
        """Monotonic seconds of the machine."""
        return time.monotonic()


def wall_s() -> float:
    """Unix seconds of the machine's own clock, which people and NTP set: to notice that it was."""
    return time.time()


class Deadline:
    """An instant after which a wait has failed.

    Parameters
    ----------
    clock
        Whose sky time counts.
    timeout_s
        Seconds of sky time (:meth:`Clock.elapsed_s`) from now.
    floor_machine_s
        Never expire before that many machine seconds: under a fast clock 10 ms of scheduling delay
        are seconds of sky time, and a device must not be declared dead for them.
    """

    def __init__(self, clock: Clock, timeout_s: float, floor_machine_s: float = 0.0) -> None:
        self._clock = clock
        self.timeout_s = timeout_s
        self._end_machine_s = clock.machine_s() + max(timeout_s / clock.speed, floor_machine_s)

    def remaining_machine_s(self) -> float:
        """Machine seconds left, 0.0 when expired: what to hand to a blocking call."""
        return max(0.0, self._end_machine_s - self._clock.machine_s())

    @property
    def expired(self) -> bool:
        """True once the instant has passed."""
        return self._clock.machine_s() >= self._end_machine_s
