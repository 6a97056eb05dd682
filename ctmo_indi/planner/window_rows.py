"""Windows of many requests as rows, and merged into what a request table keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WindowRows:
    """Windows in any order; shape (n_windows,) each.

    Parameters
    ----------
    row
        int64; the request each belongs to.
    start_utc_s, end_utc_s
        Unix seconds.
    """

    row: NDArray[np.int64]
    start_utc_s: Array
    end_utc_s: Array

    @classmethod
    def of(cls, windows: Sequence[tuple[int, float, float]]) -> WindowRows:
        """Make them of (row, start, end)."""
        rows = np.array([window[0] for window in windows], dtype=np.int64)
        starts = np.array([window[1] for window in windows], dtype=np.float64)
        ends = np.array([window[2] for window in windows], dtype=np.float64)
        return cls(rows, starts, ends)


def merged_windows(windows: WindowRows, n_rows: int) -> tuple[NDArray[np.int32], Array, Array]:
    """Sort windows by row and start; join those of a row that overlap or touch.

    Returns
    -------
    first
        Shape (n_rows + 1,): where the windows of each row begin.
    start_utc_s, end_utc_s
        Ascending and apart from each other within a row.
    """
    order = np.lexsort((windows.start_utc_s, windows.row))
    row, start_s = windows.row[order], windows.start_utc_s[order]
    # The latest end so far in each row: the ends' places in (row, end) order grow with the row.
    by_end = np.lexsort((windows.end_utc_s, windows.row))
    place = np.empty(by_end.size, dtype=np.int64)
    place[by_end] = np.arange(by_end.size)
    latest_s = windows.end_utc_s[by_end[np.maximum.accumulate(place[order])]]
    begins = np.ones(row.size, dtype=np.bool_)
    begins[1:] = (row[1:] != row[:-1]) | (start_s[1:] > latest_s[:-1])
    ends = (
        np.append(np.flatnonzero(begins)[1:] - 1, row.size - 1) if row.size else np.array([], int)
    )
    first = np.zeros(n_rows + 1, dtype=np.int32)
    np.cumsum(np.bincount(row[begins], minlength=n_rows), out=first[1:])
    return first, start_s[begins], latest_s[ends]
