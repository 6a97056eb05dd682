"""Reading side of the client: what the server said, and waiting for what it will say."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ctmo_indi.clock import Clock, Deadline
from ctmo_indi.errors import (
    CommandTimeout,
    DriverLost,
    NotConnected,
    ServerLost,
    UnknownDevice,
    UnknownProperty,
)
from ctmo_indi.indi.ingest import Ingest
from ctmo_indi.indi.link import Link, LinkState
from ctmo_indi.indi.snapshot import PropertySnapshot

_LOOK_AGAIN_S = 0.5  # a deadline in sky time may come nearer while we wait


class PropertyReader:
    """Snapshots, messages and waits; base of :class:`IndiClient`. Any thread.

    Parameters
    ----------
    changed
        The client's condition, notified with every piece of news; its lock guards the store.
    is_closed
        Whether the client is being closed.
    """

    def __init__(
        self,
        clock: Clock,
        link: Link,
        ingest: Ingest,
        changed: threading.Condition,
        is_closed: Callable[[], bool],
        name: str,
    ) -> None:
        self._clock = clock
        self._link = link
        self._ingest = ingest
        self._changed = changed
        self._is_closed = is_closed
        self._name = name

    @property
    def link(self) -> LinkState:
        """How the link to the server stands."""
        return self._link.state

    @property
    def lag_s(self) -> float:
        """Machine seconds to the server and back now: of the last ping, or of one on its way."""
        return self._link.lag_s

    @property
    def clock(self) -> Clock:
        """The clock its deadlines and ages are in."""
        return self._clock

    def wait_link(self, timeout_s: float) -> None:
        """Block until the server answers; NotConnected after ``timeout_s`` machine seconds."""
        end_s = self._clock.machine_s() + timeout_s
        with self._changed:
            while self._link.state is not LinkState.UP:
                remaining_s = end_s - self._clock.machine_s()
                if remaining_s <= 0:
                    raise NotConnected(
                        f"{self._name}: no INDI server in {timeout_s:g} s: {self._link.reason}"
                    )
                self._changed.wait(min(remaining_s, _LOOK_AGAIN_S))

    def devices(self) -> tuple[str, ...]:
        """Devices that have defined properties."""
        with self._changed:
            return self._ingest.store.devices()

    def get(self, device: str, prop: str) -> PropertySnapshot | None:
        """The property as last heard; None when there is none, or no link."""
        with self._changed:
            return self._ingest.store.get(device, prop)

    def require(self, device: str, prop: str) -> PropertySnapshot:
        """The property as last heard.

        Raises
        ------
        NotConnected, UnknownDevice, UnknownProperty, DriverLost
            There is no link, no such device, no such property, or its driver says nothing.
        """
        with self._changed:
            snapshot = self._ingest.store.get(device, prop)
            if snapshot is not None:
                return snapshot
            if self._link.state is not LinkState.UP:
                raise NotConnected(f"{device}.{prop}: no INDI server: {self._link.reason}")
            if self._ingest.store.is_silenced(device):
                silent_s = self._ingest.watch.silent_s(device) or 0.0
                raise DriverLost(f"{device}: its driver has been silent for {silent_s:.0f} s")
            devices = self._ingest.store.devices()
            if device not in devices:
                raise UnknownDevice(
                    f"no device {device!r}; the server has {', '.join(devices) or 'none'}"
                )
            raise UnknownProperty(f"{device} has no property {prop}")

    def properties(self, device: str) -> tuple[PropertySnapshot, ...]:
        """Every property of a device."""
        with self._changed:
            return self._ingest.store.properties(device)

    def messages(self, device: str, count: int = 5) -> tuple[str, ...]:
        """The driver's last messages, oldest first."""
        with self._changed:
            return self._ingest.store.messages(device, count)

    def wait_for(
        self,
        device: str,
        prop: str,
        timeout_s: float,
        predicate: Callable[[PropertySnapshot], bool] | None = None,
        *,
        floor_machine_s: float = 2.0,
    ) -> PropertySnapshot:
        """Block until the property is there and ``predicate`` holds for it.

        Parameters
        ----------
        timeout_s
            Sky seconds, not less than ``floor_machine_s`` seconds of the machine.
        predicate
            Called under the client's lock: it must be quick and ask nothing of the client.

        Raises
        ------
        CommandTimeout
            It did not come in time.
        ServerLost, DriverLost
            The server or the driver went away meanwhile.
        """
        deadline = Deadline(self._clock, timeout_s, floor_machine_s)
        with self._changed:
            losses: int | None = None
            device_losses = self._ingest.device_losses(device)
            while True:
                if self._link.state is LinkState.UP and losses is None:
                    losses = self._ingest.server_losses
                if losses is not None and losses != self._ingest.server_losses:
                    raise ServerLost(f"{device}.{prop}: server lost: {self._link.reason}")
                if device_losses != self._ingest.device_losses(device):
                    raise DriverLost(f"{device}.{prop}: the driver went away")
                snapshot = self._ingest.store.get(device, prop)
                if snapshot is not None and (predicate is None or predicate(snapshot)):
                    return snapshot
                remaining_s = deadline.remaining_machine_s()
                if self._is_closed():
                    raise NotConnected(f"{device}.{prop}: the INDI client is closed")
                if remaining_s <= 0:
                    came = "it is not there" if snapshot is None else f"it is {snapshot.state}"
                    raise CommandTimeout(
                        f"{device}.{prop}: not as awaited after {timeout_s:g} s: {came}"
                    )
                self._changed.wait(min(remaining_s, _LOOK_AGAIN_S))
