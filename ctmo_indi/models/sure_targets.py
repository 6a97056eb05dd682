"""Which targets can be observed beyond doubt, told in a microsecond.

A desk that takes thousands of orders a second cannot follow each target along a year
(:func:`~ctmo_indi.models.observability.ever_observable`, 0.4 ms). Most orders need no such look:
a target crosses the meridian in the dark on some night of every year, and stands high enough there.
What is said here is a sufficient condition with room to spare; a target that is not sure may be
observable all the same and has to be looked at. A test compares both over random sites, limits and
targets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ctmo_indi.models.coordinates import Instant, airmass, unix_s
from ctmo_indi.models.observing_rules import Skies
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.profiles import Limits, NightPolicy, Site

_YEAR_S = 366.0 * 86400.0
_STEP_S = 900.0
_LONGEST_EXPOSURE_S = 1800.0  # a longer one might not end before the target sets
_BINS = 96  # of sidereal time, a quarter of an hour each
_BIN_DEG = 360.0 / _BINS
_DARKER_DEG = 0.3  # the Sun a year later is not quite where it was

# Catalogue to apparent place: precession to 2050, nutation and aberration move a target by less.
_MOST_DEC_DEG = 75.0
_MOST_SHIFT_RA_DEG = 3.5
_MOST_SHIFT_DEC_DEG = 0.5
_AROUND_DEG = _BIN_DEG + _MOST_SHIFT_RA_DEG

# On the meridian; and aside of it, for what culminates too near to the zenith.
_HOUR_ANGLES_DEG = (0.0, 30.0, -30.0)
_FAR_FROM_FLIP_H = 1.0
"""Aside of the meridian an exposure stays so far from it: 30 - 7.3 deg, less half an hour."""


@dataclass(frozen=True, slots=True)
class SureTargets:
    """What is observable for sure at one site, in any year; any thread.

    Parameters
    ----------
    dark
        For each bin of sidereal time whether it occurs in the dark on some night of a year.
    """

    site: Site
    limits: Limits
    dark: tuple[bool, ...]

    @classmethod
    def of(cls, site: Site, limits: Limits, night: NightPolicy, utc: Instant) -> SureTargets:
        """Look at the Sun over a year from ``utc`` on; blocks for some 20 ms."""
        start_s = float(unix_s(utc))
        skies = Skies.over(site, np.arange(start_s, start_s + _YEAR_S, _STEP_S))
        is_dark = skies.sun_altitude_deg <= night.sun_max_altitude_deg - _DARKER_DEG
        if night.sun_max_altitude_deg > limits.sun_separation_above_deg:
            is_dark[:] = False  # the distance to the Sun counts too: nothing is sure
        sidereal_deg = (
            np.degrees(skies.frame.hour_angle_rad(np.float64(0.0), site))[is_dark] % 360.0
        )
        bins = np.unique((sidereal_deg / _BIN_DEG).astype(np.int64) % _BINS)
        return cls(site, limits, tuple(bool(one) for one in np.isin(np.arange(_BINS), bins)))

    def has(self, request: ObservationRequest) -> bool:
        """Whether some instant of every year serves ``request``; False means: not known here."""
        wants, limits = request.constraints, self.limits
        ra_deg, dec_deg = request.ra_deg, request.dec_deg
        if (
            ra_deg is None
            or dec_deg is None
            or not -_MOST_DEC_DEG <= dec_deg <= _MOST_DEC_DEG
            or request.windows
            or request.exposure_s > _LONGEST_EXPOSURE_S
            or wants.min_moon_separation_deg is not None
            or wants.max_sun_altitude_deg is not None
            or wants.min_hour_angle_h is not None
            or wants.max_hour_angle_h is not None
            or wants.max_moon_illumination is not None
            or wants.max_moon_altitude_deg is not None
        ):
            return False
        floor_deg = max(
            limits.horizon_deg,
            *(altitude for _, altitude in limits.horizon_mask_deg),
            -90.0 if wants.min_altitude_deg is None else wants.min_altitude_deg,
        )
        for hour_angle_deg in _HOUR_ANGLES_DEG:
            most_deg = abs(hour_angle_deg) + _AROUND_DEG
            if limits.max_hour_angle_h is not None and limits.max_hour_angle_h * 15.0 < most_deg:
                continue
            if limits.meridian_flip_h is not None and (
                not hour_angle_deg
                or abs(limits.meridian_flip_h) + limits.meridian_flip_margin_min / 60.0
                > _FAR_FROM_FLIP_H
            ):
                continue
            if not self.dark[int((ra_deg + hour_angle_deg) / _BIN_DEG) % _BINS]:
                continue
            least_deg = max(0.0, abs(hour_angle_deg) - _AROUND_DEG)
            lowest_deg = self._altitude_deg(dec_deg, most_deg) - _MOST_SHIFT_DEC_DEG
            highest_deg = self._altitude_deg(dec_deg, least_deg) + _MOST_SHIFT_DEC_DEG
            if (
                lowest_deg >= floor_deg
                and (highest_deg <= limits.max_altitude_deg or limits.max_altitude_deg >= 90.0)
                and (wants.max_airmass is None or float(airmass(lowest_deg)) <= wants.max_airmass)
            ):
                return True
        return False

    def _altitude_deg(self, dec_deg: float, hour_angle_deg: float) -> float:
        """``sin(altitude) = sin(lat) sin(dec) + cos(lat) cos(dec) cos(hour angle)``."""
        lat, dec = math.radians(self.site.latitude_deg), math.radians(dec_deg)
        sine = math.sin(lat) * math.sin(dec) + math.cos(lat) * math.cos(dec) * math.cos(
            math.radians(hour_angle_deg)
        )
        return math.degrees(math.asin(max(-1.0, min(1.0, sine))))
