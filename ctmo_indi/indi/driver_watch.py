"""Which drivers still live behind a server that does: who was heard when, whom to ask, who is lost.

indiserver answers pings for itself, whatever its drivers do. A driver that hangs (stopped, stuck in
a serial line) therefore looks like one with nothing to say: a parked mount sends nothing for hours.
So whoever has been silent for some seconds is asked for one of its definitions, which only the
driver itself answers; who does not answer either is lost, and what was known of it is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ctmo_indi.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverTiming:
    """Machine seconds since a driver was last heard.

    Parameters
    ----------
    suspect_s
        It is asked from then on.
    ask_every_s
        How often, until it answers.
    lost_s
        It is lost. Longer than the longest time any driver blocks: one device may have its own
        limit (:meth:`DriverWatch.set_limit`).
    """

    suspect_s: float = 5.0
    ask_every_s: float = 2.5
    lost_s: float = 12.5


@dataclass(slots=True)
class _Driver:
    heard_s: float
    asked_s: float = 0.0
    questions: int = 0


class DriverWatch:
    """Bookkeeping only; the caller holds the client's lock."""

    def __init__(self, clock: Clock, timing: DriverTiming) -> None:
        self._clock = clock
        self._timing = timing
        self._drivers: dict[str, _Driver] = {}
        self._limits_s: dict[str, float] = {}
        self._looked_s = clock.machine_s()

    def set_limit(self, device: str, lost_s: float) -> None:
        """Let a device be silent so long, machine seconds, before it is lost."""
        self._limits_s[device] = lost_s

    def heard(self, device: str) -> None:
        """Note a sign of life."""
        known = self._drivers.get(device)
        if known is None:
            self._drivers[device] = _Driver(self._clock.machine_s())
        else:
            known.heard_s = self._clock.machine_s()
            known.questions = 0

    def forget(self, device: str) -> None:
        """Its driver ended."""
        self._drivers.pop(device, None)

    def forget_all(self) -> None:
        """The server is lost, and nothing can be said about drivers."""
        self._drivers.clear()

    def silent_s(self, device: str) -> float | None:
        """Machine seconds since it was heard; None when it never was."""
        known = self._drivers.get(device)
        return None if known is None else self._clock.machine_s() - known.heard_s

    def limit_s(self, device: str) -> float:
        """After how much silence it is lost."""
        return self._limits_s.get(device, self._timing.lost_s)

    def look(self) -> None:
        """Begin a look at all; call it at each beat.

        When we did not run ourselves meanwhile, the silence is ours.
        """
        now_s = self._clock.machine_s()
        gap_s = now_s - self._looked_s
        self._looked_s = now_s
        if gap_s > self._timing.suspect_s / 5.0:
            for driver in self._drivers.values():
                driver.heard_s += gap_s

    def to_ask(self) -> Iterable[tuple[str, int]]:
        """Devices to ask now, and the how manieth question that is since they were heard."""
        now_s = self._clock.machine_s()
        found = []
        for device, driver in self._drivers.items():
            if now_s - driver.heard_s < self._timing.suspect_s:
                continue
            if driver.questions and now_s - driver.asked_s < self._timing.ask_every_s:
                continue
            driver.asked_s = now_s
            driver.questions += 1
            found.append((device, driver.questions))
        return found

    def lost(self) -> Iterable[str]:
        """Devices that were asked, more than once, and have been silent for too long."""
        now_s = self._clock.machine_s()
        return [
            device
            for device, driver in self._drivers.items()
            if driver.questions > 1 and now_s - driver.heard_s > self.limit_s(device)
        ]
