"""The columns of a request table for compiled code, one row of them, and the room it works in."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.condition_kernels import Conditions, no_conditions
from ctmo_indi.planner.mask_kernels import MaskRoom
from ctmo_indi.planner.night_limits import NightLimits
from ctmo_indi.planner.root_kernels import NODE_STEP_S

Array = NDArray[np.float64]
Ints = NDArray[np.int32]

_RAD = math.pi / 180.0


class LimitColumns(NamedTuple):
    """The columns of a request table that say when a visit may be; shapes as there."""

    ra_deg: Array
    dec_deg: Array
    duration_s: Array
    window_first: Ints
    window_start_utc_s: Array
    window_end_utc_s: Array
    min_altitude_deg: Array
    min_hour_angle_h: Array
    max_hour_angle_h: Array
    min_moon_separation_deg: Array
    max_moon_altitude_deg: Array
    max_moon_illumination: Array
    max_sun_altitude_deg: Array


class RowLimits(NamedTuple):
    """One request's row of the columns that need more than altitude and the site's hour angle.

    Parameters
    ----------
    first_window, after_window
        Its windows are from the one up to the other.
    """

    first_window: int
    after_window: int
    min_hour_angle_h: float
    max_hour_angle_h: float
    min_moon_separation_rad: float
    max_moon_altitude_deg: float
    max_moon_illumination: float
    max_sun_altitude_deg: float


class Room(NamedTuple):
    """Where the kernels work; made once for all rows.

    Parameters
    ----------
    spans, other
        Shape (room, 2). The answer is in ``spans``.
    extra
        Shape (room, 2): spans to be cut with.
    values
        Slacks at nodes.
    """

    spans: Array
    other: Array
    extra: Array
    values: Array
    conditions: Conditions
    mask: MaskRoom


@compiled
def room_for(table: LimitColumns, night: NightLimits) -> Room:
    """Make room for the spans of any row."""
    most_windows = 0
    for row in range(table.ra_deg.size):
        most_windows = max(most_windows, table.window_first[row + 1] - table.window_first[row])
    n_corners = night.mask.crossings.shape[1]
    size = 64 + 4 * most_windows + 16 * n_corners
    nodes = math.ceil(night.turning.length_s / NODE_STEP_S) + 4
    mask = MaskRoom(np.empty((16, 2)), np.empty(8 * n_corners + 8))
    return Room(
        np.empty((size, 2)),
        np.empty((size, 2)),
        np.empty((size, 2)),
        np.empty(nodes),
        no_conditions(),
        mask,
    )


@compiled
def row_limits(table: LimitColumns, row: int) -> RowLimits:
    """Take a row out of the columns: it costs less to pass on than they do."""
    return RowLimits(
        table.window_first[row],
        table.window_first[row + 1],
        table.min_hour_angle_h[row],
        table.max_hour_angle_h[row],
        table.min_moon_separation_deg[row] * _RAD,
        table.max_moon_altitude_deg[row],
        table.max_moon_illumination[row],
        table.max_sun_altitude_deg[row],
    )
