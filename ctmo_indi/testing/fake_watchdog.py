"""INDI's WatchDog driver on a :class:`~ctmo_indi.testing.fake_client.FakeClient`.

It answers as WatchDog 0.3 of INDI 1.9.9 was seen to: a threshold beyond 3600 is refused and the old
one stays, the trigger needs a threshold first, names cannot be changed while it closes, and only a
new connection forgets a closing that was begun.
"""

from __future__ import annotations

from collections.abc import Mapping

from ctmo_indi.indi import names
from ctmo_indi.indi.snapshot import PropertyState, Value
from ctmo_indi.testing.fake_client import FakeClient

WATCHDOG = "WatchDog"
_BEAT, _TRIGGER, _SHUTDOWN = "WATCHDOG_HEARTBEAT", "WATCHDOG_Trigger", "WATCHDOG_SHUTDOWN"
_VALUE = "WATCHDOG_HEARTBEAT_VALUE"
_MAX_S = 3600.0


class FakeWatchdog:
    """The driver's properties and answers.

    Attributes
    ----------
    mute
        True: it answers nothing.
    """

    def __init__(self, client: FakeClient) -> None:
        self.client = client
        self.mute = False
        self.appear()

    def appear(self) -> None:
        """Start, or start again: not connected, nothing set."""
        client = self.client
        client.define(WATCHDOG, names.CONNECTION, {names.CONNECT: False, names.DISCONNECT: True})
        client.define(WATCHDOG, _BEAT, {_VALUE: 0.0}, ranges={_VALUE: (0.0, _MAX_S)})
        client.define(WATCHDOG, _TRIGGER, {"TRIGGER_CLIENT": False, "TRIGGER_WEATHER": False})
        shutdown = {"PARK_MOUNT": False, "PARK_DOME": False, "EXECUTE_SCRIPT": False}
        client.define(WATCHDOG, _SHUTDOWN, shutdown)
        policy = {"MOUNT_IGNORED": True, "MOUNT_LOCKS": False}
        client.define(WATCHDOG, "WATCHDOG_MOUNT_POLICY", policy)
        settings = {"INDISERVER_HOST": "localhost", "INDISERVER_PORT": "7624"}
        client.define(WATCHDOG, "WATCHDOG_SETTINGS", {**settings, "SHUTDOWN_SCRIPT": ""})
        active = {"ACTIVE_TELESCOPE": "x", "ACTIVE_DOME": "y", "ACTIVE_WEATHER": "z"}
        client.define(WATCHDOG, "ACTIVE_DEVICES", active)
        client.on_command(WATCHDOG, names.CONNECTION, self._connection)
        client.on_command(WATCHDOG, _BEAT, self._beat)
        client.on_command(WATCHDOG, _TRIGGER, self._trigger)
        client.on_command(WATCHDOG, "ACTIVE_DEVICES", self._active)
        client.on_command(WATCHDOG, "WATCHDOG_MOUNT_POLICY", self._policy)

    def begin_closing(self) -> None:
        """Let the silence have been too long."""
        self.client.update(WATCHDOG, _SHUTDOWN, state=PropertyState.BUSY)

    def end_closing(self) -> None:
        """Let everything be parked."""
        self.client.update(WATCHDOG, _SHUTDOWN, state=PropertyState.OK)

    @property
    def is_closing(self) -> bool:
        """Whether it closes now."""
        found = self.client.get(WATCHDOG, _SHUTDOWN)
        return found is not None and found.state is PropertyState.BUSY

    def beats(self) -> list[Value]:
        """The threshold of each beat it got."""
        return [values[_VALUE] for values in self.client.commands_to(_BEAT)]

    def is_triggered_by_silence(self) -> bool:
        """Whether it would close after a silence."""
        found = self.client.get(WATCHDOG, _TRIGGER)
        return found is not None and found.values["TRIGGER_CLIENT"] is True

    def _connection(self, values: Mapping[str, Value]) -> None:
        if self.mute:
            return
        connected = values.get(names.CONNECT) is True
        now = {names.CONNECT: connected, names.DISCONNECT: not connected}
        self.client.update(WATCHDOG, names.CONNECTION, now, PropertyState.IDLE)
        if not connected:
            self.end_closing()

    def _beat(self, values: Mapping[str, Value]) -> None:
        if not self.mute:
            self.client.update(WATCHDOG, _BEAT, values, PropertyState.OK)

    def _trigger(self, values: Mapping[str, Value]) -> None:
        if self.mute:
            return
        threshold = self.client.require(WATCHDOG, _BEAT).values[_VALUE]
        if values.get("TRIGGER_CLIENT") is True and threshold == 0.0:
            self.client.update(WATCHDOG, _TRIGGER, state=PropertyState.ALERT)
        else:
            self.client.update(WATCHDOG, _TRIGGER, values, PropertyState.OK)

    def _active(self, values: Mapping[str, Value]) -> None:
        if self.is_closing:
            self.client.update(WATCHDOG, "ACTIVE_DEVICES", state=PropertyState.ALERT)
        elif not self.mute:
            self.client.update(WATCHDOG, "ACTIVE_DEVICES", values, PropertyState.OK)

    def _policy(self, values: Mapping[str, Value]) -> None:
        locks = values.get("MOUNT_LOCKS") is True
        now = {"MOUNT_LOCKS": locks, "MOUNT_IGNORED": not locks}
        if not self.mute:
            self.client.update(WATCHDOG, "WATCHDOG_MOUNT_POLICY", now, PropertyState.OK)
