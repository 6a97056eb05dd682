"""Sun and Moon over a site.

Sun: ERFA's epv00 (within 0.01" from 1900 to 2100), seen from the Earth's centre: its parallax, 8.8"
at most, is left out. Moon: ERFA's moon98 (Meeus 1998, 10" in longitude, 4" in latitude), with the
site's parallax. Both as apparent places, so that they can be compared with stars as seen. Altitudes
are of the centre, without refraction, like every altitude here; UT1 is taken as UTC (see
``coordinates``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import erfa
import numpy as np

from ctmo_indi.models.coordinates import (
    Angle,
    ApparentFrame,
    Array,
    Instant,
    horizontal_deg,
    julian_dates,
)
from ctmo_indi.profiles import Site

_AU_M = 149597870700.0
_WGS84 = 1
_DAY_S = 86400.0
_J2000_UNIX_DAY = 10957.5


@dataclass(frozen=True, slots=True)
class Body:
    """Sun or Moon at one instant.

    Parameters
    ----------
    ra_deg, dec_deg
        ICRS of the direction it is seen in from the site.
    illumination
        Lit part of the disk, 0 to 1.
    """

    ra_deg: float
    dec_deg: float
    altitude_deg: float
    azimuth_deg: float
    illumination: float


def sun(site: Site, utc: Instant) -> Body:
    """Return the Sun at one instant; 0.15 ms."""
    frame = ApparentFrame.at(utc)
    ra_rad, dec_rad = sun_place_rad(frame, utc)
    return _body(frame, ra_rad, dec_rad, site, 1.0)


def sun_altitude_deg(site: Site, utc: Instant) -> float:
    """Return the altitude of the Sun's centre, degrees, without refraction."""
    return sun(site, utc).altitude_deg


def sun_icrs(utc: Instant) -> tuple[float, float]:
    """Return RA and Dec (ICRS degrees) of the Sun as seen from the Earth's centre."""
    day, tt_fraction, _ = julian_dates(utc)
    ra_rad, dec_rad = _sun_icrs_rad(day, tt_fraction)
    return math.degrees(erfa.anp(ra_rad)), math.degrees(dec_rad)


def sun_separation_deg(ra_deg: float, dec_deg: float, utc: Instant) -> float:
    """Return the angle between an ICRS position and the Sun, degrees."""
    ra_rad, dec_rad = (math.radians(value) for value in sun_icrs(utc))
    return math.degrees(erfa.seps(ra_rad, dec_rad, math.radians(ra_deg), math.radians(dec_deg)))


def moon(site: Site, utc: Instant) -> Body:
    """Return the Moon at one instant, with the site's parallax; 0.15 ms."""
    frame = ApparentFrame.at(utc)
    ra_rad, dec_rad = moon_place_rad(frame, site, utc)
    return _body(frame, ra_rad, dec_rad, site, moon_illumination(utc))


def moon_altitude_deg(site: Site, times_s: Array) -> Array:
    """Return the altitude of the Moon's centre for many Unix seconds, degrees, with parallax."""
    frame = ApparentFrame.at(times_s)
    ra_rad, dec_rad = moon_place_rad(frame, site, times_s)
    altitude, _ = horizontal_deg(frame.hour_angle_rad(ra_rad, site), dec_rad, site)
    return np.asarray(altitude, dtype=np.float64)


def moon_separation_deg(ra_deg: float, dec_deg: float, site: Site, utc: Instant) -> float:
    """Return the angle between an ICRS position and the Moon as seen from the site, degrees."""
    frame = ApparentFrame.at(utc)
    place = frame.place_rad(ra_deg, dec_deg)
    return math.degrees(erfa.seps(*place, *moon_place_rad(frame, site, utc)))


def moon_illumination(utc: Instant) -> Any:  # Any: a float, an array for an array
    """Return the lit part of the Moon's disk, 0 to 1, seen from the Earth's centre.

    k = (1 + cos i) / 2 with the phase angle i between Sun and Earth at the Moon; Meeus,
    Astronomical Algorithms, 2nd edition, 48.1. Good to 0.002.
    """
    day, tt_fraction, _ = julian_dates(utc)
    moon_au = erfa.moon98(day, tt_fraction)["p"]
    to_sun_au = -earth_au(day, tt_fraction) - moon_au
    lengths = np.linalg.norm(moon_au, axis=-1) * np.linalg.norm(to_sun_au, axis=-1)
    lit = (1.0 - np.sum(moon_au * to_sun_au, axis=-1) / lengths) / 2.0
    return float(lit) if np.ndim(lit) == 0 else lit


def sun_place_rad(frame: ApparentFrame, utc: Instant) -> tuple[Any, Any]:  # Any: float or array
    """Return the Sun's apparent place (CIRS, radians)."""
    day, tt_fraction, _ = julian_dates(utc)
    place: tuple[Any, Any] = erfa.atciqz(*_sun_icrs_rad(day, tt_fraction), frame.astrom)
    return place


def moon_place_rad(
    frame: ApparentFrame, site: Site, utc: Instant
) -> tuple[Any, Any]:  # Any: float or array
    """Return the Moon's place as seen from the site (CIRS, radians).

    The geometric direction is taken: light time and aberration, 0.7" together since the Moon shares
    the Earth's motion, are left out.
    """
    day, tt_fraction, _ = julian_dates(utc)
    moon_au = erfa.rxp(frame.astrom["bpn"], erfa.moon98(day, tt_fraction)["p"])
    place: tuple[Any, Any] = erfa.c2s(moon_au - site_cirs_au(frame, site))
    return place


def site_cirs_au(frame: ApparentFrame, site: Site) -> Array:
    """Return the site seen from the Earth's centre, in the frame of apparent places, au.

    Returns
    -------
    ndarray
        Shape (3,), or (n, 3) when the frame's rotation has n instants.
    """
    ground_m = erfa.gd2gc(
        _WGS84, math.radians(site.longitude_deg), math.radians(site.latitude_deg), site.elevation_m
    )
    cos, sin = np.cos(frame.rotation_rad), np.sin(frame.rotation_rad)
    x, y, z = ground_m / _AU_M
    return np.stack([cos * x - sin * y, sin * x + cos * y, np.full_like(cos, z)], axis=-1)


def earth_au(day: Angle, tt_fraction: Angle) -> Array:
    """Return the Earth seen from the Sun, ICRS, au; ERFA's epv00, which takes 25 us an instant.

    Of more instants than days by cubics between the days' beginnings, from places and velocities
    there: at most 2e-4 arcsec off.

    Parameters
    ----------
    day, tt_fraction
        Julian date (TT) in two parts, each one number or of shape (n,).

    Returns
    -------
    ndarray
        Shape (3,) or (n, 3).
    """
    since = np.asarray(day + tt_fraction)
    begin = np.floor(since)
    knots = np.union1d(begin, begin + 1.0)
    if knots.size >= since.size:
        here: Array = erfa.epv00(day, tt_fraction)[0]["p"]
        return here
    known = erfa.epv00(knots, 0.0)[0]
    at = np.searchsorted(knots, begin)
    part = (since - begin)[:, np.newaxis]
    left, right = known[at], known[at + 1]
    rest = 1.0 - part
    found: Array = rest**2 * ((1.0 + 2.0 * part) * left["p"] + part * left["v"]) + part**2 * (
        (1.0 + 2.0 * rest) * right["p"] - rest * right["v"]
    )
    return found


def coarse_sun_rad(times_s: Array) -> tuple[Array, Array]:
    """Return the Sun's apparent RA (from the equinox) and Dec, radians, for many Unix seconds.

    Low-precision formulae of the Astronomical Almanac, section C: 0.01 deg from 1950 to 2050, at
    0.1 us each.
    """
    days = times_s / _DAY_S - _J2000_UNIX_DAY
    anomaly = np.radians(357.528 + 0.9856003 * days)
    longitude = np.radians(
        280.460 + 0.9856474 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2.0 * anomaly)
    )
    obliquity = np.radians(23.439 - 0.0000004 * days)
    ra = np.arctan2(np.cos(obliquity) * np.sin(longitude), np.cos(longitude))
    return ra, np.arcsin(np.sin(obliquity) * np.sin(longitude))


def coarse_sun_altitude_deg(site: Site, times_s: Array) -> Array:
    """Return the Sun's altitude for many Unix seconds, degrees, good to 0.02 deg."""
    ra, dec = coarse_sun_rad(times_s)
    days = times_s / _DAY_S - _J2000_UNIX_DAY
    sidereal = np.radians(280.46062 + 360.98564737 * days + site.longitude_deg)
    altitude, _ = horizontal_deg(sidereal - ra, dec, site)
    return np.asarray(altitude, dtype=np.float64)


def _sun_icrs_rad(day: Angle, tt_fraction: Angle) -> tuple[Any, Any]:  # Any: float or array
    direction: tuple[Any, Any] = erfa.c2s(-earth_au(day, tt_fraction))
    return direction


def _body(
    frame: ApparentFrame, ra_rad: float, dec_rad: float, site: Site, illumination: float
) -> Body:
    altitude, azimuth = horizontal_deg(frame.hour_angle_rad(ra_rad, site), dec_rad, site)
    ra_icrs, dec_icrs = erfa.aticq(ra_rad, dec_rad, frame.astrom)
    return Body(
        ra_deg=math.degrees(erfa.anp(ra_icrs)),
        dec_deg=math.degrees(dec_icrs),
        altitude_deg=float(altitude),
        azimuth_deg=float(azimuth),
        illumination=illumination,
    )
