"""What may be observed, sorted, with the spans of the night: a thousand orders in one glance.

The order of the table is the order of choice. Its spans are the sky's cheap answer: what is outside
cannot be observed, what is inside is asked exactly, the first of them first. So a decision costs a
few array operations and usually one exact question, and its choice is that of asking all in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.scheduling.conditions import Night, Observability
from ctmo_indi.scheduling.observing_list import ListEntry
from ctmo_indi.scheduling.target import PendingOrder

ROWS_TOO_MANY = 1000
"""Rows of gone orders that are tolerated before the table is made anew."""

Array = NDArray[np.float64]
SortKey = tuple[float, int, float, str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pending order, or a target of the observing list.

    Parameters
    ----------
    key
        Receipt of the order, or the list's target_id.
    sort_key
        Smaller goes first.
    count
        Frames still wanted.
    not_before_utc_s
        Unix seconds before which an order is not tried again.
    """

    key: str
    sort_key: SortKey
    request: ObservationRequest
    count: int
    not_before_utc_s: float
    order: PendingOrder | None = None
    entry: ListEntry | None = None

    @property
    def sky_key(self) -> tuple[object, ...]:
        """Equal for candidates that can be observed at the same instants."""
        one = self.request
        return (
            one.ra_deg,
            one.dec_deg,
            one.exposure_s,
            one.constraints,
            one.windows,
            one.filter_name,
            one.frame_type,
        )


def of_order(order: PendingOrder) -> Candidate:
    """By priority (larger first), then age (older first), then receipt."""
    return Candidate(
        key=order.receipt,
        sort_key=(-order.priority, 1, order.created_utc_s, order.receipt),
        request=order.request,
        count=order.missing_count,
        not_before_utc_s=order.not_before_utc_s,
        order=order,
    )


def of_entry(entry: ListEntry, position: int, priority: float) -> Candidate:
    """In the order of the list; before orders of the same priority."""
    return Candidate(
        key=entry.target_id,
        sort_key=(-priority, 0, float(position), entry.target_id),
        request=entry.request,
        count=entry.request.count,
        not_before_utc_s=0.0,
        entry=entry,
    )


class Candidates:
    """The table; changed by :meth:`update` only.

    Parameters
    ----------
    sky
        Asked for the spans, once for each night and each new set of orders.
    """

    def __init__(self, sky: Observability) -> None:
        self._sky = sky
        self._night: Night | None = None
        self._pending: tuple[PendingOrder, ...] | None = None
        self._listed: tuple[Candidate, ...] = ()
        self._rows: list[Candidate] = []
        self._row_of: dict[str, int] = {}
        self._is_there: NDArray[np.bool_] = np.empty(0, dtype=np.bool_)
        self._order_not_before_s: Array = np.empty(0)
        self._not_before_s: Array = np.empty(0)
        self._span_row: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self._span_start_s: Array = np.empty(0)
        self._span_latest_s: Array = np.empty(0)
        self._span_is_sky: NDArray[np.bool_] = np.empty(0, dtype=np.bool_)

    def update(
        self,
        pending: tuple[PendingOrder, ...],
        listed: tuple[Candidate, ...],
        not_before_utc_s: Mapping[str, float],
        night: Night,
    ) -> None:
        """Take what waits now; cheap while it is what waited before, or a part of it.

        Parameters
        ----------
        listed
            What is left of the observing list.
        not_before_utc_s
            Of some of those, by key.
        night
            Sky frames lie in it.
        """
        is_same = pending is self._pending and listed is self._listed and night == self._night
        if not is_same and (night != self._night or not self._mark(pending, listed)):
            self._make((*map(of_order, pending), *listed), night)
        self._night, self._pending, self._listed = night, pending, listed
        self._not_before_s = self._order_not_before_s
        late = {key: at for key, at in not_before_utc_s.items() if key in self._row_of}
        if late:
            self._not_before_s = self._order_not_before_s.copy()
            self._not_before_s[[self._row_of[key] for key in late]] = list(late.values())

    @property
    def size(self) -> int:
        """How many wait."""
        return int(np.count_nonzero(self._is_there))

    def present(self) -> list[Candidate]:
        """Return what waits, in the order of choice."""
        return [self._rows[row] for row in np.flatnonzero(self._is_there).tolist()]

    def now(self, utc_s: float, *, sky: bool, closed_dome: bool) -> Iterator[Candidate]:
        """Yield what may be begun at an instant, in the order of choice; exact checks are to come.

        Parameters
        ----------
        sky, closed_dome
            Whether frames of the sky, and those of a closed dome, are allowed.
        """
        if not (sky or closed_dome):
            return
        row = self._span_row
        is_open = (self._span_start_s <= utc_s) & (utc_s <= self._span_latest_s)
        is_open &= self._is_there[row] & (self._not_before_s[row] <= utc_s)
        if not sky:
            is_open &= ~self._span_is_sky
        if not closed_dome:
            is_open &= self._span_is_sky
        before = -1
        for one in row[is_open].tolist():
            if one != before:
                yield self._rows[one]
            before = one

    def upcoming(
        self, utc_s: float, *, closed_dome: bool
    ) -> Iterator[tuple[float, int, Candidate]]:
        """Yield earliest starts from ``utc_s``, ascending, with the row and its candidate.

        Returns
        -------
        start_utc_s
            Not later than the exact one; the candidate may come again with a later start.
        row
            Place in the order of choice.
        """
        row = self._span_row
        start_s = np.maximum(np.maximum(self._span_start_s, utc_s), self._not_before_s[row])
        can_be = self._is_there[row] & (start_s <= self._span_latest_s)
        if not closed_dome:
            can_be &= self._span_is_sky
        found = np.flatnonzero(can_be)
        for index in found[np.lexsort((row[found], start_s[found]))].tolist():
            yield float(start_s[index]), int(row[index]), self._rows[row[index]]

    def _mark(self, pending: Sequence[PendingOrder], listed: Sequence[Candidate]) -> bool:
        """Mark what is still there; False when something is new, and the table has to be made."""
        if len(self._rows) > 2 * (len(pending) + len(listed)) + ROWS_TOO_MANY:
            return False
        rows, row_of = self._rows, self._row_of
        there: list[int] = []
        for order in pending:
            row = row_of.get(order.receipt)
            if row is None:
                return False
            if rows[row].order is not order and not self._replace(row, of_order(order)):
                return False
            there.append(row)
        for candidate in listed:
            row = row_of.get(candidate.key)
            if row is None:
                return False
            if rows[row] is not candidate and not self._replace(row, candidate):
                return False
            there.append(row)
        self._is_there = np.zeros(len(rows), dtype=np.bool_)
        self._is_there[there] = True
        return True

    def _replace(self, row: int, new: Candidate) -> bool:
        """Put a candidate in the place of its older self; False when its place is another."""
        old = self._rows[row]
        if old.sort_key != new.sort_key or old.request != new.request:
            return False
        self._rows[row] = new
        self._order_not_before_s[row] = new.not_before_utc_s
        return True

    def _make(self, candidates: Sequence[Candidate], night: Night) -> None:
        rows = sorted(candidates, key=lambda one: one.sort_key)
        self._rows = rows
        self._row_of = {one.key: row for row, one in enumerate(rows)}
        self._is_there = np.ones(len(rows), dtype=np.bool_)
        self._order_not_before_s = np.array(
            [one.not_before_utc_s for one in rows], dtype=np.float64
        )
        self._make_spans(rows, night)

    def _make_spans(self, rows: Sequence[Candidate], night: Night) -> None:
        sky_rows = [i for i, one in enumerate(rows) if one.request.frame_type.needs_sky]
        spans = self._sky.spans([rows[i].request for i in sky_rows], night)
        row = np.array(sky_rows, dtype=np.intp)[spans.index]
        dark = [
            (i, start, end)
            for i, one in enumerate(rows)
            if not one.request.frame_type.needs_sky
            for start, end in _windows(one.request)
        ]
        dark_row, dark_start_s, dark_end_s = zip(*dark, strict=True) if dark else ((), (), ())
        row = np.concatenate([row, np.array(dark_row, dtype=np.intp)])
        start_s = np.concatenate([spans.start_utc_s, np.array(dark_start_s, dtype=np.float64)])
        end_s = np.concatenate([spans.end_utc_s, np.array(dark_end_s, dtype=np.float64)])
        exposure_s = np.array([one.request.exposure_s for one in rows], dtype=np.float64)
        order = np.lexsort((start_s, row))
        self._span_row = row[order]
        self._span_start_s = start_s[order]
        is_sky = np.arange(row.size) < row.size - len(dark)
        self._span_is_sky = is_sky[order]
        self._span_latest_s = end_s[order] - np.where(
            self._span_is_sky, exposure_s[self._span_row], 0.0
        )


def _windows(request: ObservationRequest) -> list[tuple[float, float]]:
    if not request.windows:
        return [(-np.inf, np.inf)]
    return [(one.start_utc_s, one.end_utc_s) for one in request.windows]
