"""What the devices shall be configured to, and which devices shall be connected.

Configuration is sent again whenever its property is defined: after a reconnection, after a driver
restart. Nothing here can move anything (:data:`names.MOTION`); a device that comes back is
connected and configured, and then waits for whoever commands it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ctmo_indi.clock import Clock
from ctmo_indi.errors import InvalidCommand
from ctmo_indi.indi import names
from ctmo_indi.indi.snapshot import PropertySnapshot, PropertyState, Value

_INSIST_MACHINE_S = 5.0
_INSIST_TIMES = 3


@dataclass(slots=True)
class _Kept:
    values: Mapping[str, Value]
    defined_machine_s: float = 0.0
    sent: int = 0


class Keeper:
    """Desired configuration. The caller holds the client's lock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, str], _Kept] = {}

    def keep(self, device: str, name: str, values: Mapping[str, Value]) -> None:
        """Remember; InvalidCommand for anything that moves, exposes or connects."""
        if not names.may_be_kept(name, values):
            raise InvalidCommand(
                f"{device}.{name} moves, exposes or connects something: it is only ever commanded"
            )
        known = self._kept.get((device, name))
        merged = {**known.values, **values} if known and not _is_switch(values) else dict(values)
        self._kept[device, name] = _Kept(merged, self._clock.machine_s())

    def forget(self, device: str, name: str) -> None:
        """Keep it no longer."""
        self._kept.pop((device, name), None)

    def on_defined(self, snapshot: PropertySnapshot) -> Mapping[str, Value] | None:
        """Values to send now that the property is there, None when it is as wanted."""
        kept = self._kept.get((snapshot.device, snapshot.name))
        if kept is None:
            return None
        kept.defined_machine_s, kept.sent = self._clock.machine_s(), 0
        return self._due(kept, snapshot)

    def on_updated(self, snapshot: PropertySnapshot) -> Mapping[str, Value] | None:
        """Values to send because the driver changed them right after it started.

        Drivers load their own configuration file at the end of connecting. Later changes are
        somebody's decision and stay.
        """
        kept = self._kept.get((snapshot.device, snapshot.name))
        if kept is None or snapshot.state is PropertyState.BUSY or kept.sent >= _INSIST_TIMES:
            return None
        if self._clock.machine_s() - kept.defined_machine_s > _INSIST_MACHINE_S:
            return None
        return self._due(kept, snapshot)

    @staticmethod
    def _due(kept: _Kept, snapshot: PropertySnapshot) -> Mapping[str, Value] | None:
        if all(same(snapshot.values.get(name), value) for name, value in kept.values.items()):
            return None
        kept.sent += 1
        return kept.values


def same(now: Value | None, wanted: Value) -> bool:
    """Whether an element has the wanted value, numbers to one part in a million."""
    if isinstance(wanted, bool) or isinstance(now, bool) or now is None:
        return now is wanted
    if isinstance(wanted, str) or isinstance(now, str):
        return isinstance(now, str) and isinstance(wanted, str) and now.strip() == wanted.strip()
    return abs(now - wanted) <= max(1e-9, 1e-6 * abs(wanted))


def _is_switch(values: Mapping[str, Value]) -> bool:
    return any(isinstance(value, bool) for value in values.values())


@dataclass(slots=True)
class ConnectPlan:
    """How one device is connected, the first time and after each loss."""

    device: str
    before: tuple[tuple[str, Mapping[str, Value]], ...]
    requires: tuple[str, ...]
    timeout_s: float
    is_running: bool = False

    @classmethod
    def make(
        cls,
        device: str,
        before: Sequence[tuple[str, Mapping[str, Value]]],
        requires: Sequence[str],
        timeout_s: float,
    ) -> ConnectPlan:
        """Check and freeze; InvalidCommand when ``before`` would move something."""
        for name, values in before:
            if not names.may_be_kept(name, values):
                raise InvalidCommand(f"{device}.{name} cannot be set before connecting")
        frozen = tuple((name, dict(values)) for name, values in before)
        return cls(device, frozen, tuple(requires), timeout_s)
