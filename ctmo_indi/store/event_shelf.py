"""One database of published events: written behind the publisher's back, read with what waits.

Publishers only put an event into a list; a thread of its own writes what has come in one
transaction. While the store fails (full disk, lost server) events wait in memory; when too many
wait, the oldest are dropped, and a mark in their place tells readers that something is missing.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError, StoreUnavailable
from ctmo_indi.models.event import Event
from ctmo_indi.store import events
from ctmo_indi.store.database import Connection, Database
from ctmo_indi.store.event_rows import from_row, to_row
from ctmo_indi.store.events import EventRow
from ctmo_indi.store.intake import Writer

_log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")

MOST_WAITING = 20_000
BATCH = 500
PRUNED_AT_ONCE = 2000
COMMIT_TIMEOUT_S = 30.0
BACK_OFF_S = 1.0
LONGEST_BACK_OFF_S = 30.0
LOG_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Retention:
    """How much is kept.

    Parameters
    ----------
    rows
        The newest so many.
    age_s
        Sky seconds.
    """

    rows: int
    age_s: float


class EventShelf:
    """Events of some kinds in one database; any thread.

    Parameters
    ----------
    name
        For logs and status.
    writer
        The database's one writer; shared with whoever else writes there.
    kinds
        What belongs here; None for everything no other shelf takes.
    flush_s
        Machine seconds events may wait for others to be written with.
    owns_database
        Whether :meth:`close` closes writer and database, too.
    """

    def __init__(
        self,
        name: str,
        database: Database,
        writer: Writer,
        clock: Clock,
        retention: Retention,
        *,
        kinds: Collection[str] | None = None,
        flush_s: float = 0.25,
        most_waiting: int = MOST_WAITING,
        owns_database: bool = False,
    ) -> None:
        self.name = name
        self.kinds = None if kinds is None else frozenset(kinds)
        self._database = database
        self._writer = writer
        self._clock = clock
        self._retention = retention
        self._flush_s = flush_s
        self._most_waiting = most_waiting
        self._owns_database = owns_database
        self._changed = threading.Condition()
        self._waiting: deque[Event] = deque()
        self._is_closing = False
        self._is_urgent = False
        self._flush_upto = -1
        self._prunes = False
        self._prune_upto: int | None = None
        self._logged_machine_s = -math.inf
        self.dropped = 0
        self.stored = 0
        self.pruned = 0
        self.failures = 0
        self.trouble = ""
        self._thread = threading.Thread(target=self._work, name=f"events-{name}", daemon=True)

    # -- start and end -----------------------------------------------------------------------------

    def newest(self) -> int | None:
        """Largest number that is stored; None when there never was an event. Blocks for a query."""
        with self._database.read() as connection:
            return events.newest_cursor(connection)

    def start(self, first: int, newest: int | None) -> bool:
        """Note durably that numbers up to ``first`` are taken, and begin; False when it failed.

        Blocks for a commit.

        Parameters
        ----------
        newest
            What was stored before, over all shelves.
        """
        at_utc_s = self._clock.utc().timestamp()
        mark = EventRow(first, at_utc_s, events.MARK, events.START, {events.AFTER: newest or 0})
        is_noted = True
        try:
            self._writer.run(lambda connection: events.insert(connection, [mark]))
        except CtmoError as error:
            is_noted = False
            self._failed(str(error))
        self._thread.start()
        return is_noted

    def close(self, timeout_s: float) -> bool:
        """Write what waits and end; False when something is left after ``timeout_s`` machine s."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        left = len(self._waiting)
        if left:
            _log.error(
                "events not stored store=%s events=%d error=%s", self.name, left, self.trouble
            )
        if self._owns_database:
            try:
                self._writer.close(timeout_s)
            except StoreUnavailable as error:
                _log.error("events store not closed store=%s error=%s", self.name, error)
            self._database.close()
        return not left

    # -- writing -----------------------------------------------------------------------------------

    def add(self, event: Event) -> None:
        """Have an event stored soon; never blocks, never fails. In the order of the numbers."""
        with self._changed:
            self._waiting.append(event)
            if len(self._waiting) > self._most_waiting:
                self._drop_oldest()
            if len(self._waiting) == 1:
                self._changed.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """Write what waits now; False when it is not durable after ``timeout_s`` machine s."""
        with self._changed:
            if not self._waiting:
                return True
            upto = self._waiting[-1].revision
            self._flush_upto = max(upto, self._flush_upto)
            self._is_urgent = True
            self._changed.notify_all()
            return self._changed.wait_for(
                lambda: not self._waiting or self._waiting[0].revision > upto, timeout_s
            )

    def prune(self) -> None:
        """Have what is too much or too old deleted; returns at once. For a cycle."""
        with self._changed:
            self._prunes = True
            self._changed.notify_all()

    def _drop_oldest(self) -> None:
        """Replace the two oldest by a mark; the mark of a drop before is one of them."""
        first, second = self._waiting.popleft(), self._waiting.popleft()
        self.dropped += sum(event.kind != events.MARK for event in (first, second))
        mark = Event(
            second.revision, events.MARK, events.LOST, second.utc, {"Reason": "not stored"}
        )
        self._waiting.appendleft(mark)

    def _work(self) -> None:
        back_off_s = BACK_OFF_S
        while self._wait_for_work():
            try:
                self._write_batch()
                self._prune_slice()
            except Exception as error:  # noqa: BLE001 - outermost loop: counted, told, tried again
                self._failed(str(error))
                with self._changed:
                    if self._is_closing:
                        return
                    self._changed.wait_for(lambda: self._is_closing or self._is_urgent, back_off_s)
                back_off_s = min(LONGEST_BACK_OFF_S, 2.0 * back_off_s)
            else:
                back_off_s = BACK_OFF_S

    def _wait_for_work(self) -> bool:
        """Wait for events, and for more of them; False when closed and nothing is left to do."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._prunes or self._is_closing)
            if not self._prunes:
                self._changed.wait_for(self._is_full, self._flush_s)
            self._is_urgent = False
            return bool(self._waiting or not self._is_closing)

    def _is_full(self) -> bool:
        return self._is_closing or self._is_urgent or len(self._waiting) >= BATCH

    def _write_batch(self) -> None:
        with self._changed:
            batch = list(islice(self._waiting, BATCH))
        if not batch:
            return
        rows = [to_row(event) for event in batch]
        self._commit(lambda connection: events.insert(connection, rows))
        with self._changed:
            while self._waiting and self._waiting[0].revision <= batch[-1].revision:
                self._waiting.popleft()
                self.stored += 1
            # More than a batch: the rest of what is flushed does not wait for others.
            self._is_urgent |= bool(self._waiting and self._waiting[0].revision <= self._flush_upto)
            self.trouble = ""
            self._changed.notify_all()

    def _prune_slice(self) -> None:
        """Delete a part of what is too much; others' writes come between the parts."""
        if not self._prunes or self._is_closing:
            return
        if self._prune_upto is None:
            self._prune_upto = self._surplus()
        upto = self._prune_upto
        deleted = 0
        if upto is not None:
            deleted = self._commit(
                lambda connection: events.prune(connection, upto, PRUNED_AT_ONCE)
            )
        self.pruned += deleted
        if not deleted:
            with self._changed:
                self._prunes, self._prune_upto = False, None
                self._changed.notify_all()

    def _surplus(self) -> int | None:
        before_utc_s = self._clock.utc().timestamp() - self._retention.age_s
        with self._database.read() as connection:
            return events.surplus(
                connection, keep_rows=self._retention.rows, older_than_utc_s=before_utc_s
            )

    def _commit(self, write: Callable[[Connection], ResultT]) -> ResultT:
        """As Writer.run, but for one who may wait while others come first."""
        future: Future[ResultT] = self._writer.submit(write)
        try:
            return future.result(COMMIT_TIMEOUT_S)
        except FutureTimeout:
            future.cancel()
            raise StoreUnavailable(f"no commit within {COMMIT_TIMEOUT_S:g} s") from None

    def _failed(self, reason: str) -> None:
        self.failures += 1
        self.trouble = reason
        now_s = self._clock.machine_s()
        if now_s - self._logged_machine_s >= LOG_EVERY_S:
            self._logged_machine_s = now_s
            _log.error(
                "events cannot be stored store=%s failures=%d waiting=%d dropped=%d error=%s",
                self.name,
                self.failures,
                len(self._waiting),
                self.dropped,
                reason,
            )

    # -- reading -----------------------------------------------------------------------------------

    def read(
        self, after: int, before: int, kinds: Collection[str], limit: int
    ) -> tuple[list[Event], list[Event]]:
        """Events between two numbers, both excluded, and the marks among them; blocks for a query.

        Raises
        ------
        StoreUnavailable
            The database cannot be read now.
        """
        with self._changed:
            waiting = [event for event in self._waiting if after < event.revision < before]
        with self._database.read() as connection:
            rows = events.read(connection, after, limit, kinds, before)
            marks = {row.cursor: from_row(row) for row in events.marks(connection, after, before)}
        found = {row.cursor: from_row(row) for row in rows}
        for event in waiting:
            if event.kind == events.MARK:
                marks[event.revision] = event
            elif not kinds or event.kind in kinds:
                found[event.revision] = event
        oldest_first = [found[revision] for revision in sorted(found)]
        return oldest_first[:limit], list(marks.values())

    def ask(self, query: Callable[[Connection], ResultT]) -> ResultT:
        """Return what a query of its database gives; what waits to be written is not there yet."""
        with self._database.read() as connection:
            return query(connection)

    def to_wire(self) -> dict[str, object]:
        """Return the counters for a status; ``Trouble`` is there while the store fails."""
        wire: dict[str, object] = {
            "Stored": self.stored,
            "Waiting": len(self._waiting),
            "Dropped": self.dropped,
            "Pruned": self.pruned,
            "Failures": self.failures,
        }
        return {**wire, "Trouble": self.trouble} if self.trouble else wire
