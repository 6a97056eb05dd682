"""When orders can be observed at this site: the models behind a scheduling driver.

Heavy to import (numpy, ERFA); whoever must be up early imports it inside a thread. The spans of an
order in a night are computed once and kept until the next noon. One thread at a time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ctmo_indi.models import sky
from ctmo_indi.models.orders import ObservationRequest, Window
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduling.conditions import Night

SPANS_KEPT = 20_000
DAY = timedelta(days=1)
NIGHTS_LOOKED_AT = 366


class SiteSky:
    """Observability at the profile's site, by its limits and its night policy."""

    def __init__(self, profile: Profile) -> None:
        self._site = profile.site
        self._limits = profile.limits
        self._policy = profile.night
        self._skies: dict[float, sky.Skies] = {}
        self._spans: dict[tuple[ObservationRequest, float], Window | None] = {}
        self._night: Night | None = None

    def night(self, utc: datetime) -> Night:
        """Return the night that lasts at ``utc``, else the next one.

        Where the Sun does not get low enough for a year, a night without length a day from now.
        """
        known = self._night
        if (
            known is not None
            and known.morning - DAY < utc < known.morning
            and (known.evening - utc < DAY)
        ):
            return known
        for days in range(NIGHTS_LOOKED_AT):
            when = utc + days * DAY
            bounds = sky.night_bounds(self._site, when, self._policy.sun_max_altitude_deg)
            if bounds is not None and bounds[1] > utc:
                self._night = Night(sky.night_of(self._site, when), *bounds)
                return self._night
        later = utc + DAY
        return Night(sky.night_of(self._site, later), later, later)

    def obstacles(self, request: ObservationRequest, utc: datetime) -> tuple[str, ...]:
        """Why the request cannot be observed at ``utc``, with value and limit."""
        _, reasons = sky.observable_now(request, self._site, self._limits, utc, self._policy)
        return reasons

    def next_observable(
        self, request: ObservationRequest, utc: datetime, until: datetime
    ) -> datetime | None:
        """Return the first instant from ``utc`` to ``until``, on a grid of a minute.

        Only spans long enough for one exposure count.
        """
        start = utc
        while start < until:
            span = self._span(request, start)
            if span is not None:
                first = max(datetime.fromtimestamp(span.start_utc_s, UTC), utc)
                return first if first < until else None
            noon_s = sky.noon_before(self._site, start) + DAY.total_seconds()
            start = datetime.fromtimestamp(noon_s + 1.0, UTC)
        return None

    def _span(self, request: ObservationRequest, utc: datetime) -> Window | None:
        noon_s = sky.noon_before(self._site, utc)
        key = (request, noon_s)
        known = self._spans.get(key)
        if key in self._spans and (known is None or utc.timestamp() <= known.end_utc_s):
            return known
        if len(self._spans) >= SPANS_KEPT:
            self._spans.clear()
        found = sky.observable_span(
            request,
            self._site,
            self._limits,
            self._policy,
            utc,
            skies=self._skies_of(noon_s, utc),
            min_length_s=request.exposure_s,
        )
        self._spans[key] = found
        return found

    def _skies_of(self, noon_s: float, utc: datetime) -> sky.Skies:
        if noon_s not in self._skies:
            if len(self._skies) >= 4:
                self._skies.clear()
            self._skies[noon_s] = sky.Skies.of_night(self._site, utc)
        return self._skies[noon_s]
