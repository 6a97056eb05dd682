"""A scheduling driver: of the fields visited least, the one that stands highest.

It serves pending Work Orders as well: they go first, the highest of them. The fields are in its
configuration, or in a file for `load`:

    driver_type: highest-first
    driver_configuration:
      exposure_s: 60
      filter: R
      fields:
        - {name: M 31, ra_deg: 10.6847, dec_deg: 41.269}
        - {name: M 33, ra_deg: 23.4621, dec_deg: 30.6599}

What it remembers is how often each field was visited, and the fields that were loaded.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeGuard

import yaml

from ctmo_indi.errors import ConfigError
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType
from ctmo_indi.scheduling import (
    Conditions,
    Driver,
    DriverTarget,
    Observation,
    PendingOrder,
    SurveyTopology,
)

KEYS = {"exposure_s", "filter", "fields"}
FIELD_KEYS = {"name", "ra_deg", "dec_deg"}


@dataclass(frozen=True)
class Field:
    """A place on the sky; ICRS degrees."""

    name: str
    ra_deg: float
    dec_deg: float

    @property
    def target_id(self) -> str:
        """The same for the same field, whatever file it stands in."""
        text = f"{self.name} {self.ra_deg!r} {self.dec_deg!r}"
        return "field-" + hashlib.sha256(text.encode()).hexdigest()[:12]


class HighestFirst(Driver):
    """Chooses the highest of the least visited."""

    name = "highest-first"

    # -- minimum: what every driver brings ---------------------------------------------------------

    def configure_scheduler(self, configuration: Mapping[str, object]) -> SurveyTopology:
        """Take the keys; refuse all that is wrong with them at once."""
        problems = [f"unknown key {key!r}" for key in configuration if key not in KEYS]
        exposure_s = configuration.get("exposure_s", 60.0)
        if not _within(exposure_s, 0.001, 3600.0):
            problems.append(f"exposure_s: came {exposure_s!r}, expected 0.001 to 3600")
            exposure_s = 0.0
        filter_name = configuration.get("filter", "R")
        known = self.models.filters or (filter_name,)
        if not isinstance(filter_name, str) or filter_name not in known:
            problems.append(f"filter: came {filter_name!r}, expected one of {known}")
        fields, wrong = read_fields(configuration.get("fields", []))
        problems += wrong
        if problems:
            raise ConfigError([f"highest-first driver: {problem}" for problem in problems])
        self.exposure_s = float(exposure_s)
        self.filter_name = str(filter_name)
        self.configured = self.fields = fields
        self.visits: dict[str, int] = {}
        return SurveyTopology(self.name, general_propos=("work orders", "fields"))

    def select_next_target(self) -> DriverTarget | None:
        """Return the highest order, else the highest of the fields visited least."""
        now = self.conditions
        if now is None:
            raise ConfigError("highest-first driver: asked before update_conditions")
        orders = [
            self._of_order(order, now)
            for order in now.pending
            if order.request.frame_type.needs_sky  # this driver takes no bias, dark or flat
            and order.not_before_utc_s <= now.utc.timestamp()
        ]
        found = self._highest(orders, now)
        if found is not None:
            return found
        fields = [self._of_field(field, now) for field in self.fields]
        # never visited before visited once, and so on; within each the highest
        for count in sorted({self.visits.get(one.target_id, 0) for one in fields}):
            level = [one for one in fields if self.visits.get(one.target_id, 0) == count]
            found = self._highest(level, now)
            if found is not None:
                return found
        return None

    # -- real operation: memory, snapshots, every kind of start ------------------------------------

    def register_observation(self, observation: Observation) -> None:
        """Count the visit. Only here: a target that was chosen is not yet observed."""
        super().register_observation(observation)
        if observation.target_id.startswith("field-"):
            visits = self.visits.get(observation.target_id, 0)
            self.visits[observation.target_id] = visits + 1

    def get_state(self) -> dict[str, object]:
        """Return all that a choice depends on but configuration and conditions.

        A copy, in JSON's own types. Configured fields are read anew at every start; those that
        were loaded later would be lost.
        """
        loaded = None
        if self.fields is not self.configured:
            loaded = [asdict(field) for field in self.fields]
        return {**super().get_state(), "visits": dict(self.visits), "loaded": loaded}

    def set_state(self, state: Mapping[str, object]) -> None:
        """Read everything first, then change anything."""
        visits, loaded = state["visits"], state["loaded"]
        if not isinstance(visits, dict) or not all(isinstance(n, int) for n in visits.values()):
            raise TypeError(f"visits is {visits!r}, expected target_id -> number")
        fields, wrong = read_fields(loaded or [])
        if wrong:
            raise ValueError("; ".join(wrong))
        super().set_state(state)
        self.visits = dict(visits)
        self.fields = self.configured if loaded is None else fields

    # -- full-featured -----------------------------------------------------------------------------

    def load(self, path: Path) -> None:
        """Take another file of fields; what is wrong with it changes nothing."""
        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise ConfigError(f"{path}: cannot be read: {error}") from error
        given = data.get("fields") if isinstance(data, dict) and set(data) == {"fields"} else None
        fields, wrong = read_fields(given)
        if wrong:
            raise ConfigError([f"{path}: {problem}" for problem in wrong])
        self.fields = fields

    # -- its own -----------------------------------------------------------------------------------

    def _highest(self, targets: Iterable[DriverTarget], now: Conditions) -> DriverTarget | None:
        """Return the target with the least air mass that nothing stands against."""
        if now.sky_forbidden:
            return None
        late = now.not_before_utc_s
        up = [
            replace(target, airmass=self.models.sky.airmass(target.request, now.utc))
            for target in targets
            if late.get(target.target_id, 0.0) <= now.utc.timestamp()
            and not self.models.sky.obstacles(target.request, now.utc)
        ]
        # the id makes the choice the same whatever order the orders came in
        return min(up, key=lambda one: (one.airmass or math.inf, one.target_id), default=None)

    def _of_order(self, order: PendingOrder, now: Conditions) -> DriverTarget:
        duration_s = self.models.observatory.exposures_s(order.request, order.missing_count)
        return DriverTarget.of_order(order, now.utc, duration_s, "the highest order")

    def _of_field(self, field: Field, now: Conditions) -> DriverTarget:
        request = ObservationRequest(
            order_id=field.target_id,
            user="",
            frame_type=FrameType.LIGHT,
            exposure_s=self.exposure_s,
            count=1,
            ra_deg=field.ra_deg,
            dec_deg=field.dec_deg,
            object_name=field.name,
            filter_name=self.filter_name,
        )
        visits = self.visits.get(field.target_id, 0)
        return DriverTarget(
            request=request,
            obs_time=now.utc,
            duration_s=self.models.observatory.exposures_s(request, 1),
            target_id=field.target_id,
            note=f"the highest of the fields visited {visits} times",
        )


def read_fields(given: object) -> tuple[tuple[Field, ...], list[str]]:
    """Check a list of fields; return them, and everything that is wrong."""
    if not isinstance(given, list):
        return (), [f"fields: came {given!r}, expected a list"]
    fields: list[Field] = []
    problems: list[str] = []
    for place, entry in enumerate(given):
        if not isinstance(entry, dict) or set(entry) != FIELD_KEYS:
            problems.append(f"fields[{place}]: came {entry!r}, expected name, ra_deg, dec_deg")
            continue
        name, ra_deg, dec_deg = entry["name"], entry["ra_deg"], entry["dec_deg"]
        if not isinstance(name, str) or not name:
            problems.append(f"fields[{place}].name: came {name!r}, expected text")
        elif not _within(ra_deg, 0.0, 360.0):
            problems.append(f"fields[{place}].ra_deg: came {ra_deg!r}, expected 0 to 360")
        elif not _within(dec_deg, -90.0, 90.0):
            problems.append(f"fields[{place}].dec_deg: came {dec_deg!r}, expected -90 to 90")
        else:
            fields.append(Field(name, float(ra_deg), float(dec_deg)))
    return tuple(fields), problems


def _within(value: object, low: float, high: float) -> TypeGuard[float]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return low <= value <= high  # NaN is not
