"""Notice when somebody else moves a device: another INDI client, a hand paddle, a human.

A change is foreign when it begins something (a slew, an unpark, an opening, an exposure) while no
operation of ours is under way on that device. Motion toward safe never counts: parking, closing and
stopping are welcome from anybody, the WatchDog driver for one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from ctmo_indi.devices.device import Device
from ctmo_indi.devices.observatory import Observatory
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

_SIDEREAL_H_PER_S = 1.0027379 / 3600.0
# Of a position that nobody of us changed: guiding and refraction stay far below.
_JUMP_DEG = 0.5


@dataclass(frozen=True, slots=True)
class ForeignMove:
    """Somebody else's motion: which device did what, seen in which property."""

    role: Role
    device: str
    property: str
    what: str


@dataclass(frozen=True, slots=True)
class Sign:
    """One row: a change of a reading that begins a motion.

    Parameters
    ----------
    begins
        (device, before, after) -> whether ``after`` begins it.
    patience
        Updates in a row that must show it: a park shows the position Busy, too, and says only
        afterwards that it is a park.
    """

    role: Role
    reading: str
    what: str
    begins: Callable[[Device, PropertySnapshot, PropertySnapshot], bool]
    patience: int = 1


def _turned_on(word: str, reading: str) -> Callable[..., bool]:
    def begins(device: Device, before: PropertySnapshot, after: PropertySnapshot) -> bool:
        element = device.element(reading, word)
        return before.values.get(element) is False and after.values.get(element) is True

    return begins


def _busy(device: Device, before: PropertySnapshot, after: PropertySnapshot) -> bool:
    return after.state is PropertyState.BUSY


def _became_busy(device: Device, before: PropertySnapshot, after: PropertySnapshot) -> bool:
    return before.state is not PropertyState.BUSY and after.state is PropertyState.BUSY


def _busy_but_not_parking(
    device: Device, before: PropertySnapshot, after: PropertySnapshot
) -> bool:
    return _busy(device, before, after) and device.switch("parked", "yes") is not True


def _turns_by_hand(device: Device, before: PropertySnapshot, after: PropertySnapshot) -> bool:
    if device.switch("follows_itself", "on") is True:
        return False
    return _busy_but_not_parking(device, before, after)


def _jumped(device: Device, before: PropertySnapshot, after: PropertySnapshot) -> bool:
    if PropertyState.BUSY in (before.state, after.state):
        return False
    if device.switch("parked", "yes") is True:
        return False  # parked by whomever: some drivers are at the park position at once
    elements = device.description.readings["position"].elements
    if "ra_hours" not in elements or "dec_deg" not in elements:
        return False
    turned_h = after.number(elements["ra_hours"]) - before.number(elements["ra_hours"])
    turned_h = (turned_h + 12.0) % 24.0 - 12.0
    # A mount that does not track drifts with the sky: half a degree of RA in two minutes.
    drift_h = (after.elapsed_s - before.elapsed_s) * _SIDEREAL_H_PER_S
    moved_deg = 15.0 * min(abs(turned_h), abs(turned_h - drift_h))
    dec_deg = abs(after.number(elements["dec_deg"]) - before.number(elements["dec_deg"]))
    # Near the pole RA runs away with no motion at all.
    near_pole = abs(after.number(elements["dec_deg"])) > 89.0
    return dec_deg > _JUMP_DEG or (moved_deg > _JUMP_DEG and not near_pole)


SIGNS: tuple[Sign, ...] = (
    Sign(Role.MOUNT, "position", "slews", _busy_but_not_parking, patience=2),
    Sign(Role.MOUNT, "position", "points elsewhere at once", _jumped),
    Sign(Role.MOUNT, "parked", "is unparked", _turned_on("no", "parked")),
    Sign(Role.MOUNT, "tracking", "begins to track", _turned_on("on", "tracking")),
    Sign(Role.DOME, "azimuth", "turns", _turns_by_hand, patience=2),
    Sign(Role.DOME, "shutter", "opens its shutter", _turned_on("open", "shutter")),
    Sign(Role.DOME, "parked", "is unparked", _turned_on("no", "parked")),
    Sign(Role.CAMERA, "exposure", "exposes", _became_busy),
    Sign(Role.FILTER_WHEEL, "slot", "changes the filter", _became_busy),
    Sign(Role.FOCUSER, "position", "moves", _became_busy),
)


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
        self._seen: dict[tuple[Role, str, str], int] = {}
        self._by_name = {device.name: role for role, device in observatory.devices.items()}
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
            # What a definition says is where we start from, not a change.
            self._last[event.snapshot.device, event.snapshot.name] = event.snapshot
        elif isinstance(event, PropertyUpdated):
            return self._judge(event.snapshot)
        return []

    def _judge(self, after: PropertySnapshot) -> list[ForeignMove]:
        key = (after.device, after.name)
        before = self._last.get(key)
        self._last[key] = after
        role = self._by_name.get(after.device)
        if role is None or before is None:
            return []
        device = self._observatory.devices[role]
        ours = self._observatory.moves.is_ours(after.device)
        found = []
        for sign in SIGNS:
            reading = device.description.readings.get(sign.reading)
            if sign.role is not role or reading is None or reading.property != after.name:
                continue
            count_key = (role, sign.reading, sign.what)
            if ours or not sign.begins(device, before, after):
                self._seen[count_key] = 0
                continue
            self._seen[count_key] = self._seen.get(count_key, 0) + 1
            if self._seen[count_key] == sign.patience:
                found.append(ForeignMove(role, after.device, after.name, sign.what))
        return found
