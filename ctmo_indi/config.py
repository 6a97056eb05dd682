"""The site's configuration file, ``/etc/ctmo/ctmo.conf.yaml``.

The files of the CTMO and TOROS managers are read word for word; our own keys are additions.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_FILE = Path("/etc/ctmo/ctmo.conf.yaml")


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
    anonymous_may_operate
        Whether a caller without a token on loopback may submit and operate, as with the original.
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
    anonymous_may_operate: bool = True
    indi: IndiAddress | None = None
    file: Path | None = None
