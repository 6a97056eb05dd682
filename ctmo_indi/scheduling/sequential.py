"""The sequential driver: pending orders and an observing list, the first that can be observed.

The order of choice: orders by priority (larger first), then age; the observing list stands as one
block in its own order, behind the orders whose priority is larger than the list's and before all
others. What cannot be observed now is passed over. The list is that of the Rubin Scheduler's
sequential driver (``observing_list``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

from ctmo_indi.errors import InternalError
from ctmo_indi.scheduling.candidates import Candidate, Candidates, of_entry
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.driver import Driver, DriverParameters, Value
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.observing_list import TARGET_ID_PREFIX, ObservingList, read_list
from ctmo_indi.scheduling.order_groups import OrderGroups
from ctmo_indi.scheduling.sequential_parameters import SequentialParameters, read_parameters
from ctmo_indi.scheduling.target import DriverTarget, NextTarget, Observation, SurveyTopology

__all__ = ["SequentialParameters", "SequentialScheduler"]

REASONS_SOUGHT = 100
"""Candidates whose obstacles are worked out in full while there is no target."""


class SequentialScheduler(Driver):
    """Takes the first candidate of the sorted table that nothing stands against.

    A target of the sky must be observable now and until the end of one exposure, the way to it
    included where the state of the observatory is known. Of a group the first is begun only when
    all can be (``order_groups``).
    """

    name: ClassVar[str] = "sequential"

    def __init__(
        self,
        models: Models,
        raw_telemetry: Mapping[str, Value] | None = None,
        parameters: DriverParameters | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        super().__init__(models, raw_telemetry, parameters, log)
        self._configured = ObservingList()
        self._list = ObservingList()
        self._observed: set[str] = set()
        self._listed: tuple[Candidate, ...] = ()
        self._left: tuple[Candidate, ...] = ()
        self._table = Candidates(models.sky)
        self._groups = OrderGroups()

    def configure_scheduler(self, configuration: Mapping[str, object]) -> SurveyTopology:
        """Take the keys of :class:`SequentialParameters`; none is needed.

        Raises
        ------
        ConfigError
            Everything that is wrong with the keys, or with the observing list.
        """
        parameters = self._read_parameters(configuration)
        found = ObservingList()
        if parameters.observing_list:
            found = self._read(self.resolve(parameters.observing_list))
        self.parameters = parameters
        self._configured = found
        self._take(found)
        sequences = ("work orders", "observing list") if found.entries else ("work orders",)
        return SurveyTopology(driver=self.name, sequence_propos=sequences)

    def load(self, path: Path) -> None:
        """Take another observing list in place of the present one; what it shares stays observed.

        Raises
        ------
        ConfigError
            Everything that is wrong with it; then nothing is changed.
        """
        self._take(self._read(path))

    def update_conditions(self, conditions: Conditions) -> None:
        """Take the newest telemetry, and sort what waits."""
        super().update_conditions(conditions)
        self._refresh()

    def register_observation(self, observation: Observation) -> None:
        """Take an entry of the list as observed; of orders the order book keeps account."""
        super().register_observation(observation)
        if observation.target_id.startswith(TARGET_ID_PREFIX):
            self._observed.add(observation.target_id)
            self._left = tuple(one for one in self._left if one.key != observation.target_id)

    def get_state(self) -> dict[str, object]:
        """Return what was observed of lists, and a list that was loaded later."""
        is_loaded = self._list is not self._configured
        return {
            **super().get_state(),
            "observed": sorted(self._observed),
            "loaded": self._list.text if is_loaded else "",
        }

    def set_state(self, state: Mapping[str, object]) -> None:
        """Go back to what :meth:`get_state` returned; as the base's."""
        observed, loaded = state["observed"], state["loaded"]
        if not isinstance(observed, list) or not all(isinstance(one, str) for one in observed):
            raise TypeError(f"observed is {observed!r}, expected a list of texts")
        if not isinstance(loaded, str):
            raise TypeError(f"loaded is {loaded!r}, expected text")
        present = self._configured
        if loaded:
            present = self._list if loaded == self._list.text else ObservingList.of_text(loaded)
        super().set_state(state)
        self._observed = set(observed)
        self._take(present)

    def select_next_target(self) -> DriverTarget | None:
        """Return the first candidate without obstacles."""
        conditions = self._known_conditions()
        in_vain: set[tuple[object, ...]] = set()
        for candidate in self._table.now(
            conditions.utc.timestamp(),
            sky=not conditions.sky_forbidden,
            closed_dome=not conditions.closed_dome_forbidden,
        ):
            if candidate.sky_key in in_vain:
                continue
            slew_s = self._slew_s(candidate, conditions)
            if next(self._obstacles(candidate, conditions, slew_s), None) is None:
                return self._target(candidate, conditions, slew_s)
            if not candidate.request.group:
                in_vain.add(candidate.sky_key)
        return None

    def estimate_next_target(self) -> NextTarget:
        """Look for the first target before this or the next night ends, with reasons."""
        conditions = self._known_conditions()
        assert self.night is not None  # with the conditions
        when, key = self._next(conditions)
        reasons = {
            one.key: tuple(self._obstacles(one, conditions, self._slew_s(one, conditions)))
            for one in self._table.present()[:REASONS_SOUGHT]
        }
        return NextTarget(when, self.night.morning, key, reasons)

    def expected_utc(self) -> datetime | None:
        """Return the instant of :meth:`estimate_next_target` without looking for reasons."""
        return self._next(self._known_conditions())[0]

    def _next(self, conditions: Conditions) -> tuple[datetime | None, str]:
        """Return when the next candidate can be observed, and its key."""
        assert self.night is not None  # with the conditions
        utc_s = conditions.utc.timestamp()
        best: tuple[datetime, int, str] | None = None
        closed_dome = not conditions.closed_dome_forbidden
        for start_s, row, candidate in self._table.upcoming(utc_s, closed_dome=closed_dome):
            start = max(datetime.fromtimestamp(start_s, UTC), conditions.utc)
            if best is not None and (start, row) >= best[:2]:
                break
            if not candidate.request.frame_type.needs_sky:
                best = start, row, candidate.key
                continue
            start = max(start, self.night.evening)
            end = self.night.morning if best is None else best[0] + timedelta(microseconds=1)
            when = self.models.sky.next_observable(candidate.request, start, end)
            if when is not None and (best is None or (when, row) < best[:2]):
                best = when, row, candidate.key
        return (None, "") if best is None else (best[0], best[2])

    def _obstacles(
        self, candidate: Candidate, conditions: Conditions, slew_s: float
    ) -> Iterator[str]:
        """Everything against a candidate now, the cheap questions first."""
        request, sky = candidate.request, self.models.sky
        not_before_s = max(
            candidate.not_before_utc_s, conditions.not_before_utc_s.get(candidate.key, 0.0)
        )
        now_s, order = conditions.utc.timestamp(), candidate.order
        if order is not None and order.due_utc_s > now_s:
            yield f"the next visit is due after {_clock(order.due_utc_s)}"
        elif not_before_s > now_s:
            yield f"the last attempt ended short, tried again after {_clock(not_before_s)}"
        latest_s = request.latest_start_utc_s
        if latest_s is not None and now_s + slew_s > latest_s:
            yield f"its start is missed: expected by {_clock(latest_s)}"
        if not request.frame_type.needs_sky:
            yield from conditions.closed_dome_forbidden
            yield from sky.obstacles(request, conditions.utc)
            return
        yield from conditions.sky_forbidden
        end = conditions.utc + timedelta(seconds=slew_s + request.exposure_s)
        yield from self._too_bright(conditions.utc, end)
        against = sky.obstacles(request, conditions.utc)
        yield from against
        if not against:
            for reason in sky.obstacles(request, end):
                yield f"at the end of one exposure: {reason}"
            yield from sky.flips_within(request, conditions.utc, end)
            if self.night is not None:
                yield from self._groups.obstacles(
                    request,
                    candidate.key,
                    conditions.pending,
                    self.models,
                    self.night,
                    conditions.utc,
                )

    def _too_bright(self, utc: datetime, end: datetime) -> Iterator[str]:
        """What the driver's own boundary of the night says."""
        boundary_deg, night = self.parameters.night_boundary, self.night
        if boundary_deg is None or night is None or night.evening <= utc < end <= night.morning:
            return
        yield (
            f"outside the night of night_boundary {boundary_deg:g} deg,"
            f" {night.evening:%Y-%m-%dT%H:%M:%SZ} to {night.morning:%Y-%m-%dT%H:%M:%SZ}"
        )

    def _slew_s(self, candidate: Candidate, conditions: Conditions) -> float:
        """Sky seconds until the first exposure; 0 where it is not known."""
        one, state = candidate.request, conditions.state
        place = None if state is None else self.models.sky.place_deg(one, conditions.utc)
        if state is None or place is None:
            return 0.0
        state = replace(state, utc_s=conditions.utc.timestamp())
        return self.models.observatory.delay_s(state, *place, one.filter_name)

    def _target(self, candidate: Candidate, conditions: Conditions, slew_s: float) -> DriverTarget:
        request, entry, utc = candidate.request, candidate.entry, conditions.utc
        note = f"first observable of {self._table.size} by priority and age"
        if entry is not None:
            note = f"first observable of the observing list, {len(self._left)} left"
            if entry.rotator:
                note += f"; no rotator for {entry.rotator}"
        ra_deg, dec_deg = self.models.sky.place_deg(request, utc) or (None, None)
        return DriverTarget(
            request=request,
            obs_time=utc,
            duration_s=self.models.observatory.exposures_s(request, candidate.count),
            count=candidate.count,
            receipt=candidate.key if candidate.order is not None else "",
            target_id=candidate.key,
            priority=-candidate.sort_key[0],
            note=note,
            slew_time_s=slew_s,
            airmass=self.models.sky.airmass(request, utc),
            program=entry.program if entry is not None else "",
            ra_deg=ra_deg,
            dec_deg=dec_deg,
        )

    def _take(self, found: ObservingList) -> None:
        """Make a list the present one; what was observed stays so."""
        if found is not self._list or not self._listed:
            priority = self._known_parameters.priority
            self._listed = tuple(
                of_entry(entry, position, priority) for position, entry in enumerate(found.entries)
            )
        self._list = found
        self._left = tuple(one for one in self._listed if one.key not in self._observed)
        self._refresh()

    def _refresh(self) -> None:
        if self.conditions is not None and self.night is not None:
            late = self.conditions.not_before_utc_s
            self._table.update(self.conditions.pending, self._left, late, self.night)

    def _read(self, path: Path) -> ObservingList:
        found = read_list(path, self.models.filters)
        with_rotator = sum(1 for entry in found.entries if entry.rotator)
        self.log.info("observing list read path=%s targets=%d", path, len(found.entries))
        if with_rotator:
            self.log.warning("no rotator for its wishes path=%s targets=%d", path, with_rotator)
        return found

    def _read_parameters(self, configuration: Mapping[str, object]) -> SequentialParameters:
        return read_parameters(configuration, self._known_parameters)

    @property
    def _known_parameters(self) -> SequentialParameters:
        given = self.parameters
        if isinstance(given, SequentialParameters):
            return given
        return SequentialParameters(given.night_boundary, given.new_moon_phase_threshold)

    def _known_conditions(self) -> Conditions:
        """Return the conditions, and let the table be that of them: they may have been put back."""
        if self.conditions is None:
            raise InternalError("sequential driver: asked for a target before update_conditions")
        self._refresh()
        return self.conditions


def _clock(utc_s: float) -> str:
    return f"{datetime.fromtimestamp(utc_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
