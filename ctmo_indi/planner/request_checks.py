"""Refuses rows of a request table that mean nothing, all named at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.errors import BadOrder
from ctmo_indi.planner.window_rows import WindowRows

_MOST_TOLD = 30


@dataclass(frozen=True, slots=True)
class Column:
    """Values of one column, shape (n,), and the range they must be in; None is no bound."""

    name: str
    values: NDArray[Any]  # Any: floats or integers
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    may_be_infinite: bool = False

    def wrong_rows(self) -> NDArray[np.intp]:
        """Return the rows whose value is not in the range."""
        bad = np.isnan(self.values) if self.may_be_infinite else ~np.isfinite(self.values)
        if self.at_least is not None:
            bad |= self.values < self.at_least
        if self.at_most is not None:
            bad |= self.values > self.at_most
        if self.above is not None:
            bad |= self.values <= self.above
        return np.flatnonzero(bad)

    def expected(self) -> str:
        """Say the range in words."""
        if self.at_least is not None and self.at_most is not None:
            return f"{self.at_least:g} to {self.at_most:g}"
        finite = "" if self.may_be_infinite else "a finite number "
        if self.at_least is not None:
            return f"{finite}of at least {self.at_least:g}".removeprefix("of ")
        if self.above is not None:
            return f"{finite}of more than {self.above:g}".removeprefix("of ")
        return "a finite number"


def refuse_bad_rows(
    key: Sequence[str], columns: Sequence[Column], windows: WindowRows | None = None
) -> None:
    """Raise BadOrder when a key comes twice, a value is out of its range or a window is none."""
    problems = [*_duplicates(key)]
    for column in columns:
        problems += [
            f"{key[row]}: {column.name} came {column.values[row]:g}, expected {column.expected()}"
            for row in column.wrong_rows()[:_MOST_TOLD]
        ]
    if windows is not None:
        problems += _bad_windows(key, windows)
    if problems:
        told = problems[:_MOST_TOLD]
        if len(problems) > len(told):
            told.append("and more")
        raise BadOrder(told)


def _duplicates(key: Sequence[str]) -> Iterator[str]:
    if len(set(key)) == len(key):
        return
    seen: set[str] = set()
    told = 0
    for one in key:
        if one in seen and told < _MOST_TOLD:
            told += 1
            yield f"{one}: came twice, expected every key once"
        seen.add(one)


def _bad_windows(key: Sequence[str], windows: WindowRows) -> list[str]:
    is_row = (windows.row >= 0) & (windows.row < len(key))
    is_finite = np.isfinite(windows.start_utc_s) & np.isfinite(windows.end_utc_s)
    is_span = windows.end_utc_s >= windows.start_utc_s
    problems = []
    for number in np.flatnonzero(~(is_row & is_finite & is_span))[:_MOST_TOLD]:
        row = windows.row[number]
        start_s, end_s = windows.start_utc_s[number], windows.end_utc_s[number]
        if not is_row[number]:
            problems.append(f"window {number}: row came {row}, expected 0 to {len(key) - 1}")
        else:
            problems.append(
                f"{key[row]}: window came {start_s} to {end_s}, expected two finite Unix seconds,"
                " the end not before the start"
            )
    return problems
