"""The Driver: what any scheduling algorithm looks like to the CSC.

Names are those of the Rubin Scheduler's developer guide. The least a driver has to bring are
``configure_scheduler`` and ``select_next_target``; one with a memory of its own adds
``register_observation``, ``get_state`` and ``set_state``, and then snapshots, planning ahead and
every start-up work. Two promises bind every driver: :meth:`Driver.select_next_target` changes
nothing, and an observation exists for it only after :meth:`Driver.register_observation`; so a
failed one is as if never asked for.

One thread at a time calls a driver; it needs no locks. Snapshots are data (JSON with version,
driver name and checksum), never code.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

from ctmo_indi.durable_file import write_json
from ctmo_indi.errors import ConfigError
from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.scheduling import settings
from ctmo_indi.scheduling.conditions import Conditions, Night
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.target import (
    DriverTarget,
    NextTarget,
    Observation,
    SurveyTopology,
)

SNAPSHOT_VERSION = 2
SEARCH_STEP = timedelta(seconds=30)
SEARCH_WINDOW = timedelta(hours=1)

Value = float | tuple[float, ...]


@dataclass(frozen=True, slots=True)
class DriverParameters:
    """What every driver can be told; a driver may subclass it.

    Parameters
    ----------
    night_boundary
        Sun altitude, degrees, below which the driver's night lasts; None, or one above the
        profile's limit: that limit.
    new_moon_phase_threshold
        Illuminated percentage below which the Moon counts as new.
    """

    night_boundary: float | None = settings.number(-90.0, 0.0, None)
    new_moon_phase_threshold: float = settings.number(0.0, 100.0, 20.0)


class Driver(ABC):
    """Base of all scheduling drivers: night bookkeeping, registration, snapshots.

    Parameters
    ----------
    models
        The sky and the observatory.
    raw_telemetry
        Value of each telemetry stream by name, kept up to date by the CSC; NaN where not known.

    Attributes
    ----------
    configuration_folder
        Folder of the configuration's file, set before ``configure_scheduler``; None: there is none.
    at_disk
        Entered while a file is waited for, set by who times the calls: a slow disk is no slow
        driver.
    """

    name: ClassVar[str]

    def __init__(
        self,
        models: Models,
        raw_telemetry: Mapping[str, Value] | None = None,
        parameters: DriverParameters | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        self.models = models
        self.raw_telemetry: Mapping[str, Value] = {} if raw_telemetry is None else raw_telemetry
        self.parameters = parameters if parameters is not None else DriverParameters()
        self.log = log if log is not None else logging.getLogger(type(self).__module__)
        self.configuration_folder: Path | None = None
        self.at_disk: Callable[[], AbstractContextManager[object]] = nullcontext
        self.conditions: Conditions | None = None
        self.night: Night | None = None
        self.night_count = 0
        self.night_label = ""
        self.observation_number = 0

    # -- the least a driver brings ----------------------------------------------------------------

    @abstractmethod
    def configure_scheduler(self, configuration: Mapping[str, object]) -> SurveyTopology:
        """Take the algorithm's configuration; ConfigError names what is wrong with it."""

    @abstractmethod
    def select_next_target(self) -> DriverTarget | None:
        """Choose under the conditions last given; None when nothing suits. Changes nothing."""

    def update_conditions(self, conditions: Conditions) -> None:
        """Take the newest telemetry; keeps account of the nights, counted from 1."""
        self.conditions = conditions
        self.night = self.models.sky.night(conditions.utc, self.parameters.night_boundary)
        if self.night.label > self.night_label:  # labels are dates; a clock set back counts none
            self.night_label = self.night.label
            self.night_count += 1

    def register_observation(self, observation: Observation) -> None:
        """Take an observation that was made, or is simulated (number 0).

        A driver with a memory extends it and calls this one.
        """
        self.observation_number = max(self.observation_number, observation.number)

    def resolve(self, name: str) -> Path:
        """Return the path of a file that the configuration names, relative to its own folder.

        Raises
        ------
        ConfigError
            It is relative and the driver was not told its configuration's folder.
        """
        path = Path(name).expanduser()
        if not path.is_absolute():
            if self.configuration_folder is None:
                raise ConfigError(f"{name}: came a relative path, expected an absolute one")
            path = self.configuration_folder / path
        return path

    # -- real operation ---------------------------------------------------------------------------

    def cold_start(self, observations: Iterable[Observation] = ()) -> None:
        """Register what had been observed; no target is asked for. Called once, configured."""
        for observation in observations:
            self.register_observation(observation)

    def get_state(self) -> dict[str, object]:
        """Return what the driver remembers of the past, as JSON values; others extend it.

        Whatever a later :meth:`select_next_target` depends on belongs here, but for configuration
        and conditions.
        """
        return {
            "night_count": self.night_count,
            "night_label": self.night_label,
            "observation_number": self.observation_number,
        }

    def set_state(self, state: Mapping[str, object]) -> None:
        """Go back to what :meth:`get_state` returned.

        Raises
        ------
        KeyError, TypeError, ValueError
            It is no such thing. An extension reads all it needs before it changes anything.
        """
        count, label, number = (
            state["night_count"],
            state["night_label"],
            state["observation_number"],
        )
        if not (isinstance(count, int) and isinstance(label, str) and isinstance(number, int)):
            raise TypeError("night_count, night_label or observation_number is of a wrong type")
        self.night_count, self.night_label, self.observation_number = count, label, number

    def save_state(self, path: Path) -> Path:
        """Write a snapshot that :meth:`reset_from_state` reads; whole, or not at all."""
        body = to_text(self.get_state())
        snapshot = {
            "version": SNAPSHOT_VERSION,
            "driver": self.name,
            "sha256": hashlib.sha256(body.encode()).hexdigest(),
            "state": body,
        }
        with self.at_disk():
            write_json(path, snapshot)
        return path

    def reset_from_state(self, path: Path) -> None:
        """Go back to a snapshot; on any fault the driver stays as it is.

        Raises
        ------
        ConfigError
            The file is missing, cut short, altered, or of another driver or version.
        """
        before = self.get_state()
        with self.at_disk():
            state = read_snapshot(path, self.name)
        try:
            self.set_state(state)
        except (KeyError, TypeError, ValueError) as error:
            self.set_state(before)
            raise ConfigError(f"snapshot {path}: does not fit the driver: {error!r}") from error

    def parse_observation_database(self, path: Path) -> list[Observation]:
        """Read an observation database, oldest first, for a warm start.

        Raises
        ------
        ConfigError
            It cannot be read; or this driver cannot be rebuilt from observations.
        """
        with FIRST_IMPORT:
            from ctmo_indi.scheduling.schema_converter import SchemaConverter

        return SchemaConverter().read_observations(path)

    # -- what it would do, for people -------------------------------------------------------------

    def plan_view(self) -> dict[str, object] | None:
        """Return the plan as it stands, as JSON values; None: this driver plans nothing ahead.

        Begin, End, Made (ISO, UTC), Value, Bound, Gap, Filled, Requests, Kept, and Visits: a list
        of Receipt, Start, End, Setup s, Value, RA, Dec (ICRS, degrees), Filter. Changes nothing.
        """
        return None

    def explain(self, key: str, utc: datetime | None = None) -> dict[str, object]:
        """Say why an order that waits can be observed, or not; changes nothing.

        This one asks the sky model; a driver adds why it was, or was not, chosen.

        Parameters
        ----------
        key
            Its receipt.
        utc
            At what instant; None: that of the conditions.

        Returns
        -------
        dict
            JSON values by the keys of an Explain reply; empty for an order that does not wait.
        """
        conditions = self.conditions
        waiting = () if conditions is None else conditions.pending
        order = next((one for one in waiting if one.receipt == key), None)
        if conditions is None or order is None:
            return {}
        at = conditions.utc if utc is None else utc
        against = self.models.sky.obstacles(order.request, at)
        found: dict[str, object] = {"Sky Reasons": list(against)}
        if against:
            night = self.models.sky.night(at, self.parameters.night_boundary)
            upcoming = self.models.sky.next_observable(order.request, at, night.morning)
            found["Sky From"] = "" if upcoming is None else f"{upcoming:%Y-%m-%dT%H:%M:%SZ}"
        return found

    # -- full-featured operation ------------------------------------------------------------------

    def load(self, path: Path) -> None:
        """Take more to observe from a file; checked as a whole, then taken as a whole.

        Raises
        ------
        ConfigError
            The file is wrong, or this driver takes none.
        """
        raise ConfigError(f"{path}: the driver {self.name} does not load files")

    def expected_utc(self) -> datetime | None:
        """Return when to ask again: when a target is expected, else how far there is none.

        None: never this night. This one asks :meth:`estimate_next_target`; a driver may know for
        less.
        """
        upcoming = self.estimate_next_target()
        return upcoming.until_utc if upcoming.utc is None else upcoming.utc

    def estimate_next_target(self) -> NextTarget:
        """Say when a target is to be expected and why there is none now. Changes nothing.

        This one asks the driver again for every half minute of the coming hour, as the Rubin
        Scheduler does; a driver that knows better replaces it.
        """
        conditions = self.conditions
        if conditions is None:
            raise ConfigError(f"driver {self.name}: asked for a target before update_conditions")
        until = conditions.utc + SEARCH_WINDOW
        found = None
        try:
            for step in range(math.ceil(SEARCH_WINDOW / SEARCH_STEP)):
                utc = conditions.utc + step * SEARCH_STEP
                self.conditions = replace(conditions, utc=utc)
                found = self.select_next_target()
                if found is not None:
                    return NextTarget(utc, until, found.receipt or found.target_id, {})
        finally:
            self.conditions = conditions
        return NextTarget(None, until, "", {})


def to_text(state: Mapping[str, object]) -> str:
    """Return a driver's state as text; equal states give equal text.

    Raises
    ------
    TypeError, ValueError
        Something in it is no JSON value, NaN and infinity among them.
    """
    return json.dumps(state, sort_keys=True, separators=(",", ":"), allow_nan=False)


def state_digest(driver: Driver) -> str:
    """Return a short text that differs when the driver's state does."""
    return hashlib.sha256(to_text(driver.get_state()).encode()).hexdigest()


def read_snapshot(path: Path, driver: str) -> dict[str, object]:
    """Return the state in a snapshot.

    Raises
    ------
    ConfigError
        The file is missing, cut short, altered, or of another driver or version.
    """
    try:
        outer = json.loads(path.read_text(encoding="utf-8"))
        version, of_driver = outer["version"], outer["driver"]
        body, checksum = outer["state"], outer["sha256"]
        digest = hashlib.sha256(body.encode()).hexdigest()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        # the repr of a UnicodeDecodeError would hold the whole file
        why = f"{type(error).__name__}: {error}"
        raise ConfigError(f"snapshot {path}: cannot be read: {why}") from error
    if version != SNAPSHOT_VERSION or of_driver != driver:
        raise ConfigError(
            f"snapshot {path}: of driver {of_driver!r} version {version!r},"
            f" expected {driver!r} version {SNAPSHOT_VERSION}"
        )
    if digest != checksum:
        raise ConfigError(f"snapshot {path}: checksum is wrong, the file was altered")
    try:
        state = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"snapshot {path}: its state is no JSON: {error!r}") from error
    if not isinstance(state, dict):
        raise ConfigError(f"snapshot {path}: state is {type(state).__name__}, expected an object")
    return state
