"""The Driver: what any scheduling algorithm looks like to the CSC.

Method names are those of the Rubin Scheduler's developer guide. Two promises bind every
implementation: :meth:`Driver.select_next_target` changes nothing, and an observation exists for the
driver only after :meth:`Driver.register_observation`; so a failed one is as if never asked for.

One thread at a time calls a driver; it needs no locks. Snapshots are data (JSON with version,
driver name and checksum), never code.
"""

from __future__ import annotations

import hashlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ctmo_indi.errors import ConfigError
from ctmo_indi.scheduling.conditions import Conditions, Night, Observability
from ctmo_indi.scheduling.target import (
    DriverTarget,
    NextTarget,
    Observation,
    SurveyTopology,
)

SNAPSHOT_VERSION = 1


@dataclass(frozen=True, slots=True)
class DriverParameters:
    """What every driver can be told.

    Parameters
    ----------
    readout_s
        Sky seconds between two exposures, for estimates.
    """

    readout_s: float = 10.0


class Driver(ABC):
    """Base of all scheduling drivers: night bookkeeping, registration, snapshots.

    Parameters
    ----------
    sky
        Answers what can be observed when.
    """

    name: ClassVar[str]

    def __init__(self, sky: Observability, parameters: DriverParameters | None = None) -> None:
        self.sky = sky
        self.parameters = parameters if parameters is not None else DriverParameters()
        self.conditions: Conditions | None = None
        self.night: Night | None = None
        self.night_count = 0
        self._observations: dict[str, Observation] = {}

    @abstractmethod
    def configure_scheduler(self, configuration: Mapping[str, object]) -> SurveyTopology:
        """Take the algorithm's configuration; ConfigError names what is wrong with it."""

    @abstractmethod
    def select_next_target(self) -> DriverTarget | None:
        """Choose under the conditions last given; None when nothing suits. Changes nothing."""

    @abstractmethod
    def estimate_next_target(self) -> NextTarget:
        """Say when a target is to be expected and why there is none now. Changes nothing."""

    def update_conditions(self, conditions: Conditions) -> None:
        """Take the newest telemetry; keeps account of the nights, counted from 1."""
        self.conditions = conditions
        if self.night is None or conditions.utc >= self.night.morning:
            self.night = self.sky.night(conditions.utc)
            self.night_count += 1

    def register_observation(self, observation: Observation) -> None:
        """Take an observation that was made; the same attempt twice counts once."""
        self._observations.setdefault(observation.attempt_id, observation)

    @property
    def observations(self) -> tuple[Observation, ...]:
        """Everything registered, in order."""
        return tuple(self._observations.values())

    def cold_start(self, observations: Iterable[Observation]) -> None:
        """Forget all, then register what had been observed; no target is asked for."""
        self._observations.clear()
        self.night = None
        self.night_count = 0
        for observation in observations:
            self.register_observation(observation)

    def save_state(self, path: Path) -> Path:
        """Write a snapshot that :meth:`reset_from_state` reads; whole or not at all."""
        state = {
            "night_count": self.night_count,
            "observations": [
                {name: getattr(made, name) for name in Observation.__slots__}
                for made in self._observations.values()
            ],
        }
        body = json.dumps(state, sort_keys=True)
        text = json.dumps(
            {
                "version": SNAPSHOT_VERSION,
                "driver": self.name,
                "sha256": hashlib.sha256(body.encode()).hexdigest(),
                "state": body,
            }
        )
        temporary = path.with_suffix(path.suffix + ".part")
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        return path

    def reset_from_state(self, path: Path) -> None:
        """Go back to a snapshot; on any fault the driver stays as it is.

        Raises
        ------
        ConfigError
            The file is missing, cut short, altered, or of another driver or version.
        """
        try:
            outer = json.loads(path.read_text(encoding="utf-8"))
            version, driver = outer["version"], outer["driver"]
            body, checksum = outer["state"], outer["sha256"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"snapshot {path}: cannot be read: {error!r}") from error
        if version != SNAPSHOT_VERSION or driver != self.name:
            raise ConfigError(
                f"snapshot {path}: of driver {driver!r} version {version!r},"
                f" expected {self.name!r} version {SNAPSHOT_VERSION}"
            )
        if hashlib.sha256(body.encode()).hexdigest() != checksum:
            raise ConfigError(f"snapshot {path}: checksum is wrong, the file was altered")
        state = json.loads(body)
        made = [Observation(**values) for values in state["observations"]]
        self.cold_start(made)
        self.night_count = int(state["night_count"])
