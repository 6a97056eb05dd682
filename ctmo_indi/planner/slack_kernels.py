"""Compiled: how far inside a limit a star is that has no closed form: Sun, Moon, horizon mask.

Each slack is continuous in time, not negative where the limit is kept. They are the rules of
``models/observing_rules.py``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.body_path import ROTATION_RATE_RAD_S
from ctmo_indi.planner.night_limits import Body, NightLimits
from ctmo_indi.planner.place_kernels import Vector

Array = NDArray[np.float64]

SUN_ALTITUDE, MOON_ALTITUDE, MOON_LIGHT, MOON_SEPARATION, SUN_SEPARATION, HORIZON_MASK = range(6)

_RAD = math.pi / 180.0


@compiled
def slack(kind: int, time_s: float, star: Vector, bound: float, night: NightLimits) -> float:
    """Return the slack of one limit at an instant.

    Parameters
    ----------
    kind
        Which limit.
    bound
        Of the request: sine of the highest altitude of Sun or Moon, the Moon's lit part, cosine of
        the least angle to the Moon; the others have none.
    """
    if kind == SUN_ALTITUDE:
        return bound - _sin_altitude(night.sun, time_s, night)
    if kind == MOON_ALTITUDE:
        return bound - _sin_altitude(night.moon, time_s, night)
    if kind == MOON_LIGHT:
        return max(-_sin_altitude(night.moon, time_s, night), bound - _moon_light(time_s, night))
    if kind == MOON_SEPARATION:
        return bound - cos_apart(star, night.moon, night.nodes, time_s)
    if kind == SUN_SEPARATION:
        low = math.sin(night.sun_near_above_deg * _RAD) - _sin_altitude(night.sun, time_s, night)
        apart = math.cos(night.sun_separation_rad) - cos_apart(star, night.sun, night.nodes, time_s)
        return max(low, apart)
    rotation_rad = night.turning.rotation_rad + ROTATION_RATE_RAD_S * time_s
    return mask_slack_deg(star, math.cos(rotation_rad), math.sin(rotation_rad), night)


@compiled
def cos_apart(star: Vector, body: Body, nodes: Array, time_s: float) -> float:
    """Return the cosine of the angle between a star and a body."""
    x, y, z = _direction(body, nodes, time_s)
    return star[0] * x + star[1] * y + star[2] * z


@compiled
def mask_slack_deg(
    star: Vector, cos_rotation: float, sin_rotation: float, night: NightLimits
) -> float:
    """Return how far a star is above the horizon mask."""
    towards = star[0] * cos_rotation + star[1] * sin_rotation
    west = star[0] * sin_rotation - star[1] * cos_rotation
    north = night.turning.cos_latitude * star[2] - night.turning.sin_latitude * towards
    up = night.turning.sin_latitude * star[2] + night.turning.cos_latitude * towards
    azimuth_deg = math.atan2(-west, north) / _RAD
    if azimuth_deg < 0.0:
        azimuth_deg += 360.0
    altitude_deg = math.atan2(up, math.hypot(north, west)) / _RAD
    corners, altitudes_deg = night.mask.corners[0], night.mask.corners[1]
    after = min(max(np.searchsorted(corners, azimuth_deg, side="right"), 1), corners.size - 1)
    width_deg = corners[after] - corners[after - 1]
    part = (azimuth_deg - corners[after - 1]) / width_deg if width_deg > 0.0 else 0.0
    low_deg, high_deg = altitudes_deg[after - 1], altitudes_deg[after]
    above_deg: float = altitude_deg - (low_deg + part * (high_deg - low_deg))
    return above_deg


@compiled
def _sin_altitude(body: Body, time_s: float, night: NightLimits) -> float:
    x, y, z = _direction(body, night.nodes, time_s)
    rotation_rad = night.turning.rotation_rad + ROTATION_RATE_RAD_S * time_s
    towards = x * math.cos(rotation_rad) + y * math.sin(rotation_rad)
    return night.turning.cos_latitude * towards + night.turning.sin_latitude * z


@compiled
def _moon_light(time_s: float, night: NightLimits) -> float:
    lights = night.moon_light
    place = time_s / night.moon_light_step_s
    node = min(int(place), lights.size - 1)
    after = min(node + 1, lights.size - 1)
    light: float = lights[node] + (place - node) * (lights[after] - lights[node])
    return light


@compiled
def _direction(body: Body, nodes: Array, time_s: float) -> Vector:
    """Return where a body is; as ``BodyPath.at``."""
    place = time_s / body.step_s
    node = min(max(int(place), 0), body.n_nodes - 2)
    part = place - node
    early = body.first + node
    x = nodes[early, 0] + part * (nodes[early + 1, 0] - nodes[early, 0])
    y = nodes[early, 1] + part * (nodes[early + 1, 1] - nodes[early, 1])
    z = nodes[early, 2] + part * (nodes[early + 1, 2] - nodes[early, 2])
    size = 1.0 / math.sqrt(x * x + y * y + z * z)
    return x * size, y * size, z * size
