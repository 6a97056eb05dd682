"""Compiled: how long it takes from one request to the next, what a visit is worth, when it fits.

The formulae are those of ``models/observatory_model.py`` and ``models/dome_geometry.py``, which the
tests compare them with. Angles in degrees, times in seconds since the plan's begin.
"""

from __future__ import annotations

import math

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.kept import Kept, Setup, Sky

NEVER_S = 1e18
_RAD = math.pi / 180.0


@compiled
def travel_s(way_deg: float, rate_deg_s: float, acceleration_deg_s2: float) -> float:
    """Return the time of an axis from rest to rest: a trapezoid of speed, or a triangle."""
    if way_deg >= rate_deg_s * rate_deg_s / acceleration_deg_s2:
        return way_deg / rate_deg_s + rate_deg_s / acceleration_deg_s2
    return 2.0 * math.sqrt(way_deg / acceleration_deg_s2)


@compiled
def hour_angle_deg(sky: Sky, ra_deg: float, time_s: float) -> float:
    """Return the hour angle, -180 to 180, west positive."""
    angle = sky.rotation_deg + sky.rotation_rate_deg_s * time_s - ra_deg
    return angle - 360.0 * math.floor((angle + 180.0) / 360.0)


@compiled
def is_west(sky: Sky, kept: Kept, row: int, time_s: float) -> bool:
    """Whether a slew at that instant puts a German mount's tube west of the pier."""
    return hour_angle_deg(sky, kept.ra_deg[row], time_s) < 0.0


@compiled
def slit_deg(
    sky: Sky, kept: Kept, setup: Setup, row: int, is_tube_west: bool, time_s: float
) -> float:
    """Return the azimuth of the dome's slit, 0 to 360; see ``dome_geometry.slit_azimuth_deg``."""
    angle = hour_angle_deg(sky, kept.ra_deg[row], time_s) * _RAD
    sin_ha, cos_ha = math.sin(angle), math.cos(angle)
    sin_dec, cos_dec = kept.sin_dec[row], kept.cos_dec[row]
    x = -cos_dec * sin_ha
    y = sin_dec * sky.cos_latitude - cos_dec * cos_ha * sky.sin_latitude
    if setup.dome_radius_m > 0.0:
        z = sin_dec * sky.sin_latitude + cos_dec * cos_ha * sky.cos_latitude
        beside_m = -setup.dome_tube_m if is_tube_west else setup.dome_tube_m
        tube_x = setup.dome_east_m + beside_m * cos_ha
        tube_y = setup.dome_north_m - beside_m * sin_ha * sky.sin_latitude
        tube_z = setup.dome_up_m + beside_m * sin_ha * sky.cos_latitude
        squared = tube_x * tube_x + tube_y * tube_y + tube_z * tube_z
        along = tube_x * x + tube_y * y + tube_z * z
        distance = math.sqrt(along * along - squared + setup.dome_radius_m**2) - along
        slit_x, slit_y = tube_x + distance * x, tube_y + distance * y
        if math.hypot(slit_x, slit_y) >= 1e-6:
            x, y = slit_x, slit_y
    azimuth = math.atan2(x, y) / _RAD
    return azimuth + 360.0 if azimuth < 0.0 else azimuth


@compiled
def _side_setup_s(
    sky: Sky,
    kept: Kept,
    setup: Setup,
    here: int,
    is_here_west: bool,
    there: int,
    is_there_west: bool,
    time_s: float,
) -> float:
    """Return the setup when the side of the pier for the next target is given."""
    from_ha = hour_angle_deg(sky, kept.ra_deg[here], time_s)
    to_ha = hour_angle_deg(sky, kept.ra_deg[there], time_s)
    from_dec, to_dec = kept.dec_deg[here], kept.dec_deg[there]
    if setup.is_german > 0.0:
        if is_here_west:
            from_ha, from_dec = from_ha + 180.0, 180.0 - from_dec
        if is_there_west:
            to_ha, to_dec = to_ha + 180.0, 180.0 - to_dec
    else:  # a fork has no sides to choose
        is_here_west, is_there_west = from_ha < 0.0, to_ha < 0.0
    ha_s = travel_s(
        abs(to_ha - from_ha), setup.hour_angle_rate_deg_s, setup.hour_angle_acceleration_deg_s2
    )
    dec_s = travel_s(
        abs(to_dec - from_dec),
        setup.declination_rate_deg_s,
        setup.declination_acceleration_deg_s2,
    )
    total_s = max(ha_s, dec_s) + setup.mount_settle_s
    if setup.is_german > 0.0 and is_here_west != is_there_west:
        total_s += setup.flip_s
    if setup.has_dome > 0.0:
        off_deg = abs(
            slit_deg(sky, kept, setup, there, is_there_west, time_s)
            - slit_deg(sky, kept, setup, here, is_here_west, time_s)
        )
        if setup.dome_passes_north > 0.0:
            off_deg = min(off_deg, 360.0 - off_deg)
        if off_deg > setup.dome_free_deg:
            dome_s = travel_s(
                off_deg - setup.dome_free_deg,
                setup.dome_rate_deg_s,
                setup.dome_acceleration_deg_s2,
            )
            total_s = max(total_s, dome_s + setup.dome_settle_s)
    wanted = kept.filter_slot[there]
    if wanted >= 0:
        total_s = max(total_s, setup.filter_s[kept.filter_slot[here], wanted])
    return total_s


@compiled
def setup_s(
    sky: Sky, kept: Kept, setup: Setup, here: int, is_here_west: bool, there: int, time_s: float
) -> float:
    """Return the seconds from the end of one visit, at ``time_s``, to the next exposure."""
    is_there_west = is_west(sky, kept, there, time_s)
    return _side_setup_s(sky, kept, setup, here, is_here_west, there, is_there_west, time_s)


@compiled
def quality(sky: Sky, kept: Kept, row: int, start_s: float) -> float:
    """Return sin(altitude at mid-visit)^0.75, 0 below the horizon."""
    middle_s = start_s + 0.5 * kept.duration_s[row]
    angle = (sky.rotation_deg + sky.rotation_rate_deg_s * middle_s - kept.ra_deg[row]) * _RAD
    sine = sky.sin_latitude * kept.sin_dec[row] + sky.cos_latitude * kept.cos_dec[row] * math.cos(
        angle
    )
    if sine <= 0.0:
        return 0.0
    root = math.sqrt(sine)
    return root * math.sqrt(root)


@compiled
def value(sky: Sky, kept: Kept, row: int, start_s: float) -> float:
    """Return the score of a visit that begins at ``start_s``."""
    return float(kept.worth[row] * quality(sky, kept, row, start_s))


@compiled
def earliest_start_s(kept: Kept, row: int, ready_s: float) -> float:
    """Return the first instant from ``ready_s`` on at which a visit may begin; NEVER_S if none."""
    for span in range(kept.first[row], kept.first[row + 1]):
        if ready_s <= kept.latest_s[span]:
            return float(max(ready_s, kept.earliest_s[span]))
    return NEVER_S


@compiled
def latest_start_s(kept: Kept, row: int, limit_s: float) -> float:
    """Return the last instant up to ``limit_s`` at which a visit may begin; -NEVER_S if none."""
    for span in range(kept.first[row + 1] - 1, kept.first[row] - 1, -1):
        if limit_s >= kept.earliest_s[span]:
            return float(min(limit_s, kept.latest_s[span]))
    return -NEVER_S
