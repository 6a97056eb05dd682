"""The key ``Tango`` of the configuration: where the Tango device server is, and its names.

It is optional and a process of its own; ``ctmo_indi/tango`` is the server, which alone needs
pytango.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SERVER = "ctmo-indi"
"""Name of the device server in a Tango database; ``SERVER/instance`` is one of them."""

DEFAULT_NAMES: Mapping[str, str] = {
    "Mount": "ctmo/mount/1",
    "Camera": "ctmo/camera/1",
    "FilterWheel": "ctmo/filterwheel/1",
    "Dome": "ctmo/dome/1",
    "Weather": "ctmo/weather/1",
    "Scheduler": "ctmo/scheduler/1",
}
"""Class of a device -> its name where the site gives no other."""

SCHEMA: Mapping[str, Any] = {  # Any: a JSON Schema
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "Enabled": {"type": "boolean"},
        "Host": {"type": "string", "format": "listening-ip", "description": "an IP address"},
        "Port": {"type": "integer", "minimum": 1, "maximum": 65535, "description": "a TCP port"},
        "Database": {
            "type": "string",
            "pattern": "^[A-Za-z0-9][A-Za-z0-9.-]*:[0-9]{1,5}$",
            "description": "a Tango database as TANGO_HOST has it, such as tango.example:10000",
        },
        "Instance": {
            "type": "string",
            "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$",
            "description": "a name of letters, digits, _ and -",
        },
        "Names": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                name: {
                    "type": "string",
                    "pattern": "^[A-Za-z0-9_-]+/[A-Za-z0-9_-]+/[A-Za-z0-9_-]+$",
                    "description": "domain/family/member, such as ctmo/mount/1",
                }
                for name in DEFAULT_NAMES
            },
        },
        "Client Token File": {"type": "string", "minLength": 1, "description": "a path"},
    },
}


@dataclass(frozen=True, slots=True)
class TangoSettings:
    """How the Tango device server is set up.

    Parameters
    ----------
    is_enabled
        Whether ``ctmo-indi up`` runs it.
    host, port
        Where it listens. Tango has no log-in: who reaches it has the role of its token.
    database
        ``host:port`` of a Tango database; None: it runs without one.
    instance
        Which of perhaps several servers of the database this is.
    names
        Class -> domain/family/member; a database that knows the devices already wins.
    token_file
        With which it calls the services; that of ``Access`` when None.
    """

    is_enabled: bool = False
    host: str = "127.0.0.1"
    port: int = 8050
    database: str | None = None
    instance: str = "ctmo"
    names: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_NAMES))
    token_file: Path | None = None

    def url(self, device_class: str) -> str:
        """Return the address of a device, as ``tango.DeviceProxy`` takes it."""
        if self.database is not None:
            return f"tango://{self.database}/{self.names[device_class]}"
        return f"tango://{self.host}:{self.port}/{self.names[device_class]}#dbase=no"

    def as_file(self) -> dict[str, object]:
        """Return the key as :func:`read` reads it."""
        entry: dict[str, object] = {
            "Enabled": self.is_enabled,
            "Host": self.host,
            "Port": self.port,
            "Instance": self.instance,
            "Names": dict(self.names),
        }
        if self.database is not None:
            entry["Database"] = self.database
        if self.token_file is not None:
            entry["Client Token File"] = str(self.token_file.absolute())
        return entry


def read(entry: Mapping[str, Any]) -> TangoSettings:  # Any: checked by the schema
    """Make the settings of the key; what is left out has its default."""
    default = TangoSettings()
    file = entry.get("Client Token File")
    return TangoSettings(
        is_enabled=entry.get("Enabled", True),
        host=entry.get("Host", default.host),
        port=entry.get("Port", default.port),
        database=entry.get("Database"),
        instance=entry.get("Instance", default.instance),
        names={**DEFAULT_NAMES, **entry.get("Names", {})},
        token_file=None if file is None else Path(file).expanduser(),
    )


def problems(entry: Mapping[str, Any], *, is_loopback: bool) -> list[tuple[tuple[str, ...], str]]:
    """Find what no schema can: path of the key, and what came and what was expected.

    Parameters
    ----------
    is_loopback
        Whether ``Host`` is reached from this machine only.
    """
    found: list[tuple[tuple[str, ...], str]] = []
    if not is_loopback and "Client Token File" not in entry:
        found.append(
            (
                ("Tango", "Host"),
                f"came {entry.get('Host')}, which other machines reach, and Tango has no log-in;"
                " expected a Client Token File, whose role everybody there has",
            )
        )
    names = {**DEFAULT_NAMES, **entry.get("Names", {})}
    for name, device in names.items():
        others = [each for each in names if each < name and names[each].lower() == device.lower()]
        if others:
            found.append(
                (("Tango", "Names", name), f"came {device}, expected another than {others[0]}'s")
            )
    return found
