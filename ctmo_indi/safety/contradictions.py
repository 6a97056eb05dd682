"""Readings of devices that cannot both be true, once they have lasted.

Two properties of one device are never sent at the same instant, so a contradiction counts only when
it has stood for :data:`LASTS_S`.
"""

from __future__ import annotations

from collections.abc import Callable

from ctmo_indi.clock import Clock
from ctmo_indi.devices.dome import DomeStatus
from ctmo_indi.devices.mount import MountStatus
from ctmo_indi.devices.observatory import ObservatoryStatus

LASTS_S = 10.0  # machine seconds


def _mount(test: Callable[[MountStatus], bool]) -> Callable[[ObservatoryStatus], bool]:
    return lambda status: status.mount is not None and status.mount.connected and test(status.mount)


def _dome(test: Callable[[DomeStatus], bool]) -> Callable[[ObservatoryStatus], bool]:
    return lambda status: status.dome is not None and status.dome.connected and test(status.dome)


# What cannot be, and how it is seen.
CONTRADICTIONS: tuple[tuple[str, Callable[[ObservatoryStatus], bool]], ...] = (
    ("the mount is parked and tracks", _mount(lambda m: m.parked is True and m.tracking is True)),
    ("the mount is parked and slews", _mount(lambda m: m.parked is True and m.slewing is True)),
    ("the dome is parked and turns", _dome(lambda d: d.parked is True and d.moving is True)),
)


class Contradictions:
    """Remembers since when each one stands; the loop's thread only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_machine_s: dict[str, float] = {}

    def look(self, status: ObservatoryStatus) -> tuple[str, ...]:
        """Return those that have lasted, with their age."""
        now_s = self._clock.machine_s()
        seen = [what for what, is_seen in CONTRADICTIONS if is_seen(status)]
        self._since_machine_s = {what: self._since_machine_s.get(what, now_s) for what in seen}
        return tuple(
            f"{what}, for {now_s - since_s:.0f} s"
            for what, since_s in self._since_machine_s.items()
            if now_s - since_s >= LASTS_S
        )
