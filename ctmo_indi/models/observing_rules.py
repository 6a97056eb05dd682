"""The limits on a sky frame, as one table of rules evaluated along the target's path.

Every limit of the site, of the night and of the order itself is one :class:`Rule`: a value along
the path and a bound. ``observability`` asks it all its questions. Altitudes are without refraction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import erfa
import numpy as np

from ctmo_indi.models.coordinates import (
    ApparentFrame,
    Array,
    Instant,
    airmass,
    from_unix_s,
    horizontal_deg,
    unix_s,
)
from ctmo_indi.models.moving_targets import place_rad
from ctmo_indi.models.nights import noon_before
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.sun_moon import (
    coarse_sun_altitude_deg,
    coarse_sun_rad,
    moon_illumination,
    moon_place_rad,
)
from ctmo_indi.profiles import Limits, NightPolicy, Site

_DAY_S = 86400.0
_GRID_S = 60.0
_UNIX_EPOCH_JD = 2440587.5
_MOST_DIGITS = 4
_MOST_AIRMASS = 99.9  # shown for a target below the horizon
_HOURS_PER_RAD = 12.0 / np.pi
_HALF_TURN_H = 12.0
_SECONDS_PER_SIDEREAL_H = 3600.0 / 1.00273781191135448


@dataclass(frozen=True)
class Skies:
    """Earth's rotation, Sun and Moon over a series of instants; shared by many orders.

    Parameters
    ----------
    times_s
        Unix seconds, ascending; shape (n,).
    frame
        One apparent frame for all: stars move 0.5" a day, and 20" a year by aberration.
    sun_altitude_deg
        Shape (n,).
    """

    site: Site
    times_s: Array
    frame: ApparentFrame
    sun_altitude_deg: Array

    @classmethod
    def of_night(cls, site: Site, utc: Instant, step_s: float = _GRID_S) -> Skies:
        """Make the skies from mean local noon to noon around an instant."""
        start_s = noon_before(site, utc)
        return cls.over(site, start_s + np.arange(0.0, _DAY_S + 1.0, step_s))

    @classmethod
    def over(cls, site: Site, times_s: Array) -> Skies:
        """Make the skies of given instants; the Sun is good to 0.02 deg."""
        middle = ApparentFrame.at(float((times_s[0] + times_s[-1]) / 2.0))
        days = np.floor(times_s / _DAY_S)
        rotation = erfa.era00(days + _UNIX_EPOCH_JD, times_s / _DAY_S - days)
        frame = replace(middle, rotation_rad=rotation)
        return cls(site, times_s, frame, coarse_sun_altitude_deg(site, times_s))

    @classmethod
    def at(cls, site: Site, utc: Instant) -> Skies:
        """Make the sky of one instant."""
        return cls.over(site, np.array([float(unix_s(utc))]))

    @cached_property
    def moon_place_rad(self) -> tuple[Any, Any]:  # Any: ERFA's arrays
        """The Moon seen from the site, CIRS radians; computed when first asked for."""
        return moon_place_rad(self.frame, self.site, self.times_s)

    @cached_property
    def moon_altitude_deg(self) -> Array:
        """Of its centre, with parallax; shape (n,)."""
        ra_rad, dec_rad = self.moon_place_rad
        altitude, _ = horizontal_deg(
            self.frame.hour_angle_rad(ra_rad, self.site), dec_rad, self.site
        )
        return np.asarray(altitude, dtype=np.float64)

    @cached_property
    def moon_illumination(self) -> Array:
        """Lit part of its disk, 0 to 1; shape (n,)."""
        return np.asarray(moon_illumination(self.times_s), dtype=np.float64)

    @cached_property
    def sun_place_rad(self) -> tuple[Array, Array]:
        """The Sun, CIRS radians, good to 0.02 deg."""
        ra_rad, dec_rad = coarse_sun_rad(self.times_s)
        return ra_rad + self.frame.origins_rad, dec_rad


@dataclass(frozen=True, slots=True)
class Rule:
    """One limit along the path of a target.

    Parameters
    ----------
    values, bounds
        Shape (n,) each.
    at_least
        True when the value must not be below the bound, False when not above it.
    """

    name: str
    unit: str
    values: Array
    bounds: Array
    at_least: bool

    @property
    def slack(self) -> Array:
        """How far inside the limit; negative outside."""
        return self.values - self.bounds if self.at_least else self.bounds - self.values

    def reason(self) -> str:
        """Say the value at the best instant and the limit there."""
        best = int(np.argmax(self.slack))
        word = "at least" if self.at_least else "at most"
        value, bound = self.values[best], self.bounds[best]
        digits = 1  # as many as tell both apart
        while digits < _MOST_DIGITS and f"{value:.{digits}f}" == f"{bound:.{digits}f}":
            digits += 1
        said = f"{self.name} {value:.{digits}f}{self.unit}"
        return f"{said}, expected {word} {bound:.{digits}f}{self.unit}"


def horizon_deg(limits: Limits, azimuth_deg: Any) -> Any:  # Any: a float or an array
    """Return the lowest allowed altitude at an azimuth: the higher of mask and plain horizon."""
    if not limits.horizon_mask_deg:
        return np.full_like(np.asarray(azimuth_deg, dtype=np.float64), limits.horizon_deg)[()]
    azimuths, altitudes = zip(*limits.horizon_mask_deg, strict=True)
    mask = np.interp(azimuth_deg, azimuths, altitudes, period=360.0)
    return np.maximum(mask, limits.horizon_deg)


def rules(
    request: ObservationRequest, skies: Skies, limits: Limits, night: NightPolicy
) -> tuple[Rule, ...]:
    """Return every limit on a sky frame, evaluated along the target's path over ``skies``."""
    ra_rad, dec_rad = place_rad(request, skies.frame, skies.site, skies.times_s)
    ha_rad = skies.frame.hour_angle_rad(ra_rad, skies.site)
    altitude, azimuth = horizontal_deg(ha_rad, dec_rad, skies.site)
    wants = request.constraints
    floor = np.maximum(horizon_deg(limits, azimuth), _or(wants.min_altitude_deg, -90.0))
    dark = min(night.sun_max_altitude_deg, _or(wants.max_sun_altitude_deg, 90.0))

    def bound(value: float) -> Array:
        return np.full_like(altitude, value)

    found = [
        Rule("Sun altitude", " deg", skies.sun_altitude_deg, bound(dark), at_least=False),
        Rule("altitude", " deg", altitude, floor, at_least=True),
        Rule("altitude", " deg", altitude, bound(limits.max_altitude_deg), at_least=False),
    ]
    if limits.max_hour_angle_h is not None:
        away = np.abs(ha_rad) * _HOURS_PER_RAD
        found.append(Rule("hour angle", " h", away, bound(limits.max_hour_angle_h), at_least=False))
    hours = ha_rad * _HOURS_PER_RAD
    if limits.meridian_flip_h is not None:
        since_h = (hours - limits.meridian_flip_h) % _HALF_TURN_H
        away_min = 60.0 * np.minimum(since_h, _HALF_TURN_H - since_h)
        least = bound(limits.meridian_flip_margin_min)
        found.append(Rule("meridian flip margin", " min", away_min, least, at_least=True))
    if wants.min_hour_angle_h is not None:
        least = bound(wants.min_hour_angle_h)
        found.append(Rule("hour angle", " h", hours, least, at_least=True))
    if wants.max_hour_angle_h is not None:
        most = bound(wants.max_hour_angle_h)
        found.append(Rule("hour angle", " h", hours, most, at_least=False))
    if wants.max_airmass is not None:
        masses = np.minimum(airmass(altitude), _MOST_AIRMASS)
        found.append(Rule("airmass", "", masses, bound(wants.max_airmass), at_least=False))
    if wants.min_moon_separation_deg is not None:
        apart = np.degrees(erfa.seps(*skies.moon_place_rad, ra_rad, dec_rad))
        least = bound(wants.min_moon_separation_deg)
        found.append(Rule("Moon separation", " deg", apart, least, at_least=True))
    if wants.max_moon_altitude_deg is not None:
        most = bound(wants.max_moon_altitude_deg)
        found.append(Rule("Moon altitude", " deg", skies.moon_altitude_deg, most, at_least=False))
    if wants.max_moon_illumination is not None:
        percent = 100.0 * skies.moon_illumination
        most = np.where(skies.moon_altitude_deg > 0.0, 100.0 * wants.max_moon_illumination, 100.0)
        found.append(Rule("Moon illumination", " %", percent, most, at_least=False))
    if dark > limits.sun_separation_above_deg:
        apart = np.degrees(erfa.seps(*skies.sun_place_rad, ra_rad, dec_rad))
        is_up = skies.sun_altitude_deg > limits.sun_separation_above_deg
        least = np.where(is_up, limits.sun_separation_deg, 0.0)
        found.append(Rule("Sun separation", " deg", apart, least, at_least=True))
    return tuple(found)


def flips_within(
    request: ObservationRequest, site: Site, limits: Limits, begin: Instant, end: Instant
) -> tuple[str, ...]:
    """Say when a mount would flip in an exposure; empty: not at all.

    The rules are asked when an exposure begins and when it ends, and both may be well though the
    flip lies between.
    """
    if limits.meridian_flip_h is None or not request.frame_type.needs_sky:
        return ()
    begin_s, end_s = float(unix_s(begin)), float(unix_s(end))
    skies = Skies.at(site, begin_s)
    ra_rad, _ = place_rad(request, skies.frame, site, skies.times_s)
    hours = np.ravel(skies.frame.hour_angle_rad(ra_rad, site))[0] * _HOURS_PER_RAD
    until_h = float((limits.meridian_flip_h - hours) % _HALF_TURN_H)
    flip_s = begin_s + until_h * _SECONDS_PER_SIDEREAL_H
    if flip_s >= end_s:
        return ()
    return (f"meridian flip at {from_unix_s(flip_s):%Y-%m-%dT%H:%M:%SZ}, within the exposure",)


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
