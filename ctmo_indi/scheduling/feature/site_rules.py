"""The site's own limits for many places: the cheap first question of a decision.

The limits are those of ``models/observing_rules.py``, at the begin and at the end of one exposure,
a little too wide rather than too narrow. Who passes here is asked exactly before he is chosen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.observing_rules import horizon_deg
from ctmo_indi.models.sun_moon import coarse_sun_altitude_deg
from ctmo_indi.profiles import Limits, NightPolicy
from ctmo_indi.scheduling.feature.place_conditions import PlaceConditions, Places
from ctmo_indi.scheduling.feature.site_now import SiteNow

Rows = NDArray[np.intp]
Bools = NDArray[np.bool_]

_ANGLE_SLACK = 2e-5  # of a sine or cosine: frame, float32
_ANGLE_SLACK_DEG = 0.002
_SUN_SLACK_DEG = 0.002  # the Sun is that of the rules
_SEPARATION_SLACK_DEG = 0.05
_MOON_SLACK_DEG = 0.1
_LIT_SLACK = 2e-3
_DAWN_STEP_S = 5.0
_LONGEST_SLEW_S = 900.0
"""How far before dawn slews are looked at; a longer one is found by the exact check."""
_HOUR_SLACK = 2e-4


@dataclass(frozen=True, slots=True)
class OwnLimits:
    """Limits of each order, shape (n,) each; what an order does not limit, it allows."""

    min_sin_altitude: NDArray[np.float32]
    max_cos_moon: NDArray[np.float32]
    max_sun_altitude_deg: NDArray[np.float32]
    min_hour_angle_h: NDArray[np.float32]
    max_hour_angle_h: NDArray[np.float32]
    max_moon_altitude_deg: NDArray[np.float32]
    max_moon_illumination: NDArray[np.float32]

    def take(self, rows: Rows) -> OwnLimits:
        """Return the limits of some orders."""
        return OwnLimits(*(getattr(self, one.name)[rows] for one in fields(self)))

    def allowed(self, conditions: PlaceConditions) -> Bools:
        """Whether each order's limits on hour angle, Sun and Moon hold now."""
        now = conditions.now
        sun_deg = np.float32(now.sun_altitude_deg - _SUN_SLACK_DEG)
        found: Bools = self.max_sun_altitude_deg >= sun_deg
        hours = conditions.hour_angle_rad * np.float32(12.0 / math.pi)
        found &= hours >= self.min_hour_angle_h - np.float32(_HOUR_SLACK)
        found &= hours <= self.max_hour_angle_h + np.float32(_HOUR_SLACK)
        if np.any(self.max_cos_moon < 1.5):
            found &= conditions.cos_moon_separation <= self.max_cos_moon + np.float32(_ANGLE_SLACK)
        if np.any(self.max_moon_altitude_deg < 90.0):
            height_deg = now.moon_altitude_deg - _MOON_SLACK_DEG
            found &= np.float32(height_deg) <= self.max_moon_altitude_deg
        if np.any(self.max_moon_illumination < 1.0) and now.moon_altitude_deg > _MOON_SLACK_DEG:
            found &= np.float32(now.moon_illumination - _LIT_SLACK) <= self.max_moon_illumination
        return found


@dataclass(frozen=True, slots=True)
class SiteRules:
    """The limits of a site and of its nights."""

    limits: Limits
    policy: NightPolicy

    def is_dark(self, now: SiteNow) -> bool:
        """Whether the Sun is low enough for any sky frame."""
        return now.sun_altitude_deg <= self.policy.sun_max_altitude_deg + _SUN_SLACK_DEG

    def dark_for_s(self, now: SiteNow, ahead_s: float) -> float:
        """Return how long the Sun stays low enough; infinity when longer than ``ahead_s``."""
        limit_deg = self.policy.sun_max_altitude_deg + _SUN_SLACK_DEG
        later_s = np.arange(0.0, ahead_s + _DAWN_STEP_S, _DAWN_STEP_S)
        altitude_deg = coarse_sun_altitude_deg(now.night.site, now.utc_s + later_s[-1:])
        if altitude_deg[0] <= limit_deg:
            return math.inf
        altitude_deg = coarse_sun_altitude_deg(now.night.site, now.utc_s + later_s)
        return float(later_s[np.argmax(altitude_deg > limit_deg)])

    def up_now(self, places: Places, now: SiteNow) -> Rows:
        """Return the rows of places within the limits of altitude now."""
        sin_altitude = places.sin_altitude(now)
        low = np.float32(_sin(self.limits.horizon_deg) - _ANGLE_SLACK)
        high = np.float32(_sin(self.limits.max_altitude_deg) + _ANGLE_SLACK)
        is_up = sin_altitude >= low
        if self.limits.max_altitude_deg < 90.0:
            is_up &= sin_altitude <= high
        return np.flatnonzero(is_up)

    def allowed(self, conditions: PlaceConditions, own: OwnLimits | None) -> Bools:
        """Whether each place keeps every limit, from now to the end of one exposure.

        Parameters
        ----------
        own
            Of the orders, in the order of the conditions.
        """
        limits = self.limits
        later = conditions.sin_altitude_after(conditions.exposure_s)
        lowest: Any = np.float32(_sin(limits.horizon_deg))
        if own is not None:
            lowest = np.maximum(lowest, own.min_sin_altitude)
        lowest = lowest - np.float32(_ANGLE_SLACK)
        found: Bools = later >= lowest
        exposure_s = np.asarray(conditions.exposure_s)
        if conditions.size:
            longest_s = float(exposure_s.max()) + _LONGEST_SLEW_S
            dark_s = self.dark_for_s(conditions.now, longest_s)
            if dark_s < math.inf:
                found &= exposure_s + conditions.travel_s <= np.float32(dark_s)
        if own is not None:
            found &= conditions.sin_altitude >= lowest
        if limits.max_altitude_deg < 90.0:
            found &= later <= np.float32(_sin(limits.max_altitude_deg) + _ANGLE_SLACK)
        if limits.max_hour_angle_h is not None:
            most = np.float32((limits.max_hour_angle_h + _HOUR_SLACK) * math.pi / 12.0)
            found &= np.abs(conditions.hour_angle_rad) <= most
        if limits.meridian_flip_h is not None:
            flip_rad = np.float32(limits.meridian_flip_h * math.pi / 12.0)
            least = _sin(limits.meridian_flip_margin_min / 4.0) - _ANGLE_SLACK
            found &= np.abs(np.sin(conditions.hour_angle_rad - flip_rad)) >= np.float32(least)
        if limits.horizon_mask_deg:
            mask_deg = horizon_deg(limits, conditions.azimuth_deg)
            found &= conditions.altitude_deg >= mask_deg - _ANGLE_SLACK_DEG
        if own is not None:
            found &= own.allowed(conditions)
        if conditions.now.sun_altitude_deg > limits.sun_separation_above_deg:
            nearest_deg = max(0.0, limits.sun_separation_deg - _SEPARATION_SLACK_DEG)
            nearest = np.float32(math.cos(math.radians(nearest_deg)))
            found &= conditions.cos_separation(conditions.now.sun_vector) <= nearest
        return found


def _sin(angle_deg: float) -> float:
    return math.sin(math.radians(angle_deg))
