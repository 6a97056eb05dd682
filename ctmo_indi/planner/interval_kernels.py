"""Compiled: the spans in which requests keep every limit, one request after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.altitude_kernels import cosine_bounds, hour_angle_spans
from ctmo_indi.planner.night_limits import NightLimits
from ctmo_indi.planner.place_kernels import SkyFrame, apparent_vector
from ctmo_indi.planner.row_kernels import cut_spans, has_other_limits
from ctmo_indi.planner.row_limits import LimitColumns, room_for, row_limits
from ctmo_indi.planner.span_kernels import copy_long_enough

Array = NDArray[np.float64]

_FITS_S = 0.001  # a visit may be as long as its window, whatever the last digits


@compiled
def find_intervals(
    table: LimitColumns, frame: SkyFrame, night: NightLimits, only_fitting: bool
) -> tuple[NDArray[np.int64], Array, Array]:
    """Return ``first``, starts and ends of ``visibility.Intervals``.

    Parameters
    ----------
    only_fitting
        Leave out spans shorter than the visit.
    """
    rows = table.ra_deg.size
    room = room_for(table, night)
    first = np.zeros(rows + 1, dtype=np.int64)
    starts, ends = np.empty(2 * rows + 1024), np.empty(2 * rows + 1024)
    opens, closes = table.window_start_utc_s, table.window_end_utc_s
    total = 0
    for row in range(rows):
        least_s = table.duration_s[row] - _FITS_S if only_fitting else 0.0
        star = apparent_vector(table.ra_deg[row], table.dec_deg[row], frame)
        lower, upper = cosine_bounds(star, table.min_altitude_deg[row], night.turning)
        count = hour_angle_spans(star, lower, upper, night.turning, room.spans)
        count = copy_long_enough(room.spans, count, least_s, room.spans)
        limits = row_limits(table, row)
        if count > 0 and has_other_limits(limits, star, night):
            count = cut_spans(limits, opens, closes, star, night, least_s, count, room)
        if total + count > starts.size:
            starts, ends = _grown(starts, count), _grown(ends, count)
        for number in range(count):
            starts[total] = night.turning.begin_utc_s + room.spans[number, 0]
            ends[total] = night.turning.begin_utc_s + room.spans[number, 1]
            total += 1
        first[row + 1] = total
    return first, starts[:total].copy(), ends[:total].copy()


@compiled
def _grown(values: Array, more: int) -> Array:
    """Return a copy with more room."""
    larger = np.empty(values.size + values.size // 2 + more)
    for number in range(values.size):
        larger[number] = values[number]
    return larger
