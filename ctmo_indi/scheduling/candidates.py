"""What may be observed, sorted, with the spans of the night: a thousand orders in one glance.

The order of the table is the order of choice. Its spans are the sky's cheap answer: what is outside
cannot be observed, what is inside is asked exactly, the first of them first. So a decision costs a
few array operations and usually one exact question, and its choice is that of asking all in turn.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.scheduling.changed_span import changed_span
from ctmo_indi.scheduling.conditions import Night, Observability
from ctmo_indi.scheduling.observing_list import ListEntry
from ctmo_indi.scheduling.target import PendingOrder

ROWS_TOO_MANY = 1000
"""Rows of gone orders that are tolerated before the table is made anew."""

MOST_ADDED = 100
"""New orders at once that are put among the others; for more the table is made anew."""

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
        Unix seconds before which an order is not tried again, or its next visit is not due.
    """

    key: str
    sort_key: SortKey
    request: ObservationRequest
    count: int
    not_before_utc_s: float
    order: PendingOrder | None = None
    entry: ListEntry | None = None

    def is_awake(self, utc_s: float, not_before_utc_s: Mapping[str, float]) -> bool:
        """Whether it may be tried at an instant; its own rest, or the one given for its key."""
        return max(self.not_before_utc_s, not_before_utc_s.get(self.key, 0.0)) <= utc_s

    @property
    def sky_key(self) -> tuple[object, ...]:
        """Equal for candidates that can be observed at the same instants."""
        one = self.request
        return (
            one.ra_deg,
            one.dec_deg,
            one.motion,
            one.exposure_s,
            one.constraints,
            one.windows,
            one.latest_start_utc_s,
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
        not_before_utc_s=max(order.not_before_utc_s, order.due_utc_s),
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
        if not is_same and not (
            night == self._night
            and (self._mark_changes(pending, listed) or self._mark(pending, listed))
        ):
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

    def _mark_changes(
        self, pending: tuple[PendingOrder, ...], listed: tuple[Candidate, ...]
    ) -> bool:
        """Do as :meth:`_mark` by looking at a few that differ only; False when they are many."""
        if self._pending is None or listed is not self._listed or not self._rows:
            return False
        first, old_end, new_end = changed_span(self._pending, pending)
        gone, come = self._pending[first:old_end], pending[first:new_end]
        new = [of_order(one) for one in come if one.receipt not in self._row_of]
        if len(gone) + len(come) > MOST_ADDED or len(self._rows) > self._too_many(pending, listed):
            return False
        known = [one for one in come if one.receipt in self._row_of]
        if not all(self._replace(self._row_of[one.receipt], of_order(one)) for one in known):
            return False
        self._is_there = self._is_there.copy()
        self._is_there[[self._row_of[one.receipt] for one in gone]] = False
        self._is_there[[self._row_of[one.receipt] for one in known]] = True
        if new:
            self._add(new)
        return True

    def _too_many(self, pending: Sequence[PendingOrder], listed: Sequence[Candidate]) -> int:
        return 2 * (len(pending) + len(listed)) + ROWS_TOO_MANY

    def _mark(self, pending: Sequence[PendingOrder], listed: Sequence[Candidate]) -> bool:
        """Mark what is there, add a few that are new; False when the table has to be made anew."""
        if len(self._rows) > self._too_many(pending, listed):
            return False
        rows, row_of = self._rows, self._row_of
        there: list[int] = []
        new: list[Candidate] = []
        for order in pending:
            row = row_of.get(order.receipt)
            if row is None:
                if not rows or len(new) >= MOST_ADDED:
                    return False
                new.append(of_order(order))
                continue
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
        if new:
            self._add(new)
        return True

    def _add(self, new: Sequence[Candidate]) -> None:
        """Put candidates in their places among the others, as if the table were made anew."""
        assert self._night is not None  # the table was made for it
        added = Candidates(self._sky)
        added.update((), tuple(new), {}, self._night)
        old_count, rows = len(self._rows), [*self._rows, *added.present()]
        before = [bisect_left(self._rows, one.sort_key, key=_sort_key) for one in rows[old_count:]]
        place = np.array(before, dtype=np.intp)
        # where each of both is to stand: behind those of the other that go first
        final = np.concatenate(
            [
                np.arange(old_count) + np.searchsorted(place, np.arange(old_count), side="right"),
                place + np.arange(place.size),
            ]
        )
        order = np.argsort(final)
        self._rows = [rows[row] for row in order.tolist()]
        self._row_of = {one.key: row for row, one in enumerate(self._rows)}
        self._is_there = np.append(self._is_there, added._is_there)[order]
        self._order_not_before_s = np.append(self._order_not_before_s, added._order_not_before_s)[
            order
        ]
        span_row = final[np.append(self._span_row, old_count + added._span_row)]
        by_row = np.argsort(span_row, kind="stable")
        self._span_row = span_row[by_row]
        for name in ("_span_start_s", "_span_latest_s", "_span_is_sky"):
            setattr(self, name, np.append(getattr(self, name), getattr(added, name))[by_row])

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
        latest_s = end_s[order] - np.where(self._span_is_sky, exposure_s[self._span_row], 0.0)
        last_s = [one.request.latest_start_utc_s for one in rows]
        last_start_s = np.array([np.inf if one is None else one for one in last_s])
        self._span_latest_s = np.minimum(latest_s, last_start_s[self._span_row])


def _sort_key(one: Candidate) -> SortKey:
    return one.sort_key


def _windows(request: ObservationRequest) -> list[tuple[float, float]]:
    if not request.windows:
        return [(-np.inf, np.inf)]
    return [(one.start_utc_s, one.end_utc_s) for one in request.windows]
