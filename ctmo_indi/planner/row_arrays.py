"""Rows of the request table as the compiled search wants them: spans of starts from a begin on."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.kept import Floats, Ints, Kept, Sky
from ctmo_indi.planner.night_grid import NightGrid
from ctmo_indi.planner.request_table import RequestTable
from ctmo_indi.planner.visibility import Intervals

_DAY_S = 86400.0
_ROTATION_DEG_S = 360.0 * 1.00273781191135448 / _DAY_S

Rows = NDArray[np.intp]
Bools = NDArray[np.bool_]


def sky_of(night: NightGrid, begin_utc_s: float) -> Sky:
    """Return the sky's rotation from a begin on."""
    latitude_rad = math.radians(night.site.latitude_deg)
    return Sky(
        rotation_deg=math.degrees(float(night.local_rotation_rad(begin_utc_s))) % 360.0,
        rotation_rate_deg_s=_ROTATION_DEG_S,
        sin_latitude=math.sin(latitude_rad),
        cos_latitude=math.cos(latitude_rad),
        length_s=night.end_utc_s - begin_utc_s,
    )


def arrays_of(
    table: RequestTable,
    night: NightGrid,
    spans: Intervals,
    begin_utc_s: float,
) -> Kept:
    """Return all rows; a row without spans can never start."""
    ra_rad, dec_rad = night.frame.place_rad(table.ra_deg, table.dec_deg)
    earliest_s = spans.start_utc_s - begin_utc_s
    latest_s = spans.end_utc_s - begin_utc_s
    first, earliest_s, latest_s = _open_starts(
        spans.first.astype(np.int32),
        earliest_s,
        latest_s - np.repeat(table.duration_s, np.diff(spans.first)),
        table.duration_s,
        np.empty((0, 2)),
        np.zeros(len(table), dtype=np.bool_),
    )
    return Kept(
        ra_deg=np.degrees(ra_rad),
        dec_deg=np.degrees(dec_rad),
        sin_dec=np.sin(dec_rad),
        cos_dec=np.cos(dec_rad),
        worth=table.weight * table.exposure_s,
        duration_s=table.duration_s,
        filter_slot=table.filter_code.astype(np.int32),
        first=first,
        earliest_s=earliest_s,
        latest_s=latest_s,
    )


def chosen(every: Kept, rows: Rows) -> Kept:
    """Return some rows, in the order given."""
    counts = every.first[rows + 1] - every.first[rows]
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    index = np.repeat(every.first[rows] - first[:-1], counts) + np.arange(first[-1])
    return Kept(
        ra_deg=every.ra_deg[rows],
        dec_deg=every.dec_deg[rows],
        sin_dec=every.sin_dec[rows],
        cos_dec=every.cos_dec[rows],
        worth=every.worth[rows],
        duration_s=every.duration_s[rows],
        filter_slot=every.filter_slot[rows],
        first=first,
        earliest_s=every.earliest_s[index],
        latest_s=every.latest_s[index],
    )


def joined(first: Kept, second: Kept) -> Kept:
    """Return the rows of both, one behind the other."""
    return Kept(
        ra_deg=np.concatenate([first.ra_deg, second.ra_deg]),
        dec_deg=np.concatenate([first.dec_deg, second.dec_deg]),
        sin_dec=np.concatenate([first.sin_dec, second.sin_dec]),
        cos_dec=np.concatenate([first.cos_dec, second.cos_dec]),
        worth=np.concatenate([first.worth, second.worth]),
        duration_s=np.concatenate([first.duration_s, second.duration_s]),
        filter_slot=np.concatenate([first.filter_slot, second.filter_slot]),
        first=np.concatenate([first.first, first.first[-1] + second.first[1:]]).astype(np.int32),
        earliest_s=np.concatenate([first.earliest_s, second.earliest_s]),
        latest_s=np.concatenate([first.latest_s, second.latest_s]),
    )


def cut(every: Kept, closed_s: Floats, gone: Bools | None = None) -> Kept:
    """Return the same rows without the starts of visits that meet a closed span.

    Parameters
    ----------
    closed_s
        Spans in which nothing is observed, shape (c, 2), ascending and apart from each other.
    gone
        Rows that can never start, shape (k,).
    """
    if gone is None:
        gone = np.zeros(every.worth.size, dtype=np.bool_)
    first, earliest_s, latest_s = _open_starts(
        every.first, every.earliest_s, every.latest_s, every.duration_s, closed_s, gone
    )
    return every._replace(first=first, earliest_s=earliest_s, latest_s=latest_s)


@compiled
def _open_starts(
    first: Ints,
    earliest_s: Floats,
    latest_s: Floats,
    duration_s: Floats,
    closed_s: Floats,
    gone: Bools,
) -> tuple[Ints, Floats, Floats]:
    """Return the spans of starts from which a visit meets no closed span."""
    count = duration_s.size
    most = earliest_s.size * (1 + closed_s.shape[0])
    out_first = np.zeros(count + 1, dtype=np.int32)
    low_s, high_s = np.empty(most), np.empty(most)
    made = 0
    for row in range(count):
        out_first[row + 1] = made
        if gone[row]:
            continue
        for span in range(first[row], first[row + 1]):
            begin_s = earliest_s[span]
            for index in range(closed_s.shape[0] + 1):
                end_s = latest_s[span]
                if index < closed_s.shape[0]:
                    end_s = min(end_s, closed_s[index, 0] - duration_s[row])
                if end_s >= begin_s:
                    low_s[made], high_s[made] = begin_s, end_s
                    made += 1
                if index < closed_s.shape[0]:
                    begin_s = max(begin_s, closed_s[index, 1])
        out_first[row + 1] = made
    return out_first, low_s[:made].copy(), high_s[:made].copy()
