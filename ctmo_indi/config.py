"""The site's configuration file, ``/etc/ctmo/ctmo.conf.yaml``.

The files of the CTMO and TOROS managers are read word for word; our own keys are additions
(``Safety Address``, ``Database: {URL}``, ``INDI Server``, ``Profile``, ``Data Directory``,
``Anonymous May Operate``, ``Access``, ``Notify``, ``Resume At Start``,
``Scheduler Configuration``, ``Preprocessor``, ``Tango``). Every key may be left out.

A key of several parts has a module of its own with its schema, its settings, and how they are read
and written: ``service_addresses``, ``logging_settings``, ``access_settings``, ``notify_settings``,
``preprocessor_settings``, ``tango_settings``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ctmo_indi import (
    access_settings,
    logging_settings,
    notify_settings,
    preprocessor_settings,
    service_addresses,
    tango_settings,
)
from ctmo_indi.access_settings import AccessSettings
from ctmo_indi.checked_yaml import Lines, load_checked
from ctmo_indi.errors import ConfigError
from ctmo_indi.logging_settings import LoggingSettings
from ctmo_indi.notify_settings import NotifySettings
from ctmo_indi.preprocessor_settings import PreprocessorSettings
from ctmo_indi.service_addresses import Address, IndiAddress, is_loopback, listening_ip
from ctmo_indi.tango_settings import TangoSettings

DEFAULT_FILE = Path("/etc/ctmo/ctmo.conf.yaml")
TOROS_FILE = Path("/etc/toros/toros.conf.yaml")

# Where a file at a standard place logs when it does not say, as the 2019 documents promise.
_DEFAULT_LOGS = {
    DEFAULT_FILE: Path("/etc/ctmo/logs/ctmo.log"),
    TOROS_FILE: Path("/etc/toros/logs/toros.log"),
}
_ADDRESS_KEYS = {
    service: f"{service.capitalize()} Address"
    for service in ("scheduler", "telescope", "dome", "preprocessor", "safety")
}
SCHEMA: Mapping[str, Any] = {  # Any: a JSON Schema; the reference is drawn from it, too
    "type": "object",
    "additionalProperties": False,
    "properties": {
        **dict.fromkeys(_ADDRESS_KEYS.values(), service_addresses.SCHEMA),
        "Logging": logging_settings.SCHEMA,
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
        "Notify": notify_settings.SCHEMA,
        "INDI Server": service_addresses.INDI_SCHEMA,
        "Profile": {"type": "string", "minLength": 1, "description": "a profile's name or path"},
        "Data Directory": {"type": "string", "minLength": 1, "description": "a folder"},
        "Anonymous May Operate": {"type": "boolean"},
        "Access": access_settings.SCHEMA,
        "Resume At Start": {"type": "boolean"},
        "Preprocessor": preprocessor_settings.SCHEMA,
        "Scheduler Configuration": {
            "type": "string",
            "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]*$",
            "description": "the name of a file NAME.scheduler.yaml of profiles",
        },
        "Tango": tango_settings.SCHEMA,
    },
}


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

    scheduler: Address = field(default=Address("http://localhost:8000", "127.0.0.1", 8000))
    telescope: Address = field(default=Address("http://localhost:8010", "127.0.0.1", 8010))
    dome: Address = field(default=Address("http://localhost:8020", "127.0.0.1", 8020))
    preprocessor: Address = field(default=Address("http://localhost:8030", "127.0.0.1", 8030))
    safety: Address = field(default=Address("http://localhost:8040", "127.0.0.1", 8040))
    logging: LoggingSettings = field(default_factory=LoggingSettings)
    profile: str = "simulators"
    data_dir: Path = Path("/var/lib/ctmo")
    database_url: str | None = None
    database_file: Path | None = None
    anonymous_may_operate: bool = True
    access: AccessSettings = field(default_factory=AccessSettings)
    resume_at_start: bool = True
    scheduler_configuration: str = "default"
    indi: IndiAddress | None = None
    notify: NotifySettings | None = None
    preprocessing: PreprocessorSettings = field(default_factory=PreprocessorSettings)
    tango: TangoSettings = field(default_factory=TangoSettings)
    file: Path | None = None

    def as_file(self) -> dict[str, object]:
        """Write it as the file that :func:`load` reads, for the services of a fleet.

        Where no file says otherwise, the tokens lie with the data.
        """
        data: dict[str, object] = {}
        for service, key in _ADDRESS_KEYS.items():
            address: Address = getattr(self, service)
            data[key] = address.as_file()
        data["Logging"] = self.logging.as_file()
        if self.database_url:
            data["Database"] = {"URL": self.database_url}
        elif self.database_file:
            data["Database"] = {"File": str(self.database_file)}
        if self.indi is not None:
            data["INDI Server"] = self.indi.as_file()
        data["Profile"] = self.profile
        data["Data Directory"] = str(self.data_dir.resolve())
        data["Anonymous May Operate"] = self.anonymous_may_operate
        access = self.access
        if self.file is None and access == AccessSettings():
            access = replace(access, tokens=self.data_dir / "tokens.json")
        data["Access"] = access.as_file()
        if self.notify is not None:
            data["Notify"] = self.notify.as_file()
        data["Resume At Start"] = self.resume_at_start
        data["Scheduler Configuration"] = self.scheduler_configuration
        if self.preprocessing != PreprocessorSettings():
            data["Preprocessor"] = self.preprocessing.as_file()
        if self.tango != TangoSettings():
            data["Tango"] = self.tango.as_file()
        return data


_DEFAULTS = Config()


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
    data, lines = load_checked(path, SCHEMA, formats=service_addresses.FORMATS)
    access = access_settings.read(data.get("Access", {}), path)
    given = {
        service: service_addresses.read(
            data[key], default=getattr(_DEFAULTS, service), has_tls=access.has_tls
        )
        for service, key in _ADDRESS_KEYS.items()
        if key in data
    }
    problems = [*_shared_ports(given, lines), *_problems_of_tango(data, lines)]
    if problems:
        raise ConfigError(problems)
    return replace(
        _read(data, path),
        access=access,
        scheduler=given.get("scheduler", _DEFAULTS.scheduler),
        telescope=given.get("telescope", _DEFAULTS.telescope),
        dome=given.get("dome", _DEFAULTS.dome),
        preprocessor=given.get("preprocessor", _DEFAULTS.preprocessor),
        safety=given.get("safety", _DEFAULTS.safety),
    )


def _read(data: Mapping[str, Any], path: Path) -> Config:
    """Make the settings of all keys but the addresses and ``Access``, on which they depend."""
    default = _DEFAULTS
    database = data.get("Database") or {}
    return Config(
        logging=logging_settings.read(data.get("Logging", {}), _DEFAULT_LOGS.get(path)),
        profile=data.get("Profile", default.profile),
        data_dir=Path(data.get("Data Directory", default.data_dir)).expanduser(),
        database_url=database.get("URL"),
        database_file=Path(database["File"]).expanduser() if "File" in database else None,
        anonymous_may_operate=data.get("Anonymous May Operate", default.anonymous_may_operate),
        resume_at_start=data.get("Resume At Start", default.resume_at_start),
        scheduler_configuration=data.get(
            "Scheduler Configuration", default.scheduler_configuration
        ),
        indi=service_addresses.read_indi(data["INDI Server"]) if "INDI Server" in data else None,
        notify=notify_settings.read(data["Notify"]) if "Notify" in data else None,
        preprocessing=preprocessor_settings.read(data.get("Preprocessor", {})),
        tango=tango_settings.read(data["Tango"]) if "Tango" in data else default.tango,
        file=path,
    )


def _shared_ports(addresses: Mapping[str, Address], lines: Lines) -> list[str]:
    """Two services told to listen at one place; a default that another key takes is no fault."""
    taken: dict[tuple[str, int], str] = {}
    problems = []
    for service, address in addresses.items():
        key = _ADDRESS_KEYS[service]
        other = taken.setdefault((address.ip, address.port), key)
        if other != key:
            problems.append(
                lines.problem(
                    (key, "Port"), f"came {address.port}, expected another than that of {other}"
                )
            )
    return problems


def _problems_of_tango(data: Mapping[str, Any], lines: Lines) -> list[str]:
    if "Tango" not in data:
        return []
    host = listening_ip(data["Tango"].get("Host"))
    found = tango_settings.problems(data["Tango"], is_loopback=is_loopback(host))
    return [lines.problem(key, text) for key, text in found]
