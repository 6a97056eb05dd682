"""Basis functions of time and of motion: Sun, windows, slews, filter changes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ctmo_indi.scheduling import settings
from ctmo_indi.scheduling.feature.basis_function import EXCLUDED, BasisFunction, Value, mask
from ctmo_indi.scheduling.feature.features import Features
from ctmo_indi.scheduling.feature.place_conditions import PlaceConditions


@dataclass(frozen=True, slots=True)
class SunAltitude(BasisFunction):
    """Mask of all at once: the Sun's altitude is within ``altitude_deg`` [least, most].

    [-90, -18] is the dark night, [-18, -12] twilight.
    """

    name: ClassVar[str] = "sun"
    is_mask: ClassVar[bool] = True

    altitude_deg: tuple[float, float] = settings.span(-90.0, 90.0, (-90.0, -12.0))

    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return 0 or -infinity."""
        low, high = self.altitude_deg
        return 0.0 if low <= conditions.now.sun_altitude_deg <= high else -math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindow(BasisFunction):
    """Mask of all at once: one of ``windows``, "2026-11-22T03:00:00Z/2026-11-22T05:00:00Z"."""

    name: ClassVar[str] = "time_window"
    is_mask: ClassVar[bool] = True

    windows: tuple[tuple[float, float], ...] = settings.windows()

    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return 0 or -infinity; one exposure has to end within the window."""
        end_s = features.utc_s + np.asarray(conditions.exposure_s, dtype=np.float64)
        is_open = np.zeros(end_s.shape, dtype=np.bool_)
        for window_start_s, window_end_s in self.windows:
            is_open |= (window_start_s <= features.utc_s) & (end_s <= window_end_s)
        return float(mask(is_open)[()]) if is_open.ndim == 0 else mask(is_open)


@dataclass(frozen=True, slots=True)
class SlewTime(BasisFunction):
    """-(seconds to the first exposure) / ``norm_s``; nothing farther than ``max_s``.

    Mount, settling, dome, filter and opening, as the profile's kinematics say.
    """

    name: ClassVar[str] = "slew_time"
    by_filter: ClassVar[bool] = True

    norm_s: float = settings.number(0.1, 86400.0, 60.0)
    max_s: float = settings.number(0.0, 86400.0, 86400.0)

    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return -slew / norm_s."""
        slew_s = conditions.slew_s
        cost = slew_s * np.float32(-1.0 / self.norm_s)
        if self.max_s >= 86400.0:
            found: Value = cost
            return found
        return np.where(slew_s <= np.float32(self.max_s), cost, EXCLUDED)


@dataclass(frozen=True, slots=True)
class FilterChange(BasisFunction):
    """-1 where the filter would have to be changed, 0 elsewhere.

    Parameters
    ----------
    least_s
        The strict rule: no change at all within so many seconds of the last one, unless the filter
        in place is none that the candidates ask for. 0: no such rule.
    """

    name: ClassVar[str] = "filter_change"
    by_filter: ClassVar[bool] = True

    least_s: float = settings.number(0.0, 86400.0, 0.0)

    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return 0, -1 or -infinity; 0 while the filter is not known."""
        since_s = features.utc_s - features.filter_since_utc_s
        is_too_soon = features.filter_since_utc_s > 0.0 and since_s < self.least_s
        cost = -math.inf if is_too_soon and conditions.is_loaded_wanted else -1.0
        is_other = conditions.is_other_filter
        if np.ndim(is_other) == 0:
            return cost if is_other else 0.0
        return np.where(is_other, np.float32(cost), np.float32(0.0))
