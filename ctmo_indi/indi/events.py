"""What happens on a link to an INDI server, as the client's subscribers see it, in order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ctmo_indi.indi.snapshot import PropertySnapshot


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The server answers; definitions follow."""


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The server is lost; every snapshot of it is void."""

    reason: str


@dataclass(frozen=True, slots=True)
class PropertyDefined:
    """A property appeared, or was defined again."""

    snapshot: PropertySnapshot


@dataclass(frozen=True, slots=True)
class PropertyUpdated:
    """Values or state of a property came."""

    snapshot: PropertySnapshot


@dataclass(frozen=True, slots=True)
class PropertyRemoved:
    """A property is gone; ``name`` None: all of the device."""

    device: str
    name: str | None


@dataclass(frozen=True, slots=True)
class DeviceRemoved:
    """A driver ended or restarted; its properties are void."""

    device: str


@dataclass(frozen=True, slots=True)
class DeviceRestored:
    """After a loss a device was configured and connected again by the client."""

    device: str


@dataclass(frozen=True, slots=True)
class DriverMessage:
    """A driver's log line; ``device`` is empty when the server itself speaks."""

    device: str
    text: str
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class BlobReceived:
    """A frame: its bytes, or the path where the driver saved it.

    Parameters
    ----------
    size
        Bytes of ``data``; 0 when only the path is known.
    path
        On the driver's machine.
    """

    device: str
    property: str
    element: str
    format: str
    size: int
    path: Path | None
    data: bytes | None
    generation: int


@dataclass(frozen=True, slots=True)
class BlobRefused:
    """A BLOB that cannot be a whole frame (compressed, or cut) was not touched."""

    device: str
    property: str
    element: str
    format: str
    reason: str


@dataclass(frozen=True, slots=True)
class PingReply:
    """The server answered a ping."""

    uid: str


Event = (
    LinkUp
    | LinkDown
    | PropertyDefined
    | PropertyUpdated
    | PropertyRemoved
    | DeviceRemoved
    | DeviceRestored
    | DriverMessage
    | BlobReceived
    | BlobRefused
    | PingReply
)
