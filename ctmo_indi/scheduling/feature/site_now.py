"""The sky over the site at one instant: what all fields have in common.

Stars stand in one apparent frame for a night (they move 0.5 arcsec a day in it); the Earth's
rotation is exact. Places are unit vectors in that frame (CIRS), so that an altitude is two
products, as in ``models/visibility.py``.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, runtime_checkable

import erfa
import numpy as np
from numpy.typing import NDArray

from ctmo_indi.errors import ConfigError
from ctmo_indi.models.coordinates import ApparentFrame, horizontal_deg, julian_dates
from ctmo_indi.models.nights import noon_before
from ctmo_indi.models.sun_moon import (
    coarse_sun_altitude_deg,
    coarse_sun_rad,
    moon_illumination,
    moon_place_rad,
)
from ctmo_indi.profiles import Limits, NightPolicy, Site

Vector = NDArray[np.float64]

_DAY_S = 86400.0
_UNIX_EPOCH_JD = 2440587.5
PLANETS: Mapping[str, int] = {
    "mercury": 1, "venus": 2, "mars": 4, "jupiter": 5, "saturn": 6, "uranus": 7, "neptune": 8,
}  # fmt: skip
"""Name -> number in ERFA's plan94 (Simon and others 1994: within 2 arcmin, Uranus 3)."""


@runtime_checkable
class SitedSky(Protocol):
    """A sky model that tells where it is and by which rules; ``scheduling/sky.py`` is one."""

    @property
    def site(self) -> Site:
        """Where the telescope stands."""
        ...

    @property
    def limits(self) -> Limits:
        """Where it may point."""
        ...

    @property
    def policy(self) -> NightPolicy:
        """When it may look at the sky."""
        ...


def sited(sky: object, driver: str) -> SitedSky:
    """Return a driver's sky model as one that tells its site; ConfigError when it does not."""
    if not isinstance(sky, SitedSky):
        raise ConfigError(
            f"{driver} driver: the sky model {type(sky).__name__} does not tell its site, expected"
            " site, limits and policy"
        )
    return sky


@dataclass(frozen=True)
class NightFrame:
    """The apparent frame of a night; noon to noon."""

    site: Site
    noon_s: float
    frame: ApparentFrame

    @classmethod
    def around(cls, site: Site, utc_s: float) -> NightFrame:
        """Make the frame of the night an instant belongs to."""
        noon_s = noon_before(site, utc_s)
        return cls(site, noon_s, ApparentFrame.at(noon_s + _DAY_S / 2.0))

    def holds(self, utc_s: float) -> bool:
        """Whether an instant belongs to the night."""
        return self.noon_s <= utc_s < self.noon_s + _DAY_S

    def apparent(self, icrs: Vector) -> Vector:
        """Return apparent unit vectors (CIRS) of stars, shape (3, n), given in ICRS.

        ERFA's ``atciqz`` in another order: aberration (the Lorentz boost of ``ab``), then
        precession, nutation and bias; without the Sun's deflection of light, 0.004" at 90 degrees
        from it. 49,152 stars in 2 ms.
        """
        astrom = self.frame.astrom
        velocity, shrink = astrom["v"].tolist(), float(astrom["bm1"])
        along = sum(one * part for one, part in zip(icrs, velocity, strict=True))
        pushed = 1.0 + along / (1.0 + shrink)
        seen = [shrink * one + part * pushed for one, part in zip(icrs, velocity, strict=True)]
        x, y, z = seen
        length = np.sqrt(x * x + y * y + z * z)
        turned = [a * x + b * y + c * z for a, b, c in astrom["bpn"].tolist()]
        return np.stack([one / length for one in turned])


class NightFrames:
    """The frame of the night that was asked for last."""

    def __init__(self) -> None:
        self._known: NightFrame | None = None

    def of(self, site: Site, utc_s: float) -> NightFrame:
        """Return the frame of the night an instant belongs to; the same object all night."""
        if self._known is None or not self._known.holds(utc_s):
            self._known = NightFrame.around(site, utc_s)
        return self._known


@dataclass(frozen=True)
class SiteNow:
    """Sun, Moon, planets and the turn of the Earth at one instant; worked out when asked for.

    Parameters
    ----------
    rotation_rad
        Local: Earth rotation angle + longitude; hour angle = this - CIRS right ascension.
    """

    night: NightFrame
    utc_s: float
    rotation_rad: float

    @classmethod
    def at(cls, night: NightFrame, utc_s: float) -> SiteNow:
        """Make it for an instant of the night."""
        day = utc_s // _DAY_S
        rotation = float(erfa.era00(day + _UNIX_EPOCH_JD, utc_s / _DAY_S - day))
        local = rotation + math.radians(night.site.longitude_deg)
        return cls(night, utc_s, local % (2.0 * math.pi))

    @property
    def latitude_rad(self) -> float:
        """Of the site."""
        return math.radians(self.night.site.latitude_deg)

    @cached_property
    def sun_altitude_deg(self) -> float:
        """Good to 0.02 deg, as in ``models/observing_rules.py``."""
        return float(coarse_sun_altitude_deg(self.night.site, np.array([self.utc_s]))[0])

    @cached_property
    def sun_vector(self) -> Vector:
        """Toward the Sun, shape (3,), good to 0.02 deg."""
        ra_rad, dec_rad = coarse_sun_rad(np.array([self.utc_s]))
        origins_rad = float(self.night.frame.origins_rad)
        return _vector(float(ra_rad[0]) + origins_rad, float(dec_rad[0]))

    @cached_property
    def moon_vector(self) -> Vector:
        """Toward the Moon as seen from the site, shape (3,)."""
        return _vector(*self._moon_rad)

    @cached_property
    def moon_altitude_deg(self) -> float:
        """Of its centre, without refraction."""
        ra_rad, dec_rad = self._moon_rad
        altitude, _ = horizontal_deg(self.rotation_rad - ra_rad, dec_rad, self.night.site)
        return float(altitude)

    @cached_property
    def moon_illumination(self) -> float:
        """Lit part of the disk, 0 to 1; to the nearest ten minutes, good to 0.001."""
        return _moon_illumination(round(self.utc_s / _SLOW_STEP_S))

    @cached_property
    def _moon_rad(self) -> tuple[float, float]:
        era_rad = self.rotation_rad - math.radians(self.night.site.longitude_deg)
        frame = replace(self.night.frame, rotation_rad=np.float64(era_rad))
        ra_rad, dec_rad = moon_place_rad(frame, self.night.site, self.utc_s)
        return float(ra_rad), float(dec_rad)

    def planet_vector(self, name: str) -> Vector:
        """Return the unit vector toward a planet of :data:`PLANETS`, shape (3,).

        Seen from the Earth's centre, the way of its light taken off, without aberration (20").
        """
        icrs = _planet_icrs(name, round(self.utc_s / _SLOW_STEP_S))
        return np.asarray(erfa.rxp(self.night.frame.astrom["bpn"], icrs), dtype=np.float64)


def icrs_vectors(ra_deg: Vector, dec_deg: Vector) -> Vector:
    """Return unit vectors, shape (3, n)."""
    ra_rad, dec_rad = np.radians(ra_deg), np.radians(dec_deg)
    cos_dec = np.cos(dec_rad)
    return np.stack([cos_dec * np.cos(ra_rad), cos_dec * np.sin(ra_rad), np.sin(dec_rad)])


_DAYS_PER_AU = 499.004784 / _DAY_S
_SLOW_STEP_S = 600.0


@functools.lru_cache(maxsize=256)
def _moon_illumination(step: int) -> float:
    return float(moon_illumination(step * _SLOW_STEP_S))


@functools.lru_cache(maxsize=256)
def _planet_icrs(name: str, step: int) -> Vector:
    """Return the direction of a planet, ICRS, to the nearest ten minutes: Mercury moves 0.5'."""
    day, tt_fraction, _ = julian_dates(step * _SLOW_STEP_S)
    earth_au = erfa.epv00(day, tt_fraction)[0]["p"]
    light_days, away_au = 0.0, earth_au
    for _ in range(2):
        planet_au = erfa.plan94(day, tt_fraction - light_days, PLANETS[name])["p"]
        away_au = planet_au - earth_au
        light_days = float(np.linalg.norm(away_au)) * _DAYS_PER_AU
    return np.asarray(away_au / np.linalg.norm(away_au), dtype=np.float64)


def _vector(ra_rad: float, dec_rad: float) -> Vector:
    cos_dec = math.cos(dec_rad)
    return np.array([cos_dec * math.cos(ra_rad), cos_dec * math.sin(ra_rad), math.sin(dec_rad)])
