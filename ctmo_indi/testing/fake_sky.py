"""A sky under the test's hand, for tests of scheduling drivers and of the scheduler."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.scheduling.conditions import Night
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
        return Night("20261121", self.evening + days, self.morning + days)

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
