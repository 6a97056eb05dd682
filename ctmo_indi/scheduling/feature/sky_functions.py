"""Basis functions of the place on the sky: altitude, hour angle, Moon, planets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ctmo_indi.scheduling import settings
from ctmo_indi.scheduling.feature.basis_function import EXCLUDED, BasisFunction, Value, mask
from ctmo_indi.scheduling.feature.features import Features
from ctmo_indi.scheduling.feature.place_conditions import DEG, PlaceConditions
from ctmo_indi.scheduling.feature.site_now import PLANETS

_HOURS_PER_RAD = 12.0 / math.pi


@dataclass(frozen=True, slots=True)
class Airmass(BasisFunction):
    """1 - air mass: 0 in the zenith, -1 at 30 degrees; nothing beyond ``max_airmass``."""

    name: ClassVar[str] = "airmass"

    max_airmass: float = settings.number(1.0, 38.0, 5.0)

    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return 1 - airmass."""
        found = conditions.airmass
        return np.where(found <= np.float32(self.max_airmass), np.float32(1.0) - found, EXCLUDED)


@dataclass(frozen=True, slots=True)
class Altitude(BasisFunction):
    """The sine of the altitude, 0 to 1; nothing outside ``min_deg`` to ``max_deg``."""

    name: ClassVar[str] = "altitude"

    min_deg: float = settings.number(0.0, 90.0, 0.0)
    max_deg: float = settings.number(0.0, 90.0, 90.0)

    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return sin(altitude)."""
        found = conditions.sin_altitude
        low, high = (np.float32(_sin(one)) for one in (self.min_deg, self.max_deg))
        return np.where((found >= low) & (found <= high), found, EXCLUDED)


@dataclass(frozen=True, slots=True)
class AltitudeAhead(BasisFunction):
    """Mask: still within the limits of altitude when the block is over."""

    name: ClassVar[str] = "altitude_ahead"
    is_mask: ClassVar[bool] = True

    ahead_s: float = settings.number(0.0, 43200.0, 1800.0)
    min_deg: float = settings.number(0.0, 90.0, 20.0)
    max_deg: float = settings.number(0.0, 90.0, 90.0)

    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return 0 or -infinity."""
        later = conditions.sin_altitude_after(self.ahead_s)
        low, high = (np.float32(_sin(one)) for one in (self.min_deg, self.max_deg))
        return mask((later >= low) & (later <= high))


@dataclass(frozen=True, slots=True)
class HourAngle(BasisFunction):
    """1 at the hour angle ``best_h``, less by 1 for twelve hours; none outside the limits."""

    name: ClassVar[str] = "hour_angle"

    best_h: float = settings.number(-12.0, 12.0, 0.0)
    min_h: float = settings.number(-12.0, 12.0, -12.0)
    max_h: float = settings.number(-12.0, 12.0, 12.0)

    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return 1 - |hour angle - best_h| / 12."""
        hours = conditions.hour_angle_rad * np.float32(_HOURS_PER_RAD)
        off = np.abs(hours - np.float32(self.best_h))
        off = np.minimum(off, np.float32(24.0) - off)
        is_within = (hours >= np.float32(self.min_h)) & (hours <= np.float32(self.max_h))
        return np.where(is_within, np.float32(1.0) - off / np.float32(12.0), EXCLUDED)


@dataclass(frozen=True, slots=True)
class MoonDistance(BasisFunction):
    """What the Moon spoils: 0 while it is down, -(lit part) on it, up to 0 at ``harmless_deg``.

    Nothing nearer than ``min_deg`` to a Moon that is up.
    """

    name: ClassVar[str] = "moon_distance"

    min_deg: float = settings.number(0.0, 180.0, 20.0)
    harmless_deg: float = settings.number(1.0, 180.0, 90.0)

    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return -illumination * (1 - separation / harmless_deg), at most 0."""
        if conditions.now.moon_altitude_deg < 0.0:
            return 0.0
        cos = conditions.cos_moon_separation
        separation = np.arccos(np.clip(cos, -1.0, 1.0)) * DEG
        lost = np.minimum(separation * np.float32(1.0 / self.harmless_deg) - np.float32(1.0), 0.0)
        lost = lost * np.float32(conditions.now.moon_illumination)
        return np.where(separation >= np.float32(self.min_deg), lost, EXCLUDED)


@dataclass(frozen=True, slots=True)
class MoonPhase(BasisFunction):
    """Mask of all at once: the Moon is down, or lit by ``percent`` [least, most]."""

    name: ClassVar[str] = "moon_phase"
    is_mask: ClassVar[bool] = True

    percent: tuple[float, float] = settings.span(0.0, 100.0, (0.0, 100.0))
    only_while_up: bool = settings.flag(True)

    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return 0 or -infinity."""
        if self.only_while_up and conditions.now.moon_altitude_deg < 0.0:
            return 0.0
        low, high = self.percent
        lit = 100.0 * conditions.now.moon_illumination
        return 0.0 if low <= lit <= high else -math.inf


@dataclass(frozen=True, slots=True)
class Planets(BasisFunction):
    """Mask: not within ``radius_deg`` of a bright planet."""

    name: ClassVar[str] = "planets"
    is_mask: ClassVar[bool] = True

    radius_deg: float = settings.number(0.0, 90.0, 2.0)
    planets: tuple[str, ...] = settings.texts(
        ("venus", "mars", "jupiter", "saturn"), options=tuple(PLANETS)
    )

    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return 0 or -infinity."""
        nearest = np.float32(math.cos(math.radians(self.radius_deg)))
        is_clear = np.ones(conditions.size, dtype=np.bool_)
        for planet in self.planets:
            is_clear &= conditions.cos_separation(conditions.now.planet_vector(planet)) <= nearest
        return mask(is_clear)


def _sin(angle_deg: float) -> float:
    return math.sin(math.radians(angle_deg))
