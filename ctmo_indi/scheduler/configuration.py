"""Configuration of the component: ``profiles/NAME.scheduler.yaml``, read anew at every start.

Two steps, as with the Rubin Scheduler: the component's own keys by
``profiles/scheduler.schema.json``, then ``driver_configuration`` by the scheduling driver itself.
``default.scheduler.yaml`` explains every key. Configuration is data; nothing in it is executed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ctmo_indi import catalogue
from ctmo_indi.checked_yaml import Lines, load_checked
from ctmo_indi.errors import ConfigError, CtmoError
from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.scheduling.telemetry_streams import StreamParameters as StreamParameters
from ctmo_indi.script_queue.ended import PausePolicy

if TYPE_CHECKING:
    from ctmo_indi.profiles import Profile
    from ctmo_indi.scheduling.driver import Driver
    from ctmo_indi.scheduling.target import SurveyTopology

SUFFIX = ".scheduler.yaml"
SCHEMA_NAME = "scheduler.schema.json"
DEFAULT_NAME = "default"


class SchedulerModes(StrEnum):
    """How targets are produced."""

    SIMPLE = "SIMPLE"
    ADVANCE = "ADVANCE"
    DRY = "DRY"


class StartupType(StrEnum):
    """What the scheduling driver remembers at a start; AUTO is ours, the others Rubin's."""

    COLD = "COLD"
    WARM = "WARM"
    HOT = "HOT"
    AUTO = "AUTO"


@dataclass(frozen=True, slots=True)
class SchedulerCscParameters:
    """The component's own keys, with their defaults; ``default.scheduler.yaml`` explains them."""

    driver_type: str = "plan"
    driver_configuration: Mapping[str, object] = field(default_factory=dict)
    startup_type: StartupType = StartupType.COLD
    startup_database: str = ""
    mode: SchedulerModes = SchedulerModes.ADVANCE
    n_targets: int = 5
    predicted_scheduler_window_h: float = 2.0
    driver_timeout_s: float = 30.0
    snapshots_kept: int = 20
    path_observing_blocks: str = ""
    pause_on_failure: PausePolicy = PausePolicy.NEVER
    telemetry_streams: tuple[StreamParameters, ...] = ()


@dataclass(frozen=True, slots=True)
class Configuration:
    """One configuration as read from its file.

    Parameters
    ----------
    name
        As asked for.
    version
        The first digits of the file's SHA-256: tells whether it is the same text.
    lines
        For what the driver finds wrong with its part.
    """

    name: str
    file: Path
    version: str
    parameters: SchedulerCscParameters
    lines: Lines

    @property
    def blocks_folder(self) -> Path | None:
        """Folder of the site's own observing blocks; None when there is none."""
        given = self.parameters.path_observing_blocks
        return self.file.parent / given if given else None

    @property
    def startup_path(self) -> Path | None:
        """File that WARM and HOT read; None when none is given."""
        given = self.parameters.startup_database
        return self.file.parent / local_path(given) if given else None


def load(name: str = "", *, site_folder: Path | None = None) -> Configuration:
    """Read a configuration: the first of the two steps.

    Parameters
    ----------
    name
        Bare name of a ``NAME.scheduler.yaml``; "" for the default one.
    site_folder
        The site's own folder instead of ``/etc/ctmo``; its files win over the shipped ones.

    Raises
    ------
    ConfigError
        No such configuration, or everything that is wrong with it: file, line, key, what came,
        what was expected.
    """
    name = name or DEFAULT_NAME
    path = catalogue.find("profiles", name, suffix=SUFFIX, site=site_folder)
    data, lines = load_checked(path, catalogue.folder("profiles") / SCHEMA_NAME)
    problems = _contradictions(data, lines)
    if problems:
        raise ConfigError(problems)
    version = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return Configuration(name, path, version, _parameters(data), lines)


def available(*, site_folder: Path | None = None) -> tuple[str, ...]:
    """Names that :func:`load` knows, sorted."""
    return catalogue.names("profiles", suffix=SUFFIX, site=site_folder)


def configure_driver(driver: Driver, configuration: Configuration) -> SurveyTopology:
    """Hand the driver its part: the second step.

    Raises
    ------
    ConfigError
        As :func:`load`; the driver says what is wrong.
    """
    driver.configuration_folder = configuration.file.parent
    try:
        return driver.configure_scheduler(configuration.parameters.driver_configuration)
    except ConfigError as error:
        key = ("driver_configuration",)
        raise ConfigError(
            [configuration.lines.problem(key, problem) for problem in error.problems]
        ) from error


def check(name: str, profile: Profile, *, site_folder: Path | None = None) -> list[str]:
    """Try both steps, with the profile's models; return everything that is wrong."""
    with FIRST_IMPORT:
        from ctmo_indi.scheduler.models_of_site import models_of_site  # heavy: numpy
        from ctmo_indi.scheduling import registry

    try:
        configuration = load(name, site_folder=site_folder)
        if configuration.parameters.mode is SchedulerModes.DRY:
            return []
        try:
            driver_class = registry.driver_class(configuration.parameters.driver_type)
        except ConfigError as error:
            return [configuration.lines.problem(("driver_type",), str(error))]
        configure_driver(driver_class(models_of_site(profile)), configuration)
    except ConfigError as error:
        return list(error.problems)
    except CtmoError as error:
        return [str(error)]
    return []


def local_path(text: str) -> Path:
    """Return the path that a path or a ``file://`` address means, its escapes decoded.

    Raises
    ------
    ConfigError
        An address of another kind, or of another host.
    """
    if "://" not in text:
        return Path(text).expanduser()
    parts = urlsplit(text)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise ConfigError(f"{text}: expected a path, or file:///... on this machine")
    # "?" and "#" belong to a file's name where nobody escaped them
    rest = "".join(
        f"{mark}{tail}" for mark, tail in (("?", parts.query), ("#", parts.fragment)) if tail
    )
    try:
        path = unquote(parts.path + rest, errors="strict")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{text}: expected escapes that are UTF-8") from error
    if not path.startswith("/") or "\x00" in path:
        raise ConfigError(f"{text}: expected an absolute path after file://")
    return Path(path)


def _parameters(data: Mapping[str, Any]) -> SchedulerCscParameters:  # Any: the schema has checked
    known = {one.name for one in fields(SchedulerCscParameters)}
    values = {key: value for key, value in data.items() if key in known}
    for key in ("predicted_scheduler_window_h", "driver_timeout_s"):
        if key in values:
            values[key] = float(values[key])
    for key in ("n_targets", "snapshots_kept"):
        if key in values:
            values[key] = int(values[key])  # 3.0 is a whole number in JSON Schema
    if "startup_type" in values:
        values["startup_type"] = StartupType(values["startup_type"])
    if "mode" in values:
        values["mode"] = SchedulerModes(values["mode"])
    if "pause_on_failure" in values:
        values["pause_on_failure"] = PausePolicy(values["pause_on_failure"])
    streams = tuple(_stream(entry) for entry in data.get("telemetry", {}).get("streams", ()))
    return SchedulerCscParameters(**values, telemetry_streams=streams)


def _stream(entry: Mapping[str, Any]) -> StreamParameters:
    numbers = {
        key: float(entry[key])
        for key in ("window_s", "max_age_s", "fill_value")
        if entry.get(key) is not None
    }
    return StreamParameters(
        entry["name"], tuple(entry["properties"]), **numbers, is_angle=entry.get("is_angle")
    )


def _contradictions(data: Mapping[str, Any], lines: Lines) -> list[str]:
    problems = []
    try:
        local_path(data.get("startup_database", ""))
    except (ConfigError, ValueError) as error:
        problems.append(lines.problem(("startup_database",), f"came {error}"))
    seen: set[str] = set()
    for index, entry in enumerate(data.get("telemetry", {}).get("streams", ())):
        if entry["name"] in seen:
            key = ("telemetry", "streams", index, "name")
            problems.append(
                lines.problem(key, f"came {entry['name']!r} again, expected another name")
            )
        seen.add(entry["name"])
    return problems
