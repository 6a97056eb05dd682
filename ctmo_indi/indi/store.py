"""The properties of all devices as last heard, and how each news changes them.

Pure bookkeeping under the client's lock. A device exists as long as it has properties: values for
something nobody defined (a ghost) change nothing.
"""

from __future__ import annotations

from collections import deque
from types import MappingProxyType

from ctmo_indi.clock import Clock
from ctmo_indi.indi import names
from ctmo_indi.indi.snapshot import PropertySnapshot, PropertyType, renewed_s
from ctmo_indi.indi.transport import RawDefinition, RawUpdate

_MESSAGES_KEPT = 20


class PropertyStore:
    """Snapshots by device and property name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._devices: dict[str, dict[str, PropertySnapshot]] = {}
        self._silenced: dict[str, dict[str, PropertySnapshot]] = {}
        self._messages: dict[str, deque[str]] = {}
        self.generation = 0

    def devices(self) -> tuple[str, ...]:
        """Names of the devices that have defined properties."""
        return tuple(self._devices)

    def get(self, device: str, name: str) -> PropertySnapshot | None:
        """The property as last heard, None when there is none."""
        properties = self._devices.get(device)
        return None if properties is None else properties.get(name)

    def properties(self, device: str) -> tuple[PropertySnapshot, ...]:
        """Every property of a device, in the order of definition."""
        return tuple(self._devices.get(device, {}).values())

    def define(self, raw: RawDefinition) -> PropertySnapshot:
        """Take a definition."""
        now_s = self._clock.elapsed_s()
        known = self.get(raw.device, raw.name)
        snapshot = PropertySnapshot(
            raw.device,
            raw.name,
            raw.type,
            raw.state,
            raw.permission,
            raw.rule,
            MappingProxyType(raw.values),
            MappingProxyType(raw.ranges),
            now_s,
            self.next_generation(),
            renewed_s(known, raw.state, now_s, is_definition=True),
        )
        self._devices.setdefault(raw.device, {})[raw.name] = snapshot
        return snapshot

    def update(self, raw: RawUpdate) -> PropertySnapshot | None:
        """Take new values; None when the property was never defined."""
        properties = self._devices.get(raw.device)
        known = None if properties is None else properties.get(raw.name)
        if properties is None or known is None:
            return None
        now_s = self._clock.elapsed_s()
        snapshot = PropertySnapshot(
            known.device,
            known.name,
            known.type,
            raw.state,
            known.permission,
            known.rule,
            MappingProxyType(raw.values),
            known.ranges if raw.ranges is None else MappingProxyType(raw.ranges),
            now_s,
            self.next_generation(),
            renewed_s(known, raw.state, now_s, is_definition=False),
        )
        properties[raw.name] = snapshot
        return snapshot

    def redefines_lost_driver(self, raw: RawDefinition) -> bool:
        """Whether this definition shows that the driver restarted unnoticed.

        A driver that restarts comes back with CONNECTION off; without the server's word that it was
        removed, the definition is the only sign.
        """
        if raw.name != names.CONNECTION or raw.values.get(names.CONNECT):
            return False
        known = self.get(raw.device, raw.name)
        return known is not None and known.values.get(names.CONNECT) is True

    def remove(self, device: str, name: str | None) -> bool:
        """Drop a property, or with None the device; whether there was anything to drop."""
        if name is None:
            self._silenced.pop(device, None)
            return self._devices.pop(device, None) is not None
        properties = self._devices.get(device, {})
        if properties.pop(name, None) is None:
            return False
        if not properties:
            del self._devices[device]
        return True

    def silence(self, device: str) -> None:
        """Hide what is known of a device whose driver may be dead, until :meth:`unsilence`."""
        properties = self._devices.pop(device, None)
        if properties is not None:
            self._silenced[device] = properties

    def unsilence(self, device: str) -> tuple[PropertySnapshot, ...]:
        """Show a hidden device again, as it was: a driver tells every change, once it speaks."""
        properties = self._silenced.pop(device, None)
        if properties is None:
            return ()
        self._devices[device] = properties
        return tuple(properties.values())

    def is_silenced(self, device: str) -> bool:
        """Whether the device is hidden."""
        return device in self._silenced

    @property
    def is_empty(self) -> bool:
        """Whether no device is known, nor hidden."""
        return not self._devices and not self._silenced

    def drop_all(self) -> None:
        """Forget every property; the messages stay, they say why."""
        self._devices.clear()
        self._silenced.clear()

    def blob_properties(self, device: str) -> tuple[PropertySnapshot, ...]:
        """The BLOB properties of a device."""
        return tuple(
            snapshot
            for snapshot in self._devices.get(device, {}).values()
            if snapshot.type is PropertyType.BLOB
        )

    def add_message(self, device: str, text: str) -> None:
        """Keep a driver's message."""
        kept = self._messages.get(device)
        if kept is None:
            kept = self._messages[device] = deque(maxlen=_MESSAGES_KEPT)
        kept.append(text)

    def messages(self, device: str, count: int) -> tuple[str, ...]:
        """The last messages of a device, oldest first."""
        return tuple(self._messages.get(device, ()))[-count:] if count > 0 else ()

    def next_generation(self) -> int:
        """Number the next event."""
        self.generation += 1
        return self.generation
