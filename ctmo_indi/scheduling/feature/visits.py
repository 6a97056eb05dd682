"""What is remembered of a set of fields: when each was visited last, in which filter, how often.

Changed by :meth:`Visits.add` only. Times are whole Unix seconds (0: never), so that what is saved
is what is remembered. Saved are the fields that were visited, as arrays; the text is kept until
the next visit, since the state is asked for at every decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.scheduling.feature.fields import FieldSet
from ctmo_indi.scheduling.feature.packed_arrays import packed, unpacked

Counts = NDArray[np.uint32]
MOST_VISITS = 65535
"""Of one field in one filter that are counted."""


_SPARSE_BYTES, _DENSE_BYTES = 10, 6  # of a cell: last visit, count, and where it is


class Visits:
    """Visits to the fields of one set.

    Parameters
    ----------
    filters
        Those that are counted apart; None: frames without a filter.

    Attributes
    ----------
    last_s
        Unix seconds of the last visit by filter and field, shape (n_filters + 1, n); 0: never.
    count
        Visits, same shape; the last row is of filters that no survey of the set uses.
    last_any_s
        Of any filter, shape (n,).
    tonight
        Visits in the night ``label``, shape (n,).
    total
        Visits of all fields by filter, shape (n_filters + 1,).
    """

    def __init__(self, fields: FieldSet, filters: Sequence[str | None]) -> None:
        self.fields = fields
        self.filters = tuple(filters)
        self._code_of = {name: code for code, name in enumerate(self.filters)}
        self._saved: dict[str, object] | None = None
        self.sum_of_goals = max(float(fields.goal.sum(dtype=np.float64)), 1e-30)
        shape = (len(self.filters) + 1, fields.size)
        self.last_s: Counts = np.zeros(shape, np.uint32)
        self.count: Counts = np.zeros(shape, np.uint32)
        self.last_any_s: Counts = np.zeros(fields.size, np.uint32)
        self.total: NDArray[np.int64] = np.zeros(shape[0], np.int64)
        self.label = ""
        self.tonight: NDArray[np.uint16] = np.zeros(fields.size, np.uint16)

    def add(self, row: int, filter_name: str | None, utc_s: float, night: str) -> None:
        """Count a visit.

        Parameters
        ----------
        night
            Label of the night it was made in; visits of nights before the newest count in all but
            :attr:`tonight`.
        """
        when = max(1, round(utc_s))
        code = self._code_of.get(filter_name, len(self.filters))
        self.last_s[code, row] = max(int(self.last_s[code, row]), when)
        if self.count[code, row] < MOST_VISITS:
            self.count[code, row] += 1
            self.total[code] += 1
        self.last_any_s[row] = max(int(self.last_any_s[row]), when)
        if night > self.label:
            self.label = night
            self.tonight[:] = 0
        if night == self.label and self.tonight[row] < MOST_VISITS:
            self.tonight[row] += 1
        self._saved = None

    def tonight_of(self, night: str) -> NDArray[np.uint16]:
        """Return the visits in a night, shape (n,): none in one that has not begun."""
        return self.tonight if night == self.label else np.zeros_like(self.tonight)

    def state(self) -> dict[str, object]:
        """Return all of it as JSON values; a copy."""
        if self._saved is None:
            cells = np.flatnonzero(self.count)
            rows = np.flatnonzero(self.tonight)
            last_s, count = self.last_s.reshape(-1), self.count.reshape(-1)
            is_sparse = _SPARSE_BYTES * cells.size < _DENSE_BYTES * count.size
            self._saved = {
                "fields": self.fields.fingerprint,
                "filters": list(self.filters),
                "cells": packed(cells.astype(np.uint32)) if is_sparse else None,
                "last_s": packed(last_s[cells] if is_sparse else last_s),
                "count": packed((count[cells] if is_sparse else count).astype(np.uint16)),
                "night": self.label,
                "tonight_rows": packed(rows.astype(np.uint32)),
                "tonight": packed(self.tonight[rows]),
            }
        return dict(self._saved)

    def read(self, state: object) -> Visits:
        """Return what :meth:`state` returned, as an object of its own; this one stays as it is.

        Raises
        ------
        KeyError, TypeError, ValueError
            It is no such state, or one of other fields or filters.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"visits of {self.fields.name}: came {type(state).__name__}")
        if (state["fields"], state["filters"]) != (self.fields.fingerprint, list(self.filters)):
            raise ValueError(
                f"visits of {self.fields.name}: came those of the fields {state['fields']!r} in"
                f" {state['filters']!r}, expected {self.fields.fingerprint!r} in"
                f" {list(self.filters)!r}"
            )
        label = state["night"]
        if not isinstance(label, str):
            raise TypeError(f"night is {label!r}, expected text")
        last_s, count = np.zeros_like(self.last_s), np.zeros_like(self.count)
        cells = np.arange(last_s.size)
        if state["cells"] is not None:
            cells = _places(state["cells"], last_s.size)
        last_s.reshape(-1)[cells] = _like(unpacked(state["last_s"], "<u4"), cells)
        count.reshape(-1)[cells] = _like(unpacked(state["count"], "<u2"), cells)
        rows = _places(state["tonight_rows"], self.fields.size)
        tonight = _like(unpacked(state["tonight"], "<u2"), rows)
        found = Visits(self.fields, self.filters)
        found.last_s, found.count, found.label = last_s, count, label
        found.last_any_s = last_s.max(axis=0)
        found.total = count.sum(axis=1, dtype=np.int64)
        found.tonight[rows] = tonight
        return found


def _places(value: object, size: int) -> NDArray[Any]:
    found = unpacked(value, "<u4")
    if found.size and (int(found.max()) >= size or np.any(np.diff(found.astype(np.int64)) <= 0)):
        raise ValueError(f"came places up to {found.max()}, expected ascending ones below {size}")
    return found


def _like(values: NDArray[Any], places: NDArray[Any]) -> NDArray[Any]:
    if values.shape != places.shape:
        raise ValueError(f"came {values.size} values for {places.size} places")
    return values
