"""What KStars on this machine could do to the manager: for ``ctmo-indi check``.

KStars keeps Ekos' equipment profiles in an SQLite file of its user. A profile without a host is a
local one: when it is started, Ekos ends every ``indiserver`` of the machine first and starts its
own, so ours is gone in the middle of a night. The file is only read. docs/how-to/kstars.md tells
how both get along.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ctmo_indi.profiles import Role
from ctmo_indi.service_addresses import is_loopback

if TYPE_CHECKING:
    from ctmo_indi.config import Config
    from ctmo_indi.profiles import Profile

DEFAULT_PORT = 7624
_FILE = Path("kstars") / "userdb.sqlite"
_WATCHDOG = "WatchDog"
_HOW_TO = "docs/how-to/kstars.md"


@dataclass(frozen=True, slots=True)
class EkosProfile:
    """An equipment profile of Ekos.

    Parameters
    ----------
    host
        Empty: Ekos runs its own indiserver.
    drivers
        Their labels.
    """

    name: str
    host: str = ""
    port: int = DEFAULT_PORT
    drivers: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        """Whether starting it ends every indiserver of this machine."""
        return not self.host.strip()


def files(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the profile files of this user: as Debian, flatpak and macOS have them."""
    home = Path(environment.get("HOME") or "/nonexistent")
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    places = (
        data / _FILE,
        home / ".var" / "app" / "org.kde.kstars" / "data" / _FILE,
        home / "Library" / "Application Support" / _FILE,
    )
    return [place for place in dict.fromkeys(places) if place.is_file()]


def read(file: Path) -> list[EkosProfile]:
    """Return the profiles of a file; nothing is written there.

    Raises
    ------
    sqlite3.Error
        It is no such file, or of another form.
    """
    with sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=1.0) as link:
        drivers: dict[int, list[str]] = {}
        for number, label in link.execute("SELECT profile, label FROM driver"):
            drivers.setdefault(number, []).append(str(label))
        found = link.execute("SELECT id, name, host, port FROM profile").fetchall()
    link.close()
    return [
        EkosProfile(
            str(name),
            str(host or ""),
            int(port or DEFAULT_PORT),
            tuple(drivers.get(number, ())),
        )
        for number, name, host, port in found
    ]


def traps(profiles: Sequence[EkosProfile], settings: Config, observatory: Profile) -> list[str]:
    """Say which of these profiles would harm the manager, and what to do."""
    server = observatory.indiserver
    host, port = server.host, server.port
    if settings.indi is not None:
        host, port = settings.indi.host, settings.indi.port
    is_here = server.start or _is_here(host)
    told = []
    local = [profile.name for profile in profiles if profile.is_local]
    if local and is_here:
        also = ""
        if not server.start and port == DEFAULT_PORT:
            also = f", and its own would take port {port}, where our services would find it"
        told.append(
            f"Ekos profile {', '.join(local)}: is local. Starting it ends every indiserver of this "
            f"machine, ours too{also}. Use a remote profile, see {_HOW_TO}"
        )
    guarded = [
        profile.name
        for profile in profiles
        if _WATCHDOG in profile.drivers and Role.WATCHDOG in observatory.equipment
    ]
    if guarded:
        told.append(
            f"Ekos profile {', '.join(guarded)}: has {_WATCHDOG}, which safety keeps. What KStars "
            f"sets there could close at the wrong time, or never: take it out, see {_HOW_TO}"
        )
    return told


def look(settings: Config, observatory: Profile) -> list[str]:
    """Return the traps of this user's KStars; nothing where there is none."""
    told = []
    for file in files():
        try:
            told += traps(read(file), settings, observatory)
        except sqlite3.Error as error:
            told.append(f"{file}: cannot be read ({error}); are there local Ekos profiles?")
    return told


def _is_here(host: str) -> bool:
    return host == os.uname().nodename or is_loopback(host)
