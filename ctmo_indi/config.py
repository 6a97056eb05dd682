"""The site's configuration file, ``/etc/ctmo/ctmo.conf.yaml``.

The files of the CTMO and TOROS managers are read word for word; our own keys are additions
(``Safety Address``, ``Database: {URL}``, ``INDI Server``, ``Profile``, ``Data Directory``,
``Anonymous May Operate``, ``Resume At Start``, ``Scheduler Configuration``). Every key may be left
out.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ctmo_indi.checked_yaml import Lines, load_checked
from ctmo_indi.errors import ConfigError

DEFAULT_FILE = Path("/etc/ctmo/ctmo.conf.yaml")
TOROS_FILE = Path("/etc/toros/toros.conf.yaml")

# Where a file at a standard place logs when it does not say, as the 2019 documents promise.
_DEFAULT_LOGS = {
    DEFAULT_FILE: Path("/etc/ctmo/logs/ctmo.log"),
    TOROS_FILE: Path("/etc/toros/logs/toros.log"),
}
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_SERVICES = ("scheduler", "telescope", "dome", "preprocessor", "safety")
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")

_PORT = {"type": "integer", "minimum": 1, "maximum": 65535, "description": "a TCP port"}
_ADDRESS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "HTTP": {
            "type": "string",
            "format": "http-url",
            "description": "a URL such as http://localhost:8000/",
        },
        "IP": {
            "type": ["string", "null"],
            "format": "listening-ip",
            "description": "the IP address to listen on, or localhost",
        },
        "Port": _PORT,
    },
}
_SCHEMA: Mapping[str, Any] = {  # Any: a JSON Schema
    "type": "object",
    "additionalProperties": False,
    "properties": {
        **{f"{service.capitalize()} Address": _ADDRESS for service in _SERVICES},
        "Logging": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "File": {"type": ["string", "null"], "description": "a path, nothing for stderr"},
                "Log Level": {"enum": [*_LEVELS, *(level.lower() for level in _LEVELS)]},
            },
        },
        "Database": {
            "type": ["object", "null"],
            "additionalProperties": False,
            "properties": {
                "File": {"type": "string", "minLength": 1, "description": "an SQLite file"},
                "URL": {
                    "type": "string",
                    "pattern": "^[a-z0-9+]+://",
                    "description": "an SQLAlchemy URL",
                },
            },
        },
        "INDI Server": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "Host": {"type": "string", "minLength": 1},
                "Port": _PORT,
                "Socket": {"type": ["string", "null"], "description": "path of the -u socket"},
            },
        },
        "Profile": {"type": "string", "minLength": 1, "description": "a profile's name or path"},
        "Data Directory": {"type": "string", "minLength": 1, "description": "a folder"},
        "Anonymous May Operate": {"type": "boolean"},
        "Resume At Start": {"type": "boolean"},
        "Scheduler Configuration": {
            "type": "string",
            "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]*$",
            "description": "the name of a file NAME.scheduler.yaml of profiles",
        },
    },
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a service is found (``http``), and where it listens (``ip``, ``port``)."""

    http: str
    ip: str
    port: int


@dataclass(frozen=True, slots=True)
class LoggingSettings:
    """File is None for stderr only."""

    file: Path | None = None
    level: str = "INFO"


@dataclass(frozen=True, slots=True)
class IndiAddress:
    """Where indiserver listens; ``socket`` (its ``-u`` path) is used instead of TCP when set."""

    host: str = "localhost"
    port: int = 7624
    socket: str | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """What every service needs to know before it reads its profile.

    Parameters
    ----------
    profile
        Name of a file of ``profiles/``, or a path.
    data_dir
        Where databases, nights and logs are kept.
    database_url
        SQLAlchemy URL instead of the SQLite files of ``data_dir``; None for those.
    database_file
        The preprocessor's SQLite file (``Database: {File}``, as with TOROS) instead of the one in
        ``data_dir``.
    anonymous_may_operate
        Whether a caller without a token on loopback may submit and operate, as with the original.
    resume_at_start
        Whether a scheduler that was observing when it ended observes again after a restart.
    scheduler_configuration
        Name of the component's configuration; see ``profiles/default.scheduler.yaml``.
    indi
        Key ``INDI Server: {Host, Port, Socket}``: wins over the profile's ``indiserver`` address.
        ``up`` and ``demo`` write it for their children, since they start indiserver on a free port.
    """

    scheduler: Address = Address("http://localhost:8000", "127.0.0.1", 8000)
    telescope: Address = Address("http://localhost:8010", "127.0.0.1", 8010)
    dome: Address = Address("http://localhost:8020", "127.0.0.1", 8020)
    preprocessor: Address = Address("http://localhost:8030", "127.0.0.1", 8030)
    safety: Address = Address("http://localhost:8040", "127.0.0.1", 8040)
    logging: LoggingSettings = LoggingSettings()
    profile: str = "simulators"
    data_dir: Path = Path("/var/lib/ctmo")
    database_url: str | None = None
    database_file: Path | None = None
    anonymous_may_operate: bool = True
    resume_at_start: bool = True
    scheduler_configuration: str = "default"
    indi: IndiAddress | None = None
    file: Path | None = None


def load(
    path: str | Path | None = None,
    *,
    default_files: tuple[Path, ...] = (DEFAULT_FILE, TOROS_FILE),
) -> Config:
    """Read the configuration.

    Parameters
    ----------
    path
        A file named by the user, which must exist. None: the first of ``default_files`` that
        exists, else everything has its default.

    Returns
    -------
    Config
        ``localhost`` and an empty ``IP`` mean loopback. A missing ``HTTP`` is made from IP and
        port, a missing port is taken from ``HTTP``.

    Raises
    ------
    ConfigError
        The named file is missing, or everything that is wrong in it: file, line, key, what came,
        what was expected.
    """
    if path is None:
        path = next((file for file in default_files if file.is_file()), None)
        if path is None:
            return Config()
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"{path}: no such file, expected a configuration")
    data, lines = load_checked(
        path, _SCHEMA, formats={"http-url": _is_http_url, "listening-ip": _is_listening_ip}
    )
    defaults = Config()
    addresses = {
        service: _address(service, data, getattr(defaults, service)) for service in _SERVICES
    }
    problems = _shared_ports(addresses, data, lines)
    if problems:
        raise ConfigError(problems)
    database = data.get("Database") or {}
    return replace(
        defaults,
        logging=_logging(path, data.get("Logging", {})),
        profile=data.get("Profile", defaults.profile),
        data_dir=Path(data.get("Data Directory", defaults.data_dir)).expanduser(),
        database_url=database.get("URL"),
        database_file=Path(database["File"]).expanduser() if "File" in database else None,
        anonymous_may_operate=data.get("Anonymous May Operate", defaults.anonymous_may_operate),
        resume_at_start=data.get("Resume At Start", defaults.resume_at_start),
        scheduler_configuration=data.get(
            "Scheduler Configuration", defaults.scheduler_configuration
        ),
        indi=_indi(data.get("INDI Server")),
        file=path,
        scheduler=addresses["scheduler"],
        telescope=addresses["telescope"],
        dome=addresses["dome"],
        preprocessor=addresses["preprocessor"],
        safety=addresses["safety"],
    )


def _address(service: str, data: Mapping[str, Any], default: Address) -> Address:
    entry = data.get(f"{service.capitalize()} Address")
    if entry is None:
        return default
    ip = _listening_ip(entry.get("IP"))
    url = entry.get("HTTP")
    port = entry.get("Port") or (urlsplit(url).port if url else None) or default.port
    if url is None:
        host = "localhost" if ip in ("127.0.0.1", "0.0.0.0", "::1", "::") else ip  # noqa: S104
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    return Address(http=url.rstrip("/"), ip=ip, port=port)


def _listening_ip(text: str | None) -> str:
    """Return the address to listen on; nothing and "localhost" are loopback, never all of them."""
    stripped = (text or "").strip()
    return "127.0.0.1" if stripped.lower() in ("", "localhost") else stripped


def _is_listening_ip(text: str) -> bool:
    """Tell whether this is an IP address or a host's name; "300.1.1.1" is neither."""
    host = _listening_ip(text)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        looks_numeric = all(part.isdigit() for part in host.split("."))
        return not looks_numeric and _HOST_NAME.fullmatch(host) is not None
    return True


def _is_http_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port  # ValueError when it is none
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _shared_ports(
    addresses: Mapping[str, Address], data: Mapping[str, Any], lines: Lines
) -> list[str]:
    """Two services told to listen at one place; a default that another key takes is no fault."""
    taken: dict[tuple[str, int], str] = {}
    problems = []
    for service, address in addresses.items():
        name = f"{service.capitalize()} Address"
        if name not in data:
            continue
        other = taken.setdefault((address.ip, address.port), name)
        if other != name:
            problems.append(
                lines.problem(
                    (name, "Port"), f"came {address.port}, expected another than that of {other}"
                )
            )
    return problems


def _logging(path: Path, entry: Mapping[str, Any]) -> LoggingSettings:
    level = str(entry.get("Log Level", "INFO")).upper()
    if "File" not in entry:
        return LoggingSettings(_DEFAULT_LOGS.get(path), level)
    file = entry["File"]
    return LoggingSettings(Path(file).expanduser() if file else None, level)


def _indi(entry: Mapping[str, Any] | None) -> IndiAddress | None:
    if entry is None:
        return None
    default = IndiAddress()
    return IndiAddress(
        entry.get("Host", default.host), entry.get("Port", default.port), entry.get("Socket")
    )
