"""A night and the limits in it, as compiled code takes them.

Times in here are seconds since the night's begin.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.planner.body_path import BodyPath
from ctmo_indi.planner.night_grid import NightGrid
from ctmo_indi.planner.place_kernels import Vector, vector
from ctmo_indi.profiles import Limits

Array = NDArray[np.float64]

NO_LIMIT = 2.0
"""Beyond every sine and cosine."""

_MASK_MARGIN_DEG = 0.01


class Body(NamedTuple):
    """Sun or Moon.

    Parameters
    ----------
    first, n_nodes
        Its nodes in ``NightLimits.nodes``, ``step_s`` apart from the night's begin on.
    middle, reach_rad
        All of the path lies within this angle of this unit vector.
    """

    first: int
    n_nodes: int
    step_s: float
    middle: Vector
    reach_rad: float

    @classmethod
    def of(cls, path: BodyPath, first: int) -> Body:
        """Take it from a path."""
        middle = path.nodes[len(path.nodes) // 2]
        away = np.linalg.norm(path.nodes - middle, axis=1).max()
        reach_rad = 2.0 * math.asin(float(away) / 2.0)
        return cls(first, len(path.nodes), path.step_s, vector(middle), reach_rad)


class Mask(NamedTuple):
    """The horizon by azimuth.

    Parameters
    ----------
    corners
        Shape (2, C + 2), C = 0 without a mask: azimuths, ascending, and altitudes; those beyond 0
        and 360 beside them.
    crossings
        Shape (2, C), phase and gain: a star passes the azimuth of a corner (or its opposite) at the
        hour angles ``-phase +- acos(gain * tan(declination))``.
    sin_highest
        Sine of an altitude above all of it; below -1 without one.
    """

    corners: Array
    crossings: Array
    sin_highest: float

    @classmethod
    def of(cls, limits: Limits, latitude_rad: float) -> Mask:
        """Lay out the profile's corners, as ``observing_rules.horizon_deg`` reads them."""
        if not limits.horizon_mask_deg:
            return cls(np.empty((2, 2)), np.empty((2, 0)), -NO_LIMIT)
        given = np.array(limits.horizon_mask_deg, dtype=np.float64)
        azimuth, altitude = given[:, 0] % 360.0, given[:, 1]
        order = np.argsort(azimuth, kind="stable")
        azimuth, altitude = azimuth[order], altitude[order]
        turns = np.radians(azimuth)
        towards_y, towards_x = np.cos(turns), math.sin(latitude_rad) * np.sin(turns)
        length = np.maximum(np.hypot(towards_x, towards_y), 1e-300)
        gain = math.cos(latitude_rad) * np.sin(turns) / length
        corners = np.empty((2, len(given) + 2))
        corners[:, 1:-1] = azimuth, altitude
        corners[:, 0] = azimuth[-1] - 360.0, altitude[-1]
        corners[:, -1] = azimuth[0] + 360.0, altitude[0]
        highest_deg = min(float(altitude.max()) + _MASK_MARGIN_DEG, 90.0)
        return cls(
            corners,
            np.stack([np.arctan2(towards_y, towards_x), gain]),
            math.sin(math.radians(highest_deg)),
        )


class Turning(NamedTuple):
    """How the sky turns over the site, and what the mount can reach of it.

    Parameters
    ----------
    rotation_rad
        Local hour angle of CIRS right ascension 0 at the night's begin.
    sin_max_altitude, cos_hour_angle
        NO_LIMIT and -NO_LIMIT when there are none.
    """

    begin_utc_s: float
    length_s: float
    rotation_rad: float
    sin_latitude: float
    cos_latitude: float
    sin_max_altitude: float
    cos_hour_angle: float

    @classmethod
    def of(cls, night: NightGrid) -> Turning:
        """Take it from a night."""
        latitude_rad = math.radians(night.site.latitude_deg)
        hours, highest = night.limits.max_hour_angle_h, night.limits.max_altitude_deg
        has_hours, has_highest = hours is not None and hours < 12.0, highest < 90.0
        return cls(
            night.begin_utc_s,
            night.end_utc_s - night.begin_utc_s,
            float(night.local_rotation_rad(night.begin_utc_s)),
            math.sin(latitude_rad),
            math.cos(latitude_rad),
            math.sin(math.radians(highest)) if has_highest else NO_LIMIT,
            math.cos((hours or 0.0) * math.pi / 12.0) if has_hours else -NO_LIMIT,
        )


class Flip(NamedTuple):
    """Where a German mount changes sides.

    Parameters
    ----------
    hour_angle_rad
        And half a turn from it.
    margin_rad
        No visit comes nearer; 0: nothing is planned around a flip.
    """

    hour_angle_rad: float
    margin_rad: float

    @classmethod
    def of(cls, limits: Limits) -> Flip:
        """Take it from a profile's limits."""
        if limits.meridian_flip_h is None:
            return cls(0.0, 0.0)
        return cls(
            math.radians(15.0 * limits.meridian_flip_h),
            math.radians(limits.meridian_flip_margin_min / 4.0),
        )


class NightLimits(NamedTuple):
    """What bounds all requests of a night.

    Parameters
    ----------
    nodes
        Shape (K, 3): the paths of Sun and Moon, CIRS unit vectors. Arrays are few: of each that is
        passed on compiled code counts the references, which costs more than what it does with it.
    sun_highest_deg, moon_highest_deg
        Highest altitudes in the night.
    moon_light, moon_light_step_s, moon_brightest
        Lit part of the Moon's disk at the instants of the grid, shape (S,), and its most.
    sun_near_above_deg, sun_separation_rad
        While the Sun is above the one, targets keep away from it by the other.
    """

    turning: Turning
    nodes: Array
    sun: Body
    moon: Body
    sun_highest_deg: float
    moon_highest_deg: float
    moon_light: Array
    moon_light_step_s: float
    moon_brightest: float
    sun_near_above_deg: float
    sun_separation_rad: float
    mask: Mask
    flip: Flip

    @classmethod
    def of(cls, night: NightGrid) -> NightLimits:
        """Take them from a night."""
        limits = night.limits
        return cls(
            turning=Turning.of(night),
            nodes=np.concatenate([night.sun_path.nodes, night.moon_path.nodes]),
            sun=Body.of(night.sun_path, 0),
            moon=Body.of(night.moon_path, len(night.sun_path.nodes)),
            sun_highest_deg=night.sun_highest_deg,
            moon_highest_deg=night.moon_highest_deg,
            moon_light=night.moon_illumination,
            moon_light_step_s=night.step_s,
            moon_brightest=float(night.moon_illumination.max(initial=0.0)),
            sun_near_above_deg=limits.sun_separation_above_deg,
            sun_separation_rad=math.radians(limits.sun_separation_deg),
            mask=Mask.of(limits, math.radians(night.site.latitude_deg)),
            flip=Flip.of(limits),
        )
