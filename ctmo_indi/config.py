"""The site's configuration file, ``/etc/ctmo/ctmo.conf.yaml``.

The files of the CTMO and TOROS managers are read word for word; our own keys are additions
(``Safety Address``, ``Database: {URL}``, ``INDI Server``, ``Profile``, ``Data Directory``,
``Anonymous May Operate``, ``Access``, ``Notify``, ``Resume At Start``,
``Scheduler Configuration``, ``Preprocessor``, ``Tango``). Every key may be left out.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ctmo_indi import tango_settings
from ctmo_indi.checked_yaml import Lines, load_checked
from ctmo_indi.errors import ConfigError
from ctmo_indi.tango_settings import TangoSettings

DEFAULT_FILE = Path("/etc/ctmo/ctmo.conf.yaml")
TOROS_FILE = Path("/etc/toros/toros.conf.yaml")

# Where a file at a standard place logs when it does not say, as the 2019 documents promise.
_DEFAULT_LOGS = {
    DEFAULT_FILE: Path("/etc/ctmo/logs/ctmo.log"),
    TOROS_FILE: Path("/etc/toros/logs/toros.log"),
}
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_SERVICES = ("scheduler", "telescope", "dome", "preprocessor", "safety")
_PATH = {"type": "string", "minLength": 1, "description": "a path"}
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")

_PORT = {"type": "integer", "minimum": 1, "maximum": 65535, "description": "a TCP port"}
_ADDRESS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "HTTP": {
            "type": "string",
            "format": "http-url",
            "description": "a URL such as http://localhost:8000/, without name and token",
        },
        "IP": {
            "type": ["string", "null"],
            "format": "listening-ip",
            "description": "the IP address to listen on, or localhost",
        },
        "Port": _PORT,
    },
}
SCHEMA: Mapping[str, Any] = {  # Any: a JSON Schema; the reference is drawn from it, too
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
                "Format": {"enum": ["text", "json"]},
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
        "Notify": {
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
        "Access": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "Tokens": _PATH,
                "TLS": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["Certificate", "Key"],
                    "properties": {"Certificate": _PATH, "Key": _PATH},
                },
                "Host Names": {"type": "array", "items": {"type": "string", "minLength": 1}},
                "Insecure Network": {"type": "boolean"},
                "Client Token File": _PATH,
                "CA File": _PATH,
            },
        },
        "Resume At Start": {"type": "boolean"},
        "Preprocessor": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "Roots": {"type": "array", "minItems": 1, "items": _PATH},
                "Workers": {"type": "integer", "minimum": 1, "maximum": 256},
                "Farm": {
                    "type": "string",
                    "pattern": "^(tcp|tls)://[^/@]+:[0-9]+$",
                    "description": "the address of a dask scheduler such as tcp://head:8786",
                },
                "Compress": {"type": "boolean"},
            },
        },
        "Scheduler Configuration": {
            "type": "string",
            "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]*$",
            "description": "the name of a file NAME.scheduler.yaml of profiles",
        },
        "Tango": tango_settings.SCHEMA,
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
    format: str = "text"


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """Who may call the front desks, and how services call each other. Key ``Access``.

    Parameters
    ----------
    tokens
        File of ``ctmo-indi token``; it may be missing: then there are no tokens.
    certificate, key
        PEM files of TLS, on addresses that other machines reach; both or none.
    host_names
        Under which callers may address the desks, beside those of the ``... Address`` keys.
    is_network_insecure
        The network is trusted as this machine is: no TLS, and no token either.
    client_token_file
        Token with which services, and the command line where it may read it, call others.
    ca_file
        Certificates by which others are known; those of the system when None.
    """

    tokens: Path = Path("/etc/ctmo/tokens.json")
    certificate: Path | None = None
    key: Path | None = None
    host_names: tuple[str, ...] = ()
    is_network_insecure: bool = False
    client_token_file: Path | None = None
    ca_file: Path | None = None

    @property
    def has_tls(self) -> bool:
        """Whether there is a certificate to show."""
        return self.certificate is not None


@dataclass(frozen=True, slots=True)
class IndiAddress:
    """Where indiserver listens; ``socket`` (its ``-u`` path) is used instead of TCP when set."""

    host: str = "localhost"
    port: int = 7624
    socket: str | None = None


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


@dataclass(frozen=True, slots=True)
class PreprocessorSettings:
    """What the preprocessor may read, and where it computes. Key ``Preprocessor``.

    Parameters
    ----------
    roots
        Folders below which a night bundle must lie; the data folder when there are none.
    workers
        Worker processes on this machine; one for each processor when None.
    farm
        Address of a ``dask.distributed`` scheduler to use instead of worker processes.
    has_compression
        Whether lights and stacks are compressed when a night is done.
    """

    roots: tuple[Path, ...] = ()
    workers: int | None = None
    farm: str | None = None
    has_compression: bool = False


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
        Whether a caller without a token on loopback may submit and operate, as with the original;
        else he may ask only.
    access
        Tokens, TLS, and how services call each other.
    preprocessing
        The preprocessor's own settings; ``preprocessor`` is its address.
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
    access: AccessSettings = AccessSettings()
    resume_at_start: bool = True
    scheduler_configuration: str = "default"
    indi: IndiAddress | None = None
    notify: NotifySettings | None = None
    preprocessing: PreprocessorSettings = PreprocessorSettings()
    tango: TangoSettings = field(default_factory=TangoSettings)
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
        path, SCHEMA, formats={"http-url": _is_http_url, "listening-ip": _is_listening_ip}
    )
    defaults = Config()
    access = _access(path, data.get("Access", {}))
    addresses = {
        service: _address(service, data, getattr(defaults, service), access)
        for service in _SERVICES
    }
    problems = _shared_ports(addresses, data, lines)
    if "Tango" in data:
        host = _listening_ip(data["Tango"].get("Host"))
        found = tango_settings.problems(data["Tango"], is_loopback=is_loopback(host))
        problems += [lines.problem(key, text) for key, text in found]
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
        access=access,
        resume_at_start=data.get("Resume At Start", defaults.resume_at_start),
        scheduler_configuration=data.get(
            "Scheduler Configuration", defaults.scheduler_configuration
        ),
        indi=_indi(data.get("INDI Server")),
        notify=_notify(data.get("Notify")),
        preprocessing=_preprocessing(data.get("Preprocessor", {})),
        tango=tango_settings.read(data["Tango"]) if "Tango" in data else defaults.tango,
        file=path,
        scheduler=addresses["scheduler"],
        telescope=addresses["telescope"],
        dome=addresses["dome"],
        preprocessor=addresses["preprocessor"],
        safety=addresses["safety"],
    )


def _access(path: Path, entry: Mapping[str, Any]) -> AccessSettings:
    def file(value: str | None) -> Path | None:
        return None if value is None else Path(os.path.expandvars(value)).expanduser()

    tls = entry.get("TLS", {})
    return AccessSettings(
        tokens=file(entry.get("Tokens")) or path.resolve().with_name("tokens.json"),
        certificate=file(tls.get("Certificate")),
        key=file(tls.get("Key")),
        host_names=tuple(entry.get("Host Names", ())),
        is_network_insecure=entry.get("Insecure Network", False),
        client_token_file=file(entry.get("Client Token File")),
        ca_file=file(entry.get("CA File")),
    )


def _address(
    service: str, data: Mapping[str, Any], default: Address, access: AccessSettings
) -> Address:
    entry = data.get(f"{service.capitalize()} Address")
    if entry is None:
        return default
    ip = _listening_ip(entry.get("IP"))
    url = entry.get("HTTP")
    port = entry.get("Port") or (urlsplit(url).port if url else None) or default.port
    if url is None:
        host = "localhost" if ip in ("127.0.0.1", "0.0.0.0", "::1", "::") else ip  # noqa: S104
        scheme = "https" if access.has_tls and not is_loopback(ip) else "http"
        url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    return Address(http=url.rstrip("/"), ip=ip, port=port)


def _listening_ip(text: str | None) -> str:
    """Return the address to listen on; nothing and "localhost" are loopback, never all of them."""
    stripped = (text or "").strip()
    return "127.0.0.1" if stripped.lower() in ("", "localhost") else stripped


@lru_cache(maxsize=1024)  # asked about each request
def is_loopback(ip: str) -> bool:
    """Whether an IP address, or "localhost", can be reached from this machine only."""
    try:
        return ipaddress.ip_address("127.0.0.1" if ip == "localhost" else ip).is_loopback
    except ValueError:
        return False


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
    has_secret = "@" in parts.netloc  # it would show in logs and messages
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not has_secret


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
    line_format = entry.get("Format", "text")
    if "File" not in entry:
        return LoggingSettings(_DEFAULT_LOGS.get(path), level, line_format)
    file = entry["File"]
    return LoggingSettings(Path(file).expanduser() if file else None, level, line_format)


def _notify(entry: Mapping[str, Any] | None) -> NotifySettings | None:
    if entry is None:
        return None
    file = Path(entry["File"]).expanduser() if "File" in entry else None
    return NotifySettings(tuple(entry.get("URLs", ())), file)


def _preprocessing(entry: Mapping[str, Any]) -> PreprocessorSettings:
    roots = tuple(Path(root).expanduser() for root in entry.get("Roots", ()))
    return PreprocessorSettings(
        roots, entry.get("Workers"), entry.get("Farm"), entry.get("Compress", False)
    )


def _indi(entry: Mapping[str, Any] | None) -> IndiAddress | None:
    if entry is None:
        return None
    default = IndiAddress()
    return IndiAddress(
        entry.get("Host", default.host), entry.get("Port", default.port), entry.get("Socket")
    )
