"""Altitudes, Sun and Moon as astropy has them: what the checker of plans judges by.

Nothing here shares a line with the planner or with ``models/coordinates.py``. Altitudes are without
refraction (``AltAz`` at pressure 0). astropy's own tables of UT1 and of the pole serve; nothing is
ever downloaded. Where they end, astropy takes UT1 = UTC, as ``models/coordinates.py`` always does;
:attr:`Places.ut1_deg` says what that costs.

Importing takes 0.4 s, the first use as long again (tables), 1,000 instants with the Moon 0.5 s.
Warnings and the configuration of astropy are changed while :func:`places` runs: one thread at a
time.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body
from astropy.time import Time
from astropy.utils import iers
from astropy.utils.exceptions import AstropyWarning
from erfa import ErfaWarning
from numpy.typing import NDArray

from ctmo_indi.profiles import Site

Array = NDArray[np.float64]

_SIDEREAL_DEG_S = 360.98564737 / 86400.0


@dataclass(frozen=True)
class Places:
    """Stars at instants, one star for each instant; all shapes (n,), degrees.

    Parameters
    ----------
    azimuth_deg
        From north over east.
    ut1_deg
        How far the sky turns in UT1 - UTC, its sign left out.
    """

    site: Site
    utc_s: Array
    altitude_deg: Array
    azimuth_deg: Array
    ut1_deg: Array

    @cached_property
    def hour_angle_deg(self) -> Array:
        """Apparent, -180 to 180, west positive: the spherical triangle of pole, zenith, star."""
        altitude, azimuth = np.radians(self.altitude_deg), np.radians(self.azimuth_deg)
        latitude = np.radians(self.site.latitude_deg)
        west = -np.sin(azimuth) * np.cos(altitude)
        south = np.sin(altitude) * np.cos(latitude)
        south -= np.cos(altitude) * np.cos(azimuth) * np.sin(latitude)
        return np.asarray(np.degrees(np.arctan2(west, south)))

    @cached_property
    def cos_dec(self) -> Array:
        """Cosine of the apparent declination, by the same triangle; not below 1e-9."""
        altitude, azimuth = np.radians(self.altitude_deg), np.radians(self.azimuth_deg)
        latitude = np.radians(self.site.latitude_deg)
        sine = np.sin(altitude) * np.sin(latitude)
        sine += np.cos(altitude) * np.cos(azimuth) * np.cos(latitude)
        return np.asarray(np.maximum(np.sqrt(np.clip(1.0 - sine * sine, 0.0, 1.0)), 1e-9))

    @cached_property
    def sun(self) -> tuple[Array, Array]:
        """Altitude of the Sun's centre and the star's separation from it."""
        return self._body("sun")

    @cached_property
    def moon(self) -> tuple[Array, Array]:
        """Altitude of the Moon's centre, with parallax, and the star's separation from it."""
        return self._body("moon")

    @cached_property
    def moon_illumination(self) -> Array:
        """Lit part of the Moon's disk, 0 to 1, from the triangle of Earth, Moon and Sun.

        k = (1 + cos i) / 2 with tan i = R sin e / (r - R cos e), from the elongation e and the
        distances R of the Sun and r of the Moon; Meeus, Astronomical Algorithms, 48.2 and 48.3.
        """
        with _quiet_astropy():
            times = _times(self.utc_s)
            sun, moon = get_body("sun", times), get_body("moon", times)
            elongation = sun.separation(moon, origin_mismatch="ignore").rad
            far, near = sun.distance.to_value(u.km), moon.distance.to_value(u.km)
        phase = np.arctan2(far * np.sin(elongation), near - far * np.cos(elongation))
        return np.asarray((1.0 + np.cos(phase)) / 2.0)

    def passes_s(self, hour_angle_deg: float, end_utc_s: Array) -> Array:
        """Return when each star is next at an hour angle; NaN where not before ``end_utc_s``."""
        passes_s = np.mod(hour_angle_deg - self.hour_angle_deg, 360.0) / _SIDEREAL_DEG_S
        passes_s += self.utc_s
        return np.where(passes_s < end_utc_s, passes_s, np.nan)

    def _body(self, name: str) -> tuple[Array, Array]:
        with _quiet_astropy():
            times = _times(self.utc_s)
            location = _location(self.site)
            frame = AltAz(obstime=times, location=location)
            seen = get_body(name, times, location).transform_to(frame)
        altitude, azimuth = seen.alt.deg, seen.az.deg
        return np.asarray(altitude), _apart_deg(
            (self.altitude_deg, self.azimuth_deg), (altitude, azimuth)
        )


def places(site: Site, ra_deg: Array, dec_deg: Array, utc_s: Array) -> Places:
    """Return where stars (ICRS) stand at instants (Unix seconds), all of shape (n,)."""
    with _quiet_astropy():
        times = _times(utc_s)
        frame = AltAz(obstime=times, location=_location(site))
        seen = SkyCoord(ra_deg * u.deg, dec_deg * u.deg).transform_to(frame)
        ut1_s = np.abs(np.asarray(times.delta_ut1_utc)) if _has_ut1(times) else np.zeros(len(utc_s))
    return Places(
        site, utc_s, np.asarray(seen.alt.deg), np.asarray(seen.az.deg), ut1_s * _SIDEREAL_DEG_S
    )


def _location(site: Site) -> Any:
    return EarthLocation(
        lon=site.longitude_deg * u.deg, lat=site.latitude_deg * u.deg, height=site.elevation_m * u.m
    )


def _times(utc_s: Array) -> Any:
    return Time(utc_s, format="unix", scale="utc")


def _has_ut1(times: Any) -> bool:
    _, status = iers.earth_orientation_table.get().ut1_utc(times, return_status=True)
    return bool(
        np.all((status != iers.TIME_BEFORE_IERS_RANGE) & (status != iers.TIME_BEYOND_IERS_RANGE))
    )


@contextmanager
def _quiet_astropy() -> Iterator[None]:
    """No download, and no warning of years its tables do not have."""
    with (
        warnings.catch_warnings(),
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("auto_max_age", None),
    ):
        for kind in (AstropyWarning, ErfaWarning):
            warnings.simplefilter("ignore", kind)
        yield


def _apart_deg(one: tuple[Array, Array], other: tuple[Array, Array]) -> Array:
    """Return the angle between directions (altitude, azimuth), by their unit vectors."""
    here, there = _direction(*one), _direction(*other)
    across = np.linalg.norm(np.cross(here, there), axis=-1)
    return np.asarray(np.degrees(np.arctan2(across, np.sum(here * there, axis=-1))))


def _direction(altitude_deg: Array, azimuth_deg: Array) -> Array:
    altitude, azimuth = np.radians(altitude_deg), np.radians(azimuth_deg)
    flat = np.cos(altitude)
    return np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(altitude)], axis=-1)
