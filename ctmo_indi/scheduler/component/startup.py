"""Start-up: read the configuration, make driver and models, recall what the configuration wants.

====  ====================================================================================
COLD  configuration only; no attempt to reconstruct anything
WARM  COLD, then every observation of ``startup_database`` is registered, oldest first;
      ``select_next_target`` is never called
HOT   COLD, then the driver goes back to the snapshot ``startup_database``
AUTO  COLD, then the newest valid snapshot of the data folder, then every observation stored
      after it; without one every observation there is (``docs/decisions/0011-auto-start.md``)
====  ====================================================================================

A database or snapshot that WARM or HOT cannot read refuses the start. Runs in the driver's thread:
it imports the heavy packages and may take seconds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.errors import ConfigError
from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.scheduler.configuration import (
    Configuration,
    SchedulerModes,
    StartupType,
    StreamParameters,
    configure_driver,
)
from ctmo_indi.scheduler.snapshots import Snapshot, SnapshotError, SnapshotFolder, newest_first
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.target import Observation, SurveyTopology
from ctmo_indi.script_queue.block_library import BlockLibrary
from ctmo_indi.store import observations
from ctmo_indi.store.database import Database

_log = logging.getLogger(__name__)

REPLAY_STEP = 10_000
"""Observations between two words on how far the replay is."""

Progress = Callable[[str], None]
Value = float | tuple[float, ...]


@dataclass(frozen=True, slots=True)
class StartWish:
    """What a ``start`` asks for.

    Parameters
    ----------
    configuration
        Name; "" for the one of the configuration file.
    startup_type
        Instead of the configuration's: a comeback after a crash recalls what it can.
    """

    configuration: str = ""
    startup_type: StartupType | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """What a start has made; in DRY mode without driver and models.

    Parameters
    ----------
    telemetry
        As the driver has it: the newest value of each stream by name.
    snapshots
        Where the driver's snapshots are kept; the first one is that of this start.
    recalled
        How the driver came to what it remembers, for people.
    events
        What is to be told of it: kind and data.
    """

    configuration: Configuration
    blocks: BlockLibrary
    startup_type: StartupType
    driver: Driver | None = None
    models: Models | None = None
    topology: SurveyTopology | None = None
    telemetry: Mapping[str, Value] = field(default_factory=dict)
    snapshots: SnapshotFolder | None = None
    recalled: str = "nothing"
    events: tuple[tuple[str, dict[str, object]], ...] = ()


def registered_driver(name: str) -> type[Driver]:
    """Return the driver of that name, ours or another package's; ConfigError without one."""
    with FIRST_IMPORT:
        from ctmo_indi.scheduling import registry  # heavy: numpy

    return registry.driver_class(name)


@dataclass(frozen=True, slots=True)
class StartParts:
    """What a start works with.

    Parameters
    ----------
    load_configuration
        Reads the configuration of that name.
    make_models
        Makes the models of sky and observatory.
    open_telemetry
        Begins to gather the streams; the mapping always holds their newest values.
    load_blocks
        Reads the observing blocks, the site's own folder first; ConfigError refuses the start.
    announce
        Told of each new snapshot; any thread.
    driver_class
        Gives the driver of that name.
    """

    clock: Clock
    load_configuration: Callable[[str], Configuration]
    make_models: Callable[[], Models]
    database: Database
    snapshots_folder: Path
    open_telemetry: Callable[[Sequence[StreamParameters]], Mapping[str, Value]]
    load_blocks: Callable[[Path | None], BlockLibrary]
    announce: Callable[[Snapshot], object]
    driver_class: Callable[[str], type[Driver]] = registered_driver


def start(wish: StartWish, parts: StartParts, tell: Progress) -> Started:
    """Make everything anew; blocks.

    Raises
    ------
    ConfigError
        Configuration, driver, block, database or snapshot is wrong; nothing is kept.
    StoreUnavailable
        The stored observations cannot be read.
    """
    tell("configuration")
    configuration = parts.load_configuration(wish.configuration)
    parameters = configuration.parameters
    kind = wish.startup_type or parameters.startup_type
    blocks = parts.load_blocks(configuration.blocks_folder)
    telemetry = parts.open_telemetry(parameters.telemetry_streams)
    if parameters.mode is SchedulerModes.DRY:
        return Started(configuration, blocks, kind)
    tell("models")
    models = parts.make_models()
    tell(f"driver {parameters.driver_type}")
    driver = _driver_class(configuration, parts)(models, telemetry)
    topology = configure_driver(driver, configuration)
    driver.cold_start(())
    recalled = _RECALL[kind](driver, configuration, parts, tell)
    snapshots = SnapshotFolder(parts.snapshots_folder, parameters.snapshots_kept, parts.announce)
    _save_first(driver, configuration, parts, snapshots)
    _log.info("driver started driver=%s startup=%s recalled=%r", driver.name, kind, recalled)
    return Started(
        configuration, blocks, kind, driver, models, topology, telemetry, snapshots, recalled
    )


def _driver_class(configuration: Configuration, parts: StartParts) -> type[Driver]:
    try:
        return parts.driver_class(configuration.parameters.driver_type)
    except ConfigError as error:
        raise ConfigError(configuration.lines.problem(("driver_type",), str(error))) from error


def _save_first(
    driver: Driver, configuration: Configuration, parts: StartParts, snapshots: SnapshotFolder
) -> None:
    """Save what this start recalled, so that AUTO never goes back beyond a COLD one."""
    try:
        snapshots.save(driver, parts.clock.utc())
    except SnapshotError as error:
        if configuration.parameters.mode is SchedulerModes.ADVANCE:
            raise  # it needs one for every plan
        _log.warning("no snapshot of the start error=%s", error)


def _cold(driver: Driver, _: Configuration, parts: StartParts, __: Progress) -> str:
    _forget_stored(driver, parts)
    return "nothing"


def _warm(driver: Driver, configuration: Configuration, parts: StartParts, tell: Progress) -> str:
    path = _named(configuration)
    tell(f"observations of {path}")
    try:
        made = driver.parse_observation_database(path)
    except ConfigError:
        raise
    except Exception as error:  # a driver is anybody's code
        raise ConfigError(f"observation database {path}: {error!r}") from error
    # Their numbers are of another history than the one stored here.
    _register(driver, [replace(one, number=0) for one in made], tell)
    _forget_stored(driver, parts)
    return f"{len(made)} observations of {path}"


def _hot(driver: Driver, configuration: Configuration, parts: StartParts, tell: Progress) -> str:
    path = _named(configuration)
    tell(f"snapshot {path}")
    try:
        driver.reset_from_state(path)
    except ConfigError:
        raise
    except Exception as error:  # a driver is anybody's code
        raise ConfigError(f"snapshot {path}: driver {driver.name}: {error!r}") from error
    _forget_stored(driver, parts)
    return f"snapshot {path}"


def _auto(driver: Driver, _: Configuration, parts: StartParts, tell: Progress) -> str:
    with parts.database.read() as connection:
        newest = observations.newest_number(connection)
    path = _newest_snapshot(driver, parts.snapshots_folder, newest, tell)
    with parts.database.read() as connection:
        missing = observations.after(connection, driver.observation_number)
    _register(driver, missing, tell)
    told = f"{len(missing)} observations"
    return f"snapshot {path.name} and {told} since" if path is not None else told


_RECALL: Mapping[StartupType, Callable[[Driver, Configuration, StartParts, Progress], str]] = {
    StartupType.COLD: _cold,
    StartupType.WARM: _warm,
    StartupType.HOT: _hot,
    StartupType.AUTO: _auto,
}


def _named(configuration: Configuration) -> Path:
    path = configuration.startup_path
    kind = configuration.parameters.startup_type
    if path is None:
        raise ConfigError(f"{configuration.file}: {kind} needs the key 'startup_database'")
    if not path.is_file():
        raise ConfigError(
            configuration.lines.problem(
                ("startup_database",), f"came {path}, expected a file for {kind}"
            )
        )
    return path


def _forget_stored(driver: Driver, parts: StartParts) -> None:
    """Count what is stored so far as known: a later AUTO adds only what comes from now on."""
    with parts.database.read() as connection:
        driver.observation_number = observations.newest_number(connection)


def _newest_snapshot(driver: Driver, folder: Path, newest: int, tell: Progress) -> Path | None:
    for path in newest_first(folder):
        tell(f"snapshot {path.name}")
        before = driver.get_state()
        try:
            driver.reset_from_state(path)
        except Exception as error:  # noqa: BLE001 - a driver is anybody's code; an older one may do
            driver.set_state(before)
            _log.warning("snapshot skipped path=%s reason=%s", path, error)
            continue
        if driver.observation_number <= newest:
            return path
        _log.warning(
            "snapshot skipped path=%s reason=it knows observation %d, the newest stored is %d",
            path,
            driver.observation_number,
            newest,
        )
        driver.set_state(before)
    return None


def _register(driver: Driver, made: Sequence[Observation], tell: Progress) -> None:
    for done, observation in enumerate(made):
        if done % REPLAY_STEP == 0:
            tell(f"replay {done:,} of {len(made):,}")
        try:
            driver.register_observation(observation)
        except Exception as error:
            raise ConfigError(
                f"driver {driver.name}: observation {observation.attempt_id} cannot be"
                f" registered: {error!r}"
            ) from error
