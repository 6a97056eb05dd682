"""The site's pointing limits: horizon, highest altitude, hour angle, distance to the Sun. Pure.

Used before a motion (:mod:`~ctmo_indi.devices.interlocks`) and all the time while the mount moves
or tracks (:mod:`~ctmo_indi.devices.limits_watch`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from ctmo_indi.models import coordinates, sun_moon
from ctmo_indi.models.observing_rules import horizon_deg
from ctmo_indi.profiles import Limits, Site

_PATH_POINTS = 65


@dataclass(frozen=True, slots=True)
class Pointing:
    """Where a direction stands at one instant.

    Parameters
    ----------
    ra_deg, dec_deg
        ICRS.
    alt_deg, az_deg
        Without refraction; azimuth from north over east.
    hour_angle_h
        West positive, -12 to 12.
    sun_separation_deg
        Angle to the Sun; None when not computed.
    """

    ra_deg: float
    dec_deg: float
    alt_deg: float
    az_deg: float
    hour_angle_h: float
    sun_separation_deg: float | None


@dataclass(frozen=True, slots=True)
class LimitViolation:
    """One limit that a pointing breaks; ``value`` and ``limit`` in the unit of the message."""

    name: str
    value: float
    limit: float
    message: str


def pointing_at(ra_deg: float, dec_deg: float, site: Site, utc: datetime) -> Pointing:
    """Compute where an ICRS direction stands at ``utc``; 0.3 ms."""
    alt_deg, az_deg = coordinates.altaz(ra_deg, dec_deg, site, utc)
    return Pointing(
        ra_deg=ra_deg,
        dec_deg=dec_deg,
        alt_deg=alt_deg,
        az_deg=az_deg,
        hour_angle_h=coordinates.hour_angle_h(ra_deg, dec_deg, site, utc),
        sun_separation_deg=sun_moon.sun_separation_deg(ra_deg, dec_deg, utc),
    )


def limit_violations(
    pointing: Pointing, limits: Limits, sun_altitude_deg: float | None
) -> tuple[LimitViolation, ...]:
    """Return every limit that ``pointing`` breaks.

    Parameters
    ----------
    sun_altitude_deg
        The Sun's own altitude; None counts as up.
    """
    found = [
        *_horizon(pointing, limits),
        *_hour_angle(pointing, limits),
        *_sun(pointing, limits, sun_altitude_deg),
    ]
    return tuple(found)


def _horizon(pointing: Pointing, limits: Limits) -> Sequence[LimitViolation]:
    alt_deg = pointing.alt_deg
    low_deg = float(horizon_deg(limits, pointing.az_deg))
    if not alt_deg >= low_deg:
        text = f"altitude {alt_deg:.1f} deg at azimuth {pointing.az_deg:.0f}, the horizon is there"
        return (LimitViolation("horizon", alt_deg, low_deg, f"{text} at {low_deg:g} deg"),)
    high_deg = limits.max_altitude_deg
    if not alt_deg <= high_deg:
        text = f"altitude {alt_deg:.1f} deg, the highest allowed is {high_deg:g} deg"
        return (LimitViolation("max altitude", alt_deg, high_deg, text),)
    return ()


def _hour_angle(pointing: Pointing, limits: Limits) -> Sequence[LimitViolation]:
    limit_h = limits.max_hour_angle_h
    if limit_h is None or abs(pointing.hour_angle_h) <= limit_h:
        return ()
    text = f"hour angle {pointing.hour_angle_h:+.2f} h, the limit is {limit_h:g} h"
    return (LimitViolation("hour angle", pointing.hour_angle_h, limit_h, text),)


def _sun(
    pointing: Pointing, limits: Limits, sun_altitude_deg: float | None
) -> Sequence[LimitViolation]:
    if sun_altitude_deg is not None and sun_altitude_deg <= limits.sun_separation_above_deg:
        return ()
    limit_deg = limits.sun_separation_deg
    separation_deg = pointing.sun_separation_deg
    if separation_deg is not None and separation_deg >= limit_deg:
        return ()
    shown = "unknown" if separation_deg is None else f"{separation_deg:.1f} deg"
    text = f"distance to the Sun {shown}, the smallest allowed is {limit_deg:g} deg"
    value = math.nan if separation_deg is None else separation_deg
    return (LimitViolation("Sun", value, limit_deg, text),)


def path_sun_separation_deg(
    start_icrs_deg: tuple[float, float],
    end_icrs_deg: tuple[float, float],
    utc: datetime,
) -> float:
    """Return the smallest angle to the Sun on the way of a slew.

    Both axes of an equatorial mount turn at their own rate: the corners of the ways it may take
    are RA first, Dec first and both together; the smallest angle on any of the three counts.
    """
    sun_ra_deg, sun_dec_deg = sun_moon.sun_icrs(utc)
    (ra0, dec0), (ra1, dec1) = start_icrs_deg, end_icrs_deg
    turn = (ra1 - ra0 + 180.0) % 360.0 - 180.0
    fraction = np.linspace(0.0, 1.0, _PATH_POINTS)
    ra_first = np.concatenate([ra0 + turn * fraction, np.full(_PATH_POINTS, ra1)])
    dec_last = np.concatenate([np.full(_PATH_POINTS, dec0), dec0 + (dec1 - dec0) * fraction])
    dec_first = np.concatenate([dec0 + (dec1 - dec0) * fraction, np.full(_PATH_POINTS, dec1)])
    ra_last = np.concatenate([np.full(_PATH_POINTS, ra0), ra0 + turn * fraction])
    ra_deg = np.concatenate([ra_first, ra_last, ra0 + turn * fraction])
    dec_deg = np.concatenate([dec_last, dec_first, dec0 + (dec1 - dec0) * fraction])
    sun_ra = np.full_like(ra_deg, sun_ra_deg)
    sun_dec = np.full_like(dec_deg, sun_dec_deg)
    return float(np.min(coordinates.separation_deg(ra_deg, dec_deg, sun_ra, sun_dec)))
