"""Notice when somebody else does something with a device: another INDI client, a hand paddle.

What shows it is the table :data:`ctmo_indi.devices.foreign_signs.SIGNS`. Stopping, parking and
closing are what our own closers do as well (safety, INDI's WatchDog, ``ctmo-indi stop``): such a
move is marked, and ``telescope/takeover`` judges it by what safety says.

A driver that hung carries out what we sent meanwhile when it goes on, perhaps long after we gave it
up. So what a device does just after a silence is explained by what we told it during that silence,
if that is not longer ago than some minutes: a dome says nothing for hours while nothing happens.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

from ctmo_indi.devices.foreign_signs import SIGNS, Look, Sign
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.indi import names
from ctmo_indi.indi.events import (
    DeviceRemoved,
    Event,
    LinkDown,
    PropertyDefined,
    PropertyRemoved,
    PropertyUpdated,
)
from ctmo_indi.indi.snapshot import PropertySnapshot, PropertyState
from ctmo_indi.profiles import Role

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ForeignMove:
    """Somebody else's doing: which device did what, seen in which property.

    Parameters
    ----------
    elapsed_s
        When it was heard.
    may_be_closer
        Our own closers do it as well.
    """

    role: Role
    device: str
    property: str
    what: str
    elapsed_s: float
    may_be_closer: bool = False

    def __str__(self) -> str:
        return f"{self.device} {self.what}"


@dataclass(frozen=True, slots=True)
class _Silence:
    """Elapsed seconds at which a device said something, and next something again."""

    begin_s: float
    end_s: float


class ForeignWatch:
    """Listens to a link and tells foreign motion from ours.

    Parameters
    ----------
    on_foreign
        Called in the client's dispatcher thread, once for each beginning; must not block.
    """

    def __init__(self, observatory: Observatory, on_foreign: Callable[[ForeignMove], None]) -> None:
        self._observatory = observatory
        self._on_foreign = on_foreign
        self._lock = threading.Lock()
        self._last: dict[tuple[str, str], PropertySnapshot] = {}
        self._seen: dict[Sign, int] = {}
        self._explained: dict[Sign, tuple[float, float]] = {}
        self._moved_s: dict[str, float] = {}
        self._heard_s: dict[str, float] = {}
        self._silences: dict[str, _Silence] = {}
        self._by_name = {
            device.name: role
            for role, device in observatory.devices.items()
            if device.is_connected_with_others  # safety connects WatchDog anew to arm it
        }
        self._unsubscribe: Callable[[], None] | None = None

    def start(self) -> None:
        """Begin to listen."""
        self._unsubscribe = self._observatory.client.subscribe(self.on_event)

    def stop(self) -> None:
        """Listen no more."""
        if self._unsubscribe is not None:
            self._unsubscribe()

    def on_event(self, event: Event) -> None:
        """Take one event of the client."""
        with self._lock:
            moves = self._take(event)
        for move in moves:
            _log.warning(
                "foreign_motion device=%r property=%s what=%r",
                move.device,
                move.property,
                move.what,
            )
            self._on_foreign(move)

    def _take(self, event: Event) -> list[ForeignMove]:
        if isinstance(event, LinkDown):
            self._last.clear()
            self._seen.clear()
        elif isinstance(event, DeviceRemoved):
            self._last = {key: old for key, old in self._last.items() if key[0] != event.device}
        elif isinstance(event, PropertyRemoved) and event.name is not None:
            self._last.pop((event.device, event.name), None)
        elif isinstance(event, PropertyDefined):
            self._hear(event.snapshot)
            # What a definition says is where we start from, not a change.
            self._last[event.snapshot.device, event.snapshot.name] = event.snapshot
        elif isinstance(event, PropertyUpdated):
            self._hear(event.snapshot)
            return self._judge(event.snapshot)
        return []

    def _hear(self, snapshot: PropertySnapshot) -> None:
        device, now_s = snapshot.device, snapshot.elapsed_s
        before_s = self._heard_s.get(device, now_s)
        self._heard_s[device] = now_s
        if now_s - before_s > self._observatory.moves.echo_s:
            self._silences[device] = _Silence(before_s, now_s)

    def _silence_before(self, device: str, at_s: float) -> _Silence | None:
        """The silence that ended just before; None when the device has not been silent."""
        silence = self._silences.get(device)
        if silence is None or at_s - silence.end_s > self._observatory.moves.echo_s:
            return None
        return silence

    def _judge(self, after: PropertySnapshot) -> list[ForeignMove]:
        key = (after.device, after.name)
        before = self._last.get(key)
        self._last[key] = after
        role = self._by_name.get(after.device)
        if role is None or before is None:
            return []
        if after.name == names.CONNECTION:
            is_off = is_disconnected_by_hand(before, after)
            return [ForeignMove(role, *key, "is disconnected", after.elapsed_s)] if is_off else []
        device, moves = self._observatory.devices[role], self._observatory.moves
        position = device.description.readings.get("position")
        if position is not None and position.property == after.name:
            if PropertyState.BUSY in (before.state, after.state):
                self._moved_s[after.device] = after.elapsed_s
        at_rest_s = after.elapsed_s - self._moved_s.get(after.device, -math.inf)
        look = Look(device, before, after, moves, self._last, at_rest_s > moves.grace_s)
        found = []
        for sign in SIGNS:
            if sign.role is not role or sign.property_of(device) != after.name:
                continue
            if not sign.begins(look) or self._is_ours(sign, look):
                self._seen[sign] = 0
                continue
            self._seen[sign] = self._seen.get(sign, 0) + 1
            if sign.patience == 1 or self._seen[sign] == sign.patience:
                found.append(
                    ForeignMove(role, *key, sign.what, after.elapsed_s, sign.may_be_closer)
                )
        return found

    def _is_ours(self, sign: Sign, look: Look) -> bool:
        moves, name, at_s = self._observatory.moves, look.device.name, look.after.elapsed_s
        silence = self._silence_before(name, at_s)
        if sign.explained_by is None:
            return moves.is_ours(name, at_s) or (
                silence is not None and moves.were_under_way(name, silence.begin_s, silence.end_s)
            )
        if not sign.explained_by:
            return False
        if moves.is_announced(name, at_s):
            return True
        sent = sign.command_before(look)
        if sent is None:
            return False
        is_late = (
            silence is not None
            and silence.begin_s <= sent.elapsed_s <= silence.end_s
            and at_s - sent.elapsed_s <= moves.late_s
        )
        if not is_late and not moves.may_answer(name, sent, at_s):
            return False
        if not sign.is_once:
            return True
        known_s, seen_s = self._explained.get(sign, (-math.inf, -math.inf))
        if known_s == sent.elapsed_s:  # one command, perhaps answered in several updates
            return at_s - seen_s <= moves.burst_s
        self._explained[sign] = (sent.elapsed_s, at_s)
        return True


def is_disconnected_by_hand(before: PropertySnapshot, after: PropertySnapshot) -> bool:
    """Whether a client had a driver disconnect: that is Idle; one that lost its device says Alert.

    We never disconnect anything.
    """
    return (
        before.values.get(names.CONNECT) is True
        and after.values.get(names.CONNECT) is False
        and after.state in (PropertyState.IDLE, PropertyState.OK)
    )
