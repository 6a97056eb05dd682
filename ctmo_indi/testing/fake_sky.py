"""A sky under the test's hand, for tests of scheduling drivers and of the scheduler."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.observatory import ObservatoryModelState, Visit
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.visibility import Spans
from ctmo_indi.profiles import Limits, NightPolicy, Site
from ctmo_indi.scheduling.conditions import Night
from ctmo_indi.scheduling.models import Models
from ctmo_indi.testing.fake_clock import EVENING

SITE = Site("fake", 26.0, -97.6, 12.0)
LIMITS = Limits(horizon_deg=-90.0, sun_separation_deg=0.0)
POLICY = NightPolicy(sun_max_altitude_deg=90.0)


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
    twilight_per_deg
        How long the Sun takes for a degree.
    site, limits, policy
        For drivers that work out places; the limits allow the whole sky at any time, since it is
        this sky that says what is up.
    """

    evening: datetime = EVENING - timedelta(hours=1)
    morning: datetime = EVENING + timedelta(hours=10)
    rises: dict[str, datetime] = field(default_factory=dict)
    never: set[str] = field(default_factory=set)
    error: Exception | None = None
    twilight_per_deg: timedelta = timedelta(minutes=5)
    site: Site = SITE
    limits: Limits = LIMITS
    policy: NightPolicy = POLICY

    def night(self, utc: datetime, sun_max_altitude_deg: float | None = None) -> Night:
        """Return the one night, moved by whole days until its morning is to come.

        It begins later and ends earlier by ``twilight_per_deg`` for each degree below -12.
        """
        darker = max(0.0, -12.0 - (-12.0 if sun_max_altitude_deg is None else sun_max_altitude_deg))
        evening = self.evening + darker * self.twilight_per_deg
        morning = self.morning - darker * self.twilight_per_deg
        days = timedelta(0)
        while morning + days <= utc:
            days += timedelta(days=1)
        return Night(f"{self.evening + days:%Y%m%d}", evening + days, morning + days)

    def obstacles(self, request: ObservationRequest, utc: datetime) -> tuple[str, ...]:
        """Name what stands against it."""
        reasons: list[str] = []
        now_s = utc.timestamp()
        spans = request.windows
        if spans and not any(one.start_utc_s <= now_s <= one.end_utc_s for one in spans):
            reasons.append("outside its windows")
        if not request.frame_type.needs_sky:
            return tuple(reasons)
        if not self.night(utc).lasts_at(utc):
            reasons.append("Sun altitude 10.0 deg, expected at most -12.0 deg")
        rise = self.rises.get(request.object_name, utc)
        if request.object_name in self.never or rise > utc:
            reasons.append("altitude 5.0 deg, expected at least 15.0 deg")
        return tuple(reasons)

    def flips_within(
        self, request: ObservationRequest, begin: datetime, end: datetime
    ) -> tuple[str, ...]:
        """Nothing: its mount never flips."""
        return ()

    def next_observable(
        self, request: ObservationRequest, utc: datetime, until: datetime
    ) -> datetime | None:
        """Return the first instant without obstacles."""
        if self.error is not None:
            raise self.error
        night = self.night(utc)
        for start, end in self._ups(request, night):
            when = max(utc, start)
            if when < min(until, end):
                return when
        return None

    def spans(self, requests: Sequence[ObservationRequest], night: Night) -> Spans:
        """From the rise to the morning, within the windows."""
        found = [
            (index, start.timestamp(), end.timestamp())
            for index, request in enumerate(requests)
            for start, end in self._ups(request, night)
        ]
        index, starts, ends = zip(*found, strict=True) if found else ((), (), ())
        return Spans(np.array(index, dtype=np.intp), np.array(starts), np.array(ends))

    def place_deg(self, request: ObservationRequest, _utc: datetime) -> tuple[float, float] | None:
        """Nothing moves."""
        return request.fixed_place_deg

    def airmass(self, request: ObservationRequest, _utc: datetime) -> float | None:
        """Everything stands at 30 degrees."""
        return None if request.ra_deg is None else 2.0

    def _ups(
        self, request: ObservationRequest, night: Night
    ) -> Iterator[tuple[datetime, datetime]]:
        if request.object_name in self.never:
            return
        rise = max(night.evening, self.rises.get(request.object_name, night.evening))
        if not request.windows:
            yield rise, night.morning
        for window in request.windows:
            start = max(rise, datetime.fromtimestamp(window.start_utc_s, UTC))
            end = min(night.morning, datetime.fromtimestamp(window.end_utc_s, UTC))
            if start <= end:
                yield start, end


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
