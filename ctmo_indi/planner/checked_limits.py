"""The limits on a sky frame as one table, for the checker of plans; by ``models/observing_rules``.

Written anew from the meaning of those rules, so that a fault in one is not in the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.orders import Constraints
from ctmo_indi.planner.checked_sky import Array, Places
from ctmo_indi.profiles import Limits, NightPolicy

ALTITUDE_DEG = 10.0 / 3600.0
HOUR_ANGLE_H = 1.0 / 3600.0
MOON_DEG = 30.0 / 3600.0
SUN_DEG = 20.0 / 3600.0
LIT_PERCENT = 0.3
_MOST_AIRMASS = 99.9


@dataclass(frozen=True, slots=True)
class LimitAlong:
    """One limit at all instants that are looked at.

    Parameters
    ----------
    values, bounds, tolerance
        Shape (n,), or one number; of the limit's unit.
    at_least
        True when the value must not be below the bound, False when not above it.
    ut1_factor
        Of the limit's unit, for each degree that UT1 = UTC turns the sky by.
    """

    name: str
    values: Array
    bounds: Array
    at_least: bool
    tolerance: Array | float
    ut1_factor: Array | float = 1.0

    @property
    def slack(self) -> Array:
        """How far inside the limit; negative outside."""
        return self.values - self.bounds if self.at_least else self.bounds - self.values


def limits_along(
    seen: Places,
    owner: NDArray[np.intp],
    wants: Sequence[Constraints],
    limits: Limits,
    night: NightPolicy,
) -> tuple[LimitAlong, ...]:
    """Return the limits that there are; Moon and Sun are computed only for those that need them.

    Parameters
    ----------
    owner
        For each instant of ``seen`` the index in ``wants``; shape (n,).
    """
    altitude = seen.altitude_deg

    def own(name: str, otherwise: float) -> Array:
        asked = [getattr(want, name) for want in wants]
        return np.array([otherwise if one is None else one for one in asked], np.float64)[owner]

    def same(bound: float) -> Array:
        return np.full_like(altitude, bound)

    floor = np.maximum(own("min_altitude_deg", -90.0), _lowest_near(limits, seen))
    dark = np.minimum(own("max_sun_altitude_deg", 90.0), night.sun_max_altitude_deg)
    found = [
        LimitAlong("Sun altitude", seen.sun[0], dark, False, SUN_DEG),
        LimitAlong("altitude", altitude, floor, True, ALTITUDE_DEG),
        LimitAlong("altitude", altitude, same(limits.max_altitude_deg), False, ALTITUDE_DEG),
    ]
    if limits.max_hour_angle_h is not None:
        hours, most = np.abs(seen.hour_angle_deg) / 15.0, same(limits.max_hour_angle_h)
        found.append(LimitAlong("hour angle", hours, most, False, HOUR_ANGLE_H, 1.0 / 15.0))
    if limits.meridian_flip_h is not None:
        found.append(_flip_along(seen, limits.meridian_flip_h, limits.meridian_flip_margin_min))
    hours = seen.hour_angle_deg / 15.0
    for name, at_least in (("min_hour_angle_h", True), ("max_hour_angle_h", False)):
        bound = own(name, -np.inf if at_least else np.inf)
        if np.any(np.isfinite(bound)):
            found.append(LimitAlong("hour angle", hours, bound, at_least, HOUR_ANGLE_H, 1.0 / 15.0))
    thickest = own("max_airmass", np.inf)
    if np.any(np.isfinite(thickest)):
        masses = airmass(altitude)
        off = masses - airmass(altitude + ALTITUDE_DEG)
        per_deg = off / ALTITUDE_DEG
        found.append(LimitAlong("airmass", masses, thickest, False, off, per_deg))
    apart = own("min_moon_separation_deg", -np.inf)
    if np.any(np.isfinite(apart)):
        found.append(LimitAlong("Moon separation", seen.moon[1], apart, True, MOON_DEG))
    highest = own("max_moon_altitude_deg", np.inf)
    if np.any(np.isfinite(highest)):
        found.append(LimitAlong("Moon altitude", seen.moon[0], highest, False, MOON_DEG))
    brightest = own("max_moon_illumination", np.inf)
    if np.any(np.isfinite(brightest)):
        percent = 100.0 * seen.moon_illumination
        brightest = np.where(seen.moon[0] > MOON_DEG, 100.0 * brightest, np.inf)
        found.append(LimitAlong("Moon illumination", percent, brightest, False, LIT_PERCENT, 0.0))
    is_sun_up = seen.sun[0] > limits.sun_separation_above_deg
    if np.any(is_sun_up):
        least = np.where(is_sun_up, limits.sun_separation_deg, -np.inf)
        found.append(LimitAlong("Sun separation", seen.sun[1], least, True, SUN_DEG))
    return tuple(found)


def _flip_along(seen: Places, flip_h: float, margin_min: float) -> LimitAlong:
    """Return the minutes to the nearest flip, on the upper meridian or on the lower one."""
    to_any_deg = [
        np.abs((seen.hour_angle_deg - 15.0 * flip_h - side_deg + 180.0) % 360.0 - 180.0)
        for side_deg in (0.0, 180.0)
    ]
    minutes = 4.0 * np.minimum(*to_any_deg)
    # Near the pole an arc second is a long way in hour angle.
    allowed = 4.0 * np.maximum(15.0 * HOUR_ANGLE_H, ALTITUDE_DEG / seen.cos_dec)
    margin = np.full_like(minutes, margin_min)
    return LimitAlong("meridian flip margin", minutes, margin, True, allowed, 4.0)


def airmass(altitude_deg: Array) -> Array:
    """Return the air mass: Kasten and Young 1989, table 2; 99.9 below the horizon."""
    up = np.maximum(altitude_deg, 0.0)
    # In their words a = 0.50572, b = 6.07995 deg, c = 1.6364, with the altitude in degrees.
    thick = 1.0 / (np.sin(np.radians(up)) + 0.50572 / (up + 6.07995) ** 1.6364)
    thick = np.clip(thick, 1.0, _MOST_AIRMASS)
    return np.asarray(np.where(altitude_deg < 0.0, _MOST_AIRMASS, thick))


def _lowest_near(limits: Limits, seen: Places) -> Array:
    """Return the horizon at the azimuth; of a mask the lowest within the tolerance around it."""
    if not limits.horizon_mask_deg:
        return np.full_like(seen.altitude_deg, limits.horizon_deg)
    flat = np.maximum(np.cos(np.radians(seen.altitude_deg)), 1e-3)
    off_deg = (ALTITUDE_DEG + seen.ut1_deg) / flat
    around = [seen.azimuth_deg + side * off_deg for side in (-1.0, 0.0, 1.0)]
    lowest = np.min([_mask_deg(limits, one) for one in around], axis=0)
    return np.asarray(np.maximum(lowest, limits.horizon_deg))


def _mask_deg(limits: Limits, azimuth_deg: Array) -> Array:
    """Return the mask's altitude, linear between its corners and through north."""
    corners = sorted((azimuth % 360.0, altitude) for azimuth, altitude in limits.horizon_mask_deg)
    first, last = corners[0], corners[-1]
    around = [(last[0] - 360.0, last[1]), *corners, (first[0] + 360.0, first[1])]
    azimuths, altitudes = (np.array(each) for each in zip(*around, strict=True))
    return np.asarray(np.interp(azimuth_deg % 360.0, azimuths, altitudes))
