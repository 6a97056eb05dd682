"""A sky under the test's hand, for tests of scheduling drivers and of the scheduler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.observatory import ObservatoryModelState, Visit
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.scheduling.conditions import Night
from ctmo_indi.scheduling.models import Models
from ctmo_indi.testing.fake_clock import EVENING


@dataclass(slots=True)
class FakeSky:
    """Every object is up all night, unless ``rises`` or ``never`` says otherwise.

    Attributes
    ----------
    rises
        Object name -> when it becomes observable.
    never
        Names of objects that are not observable at all.
    error
        Raised when asked for the next observable instant.
    """

    evening: datetime = EVENING - timedelta(hours=1)
    morning: datetime = EVENING + timedelta(hours=10)
    rises: dict[str, datetime] = field(default_factory=dict)
    never: set[str] = field(default_factory=set)
    error: Exception | None = None

    def night(self, utc: datetime) -> Night:
        """Return the one night, moved by whole days until its morning is to come."""
        days = timedelta(0)
        while self.morning + days <= utc:
            days += timedelta(days=1)
        label = f"{self.evening + days:%Y%m%d}"
        return Night(label, self.evening + days, self.morning + days)

    def obstacles(self, request: ObservationRequest, utc: datetime) -> tuple[str, ...]:
        """Name what stands against it."""
        if not self.night(utc).lasts_at(utc):
            return ("Sun altitude 10.0 deg, expected at most -12.0 deg",)
        rise = self.rises.get(request.object_name, utc)
        if request.object_name in self.never or rise > utc:
            return ("altitude 5.0 deg, expected at least 15.0 deg",)
        return ()

    def next_observable(
        self, request: ObservationRequest, utc: datetime, until: datetime
    ) -> datetime | None:
        """Return the first instant without obstacles."""
        if self.error is not None:
            raise self.error
        if request.object_name in self.never:
            return None
        night = self.night(utc)
        when = max(utc, night.evening, self.rises.get(request.object_name, utc))
        return when if when < min(until, night.morning) else None


@dataclass(slots=True)
class FakeObservatory:
    """Every slew takes ``slew_s``, every readout ``readout_s``."""

    slew_s: float = 30.0
    readout_s: float = 10.0

    def exposures_s(self, request: ObservationRequest, count: int) -> float:
        """Sky seconds of the exposures with their readouts."""
        return count * (request.exposure_s + self.readout_s)

    def observe(
        self, state: ObservatoryModelState, request: ObservationRequest, count: int
    ) -> Visit:
        """Slew, expose, stay there."""
        start_s = state.utc_s + self.slew_s
        end_s = start_s + self.exposures_s(request, count)
        after = replace(
            state,
            utc_s=end_s,
            ra_deg=request.ra_deg,
            dec_deg=request.dec_deg,
            filter_name=request.filter_name,
            is_tracking=request.frame_type.needs_sky,
            is_open=request.frame_type.needs_sky,
        )
        return Visit(self.slew_s, start_s, end_s, after)

    def idle(self, state: ObservatoryModelState, until_utc_s: float) -> ObservatoryModelState:
        """Wait."""
        return replace(state, utc_s=until_utc_s)

    def delay_s(
        self,
        _state: ObservatoryModelState,
        _ra_deg: float,
        _dec_deg: float,
        _filter_name: str | None = None,
    ) -> float:
        """Every slew takes as long."""
        return self.slew_s

    def delays_s(
        self,
        _state: ObservatoryModelState,
        ra_deg: NDArray[np.float64],
        _dec_deg: NDArray[np.float64],
        _filter_names: Sequence[str | None] | None = None,
    ) -> NDArray[np.float64]:
        """Every slew takes as long."""
        return np.full(len(ra_deg), self.slew_s)


def fake_models(sky: FakeSky | None = None) -> Models:
    """Models for a driver under test."""
    return Models(sky if sky is not None else FakeSky(), FakeObservatory())
