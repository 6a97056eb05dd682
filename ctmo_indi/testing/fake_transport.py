"""An INDI server in memory: what a test defines is there, what is sent is recorded.

Nothing moves by itself. A test plays the driver: it defines properties, looks at ``sent`` and
answers with :meth:`FakeTransport.update`, or registers a driver function that answers each command.

Example
-------
>>> server = FakeServer()
>>> server.number("Dome", "ABS_DOME_POSITION", {"DOME_ABSOLUTE_POSITION": 90.0}, (0.0, 360.0))
>>> client = IndiClient(server.connect, SystemClock())
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ctmo_indi.errors import NotConnected
from ctmo_indi.indi.snapshot import (
    NumberRange,
    Permission,
    PropertyState,
    PropertyType,
    SwitchRule,
    Value,
)
from ctmo_indi.indi.transport import (
    BlobMode,
    NewVector,
    RawBlob,
    RawDefinition,
    RawDown,
    RawEvent,
    RawGhost,
    RawMessage,
    RawPing,
    RawRemoved,
    RawUp,
    RawUpdate,
)

Driver = Callable[[NewVector], None]


@dataclass(slots=True)
class _Property:
    definition: RawDefinition
    state: PropertyState
    values: dict[str, Value] = field(default_factory=dict)


class FakeServer:
    """The server's side; outlives connections, as a real one does.

    Attributes
    ----------
    sent
        Every command that reached it, in order.
    answers_pings, accepts
        Set to False for a black hole, or for a server that is not there.
    hanging
        Devices whose driver does not answer when it is asked for definitions.
    questions
        Device and property of each such question.
    drivers
        By device: called with each command for it, on the sender's thread.
    """

    def __init__(self) -> None:
        self.sent: list[NewVector] = []
        self.blob_modes: dict[str, BlobMode] = {}
        self.answers_pings = True
        self.accepts = True
        self.hanging: set[str] = set()
        self.questions: list[tuple[str | None, str | None]] = []
        self.connections = 0
        self.drivers: dict[str, Driver] = {}
        self._properties: dict[tuple[str, str], _Property] = {}
        self._links: list[FakeTransport] = []
        self._lock = threading.RLock()

    def connect(self) -> FakeTransport:
        """Make one connection; hand this method to IndiClient."""
        return FakeTransport(self)

    def link(self) -> FakeTransport:
        """The newest connection."""
        return self._links[-1]

    # -- playing the drivers ------------------------------------------------------------------

    def number(
        self,
        device: str,
        name: str,
        values: Mapping[str, float],
        limits: tuple[float, float] = (0.0, 0.0),
        *,
        state: PropertyState = PropertyState.IDLE,
        permission: Permission = Permission.RW,
    ) -> None:
        """Define a number property; the same limits for every element."""
        ranges = {element: NumberRange(*limits) for element in values}
        floats: dict[str, Value] = {element: float(value) for element, value in values.items()}
        self.define(
            RawDefinition(
                device, name, PropertyType.NUMBER, state, permission, None, floats, ranges
            )
        )

    def switch(
        self,
        device: str,
        name: str,
        values: Mapping[str, bool],
        rule: SwitchRule = SwitchRule.ONE_OF_MANY,
        *,
        state: PropertyState = PropertyState.IDLE,
        permission: Permission = Permission.RW,
    ) -> None:
        """Define a switch property."""
        of_type = PropertyType.SWITCH
        self.define(RawDefinition(device, name, of_type, state, permission, rule, dict(values), {}))

    def text(
        self,
        device: str,
        name: str,
        values: Mapping[str, str],
        *,
        state: PropertyState = PropertyState.IDLE,
        permission: Permission = Permission.RW,
    ) -> None:
        """Define a text property."""
        of_type = PropertyType.TEXT
        self.define(RawDefinition(device, name, of_type, state, permission, None, dict(values), {}))

    def light(
        self,
        device: str,
        name: str,
        values: Mapping[str, PropertyState],
        *,
        state: PropertyState = PropertyState.IDLE,
    ) -> None:
        """Define a light property."""
        words: dict[str, Value] = {element: word.value for element, word in values.items()}
        of_type, permission = PropertyType.LIGHT, Permission.RO
        self.define(RawDefinition(device, name, of_type, state, permission, None, words, {}))

    def blob(self, device: str, name: str = "CCD1", element: str = "CCD1") -> None:
        """Define a BLOB property."""
        values: dict[str, Value] = {element: ""}
        of_type, state, permission = PropertyType.BLOB, PropertyState.IDLE, Permission.RO
        self.define(RawDefinition(device, name, of_type, state, permission, None, values, {}))

    def define(self, definition: RawDefinition) -> None:
        """Define a property and tell every connection."""
        with self._lock:
            known = _Property(definition, definition.state, dict(definition.values))
            self._properties[definition.device, definition.name] = known
            self._tell(definition)

    def update(
        self,
        device: str,
        name: str,
        state: PropertyState | None = None,
        **values: Value,
    ) -> None:
        """Set state and elements, as a driver does, and tell every connection."""
        with self._lock:
            known = self._properties.get((device, name))
            if known is None:
                self._tell(RawUpdate(device, name, state or PropertyState.OK, values, None))
                return
            known.state = state or known.state
            known.values.update(values)
            self._tell(RawUpdate(device, name, known.state, dict(known.values), None))

    def values(self, device: str, name: str) -> dict[str, Value]:
        """What a property has now."""
        return dict(self._properties[device, name].values)

    def state(self, device: str, name: str) -> PropertyState:
        """State of a property now."""
        return self._properties[device, name].state

    def accept(self, command: NewVector, state: PropertyState = PropertyState.OK) -> None:
        """Do what a good driver does at once: take the values, answer ``state``."""
        values = dict(command.values)
        if command.type is PropertyType.SWITCH and command.rule is not SwitchRule.ANY_OF_MANY:
            known = self._properties[command.device, command.name].values
            values = {element: values.get(element) is True for element in known}
        self.update(command.device, command.name, state, **values)

    def message(self, device: str, text: str) -> None:
        """Say something."""
        self._tell(RawMessage(device, text))

    def frame(self, device: str, data: bytes, form: str = ".fits", element: str = "CCD1") -> None:
        """Send a frame to whoever asked for BLOBs."""
        if self.blob_modes.get(device, BlobMode.NEVER) is not BlobMode.NEVER:
            self._tell(RawBlob(device, element, element, form, data, ""))

    def remove(self, device: str, name: str | None = None) -> None:
        """Remove a property, or the device as a dying driver does."""
        with self._lock:
            for key in list(self._properties):
                if key[0] == device and name in (None, key[1]):
                    del self._properties[key]
            self._tell(RawRemoved(device, name))

    def ghost(self, device: str, name: str | None = None) -> None:
        """Send values nobody defined."""
        self._tell(RawGhost(device, name))

    def lose(self, reason: str = "test") -> None:
        """Hang up on every connection; the properties stay for the next."""
        with self._lock:
            links, self._links = self._links, []
        for link in links:
            link.receive(RawDown(reason))

    # -- the connections' side ----------------------------------------------------------------

    def attach(self, link: FakeTransport) -> None:
        """Take a connection and define everything to it."""
        with self._lock:
            if not self.accepts:
                link.receive(RawDown("refused"))
                return
            self.connections += 1
            self.blob_modes.clear()
            self._links.append(link)
            link.receive(RawUp())
            if not self.answers_pings:
                return
            for known in self._properties.values():
                definition = known.definition._replace(state=known.state, values=dict(known.values))
                link.receive(definition)

    def detach(self, link: FakeTransport) -> None:
        """Forget a connection."""
        with self._lock:
            if link in self._links:
                self._links.remove(link)

    def answer(self, link: FakeTransport, device: str | None, name: str | None) -> None:
        """Define properties of a device, or of all, to one connection again."""
        with self._lock:
            self.questions.append((device, name))
            for (owner, prop), known in list(self._properties.items()):
                if device in (None, owner) and owner not in self.hanging and name in (None, prop):
                    link.receive(
                        known.definition._replace(state=known.state, values=dict(known.values))
                    )

    def take(self, command: NewVector) -> None:
        """Take a command from a connection."""
        self.sent.append(command)
        driver = self.drivers.get(command.device)
        if driver is not None:
            driver(command)

    def _tell(self, raw: RawEvent) -> None:
        with self._lock:
            for link in list(self._links):
                link.receive(raw)


class FakeTransport:
    """One connection to a :class:`FakeServer`."""

    name = "fake"

    def __init__(self, server: FakeServer) -> None:
        self._server = server
        self._on_event: Callable[[RawEvent], None] | None = None
        self._is_up = False

    def start(self, on_event: Callable[[RawEvent], None]) -> None:
        """Connect at once."""
        self._on_event = on_event
        self._server.attach(self)

    def send(self, command: NewVector) -> None:
        """Give a command to the server."""
        self._check()
        self._server.take(command)

    def ping(self, uid: str) -> None:
        """Be answered, unless the server is a black hole."""
        self._check()
        if self._server.answers_pings:
            self.receive(RawPing(uid))

    def ask(self, device: str | None, name: str | None) -> None:
        """Be defined again what was asked for, unless its driver hangs."""
        self._check()
        self._server.answer(self, device, name)

    def set_blob_mode(self, device: str, mode: BlobMode) -> None:
        """Tell the server which BLOBs are wanted."""
        self._check()
        self._server.blob_modes[device] = mode

    def close(self, timeout_s: float = 5.0) -> None:
        """Hang up."""
        del timeout_s
        self._is_up = False
        self._server.detach(self)

    def receive(self, raw: RawEvent) -> None:
        """Pass the server's news on."""
        if isinstance(raw, RawUp):
            self._is_up = True
        if isinstance(raw, RawDown):
            self._is_up = False
        if self._on_event is not None:
            self._on_event(raw)

    def _check(self) -> None:
        if not self._is_up:
            raise NotConnected("the fake server is not connected")
