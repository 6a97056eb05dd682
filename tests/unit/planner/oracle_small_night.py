"""A :class:`SmallNight` of real requests: visibility and values from astropy, not the planner.

The sky is taken on a grid of a minute (or finer) and straight lines of sin(altitude) and of the
cosine of the Moon's separation between, which adds 0.5 arcsec at 25 degrees of altitude and 5 at
85. Constraints hold at the start, at every instant of the grid within the visit and at its end.
Horizon mask and hour angle limit are not known here: ValueError.

A setup is that of ``ObservatoryModel`` at an instant at which the two stand symmetrically about the
meridian. For a fork without a dome that is what it takes whenever both are up (but for stars more
than 180 degrees of hour angle apart).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import astropy.units as u
import numpy as np
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body
from astropy.time import Time
from astropy.utils import iers
from numpy.typing import NDArray

from ctmo_indi.models.coordinates import sidereal_time_h
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.planner.checked_limits import airmass
from ctmo_indi.planner.plan_request import PlanRequest
from ctmo_indi.profiles import Limits, NightPolicy, Site

from .oracle_exact import SmallNight

Array = NDArray[np.float64]

_SIDEREAL_S = 86164.0905
_ALTITUDES_DEG = np.linspace(0.0, 90.0, 90001)


def small_night(
    requests: Sequence[PlanRequest],
    site: Site,
    limits: Limits,
    night: NightPolicy,
    model: ObservatoryModel,
    start: ObservatoryModelState,
    end_utc_s: float,
    step_s: float = 60.0,
) -> SmallNight:
    """Return the night from ``start.utc_s`` on, on a grid of starts."""
    if limits.horizon_mask_deg or limits.max_hour_angle_h is not None:
        raise ValueError("came a horizon mask or a limit of the hour angle, expected none")
    times_s = np.arange(start.utc_s, end_utc_s + 1e-6, step_s)
    sine, moon, sun_deg = _sky(requests, site, times_s)
    duration_s = np.array(
        [one.count * (one.exposure_s + model.kinematics.readout_s) for one in requests]
    )
    value = np.full(sine.shape, np.nan)
    for row, request in enumerate(requests):
        is_good = _is_good(request, sine[row], moon[row], sun_deg, limits, night)
        middle, ending = times_s + duration_s[row] / 2.0, times_s + duration_s[row]
        last = np.floor((ending - start.utc_s + 1e-6) / step_s).astype(np.intp)
        inside = np.minimum(last, times_s.size - 1)
        bad = np.concatenate(([0], np.cumsum(~is_good)))
        is_free = bad[inside + 1] == bad[:-1]  # no bad instant of the grid from start to end
        at_end = [np.interp(ending, times_s, each) for each in (sine[row], moon[row], sun_deg)]
        is_free &= _is_good(request, *at_end, limits, night) & (ending <= end_utc_s)
        is_free &= _is_in_window(request, times_s, ending)
        up = np.maximum(np.interp(middle, times_s, sine[row]), 0.0)
        weight = (1.0 + request.priority) * request.count * request.exposure_s
        value[row] = np.where(is_free, weight * up**0.75, np.nan)
    names = {name: number for number, name in enumerate(dict.fromkeys(o.group for o in requests))}
    return SmallNight(
        step_s=step_s,
        value=value,
        duration_s=duration_s,
        setup_s=_setups_s(requests, site, model, start.utc_s),
        first_s=model.delays_s(
            start, *_places(requests), [o.filter_name or None for o in requests]
        ),
        group=np.array([names[one.group] if one.group else -1 for one in requests]),
    )


def _places(requests: Sequence[PlanRequest]) -> tuple[Array, Array]:
    return np.array([one.ra_deg for one in requests]), np.array([one.dec_deg for one in requests])


def _sky(requests: Sequence[PlanRequest], site: Site, times_s: Array) -> tuple[Array, Array, Array]:
    """Return sin(altitude) and cos(Moon separation), shape (n, S), and the Sun's altitude (S,)."""
    ra_deg, dec_deg = _places(requests)
    location = EarthLocation(
        lon=site.longitude_deg * u.deg, lat=site.latitude_deg * u.deg, height=site.elevation_m * u.m
    )
    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("auto_max_age", None):
        times = Time(times_s, format="unix", scale="utc")
        frame = AltAz(obstime=times, location=location)
        stars = SkyCoord(ra_deg[:, np.newaxis] * u.deg, dec_deg[:, np.newaxis] * u.deg)
        star = _direction(stars.transform_to(frame))
        moon = _direction(get_body("moon", times, location).transform_to(frame))
        sun = get_body("sun", times, location).transform_to(frame)
    return star[2], np.sum(star * moon[:, np.newaxis], axis=0), np.asarray(sun.alt.deg)


def _direction(seen: SkyCoord) -> Array:
    flat = np.cos(seen.alt.rad)
    return np.array([flat * np.cos(seen.az.rad), flat * np.sin(seen.az.rad), np.sin(seen.alt.rad)])


def _is_good(
    request: PlanRequest,
    sine: Array,
    moon: Array,
    sun_deg: Array,
    limits: Limits,
    night: NightPolicy,
) -> NDArray[np.bool_]:
    wants = request.constraints
    floor = max(
        limits.horizon_deg, -90.0 if wants.min_altitude_deg is None else wants.min_altitude_deg
    )
    if wants.max_airmass is not None:
        is_thin = airmass(_ALTITUDES_DEG) <= wants.max_airmass
        floor = max(floor, _ALTITUDES_DEG[np.argmax(is_thin)] if is_thin.any() else 91.0)
    dark = night.sun_max_altitude_deg
    if wants.max_sun_altitude_deg is not None:
        dark = min(dark, wants.max_sun_altitude_deg)
    if dark > limits.sun_separation_above_deg:
        raise ValueError("came a night in which the Sun's separation counts")
    is_good = (sine >= np.sin(np.radians(floor))) & (sun_deg <= dark) & (floor <= 90.0)
    is_good &= sine <= np.sin(np.radians(limits.max_altitude_deg))
    if wants.min_moon_separation_deg is not None:
        is_good &= moon <= np.cos(np.radians(wants.min_moon_separation_deg))
    return np.asarray(is_good)


def _is_in_window(request: PlanRequest, start_s: Array, end_s: Array) -> NDArray[np.bool_]:
    if not request.windows:
        return np.ones(start_s.shape, dtype=np.bool_)
    inside = [(start_s >= one.start_utc_s) & (end_s <= one.end_utc_s) for one in request.windows]
    return np.any(inside, axis=0)


def _setups_s(
    requests: Sequence[PlanRequest], site: Site, model: ObservatoryModel, utc_s: float
) -> Array:
    rotation_deg = 15.0 * sidereal_time_h(site, utc_s)
    found = np.zeros((len(requests), len(requests)))
    for here, one in enumerate(requests):
        for there, other in enumerate(requests):
            apart_deg = (other.ra_deg - one.ra_deg + 180.0) % 360.0 - 180.0
            wait_deg = (one.ra_deg + apart_deg / 2.0 - rotation_deg) % 360.0
            at_s = utc_s + wait_deg / 360.0 * _SIDEREAL_S
            state = ObservatoryModelState(
                at_s, one.ra_deg, one.dec_deg, is_tracking=True, is_parked=False, is_open=True
            )
            state = replace(state, filter_name=one.filter_name or None)
            wanted = other.filter_name or None
            found[here, there] = model.delay_s(state, other.ra_deg, other.dec_deg, wanted)
    return found
