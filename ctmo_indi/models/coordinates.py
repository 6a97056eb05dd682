"""Where something is on the sky: ICRS, apparent of date, altitude and azimuth.

* **ICRS**: RA and Dec in degrees; what orders and frames speak.
* **eod**, apparent of date: what INDI mounts mean by EQUATORIAL_EOD_COORD. Geocentric apparent
  place (precession, nutation, annual aberration, light deflection), RA from the true equinox of
  date, in hours. libindi makes it with libnova's apparent place; astropy calls it TETE.
* **altaz**: altitude without refraction, azimuth from north over east, degrees.

All from ERFA (the IAU's SOFA routines, IAU 2006/2000A), called directly: importing it costs 0.1 s,
astropy's coordinates ten times that, and nothing is ever downloaded. The price: UT1 is taken as
UTC, so hour angles and azimuths are off by at most 0.9 s of time = 14"; polar motion (0.3") and
diurnal aberration (0.3") are left out. Apparent places do not depend on UT1: they agree with
astropy to 0.01" (``tests/unit/models/test_coordinates.py``).

Every function takes one position and one instant, or arrays that broadcast. An instant is an aware
``datetime`` or Unix seconds (UTC), the latter also as an array. With scalars the answers are
floats. No function blocks; any thread may call.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import erfa
import numpy as np
from numpy.typing import NDArray

from ctmo_indi.profiles import Site

Array = NDArray[np.float64]
Instant = datetime | float | Array
Angle = TypeVar("Angle", float, Array)

_UNIX_EPOCH_JD = 2440587.5
_DAY_S = 86400.0
_TT_MINUS_TAI_S = 32.184
_MJD_ZERO_JD = 2400000.5
_HOURS_PER_RAD = 12.0 / math.pi


@dataclass(frozen=True, slots=True)
class ApparentFrame:
    """The apparent sky at one instant (or an array of them); make it once, use it often.

    Parameters
    ----------
    astrom
        ERFA's star-independent parameters, geocentric.
    origins_rad
        Equation of the origins: RA from the true equinox = RA (CIRS) - this.
    rotation_rad
        Earth rotation angle.
    """

    astrom: Any  # ERFA's structured array has no type
    origins_rad: Any  # float or array, as the instant was
    rotation_rad: Any  # float or array, as the instant was

    @classmethod
    def at(cls, utc: Instant) -> ApparentFrame:
        """Compute it: 0.06 ms for each instant."""
        day, tt_fraction, fraction = julian_dates(utc)
        astrom, origins_rad = erfa.apci13(day, tt_fraction)
        return cls(astrom, origins_rad, erfa.era00(day, fraction))

    def place_rad(self, ra_deg: Any, dec_deg: Any) -> tuple[Any, Any]:  # Any: float or array
        """Turn ICRS degrees into CIRS radians (apparent, RA from the CIO)."""
        place: tuple[Any, Any] = erfa.atciqz(np.radians(ra_deg), np.radians(dec_deg), self.astrom)
        return place

    def hour_angle_rad(self, cirs_ra_rad: Any, site: Site) -> Any:  # Any: float or array
        """Return the local hour angle of a CIRS right ascension, -pi to pi."""
        return erfa.anpm(self.rotation_rad + math.radians(site.longitude_deg) - cirs_ra_rad)


def unix_s(utc: Instant) -> Any:  # Any: a float, or an array when an array came
    """Return Unix seconds; ValueError for a datetime without a zone."""
    if isinstance(utc, datetime):
        if utc.tzinfo is None:
            raise ValueError(f"{utc} has no time zone, expected an aware datetime")
        return utc.timestamp()
    return utc


def from_unix_s(seconds: float) -> datetime:
    """Return the aware UTC datetime of Unix seconds."""
    return datetime.fromtimestamp(seconds, UTC)


def mjd(utc: Instant) -> Any:  # Any: a float, or an array when an array came
    """Return the Modified Julian Date (UTC), good to 0.1 ms."""
    return unix_s(utc) / _DAY_S + (_UNIX_EPOCH_JD - _MJD_ZERO_JD)


def julian_dates(utc: Instant) -> tuple[Any, Any, Any]:  # Any: floats or arrays
    """Split an instant into a Julian day and its fractions.

    Returns
    -------
    day, tt_fraction, utc_fraction
        ``day + tt_fraction`` is TT, ``day + utc_fraction`` is UTC (taken for UT1). The leap seconds
        are ERFA's own table; a later one not in it costs 1 s of TT, which moves no star by 0.001".
    """
    seconds = np.asarray(unix_s(utc), dtype=np.float64)
    days = np.floor(seconds / _DAY_S)
    fraction = seconds / _DAY_S - days
    starts_s, tai_minus_utc_s = _leap_seconds()
    index = np.clip(np.searchsorted(starts_s, seconds, side="right") - 1, 0, None)
    tt_fraction = fraction + (tai_minus_utc_s[index] + _TT_MINUS_TAI_S) / _DAY_S
    return days + _UNIX_EPOCH_JD, tt_fraction, fraction


def icrs_to_eod(ra_deg: Angle, dec_deg: Angle, utc: Instant) -> tuple[Angle, Angle]:
    """Turn ICRS into the apparent place of date a mount is commanded with.

    Returns
    -------
    ra_hours, dec_deg
        RA 0 <= h < 24.
    """
    frame = ApparentFrame.at(utc)
    ri, di = frame.place_rad(ra_deg, dec_deg)
    return _answer(erfa.anp(ri - frame.origins_rad) * _HOURS_PER_RAD, np.degrees(di))


def eod_to_icrs(ra_hours: Angle, dec_deg: Angle, utc: Instant) -> tuple[Angle, Angle]:
    """Turn what a mount reports into ICRS; inverse of :func:`icrs_to_eod` to 1e-6 arcsec.

    Returns
    -------
    ra_deg, dec_deg
        RA 0 <= deg < 360.
    """
    frame = ApparentFrame.at(utc)
    ri = np.asarray(ra_hours) / _HOURS_PER_RAD + frame.origins_rad
    rc, dc = erfa.aticq(ri, np.radians(dec_deg), frame.astrom)
    return _answer(np.degrees(erfa.anp(rc)), np.degrees(dc))


def altaz(ra_deg: Angle, dec_deg: Angle, site: Site, utc: Instant) -> tuple[Angle, Angle]:
    """Return altitude and azimuth of an ICRS position.

    Returns
    -------
    altitude_deg, azimuth_deg
        Without refraction; azimuth from north over east, 0 <= deg < 360.
    """
    frame = ApparentFrame.at(utc)
    ri, di = frame.place_rad(ra_deg, dec_deg)
    return _answer(*horizontal_deg(frame.hour_angle_rad(ri, site), di, site))


def eod_to_altaz(ra_hours: Angle, dec_deg: Angle, site: Site, utc: Instant) -> tuple[Angle, Angle]:
    """Return altitude and azimuth of what a mount reports; as :func:`altaz`."""
    ha_rad = np.asarray(eod_hour_angle_h(ra_hours, site, utc)) / _HOURS_PER_RAD
    return _answer(*horizontal_deg(ha_rad, np.radians(dec_deg), site))


def altaz_to_icrs(
    altitude_deg: Angle, azimuth_deg: Angle, site: Site, utc: Instant
) -> tuple[Angle, Angle]:
    """Return the ICRS position (RA, Dec in degrees) that stands there; inverse of :func:`altaz`."""
    frame = ApparentFrame.at(utc)
    ha_rad, di = erfa.ae2hd(
        np.radians(azimuth_deg), np.radians(altitude_deg), math.radians(site.latitude_deg)
    )
    ri = frame.rotation_rad + math.radians(site.longitude_deg) - ha_rad
    rc, dc = erfa.aticq(ri, di, frame.astrom)
    return _answer(np.degrees(erfa.anp(rc)), np.degrees(dc))


def hour_angle_h(ra_deg: Angle, dec_deg: Angle, site: Site, utc: Instant) -> Angle:
    """Return the local hour angle of an ICRS position, hours, -12 to 12, west positive."""
    frame = ApparentFrame.at(utc)
    ri, _ = frame.place_rad(ra_deg, dec_deg)
    answer: Angle = _one(frame.hour_angle_rad(ri, site) * _HOURS_PER_RAD)
    return answer


def eod_hour_angle_h(ra_hours: Angle, site: Site, utc: Instant) -> Angle:
    """Return the local hour angle of an apparent RA of date, hours, -12 to 12, west positive."""
    frame = ApparentFrame.at(utc)
    ri = np.asarray(ra_hours) / _HOURS_PER_RAD + frame.origins_rad
    answer: Angle = _one(frame.hour_angle_rad(ri, site) * _HOURS_PER_RAD)
    return answer


def sidereal_time_h(site: Site, utc: Instant) -> Any:  # Any: a float, an array for an array
    """Return the local apparent sidereal time, hours, 0 <= h < 24."""
    frame = ApparentFrame.at(utc)
    angle = frame.rotation_rad - frame.origins_rad + math.radians(site.longitude_deg)
    return _one(erfa.anp(angle) * _HOURS_PER_RAD)


def separation_deg(ra1_deg: Angle, dec1_deg: Angle, ra2_deg: Angle, dec2_deg: Angle) -> Angle:
    """Return the angle between two directions of one frame, degrees (exact also when tiny)."""
    angle = erfa.seps(*(np.radians(value) for value in (ra1_deg, dec1_deg, ra2_deg, dec2_deg)))
    answer: Angle = _one(np.degrees(angle))
    return answer


def airmass(altitude_deg: Angle) -> Angle:
    """Return the relative air mass at an altitude.

    Kasten and Young 1989, Applied Optics 28, 4735, table 2: finite down to the horizon (38), equal
    to the secant of the zenith angle within 0.8 % above 20 degrees. Below the horizon: infinity.
    """
    altitude = np.asarray(altitude_deg, dtype=np.float64)
    up = np.clip(altitude, 0.0, 90.0)
    value = 1.0 / (np.sin(np.radians(up)) + 0.50572 * (up + 6.07995) ** -1.6364)
    answer: Angle = _one(np.where(altitude < 0.0, np.inf, np.maximum(value, 1.0)))
    return answer


def altitude_of_airmass_deg(most: float | None) -> float:
    """Return the altitude from which the air mass is at most ``most``, to 1e-6 degrees.

    -90 where there is no such limit (None), or where it holds at the horizon.
    """
    if most is None or most >= airmass(0.0):
        return -90.0
    low, high = 0.0, 90.0
    while high - low > 1e-6:
        middle = (low + high) / 2.0
        low, high = (middle, high) if airmass(middle) > most else (low, middle)
    return low


@functools.cache
def _leap_seconds() -> tuple[Array, Array]:
    """Return Unix seconds and the TAI - UTC that holds from then on."""
    table = erfa.leap_seconds.get()
    starts = [datetime(int(y), int(m), 1, tzinfo=UTC).timestamp() for y, m, _ in table]
    return np.array(starts), np.array(table["tai_utc"], dtype=np.float64)


def horizontal_deg(ha_rad: Any, dec_rad: Any, site: Site) -> tuple[Any, Any]:
    """Return altitude and azimuth (degrees) of hour angle and apparent declination (radians)."""
    az, alt = erfa.hd2ae(ha_rad, dec_rad, math.radians(site.latitude_deg))
    return np.degrees(alt), np.degrees(az) % 360.0


def _one(value: Any) -> Any:  # Any: a float for a scalar, else the array
    return float(value) if np.ndim(value) == 0 else np.asarray(value, dtype=np.float64)


def _answer(first: Any, second: Any) -> tuple[Any, Any]:  # Any: what _one gives
    return _one(first), _one(second)
