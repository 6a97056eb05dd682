"""When orders can be observed at this site: the models behind a scheduling driver.

Heavy to import (numpy, ERFA); whoever must be up early imports it inside a thread. The spans of an
order in a night are computed once and kept while that night is among the last asked for. One thread
at a time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import erfa

from ctmo_indi.models import coordinates, moving_targets, sky
from ctmo_indi.models.observing_rules import flips_within
from ctmo_indi.models.orders import ObservationRequest, Window
from ctmo_indi.models.visibility import Spans, visible_spans
from ctmo_indi.profiles import Limits, NightPolicy, Profile, Site
from ctmo_indi.scheduling.conditions import Night

NIGHTS_KEPT = 4
"""Whose spans are kept: the one that lasts and the next, and what a look ahead asks for."""

SPANS_KEPT = 20_000
"""Of each night."""

ANSWERS_KEPT = 1_000
DAY = timedelta(days=1)
NIGHTS_LOOKED_AT = 366

_Span = tuple[float, Window | None]
"""Since when it is known (Unix seconds), and when it is up; None: not any more this night."""


class SiteSky:
    """Observability at the profile's site, by its limits and its night policy."""

    def __init__(self, profile: Profile) -> None:
        self._site = profile.site
        self._limits = profile.limits
        self._policy = profile.night
        self._skies: dict[float, sky.Skies] = {}
        self._spans: dict[float, dict[ObservationRequest, _Span]] = {}  # by noon
        self._nights: dict[float, Night] = {}
        self._answers: dict[tuple[ObservationRequest, datetime], tuple[str, ...]] = {}

    @property
    def site(self) -> Site:
        """Where the telescope stands."""
        return self._site

    @property
    def limits(self) -> Limits:
        """Where it may point."""
        return self._limits

    @property
    def policy(self) -> NightPolicy:
        """When it may look at the sky."""
        return self._policy

    def night(self, utc: datetime, sun_max_altitude_deg: float | None = None) -> Night:
        """Return the night that lasts at ``utc``, else the next one.

        Where the Sun does not get low enough for a year, a night without length a day from now.
        """
        limit_deg = self._policy.sun_max_altitude_deg
        if sun_max_altitude_deg is not None:
            limit_deg = min(limit_deg, sun_max_altitude_deg)
        known = self._nights.get(limit_deg)
        if (
            known is not None
            and known.morning - DAY < utc < known.morning
            and (known.evening - utc < DAY)
        ):
            return known
        for days in range(NIGHTS_LOOKED_AT):
            when = utc + days * DAY
            bounds = sky.night_bounds(self._site, when, limit_deg)
            if bounds is not None and bounds[1] > utc:
                found = Night(sky.night_of(self._site, when), *bounds)
                self._nights[limit_deg] = found
                return found
        later = utc + DAY
        return Night(sky.night_of(self._site, later), later, later)

    def obstacles(self, request: ObservationRequest, utc: datetime) -> tuple[str, ...]:
        """Why the request cannot be observed at ``utc``, with value and limit."""
        key = (request, utc)
        known = self._answers.get(key)
        if known is None:
            _, known = sky.observable_now(request, self._site, self._limits, utc, self._policy)
            if len(self._answers) >= ANSWERS_KEPT:
                self._answers.clear()
            self._answers[key] = known
        return known

    def flips_within(
        self, request: ObservationRequest, begin: datetime, end: datetime
    ) -> tuple[str, ...]:
        """Say when a German mount would flip in an exposure; empty: not at all."""
        return flips_within(request, self._site, self._limits, begin, end)

    def spans(self, requests: Sequence[ObservationRequest], night: Night) -> Spans:
        """Return when sky frames are up in a night: never too short, at most a minute too long."""
        begin_s, end_s = night.evening.timestamp(), night.morning.timestamp()
        return visible_spans(requests, self._site, self._limits, self._policy, begin_s, end_s)

    def airmass(self, request: ObservationRequest, utc: datetime) -> float | None:
        """Return the air mass of a request's place; None without a place or below the horizon."""
        if request.motion is not None:
            up_deg = float(moving_targets.altitude_deg(request, self._site, utc))
            return coordinates.airmass(up_deg) if up_deg >= 0.0 else None
        if request.fixed_place_deg is None:
            return None
        noon_s = sky.noon_before(self._site, utc)
        frame = self._skies_of(noon_s, utc).frame
        ra_rad, dec_rad = frame.place_rad(*request.fixed_place_deg)
        ha_rad = _rotation_rad(utc) + math.radians(self._site.longitude_deg) - ra_rad
        altitude_deg, _ = coordinates.horizontal_deg(ha_rad, dec_rad, self._site)
        return coordinates.airmass(float(altitude_deg)) if altitude_deg >= 0.0 else None

    def place_deg(self, request: ObservationRequest, utc: datetime) -> tuple[float, float] | None:
        """Return where a request's target is at ``utc``, ICRS; None without a place."""
        if not request.has_place:
            return None
        return moving_targets.place_icrs_deg(request, self._site, utc)

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
        now_s, spans = utc.timestamp(), self._spans_of(noon_s)
        from_s, known = spans.get(request, (math.inf, None))
        if from_s <= now_s and (known is None or now_s + request.exposure_s <= known.end_utc_s):
            return known
        if len(spans) >= SPANS_KEPT:
            spans.clear()
        found = sky.observable_span(
            request,
            self._site,
            self._limits,
            self._policy,
            utc,
            skies=self._skies_of(noon_s, utc),
            min_length_s=request.exposure_s,
        )
        spans[request] = now_s, found
        return found

    def _spans_of(self, noon_s: float) -> dict[ObservationRequest, _Span]:
        if noon_s not in self._spans:
            if len(self._spans) >= NIGHTS_KEPT:
                del self._spans[min(self._spans)]
            self._spans[noon_s] = {}
        return self._spans[noon_s]

    def _skies_of(self, noon_s: float, utc: datetime) -> sky.Skies:
        if noon_s not in self._skies:
            if len(self._skies) >= NIGHTS_KEPT:
                self._skies.clear()
            self._skies[noon_s] = sky.Skies.of_night(self._site, utc)
        return self._skies[noon_s]


def _rotation_rad(utc: datetime) -> float:
    day, _, fraction = coordinates.julian_dates(utc)
    return float(erfa.era00(day, fraction))
