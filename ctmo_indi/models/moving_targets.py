"""Where the target of an order is at an instant: stars, planets, the Moon, orbits, fixed altitude.

One question, :func:`place_icrs_deg`; :func:`place_rad` is the same for many instants in one
apparent frame. Who needs the place of a request asks here and never reads its ``ra_deg``: a moving
target has none.

* Planets: ERFA's plan94 (Simon et al. 1994, Astron. Astrophys. 282, 663), which astropy's built-in
  ephemeris uses as well. Its own errors from 1800 to 2050, seen from the Sun: Mercury 6", Venus 5",
  Mars 17", Jupiter 71", Saturn 81", Uranus 86", Neptune 11". Seen from Earth: ``GOOD_TO_ARCSEC``.
* Moon: moon98, as in ``sun_moon``.
* Orbits: ``two_body``.

Light time and the site's parallax are in all of them. UT1 is taken as UTC (see ``coordinates``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import erfa
import numpy as np

from ctmo_indi.models.coordinates import ApparentFrame, Array, Instant, julian_dates, unix_s
from ctmo_indi.models.motions import (
    BodyMotion,
    FixedHorizontal,
    Motion,
    Orbit,
    SolarSystemBody,
)
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.sun_moon import earth_au, moon_place_rad, site_cirs_au
from ctmo_indi.models.two_body import heliocentric_au
from ctmo_indi.profiles import Site

_LIGHT_DAYS_PER_AU = 499.004784 / 86400.0
_PLAN94 = {
    SolarSystemBody.MERCURY: 1,
    SolarSystemBody.VENUS: 2,
    SolarSystemBody.MARS: 4,
    SolarSystemBody.JUPITER: 5,
    SolarSystemBody.SATURN: 6,
    SolarSystemBody.URANUS: 7,
    SolarSystemBody.NEPTUNE: 8,
}

GOOD_TO_ARCSEC: Mapping[SolarSystemBody, float] = {
    SolarSystemBody.MERCURY: 4.0,
    SolarSystemBody.VENUS: 9.0,
    SolarSystemBody.MARS: 54.0,
    SolarSystemBody.JUPITER: 38.0,
    SolarSystemBody.SATURN: 70.0,
    SolarSystemBody.URANUS: 65.0,
    SolarSystemBody.NEPTUNE: 6.0,
    SolarSystemBody.MOON: 16.0,
}
"""The most by which a place is off from 2026 to 2045, measured against VSOP87 (PyEphem 4.2.1)."""


def place_icrs_deg(request: ObservationRequest, site: Site, utc: Instant) -> tuple[Any, Any]:
    """Return RA and Dec (ICRS degrees) in which the target is seen from the site.

    Parameters
    ----------
    utc
        One instant, or Unix seconds of shape (n,).

    Returns
    -------
    ra_deg, dec_deg
        Floats; arrays of shape (n,) of a moving target at many instants. Of a moving target: the
        direction that, taken through :meth:`ApparentFrame.place_rad` like a star's, is where the
        body stands. Pure; 0.01 ms for a star, 0.1 to 0.3 ms for a moving target.

    Raises
    ------
    ValueError
        The request has no place on the sky.
    """
    if request.motion is None:
        if request.fixed_place_deg is None:
            raise ValueError(f"order {request.order_id}: no RA and Dec, and no motion")
        return request.fixed_place_deg
    frame = ApparentFrame.at(utc)
    ra_rad, dec_rad = erfa.aticq(*place_rad(request, frame, site, utc), frame.astrom)
    ra_deg, dec_deg = np.degrees(erfa.anp(ra_rad)), np.degrees(dec_rad)
    return (float(ra_deg), float(dec_deg)) if np.ndim(ra_deg) == 0 else (ra_deg, dec_deg)


def place_rad(
    request: ObservationRequest, frame: ApparentFrame, site: Site, utc: Instant
) -> tuple[Any, Any]:  # Any: float or array
    """Return the apparent place (CIRS, radians) of a request's target.

    Parameters
    ----------
    frame
        Its rotation belongs to the instants; its star parameters may be those of one instant for
        all of them.
    utc
        One instant, or Unix seconds of shape (n,).

    Returns
    -------
    ra_rad, dec_rad
        Of a star one place, of a moving target as many as instants.
    """
    motion = request.motion
    if motion is None:
        return frame.place_rad(request.ra_deg, request.dec_deg)
    if isinstance(motion, FixedHorizontal):
        return _horizontal_rad(motion, frame, site)
    if isinstance(motion, BodyMotion) and motion.body is SolarSystemBody.MOON:
        return moon_place_rad(frame, site, utc)
    ra_rad, dec_rad = erfa.c2s(_astrometric_au(motion, frame, site, utc))
    place: tuple[Any, Any] = erfa.atciqz(ra_rad, dec_rad, frame.astrom)
    return place


def altitude_deg(request: ObservationRequest, site: Site, utc: Instant) -> Any:  # Any: as utc
    """Return the altitude of a request's target, degrees, without refraction."""
    frame = ApparentFrame.at(utc)
    ra_rad, dec_rad = place_rad(request, frame, site, utc)
    _, altitude_rad = erfa.hd2ae(
        frame.hour_angle_rad(ra_rad, site), dec_rad, math.radians(site.latitude_deg)
    )
    return np.degrees(altitude_rad)


def _horizontal_rad(
    motion: FixedHorizontal, frame: ApparentFrame, site: Site
) -> tuple[Any, Any]:  # Any: float or array
    ha_rad, dec_rad = erfa.ae2hd(
        math.radians(motion.azimuth_deg),
        math.radians(motion.altitude_deg),
        math.radians(site.latitude_deg),
    )
    ra_rad = erfa.anp(frame.rotation_rad + math.radians(site.longitude_deg) - ha_rad)
    return ra_rad, np.full_like(ra_rad, dec_rad)[()]


def _astrometric_au(motion: Motion, frame: ApparentFrame, site: Site, utc: Instant) -> Array:
    """Return the vector from the site to where the body was when its light left it, ICRS."""
    day, tt_fraction, _ = julian_dates(unix_s(utc))
    ground_au = erfa.trxp(frame.astrom["bpn"], site_cirs_au(frame, site))
    here_au = earth_au(day, tt_fraction) + ground_au
    light_days = 0.0
    for _ in range(2):  # a further turn would change the light time by its 1e-8th
        there_au = _sun_to_body_au(motion, day, tt_fraction - light_days)
        light_days = np.linalg.norm(there_au - here_au, axis=-1) * _LIGHT_DAYS_PER_AU
    return np.asarray(there_au - here_au, dtype=np.float64)


def _sun_to_body_au(motion: Motion, day: Any, tt_fraction: Any) -> Any:  # Any: ERFA's arrays
    if isinstance(motion, Orbit):
        return heliocentric_au(motion, day + tt_fraction)
    assert isinstance(motion, BodyMotion)
    return erfa.plan94(day, tt_fraction, _PLAN94[motion.body])["p"]
