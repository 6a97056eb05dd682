"""A device that has just been connected says many things that nobody caused: no foreign motion.

After CONNECT a driver loads its park data and sets its position; INDI 1.9.9's simulators are
"unparked" and "point elsewhere" then. For a while such changes count as ours.
"""

from __future__ import annotations

from ctmo_indi.clock import Clock
from ctmo_indi.devices.own_moves import OwnMoves
from ctmo_indi.indi import names
from ctmo_indi.indi.events import DeviceRemoved, Event, LinkDown, PropertyDefined, PropertyUpdated

SETTLING_S = 10.0
FLOOR_MACHINE_S = 0.7


class SettlingWatch:
    """Subscribe :meth:`on_event` to the client before anybody who looks for foreign motion."""

    def __init__(self, moves: OwnMoves, clock: Clock) -> None:
        self._moves = moves
        self._settling_machine_s = max(SETTLING_S / clock.speed, FLOOR_MACHINE_S)
        self._connected: set[str] = set()

    def on_event(self, event: Event) -> None:
        """Take one event; dispatcher thread."""
        if isinstance(event, LinkDown):
            self._connected.clear()
        elif isinstance(event, DeviceRemoved):
            self._connected.discard(event.device)
        elif isinstance(event, PropertyDefined | PropertyUpdated):
            snapshot = event.snapshot
            if snapshot.name != names.CONNECTION:
                return
            if snapshot.values.get(names.CONNECT) is not True:
                self._connected.discard(snapshot.device)
            elif snapshot.device not in self._connected:
                self._connected.add(snapshot.device)
                self._moves.announce(snapshot.device, self._settling_machine_s, snapshot.elapsed_s)
