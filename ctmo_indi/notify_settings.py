"""The key ``Notify`` of the configuration: whom to tell of an alarm or a dead night.

How they are told: ``notices.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ctmo_indi.errors import ConfigError

SCHEMA: Mapping[str, Any] = {  # Any: a JSON Schema
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "properties": {
        "URLs": {
            "type": "array",
            "maxItems": 32,
            "items": {"type": "string", "minLength": 1},
            "description": "addresses as apprise takes them",
        },
        "File": {
            "type": "string",
            "minLength": 1,
            "description": "a file with one address a line",
        },
    },
}


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """Whom to tell of an alarm or a dead night; the addresses hold passwords, never shown.

    Parameters
    ----------
    urls
        As apprise takes them.
    file
        More of them, one a line; ``#`` begins a comment.
    """

    urls: tuple[str, ...] = field(default=(), repr=False)
    file: Path | None = None

    def addresses(self) -> tuple[str, ...]:
        """Return all addresses; blocks for the file.

        Raises
        ------
        ConfigError
            The file cannot be read, or there is no address at all.
        """
        found = list(self.urls)
        if self.file is not None:
            try:
                lines = self.file.read_text().splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"Notify: File: {self.file} cannot be read: {error}") from None
            found += [line.strip() for line in lines if line.strip() and line.strip()[0] != "#"]
        if not found:
            raise ConfigError("Notify: came no address, expected one at least")
        return tuple(found)

    def as_file(self) -> dict[str, object]:
        """Return the key as :func:`read` reads it, passwords and all."""
        entry: dict[str, object] = {}
        if self.urls:
            entry["URLs"] = list(self.urls)
        if self.file is not None:
            entry["File"] = str(self.file.absolute())
        return entry


def read(entry: Mapping[str, Any]) -> NotifySettings:  # Any: checked by the schema
    """Make the settings of the key."""
    file = Path(entry["File"]).expanduser() if "File" in entry else None
    return NotifySettings(tuple(entry.get("URLs", ())), file)
