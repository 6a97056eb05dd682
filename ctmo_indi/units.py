"""Render the files that make the services of systemd or launchd out of ``share/units/*.in``.

Pure text in, text out: :mod:`ctmo_indi.installer` writes them, ``ctmo-indi units`` prints them. The
names are those the CTMO and TOROS documents promise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import escape

from ctmo_indi.errors import ConfigError

System = Literal["systemd", "launchd"]

TEMPLATES = Path(__file__).resolve().parent / "share" / "units"
DEFAULT_CONFIG = Path("/etc/ctmo/ctmo.conf.yaml")
DEFAULT_LOGS = Path("/etc/ctmo/logs")
USER = "ctmo"
TARGET = "ctmo-indi.target"
# The dome's desk is served by the telescope's process.
ALIASES: Mapping[str, str] = {"dome.service": "telescope.service"}

_PLACEHOLDER = re.compile(r"@([A-Z][A-Z_]+)@")


@dataclass(frozen=True, slots=True)
class ServiceUnit:
    """What differs between the services.

    Parameters
    ----------
    after
        Services started earlier and stopped later: safety is there first and goes last.
    oom_score
        Lower is ended later when memory runs out, -1000..1000.
    niceness, weight
        Of processor and disk: higher and lower for what may take its time; 0 and 100 are usual.
    denies_write_execute
        False where numba compiles.
    unit
        Name of the unit file where it is not the service's: another program may have that one.
    needs
        A module of an extra, without which it does not run; empty: it is installed with us.
    """

    name: str
    title: str
    after: tuple[str, ...] = ()
    watchdog_s: int = 60
    oom_score: int = 0
    niceness: int = 0
    weight: int = 100
    denies_write_execute: bool = True
    alias: str | None = None
    organisation: str = "ctmo"
    unit: str = ""
    needs: str = ""

    @property
    def file(self) -> str:
        """Name of its unit of systemd."""
        return f"{self.unit or self.name}.service"


SERVICES = (
    ServiceUnit("safety", "safety, the judge and first closer", watchdog_s=20, oom_score=-900),
    ServiceUnit(
        "telescope",
        "telescope and dome",
        after=("safety",),
        oom_score=-500,
        alias="dome.service",
    ),
    ServiceUnit(
        "preprocessor",
        "preprocessor of the night's frames",
        after=("safety",),
        watchdog_s=120,
        oom_score=500,
        niceness=10,
        weight=20,
        denies_write_execute=False,
        organisation="toros",
    ),
    ServiceUnit(
        "scheduler",
        "scheduler of the work orders",
        after=("safety", "telescope"),
        denies_write_execute=False,
    ),
)


OPTIONAL = (
    ServiceUnit(
        "tango",
        "Tango devices",
        after=("safety", "telescope", "scheduler"),
        oom_score=300,
        unit="ctmo-tango",
        needs="tango",
    ),
)
"""Installed as well, and started with the others only where what they need is there."""


def render_all(
    system: System | str,
    *,
    program: Path,
    config: Path = DEFAULT_CONFIG,
    logs: Path = DEFAULT_LOGS,
) -> dict[str, str]:
    """Return file name -> text of every unit.

    Parameters
    ----------
    system
        "systemd" or "launchd".
    program
        Absolute path of the installed ``ctmo-indi``.

    Raises
    ------
    ConfigError
        Another system, or a path that a unit file cannot hold.
    """
    for path in (program, config, logs):
        if not path.is_absolute() or re.search(r"[\s%$\"'\\]", str(path)):
            raise ConfigError(
                f"{path}: a unit needs an absolute path without blanks, quotes, % and $"
            )
    values = {"PROGRAM": str(program), "CONFIG": str(config), "LOGS": str(logs)}
    if system == "systemd":
        units = {unit.file: _systemd_service(unit, values) for unit in (*SERVICES, *OPTIONAL)}
        services = " ".join(units)
        return {**units, TARGET: _render("target.in", {"SERVICES": services})}
    if system == "launchd":
        return {f"{label(unit)}.plist": _plist(unit, values) for unit in (*SERVICES, *OPTIONAL)}
    raise ConfigError(f"system {system!r}: expected systemd or launchd")


def label(unit: ServiceUnit) -> str:
    """Name of a service in launchd, such as ``org.ctmo.scheduler``."""
    return f"org.{unit.organisation}.{unit.name}"


def _systemd_service(unit: ServiceUnit, values: Mapping[str, str]) -> str:
    return _render(
        "service.in",
        {
            **values,
            "NAME": unit.name,
            "UNIT": unit.file.removesuffix(".service"),
            "CONDITION": _condition(unit, Path(values["PROGRAM"])),
            "TITLE": unit.title,
            "AFTER": " ".join(f"{name}.service" for name in unit.after),
            "WATCHDOG_S": str(unit.watchdog_s),
            "OOM_SCORE": str(unit.oom_score),
            "NICENESS": str(unit.niceness),
            "WEIGHT": str(unit.weight),
            "USER": USER,
            "DENY_WRITE_EXECUTE": _yes(unit.denies_write_execute),
            "ALIAS": f"Alias={unit.alias}" if unit.alias else "",
        },
    )


def _plist(unit: ServiceUnit, values: Mapping[str, str]) -> str:
    text = {
        **values,
        "NAME": unit.name,
        "LABEL": label(unit),
        "DISABLED": "true" if unit.needs else "false",
        "PROCESS_TYPE": "Background" if unit.niceness > 0 else "Interactive",
    }
    return _render("plist.in", {name: escape(value) for name, value in text.items()})


def _condition(unit: ServiceUnit, program: Path) -> str:
    if not unit.needs:
        return ""
    module = program.parent.parent / "lib" / "python*" / "site-packages" / unit.needs
    why = "# Without its extra it is skipped, not tried again and again."
    return f"{why}\nConditionPathExistsGlob={module}\n"


def _yes(claim: bool) -> str:
    return "yes" if claim else "no"


def _render(template: str, values: Mapping[str, str]) -> str:
    path = TEMPLATES / template
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: the installation is broken ({error.strerror})") from error

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise ConfigError(f"{path}: @{match[1]}@ has no value")
        return values[match[1]]

    lines = (line.rstrip() for line in _PLACEHOLDER.sub(value, text).splitlines())
    return "\n".join(lines).rstrip() + "\n"
