"""The seam between the INDI client and the library that speaks the protocol.

A transport is one link to one server: it comes up once, goes down once and is then thrown away.
Reconnecting means a new transport, because PyIndi's client object cannot be trusted after a loss
(``isServerConnected`` stays true, devices lose their names, sends vanish).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from ctmo_indi.indi.endpoint import Endpoint
from ctmo_indi.indi.snapshot import (
    NumberRange,
    Permission,
    PropertyState,
    PropertyType,
    SwitchRule,
    Value,
)

__all__ = [
    "BlobMode",
    "Endpoint",
    "NewVector",
    "RawBlob",
    "RawDefinition",
    "RawDown",
    "RawEvent",
    "RawGhost",
    "RawHeard",
    "RawMessage",
    "RawPing",
    "RawRemoved",
    "RawUp",
    "RawUpdate",
    "Transport",
]


class BlobMode(StrEnum):
    """Which traffic of a device the server sends us."""

    NEVER = "Never"
    ALSO = "Also"
    ONLY = "Only"


@dataclass(frozen=True, slots=True)
class NewVector:
    """A checked command, ready for the wire; ``values`` holds exactly the elements to send."""

    device: str
    name: str
    type: PropertyType
    values: Mapping[str, Value]
    rule: SwitchRule | None = None


class RawUp(NamedTuple):
    """The connection was made."""


class RawDown(NamedTuple):
    """The link is gone for good; nothing follows."""

    reason: str


class RawDefinition(NamedTuple):
    """A whole property."""

    device: str
    name: str
    type: PropertyType
    state: PropertyState
    permission: Permission
    rule: SwitchRule | None
    values: dict[str, Value]
    ranges: dict[str, NumberRange]


class RawUpdate(NamedTuple):
    """New state and all values of a defined property; ``ranges`` None: unchanged."""

    device: str
    name: str
    state: PropertyState
    values: dict[str, Value]
    ranges: dict[str, NumberRange] | None


class RawRemoved(NamedTuple):
    """A property, or with ``name`` None a whole device, is gone."""

    device: str
    name: str | None


class RawMessage(NamedTuple):
    """A driver's log line, without the library's time stamp."""

    device: str
    text: str


class RawBlob(NamedTuple):
    """A BLOB; ``data`` None: not touched, ``reason`` says why."""

    device: str
    name: str
    element: str
    format: str
    data: bytes | None
    reason: str


class RawPing(NamedTuple):
    """The server answered our ping."""

    uid: str


class RawGhost(NamedTuple):
    """Values came for a device or property that nobody defined; refused."""

    device: str
    name: str | None


class RawHeard(NamedTuple):
    """A driver answered a question, on another connection than the rest comes on."""

    device: str


RawEvent = (
    RawUp
    | RawDown
    | RawDefinition
    | RawUpdate
    | RawRemoved
    | RawMessage
    | RawBlob
    | RawPing
    | RawGhost
    | RawHeard
)


class Transport(Protocol):
    """One link to one INDI server."""

    name: str

    def start(self, on_event: Callable[[RawEvent], None]) -> None:
        """Begin connecting; returns at once. ``on_event`` may be called from any thread."""
        ...

    def send(self, command: NewVector) -> None:
        """Put one command on the wire, whole; any thread; NotConnected when the link is down."""
        ...

    def ping(self, uid: str) -> None:
        """Ask the server for a sign of life; :class:`RawPing` answers. NotConnected when down."""
        ...

    def ask(self, device: str | None, name: str | None) -> None:
        """Ask a driver to define a property (None: all) of a device (None: of all) again.

        It answers with definitions, or the transport with :class:`RawHeard`; what was never
        defined is then. NotConnected when the link is down. May block for seconds; the link's
        thread only.
        """
        ...

    def set_blob_mode(self, device: str, mode: BlobMode) -> None:
        """Choose which BLOBs of ``device`` the server sends. NotConnected when down."""
        ...

    def close(self, timeout_s: float = 5.0) -> None:
        """End the link and everything the transport started, within ``timeout_s`` machine s."""
        ...
