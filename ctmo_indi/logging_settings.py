"""The key ``Logging`` of the configuration: where log lines go, which ones, and what they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
SCHEMA: Mapping[str, Any] = {  # Any: a JSON Schema
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "File": {"type": ["string", "null"], "description": "a path, nothing for stderr"},
        "Log Level": {"enum": [*_LEVELS, *(level.lower() for level in _LEVELS)]},
        "Format": {"enum": ["text", "json"]},
    },
}


@dataclass(frozen=True, slots=True)
class LoggingSettings:
    """What a service logs.

    Parameters
    ----------
    file
        None for stderr only.
    level
        DEBUG, INFO, WARNING or ERROR.
    format
        What a line is: text or json.
    """

    file: Path | None = None
    level: str = "INFO"
    format: str = "text"

    def as_file(self) -> dict[str, object]:
        """Return the key for the services of a fleet, each of which has a file of its own."""
        return {"Log Level": self.level, "Format": self.format}


def read(entry: Mapping[str, Any], default_file: Path | None) -> LoggingSettings:
    """Make the settings of the key, checked by the schema; a null file is none, not the default."""
    file = entry.get("File", default_file)
    return LoggingSettings(
        Path(file).expanduser() if file else None,
        str(entry.get("Log Level", "INFO")).upper(),
        entry.get("Format", "text"),
    )
