"""When an order can start: the spans of a night, and the first instant within many nights.

By the rules of ``models/observing_rules.py`` on a grid of a minute, edges to a second; for one
order at a time, of every kind (also targets that move). ``visibility`` does it for a million.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.coordinates import Array
from ctmo_indi.models.nights import night_bounds, noon_before
from ctmo_indi.models.observing_rules import Skies, rules
from ctmo_indi.models.orders import ObservationRequest, Window
from ctmo_indi.planner.constraint_states import Circumstances
from ctmo_indi.profiles import Limits, NightPolicy, Site

HORIZON_NIGHTS = 366
HORIZON_NIGHTS_OF_MOVING = 30
"""A target that moves costs 20 us an instant."""

_DAY_S = 86400.0
_FINE_STEP_S = 60.0
_COARSE_STEP_S = 300.0
_FINE_NIGHTS = 7
_NARROWER = 0.9

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Ahead:
    """What of the times ahead answers "when".

    Parameters
    ----------
    passes_utc_s
        When one limit is met again; None: not within the nights looked at, or not asked.
    start_utc_s
        When a visit can start; None: not within the nights looked at.
    nights
        How many were looked at, at most.
    """

    passes_utc_s: float | None
    start_utc_s: float | None
    nights: int


@dataclass(frozen=True, slots=True)
class OrderSky:
    """One order at one site: when it is within its limits, its windows, and not too early.

    Parameters
    ----------
    duration_s
        How long a visit lasts: that long the limits are to hold.
    """

    request: ObservationRequest
    site: Site
    limits: Limits
    night: NightPolicy
    duration_s: float
    known: Circumstances = field(default_factory=Circumstances)

    def noon_of(self, utc_s: float) -> float:
        """Return the noon before the night that lasts at an instant, else before the next one."""
        noon_s = noon_before(self.site, utc_s)
        bounds = night_bounds(self.site, utc_s, self.night.sun_max_altitude_deg)
        is_over = bounds is not None and bounds[1].timestamp() < utc_s
        return noon_s + _DAY_S if is_over else noon_s

    def good_spans(self, noon_s: float, step_s: float = _FINE_STEP_S) -> list[Window]:
        """Return the spans of a night (noon to noon) within all limits, to a second."""
        times_s = self._grid(noon_s, step_s)
        is_good, _ = self._masks(times_s, None)
        spans = []
        for first, after in _runs(is_good):
            start_s, end_s = float(times_s[first]), float(times_s[after - 1])
            if first > 0:
                start_s = self._edge_s(float(times_s[first - 1]), start_s, begins=True)
            if after < times_s.size:
                end_s = self._edge_s(end_s, float(times_s[after]), begins=False)
            spans.append(Window(start_s, end_s))
        return spans

    def starts(self, noon_s: float, step_s: float = _FINE_STEP_S) -> list[Window]:
        """Return the spans of a night in which a whole visit can start."""
        last_s = self.request.latest_start_utc_s
        found = []
        for span in self.good_spans(noon_s, step_s):
            end_s = span.end_utc_s - self.duration_s
            if last_s is not None:
                end_s = min(end_s, last_s)
            if end_s >= span.start_utc_s:
                found.append(Window(span.start_utc_s, end_s))
        return found

    def ahead(self, utc_s: float, rule: int = -1) -> Ahead:
        """Look through the coming nights: when ``rule`` is met again, when a visit can start.

        A minute's grid for a week, then five minutes': later a span shorter than that is passed
        over.
        """
        nights = HORIZON_NIGHTS if self.request.motion is None else HORIZON_NIGHTS_OF_MOVING
        passes_s = start_s = None
        asks_pass = rule >= 0 and self.request.frame_type.needs_sky
        noon_s = noon_before(self.site, utc_s)
        last_s = self._last_s()
        for number in range(nights):
            begin_s = noon_s + number * _DAY_S
            step_s = _FINE_STEP_S if number < _FINE_NIGHTS else self._coarse_step_s()
            if asks_pass and passes_s is None:
                passes_s = self._passes_s(begin_s, step_s, rule, utc_s)
            if start_s is None and begin_s <= last_s:
                for span in self.starts(begin_s, step_s):
                    if span.end_utc_s >= utc_s:
                        start_s = max(span.start_utc_s, utc_s)
                        break
            if (start_s is not None or begin_s > last_s) and not (asks_pass and passes_s is None):
                break
        return Ahead(passes_s, start_s, nights)

    def _coarse_step_s(self) -> float:
        """Return a step at which no flip of the mount is passed over."""
        if self.limits.meridian_flip_h is None:
            return _COARSE_STEP_S
        return min(_COARSE_STEP_S, _NARROWER * 120.0 * self.limits.meridian_flip_margin_min)

    def _last_s(self) -> float:
        """Return when nothing of it can begin any more."""
        last_s = max((one.end_utc_s for one in self.request.windows), default=math.inf)
        latest_s = self.request.latest_start_utc_s
        return last_s if latest_s is None else min(last_s, latest_s)

    def _passes_s(self, noon_s: float, step_s: float, rule: int, utc_s: float) -> float | None:
        times_s = self._grid(noon_s, step_s)
        times_s = np.append(utc_s, times_s[times_s > utc_s]) if times_s[0] <= utc_s else times_s
        if times_s.size == 0:
            return None
        _, is_met = self._masks(times_s, rule)
        if not is_met.any():
            return None
        first = int(np.argmax(is_met))
        if first == 0:
            return float(times_s[0])
        return self._edge_s(float(times_s[first - 1]), float(times_s[first]), begins=True, of=rule)

    def _grid(self, noon_s: float, step_s: float) -> Array:
        """Return instants of a night; where windows begin and end among them."""
        times_s = noon_s + np.arange(0.0, _DAY_S + 1.0, step_s)
        edges_s = [
            edge for one in self.request.windows for edge in (one.start_utc_s, one.end_utc_s)
        ]
        edges_s.append(self.known.not_before_utc_s)
        inside_s = [edge for edge in edges_s if noon_s < edge < noon_s + _DAY_S]
        return np.unique(np.append(times_s, inside_s))

    def _masks(self, times_s: Array, rule: int | None) -> tuple[Bools, Bools]:
        """Tell at which instants all is well, and at which one rule is met."""
        is_good = times_s >= self.known.not_before_utc_s
        windows = self.request.windows
        if windows:
            inside = np.zeros(times_s.shape, dtype=np.bool_)
            for one in windows:
                inside |= (times_s >= one.start_utc_s) & (times_s <= one.end_utc_s)
            is_good &= inside
        is_met = np.ones(times_s.shape, dtype=np.bool_)
        if self.request.frame_type.needs_sky and (rule is not None or is_good.any()):
            skies = Skies.over(self.site, times_s)
            for index, limit in enumerate(rules(self.request, skies, self.limits, self.night)):
                met = limit.slack >= 0.0
                is_good &= met
                if index == rule:
                    is_met = met
        return is_good, is_met

    def _edge_s(self, before_s: float, after_s: float, *, begins: bool, of: int = -1) -> float:
        """Return the first (last) good second between two instants of which one is good."""
        count = max(2, math.ceil(after_s - before_s) + 1)
        times_s = np.linspace(before_s, after_s, count)
        is_good, is_met = self._masks(times_s, of if of >= 0 else None)
        good = np.flatnonzero(is_met if of >= 0 else is_good)
        if good.size == 0:  # it lasts less than a second around the instant that was good
            return after_s if begins else before_s
        return float(times_s[good[0] if begins else good[-1]])


def _runs(is_good: Bools) -> list[tuple[int, int]]:
    """Return (first, one behind the last) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_good, [False])).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
