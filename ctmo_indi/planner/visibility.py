"""When each request of a table can be observed in a night: as spans, and as bits of a grid.

Spans are for every request: altitude and hour angle in closed form, what depends on Sun, Moon and
the horizon mask by roots. They need memory for themselves only. Bits are for those that are looked
at again and again. Both keep the rules of ``models/observing_rules.py``; neither uses the other.

Measured on one core of an AMD EPYC, see ``benchmarks/bench_visibility.py``. No function blocks; any
thread may call. The first call of a process loads machine code from numba's cache, the first of an
installation compiles it, 20 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.planner.bit_kernels import Instants, fill_bits, fill_sin_altitudes
from ctmo_indi.planner.interval_kernels import find_intervals
from ctmo_indi.planner.night_grid import NightGrid
from ctmo_indi.planner.night_limits import NightLimits, Turning
from ctmo_indi.planner.place_kernels import SkyFrame
from ctmo_indi.planner.request_table import RequestTable
from ctmo_indi.planner.row_limits import LimitColumns

Array = NDArray[np.float64]
Rows = Sequence[int] | NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Intervals:
    """Spans in which a request satisfies every constraint, by row.

    Parameters
    ----------
    first
        Shape (n + 1,), int64: spans of row i are ``first[i]:first[i + 1]``.
    start_utc_s, end_utc_s
        Shape (n_spans,), float64, Unix seconds; of a row ascending and apart from each other.
    """

    first: NDArray[np.int64]
    start_utc_s: Array
    end_utc_s: Array

    def __len__(self) -> int:
        return self.first.size - 1

    def of_row(self, row: int) -> list[tuple[float, float]]:
        """Return the (start, end) of one request's spans."""
        chosen = slice(int(self.first[row]), int(self.first[row + 1]))
        starts, ends = self.start_utc_s[chosen].tolist(), self.end_utc_s[chosen].tolist()
        return list(zip(starts, ends, strict=True))

    def total_s(self) -> Array:
        """Return how long each request can be seen, shape (n,)."""
        until = np.concatenate(([0.0], np.cumsum(self.end_utc_s - self.start_utc_s)))
        return until[self.first[1:]] - until[self.first[:-1]]


def intervals(table: RequestTable, night: NightGrid, *, only_fitting: bool = True) -> Intervals:
    """Return when each request keeps every limit, from the night's begin to its end.

    Exact to 0.1 s as far as the places of star, Sun and Moon are (see ``models/coordinates`` and
    ``models/sun_moon``). Zero requests, an empty night or nothing to be seen: no spans.

    Parameters
    ----------
    only_fitting
        Leave out spans shorter than the visit.
    """
    if len(table) == 0 or night.end_utc_s <= night.begin_utc_s:
        return Intervals(np.zeros(len(table) + 1, dtype=np.int64), np.empty(0), np.empty(0))
    limits = NightLimits.of(night)
    found = find_intervals(limit_columns(table), SkyFrame.of(night.frame), limits, only_fitting)
    return Intervals(*found)


def visible_bits(
    table: RequestTable, night: NightGrid, rows: Rows | None = None
) -> NDArray[np.uint8]:
    """Return at which instants of the grid requests keep every limit.

    Parameters
    ----------
    rows
        Of the table, any order; None: all.

    Returns
    -------
    bits
        Shape (len(rows), ceil(S / 8)), as ``numpy.packbits(..., axis=1)`` makes them:
        ``numpy.unpackbits(bits, axis=1, count=S)`` is (len(rows), S).

    Raises
    ------
    IndexError
        A row the table does not have.
    """
    chosen = _checked_rows(table, rows)
    count = night.times_utc_s.size
    bits = np.zeros((chosen.size, (count + 7) // 8), dtype=np.uint8)
    if chosen.size == 0 or count == 0:
        return bits
    instants = Instants(
        np.cos(night.rotation_rad),
        np.sin(night.rotation_rad),
        night.sun,
        night.moon,
        night.sun_altitude_deg,
        night.moon_altitude_deg,
        night.moon_illumination,
        night.rotation_rad,
        night.step_s,
    )
    frame, limits = SkyFrame.of(night.frame), NightLimits.of(night)
    fill_bits(limit_columns(table), chosen, instants, frame, limits, bits)
    return bits


def sin_altitude(
    table: RequestTable,
    night: NightGrid,
    rows: Rows | None = None,
    times_utc_s: Array | None = None,
) -> Array:
    """Return the sine of the geometric altitude, shape (len(rows), n_times).

    Parameters
    ----------
    rows
        Of the table; None: all.
    times_utc_s
        Unix seconds, shape (n_times,); None: those of the grid.

    Raises
    ------
    IndexError
        A row the table does not have.
    """
    chosen = _checked_rows(table, rows)
    times = night.times_utc_s if times_utc_s is None else np.asarray(times_utc_s, dtype=np.float64)
    rotation_rad = night.local_rotation_rad(times)
    sines = np.empty((chosen.size, times.size))
    fill_sin_altitudes(
        limit_columns(table),
        chosen,
        np.cos(rotation_rad),
        np.sin(rotation_rad),
        Turning.of(night),
        SkyFrame.of(night.frame),
        sines,
    )
    return sines


def limit_columns(table: RequestTable) -> LimitColumns:
    """Return the columns that say when a visit may be."""
    return LimitColumns(*(getattr(table, name) for name in LimitColumns._fields))


def _checked_rows(table: RequestTable, rows: Rows | None) -> NDArray[np.int64]:
    if rows is None:
        return np.arange(len(table), dtype=np.int64)
    chosen = np.ascontiguousarray(rows, dtype=np.int64)
    wrong = chosen[(chosen < 0) | (chosen >= len(table))]
    if wrong.size:
        raise IndexError(f"came row {wrong[0]}, expected 0 to {len(table) - 1}")
    return chosen
