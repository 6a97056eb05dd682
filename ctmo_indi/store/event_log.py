"""The events of a service over restarts: one order of numbers, some kinds in files of their own.

How numbers stay unique: a number is given out by the board before its event is durable, so a crash
may lose the last of them. A start therefore begins ``GAP`` above the newest number that is stored
and notes that durably first. No number then comes twice with another content, unless a store failed
for more than ``GAP`` events and the service crashed before it worked again. Numbers stay below 2^31
for 20,000 starts.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Collection, Sequence
from functools import partial

from ctmo_indi.models.event import Event, StoredEvents
from ctmo_indi.store import events, night_records
from ctmo_indi.store.database import Connection
from ctmo_indi.store.event_shelf import EventShelf
from ctmo_indi.store.events import EventRow
from ctmo_indi.store.night_records import Silence

_log = logging.getLogger(__name__)

GAP = 100_000
_CHANCE = 100


class EventLog:
    """Stores what a board publishes and gives it back; any thread.

    Opening blocks for a query and a commit a shelf.

    Parameters
    ----------
    shelves
        The last takes every kind that no other takes.

    Attributes
    ----------
    first
        The number after which this start's events are numbered.
    """

    def __init__(self, shelves: Sequence[EventShelf]) -> None:
        self._shelves = tuple(shelves)
        self._by_kind = {kind: shelf for shelf in shelves for kind in shelf.kinds or ()}
        self._rest = shelves[-1]
        newest = max((n for shelf in shelves if (n := shelf.newest()) is not None), default=None)
        self.first = 0 if newest is None else newest + GAP
        noted = [shelf.start(self.first, newest) for shelf in shelves]
        if not any(noted):
            # Nobody knows where the start before began, if it could not note it either.
            self.first += GAP * (1 + secrets.randbelow(_CHANCE))
            _log.error("events cannot be stored, their numbers rest on chance first=%d", self.first)

    def append(self, event: Event) -> None:
        """Have an event stored soon; never blocks, never fails. In the order of the numbers."""
        self._by_kind.get(event.kind, self._rest).add(event)

    def read(
        self, after: int, before: int, kinds: Collection[str] = (), limit: int = 100
    ) -> StoredEvents:
        """Events between two numbers, both excluded, oldest first; blocks for a query a shelf.

        Parameters
        ----------
        kinds
            Only these; empty for all.

        Raises
        ------
        StoreUnavailable
            A database cannot be read now.
        """
        found: list[Event] = []
        marks: dict[int, Event] = {}
        for shelf, wanted in self._asked(frozenset(kinds)):
            some, between = shelf.read(after, before, wanted, limit + 1)
            found += some
            marks |= {mark.revision: mark for mark in between}
        found.sort(key=lambda event: event.revision)
        is_more = len(found) > limit
        page = tuple(found[:limit])
        end = page[-1].revision if is_more else before
        lost = any(_tells_loss(mark, after) for mark in marks.values() if mark.revision < end)
        return StoredEvents(page, is_more, lost)

    def within(
        self, kinds: Collection[str], begin_s: float, end_s: float, limit: int
    ) -> list[EventRow]:
        """Events by their time, Unix seconds, oldest first; ``limit`` of a shelf at most.

        What is not durable yet is not there: :meth:`flush` before. Blocks for a query a shelf.
        """
        found = [
            row
            for shelf, wanted in self._asked(frozenset(kinds))
            for row in shelf.ask(partial(_within, wanted, begin_s, end_s, limit))
        ]
        return sorted(found, key=lambda row: (row.at_utc_s, row.cursor))

    def before(self, kind: str, utc_s: float) -> EventRow | None:
        """Return the last event of a kind before an instant, Unix seconds; blocks for a query."""
        shelf = self._by_kind.get(kind, self._rest)
        return shelf.ask(lambda connection: night_records.event_before(connection, kind, utc_s))

    def silences(self, begin_s: float, end_s: float, longest_s: float) -> list[Silence]:
        """Return when no shelf has had an event for longer than that; blocks for queries."""
        found = [
            shelf.ask(
                lambda connection: night_records.silences(connection, begin_s, end_s, longest_s)
            )
            for shelf in self._shelves
        ]
        common = found[0]
        for others in found[1:]:
            common = [
                Silence(max(one.begin_utc_s, two.begin_utc_s), min(one.end_utc_s, two.end_utc_s))
                for one in common
                for two in others
            ]
        return [one for one in common if one.end_utc_s - one.begin_utc_s > longest_s]

    def last_utc_s(self, before_s: float) -> float | None:
        """Return when the last event before an instant was published; None: there is none."""
        found = [
            shelf.ask(lambda connection: night_records.last_event_utc_s(connection, before_s))
            for shelf in self._shelves
        ]
        return max((one for one in found if one is not None), default=None)

    def first_utc_s(self) -> float | None:
        """Return when the oldest event that is kept was published; None: there is none."""
        found = [shelf.ask(night_records.first_event_utc_s) for shelf in self._shelves]
        return min((one for one in found if one is not None), default=None)

    def prune(self) -> None:
        """Have what is too much or too old deleted; returns at once. For a cycle, once an hour."""
        for shelf in self._shelves:
            shelf.prune()

    def flush(self, timeout_s: float) -> bool:
        """Write what waits; False when it is not durable after ``timeout_s`` machine s a shelf."""
        stored = [shelf.flush(timeout_s) for shelf in self._shelves]
        return all(stored)

    def close(self, timeout_s: float) -> bool:
        """Write what waits and end; False when something was left after ``timeout_s`` machine s."""
        share_s = timeout_s / len(self._shelves)
        stored = [shelf.close(share_s) for shelf in self._shelves]
        return all(stored)

    @property
    def trouble(self) -> str:
        """Why events cannot be stored now; empty while they can."""
        return "; ".join(
            f"{shelf.name}: {shelf.trouble}" for shelf in self._shelves if shelf.trouble
        )

    def to_wire(self) -> dict[str, object]:
        """Return counters by shelf, for a status."""
        return {shelf.name: shelf.to_wire() for shelf in self._shelves}

    def _asked(self, kinds: frozenset[str]) -> list[tuple[EventShelf, frozenset[str]]]:
        """Return the shelves to ask, and for which kinds."""
        if not kinds:
            return [(shelf, kinds) for shelf in self._shelves]
        by_shelf = {
            shelf: frozenset(k for k in kinds if self._by_kind.get(k, self._rest) is shelf)
            for shelf in self._shelves
        }
        return [(shelf, wanted) for shelf, wanted in by_shelf.items() if wanted]


def _within(
    kinds: Collection[str], begin_s: float, end_s: float, limit: int, connection: Connection
) -> list[EventRow]:
    return night_records.events_within(connection, kinds, begin_s, end_s, limit)


def _tells_loss(mark: Event, after: int) -> bool:
    """Whether a mark means that a reader at ``after`` has missed something.

    At a START nothing is missing for those who had read no further than what was stored; those who
    had read on hold a number whose event, and perhaps the next ones, went down in a crash.
    """
    if mark.subject == events.LOST:
        return True
    newest = mark.data.get(events.AFTER)
    return isinstance(newest, int) and after > newest
