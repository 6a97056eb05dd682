"""Something a service has published, and what a store of such events answers with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was published.

    Parameters
    ----------
    revision
        Its number in the order of publishing; a reader's cursor.
    kind
        What it is about: "order", "attempt", "state", "verdict", "telemetry", "log" ...
    subject
        Which: a receipt, a device; empty for the service itself.
    utc
        Sky time, ISO 8601.
    """

    revision: int
    kind: str
    subject: str
    utc: str
    data: Mapping[str, object]

    def to_wire(self) -> dict[str, object]:
        """Keys as they stand in a reply to Events."""
        return {
            "Revision": self.revision,
            "Kind": self.kind,
            "Subject": self.subject,
            "UTC": self.utc,
            "Data": dict(self.data),
        }


@dataclass(frozen=True, slots=True)
class StoredEvents:
    """Events read from a store.

    Parameters
    ----------
    is_more
        Whether there are more after the last one than were asked for.
    lost
        Whether some that belong before the last one were deleted, or never stored.
    """

    events: tuple[Event, ...]
    is_more: bool
    lost: bool
