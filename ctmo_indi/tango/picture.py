"""What the services said last, and how long ago: all that a device's answers are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

STALE_AFTER_S = 8.0
"""Machine seconds after which a reply counts no longer, though no error was told."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The last word of one service.

    Parameters
    ----------
    reply
        Its Status reply; empty when it never answered.
    error
        Why it does not answer now; empty while it does.
    utc, at_machine_s
        Sky time and machine time of ``reply``, or of the first error when there was none.
    once_connected
        Devices, by their key in ``Devices``, that were connected at some time.
    command
        Command and Status of the ticket that was published last: ("start", "IN_PROGRESS").
    last_frame
        Path of the newest frame that was told of.
    """

    service: str
    reply: Mapping[str, Any] = field(default_factory=dict)  # Any: as on the wire
    error: str = ""
    utc: datetime | None = None
    at_machine_s: float = 0.0
    once_connected: frozenset[str] = frozenset()
    command: tuple[str, str] = ("", "")
    last_frame: str = ""

    @property
    def is_new(self) -> bool:
        """Whether nothing is known yet, not even that it does not answer."""
        return not self.reply and not self.error

    def lost(self, now_machine_s: float) -> str:
        """Say why its word does not count now; empty when it does."""
        if self.error:
            return f"the {self.service} service does not answer: {self.error}"
        silent_s = now_machine_s - self.at_machine_s
        if self.reply and silent_s > STALE_AFTER_S:
            return f"the {self.service} service has said nothing for {silent_s:.0f} s"
        return ""

    def at(self, *path: str) -> Any:  # Any: as on the wire
        """Return what stands in the reply under ``path``; None when there is nothing."""
        found: Any = self.reply
        for key in path:
            if not isinstance(found, Mapping) or key not in found:
                return None
            found = found[key]
        return found

    def part(self, key: str) -> Mapping[str, Any]:  # Any: as on the wire
        """Return one device of ``Devices``; empty when there is none."""
        found = self.at("Devices", key)
        return found if isinstance(found, Mapping) else {}
