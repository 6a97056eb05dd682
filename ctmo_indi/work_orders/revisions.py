"""News for those who wait: revisions for ``Status``, a ring of events for ``Events``.

One board a service, in memory. Publishing is for any thread and never blocks; waiting is for
coroutines of any loop. Behind a board there may be a store: then the numbers go on after a restart,
and a cursor from before, or below the ring, is answered from the store. Without one the numbers
begin again, and an old cursor is answered with what is kept and ``Lost`` set.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Protocol

from ctmo_indi.clock import Clock
from ctmo_indi.models.event import Event, StoredEvents
from ctmo_indi.work_orders.desk import Reply

__all__ = ["Event", "EventPage", "EventStore", "RevisionBoard", "answer_on_change"]


class EventStore(Protocol):
    """Where a board puts its events so that they outlive the process; any thread."""

    @property
    def first(self) -> int:
        """The number after which this process' events are to be numbered."""
        ...

    def append(self, event: Event) -> None:
        """Have an event stored soon; must neither block nor fail."""
        ...

    def read(self, after: int, before: int, kinds: Collection[str], limit: int) -> StoredEvents:
        """Events between two numbers, both excluded, oldest first; may block."""
        ...


@dataclass(frozen=True, slots=True)
class EventPage:
    """An answer to Events; ``lost``: older events the cursor asked for are no longer kept."""

    events: tuple[Event, ...]
    cursor: int
    lost: bool

    def to_wire(self) -> Reply:
        """Keys of the reply."""
        return {
            "Events": [event.to_wire() for event in self.events],
            "Cursor": self.cursor,
            "Lost": self.lost,
        }


@dataclass(frozen=True, slots=True, eq=False)  # each is itself, whatever it waits for
class _Waiter:
    loop: asyncio.AbstractEventLoop
    news: asyncio.Future[None]
    subject: str | None
    kinds: Collection[str]
    without: Collection[str]

    def wants(self, event: Event) -> bool:
        return (
            (self.subject is None or self.subject == event.subject)
            and (not self.kinds or event.kind in self.kinds)
            and event.kind not in self.without
        )

    def wake(self) -> None:
        if not self.news.done():
            self.news.set_result(None)


class RevisionBoard:
    """Counts what changes and wakes those who wait for it.

    Parameters
    ----------
    keep
        Events kept in memory for late readers; older ones are read from the store.
    store
        Takes every event, in order; None: what is not in memory is lost.
    quiet
        Kinds that come every second; they are no news of the service's own Status.
    """

    def __init__(
        self,
        clock: Clock,
        keep: int = 256,
        store: EventStore | None = None,
        quiet: Collection[str] = (),
    ) -> None:
        self._clock = clock
        self._store = store
        self.quiet = frozenset(quiet)
        self._lock = threading.Lock()
        self._revision = store.first if store is not None else 0
        self._news = self._revision
        self._ring: deque[Event] = deque(maxlen=keep)
        self._waiters: set[_Waiter] = set()

    @property
    def revision(self) -> int:
        """Number of the latest event; 0 before the first."""
        return self._revision

    @property
    def news(self) -> int:
        """Number of the latest event that is not quiet."""
        return self._news

    def publish(self, kind: str, subject: str, data: Mapping[str, object] | None = None) -> int:
        """Note an event and wake those who wait for it; any thread; returns its revision."""
        utc = self._clock.utc().isoformat()
        with self._lock:
            self._revision += 1
            event = Event(self._revision, kind, subject, utc, dict(data or {}))
            self._ring.append(event)
            if kind not in self.quiet:
                self._news = event.revision
            if self._store is not None:
                self._store.append(event)
            woken = [waiter for waiter in self._waiters if waiter.wants(event)]
        for waiter in woken:
            try:
                waiter.loop.call_soon_threadsafe(waiter.wake)
            except RuntimeError:  # its loop is closed: the desk has stopped
                with self._lock:
                    self._waiters.discard(waiter)
        return event.revision

    async def wait(
        self,
        since: int,
        timeout_s: float,
        subject: str | None = None,
        kinds: Collection[str] = (),
        without: Collection[str] = (),
    ) -> int:
        """Wait for an event above ``since`` about ``subject``; return the latest revision.

        Parameters
        ----------
        since
            A revision of this board, taken before the state was read.
        timeout_s
            Machine seconds; afterwards it returns all the same.
        subject, kinds
            Only these wake; None and empty for all.
        without
            Kinds that do not wake.
        """
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop, loop.create_future(), subject, kinds, without)
        with self._lock:
            first_kept = self._ring[0].revision if self._ring else self._revision + 1
            missed = since < first_kept - 1 or since > self._revision
            newer = takewhile(lambda event: event.revision > since, reversed(self._ring))
            if missed or any(map(waiter.wants, newer)):
                return self._revision
            self._waiters.add(waiter)
        try:
            await asyncio.wait_for(waiter.news, timeout_s)
        except TimeoutError:
            pass
        finally:
            with self._lock:
                self._waiters.discard(waiter)
        return self._revision

    def events(self, cursor: int, kinds: Collection[str] = (), limit: int = 100) -> EventPage:
        """Return at most ``limit`` events above ``cursor``, oldest first; any thread.

        Blocks for a query when they are no longer in memory; what the store raises is raised.
        """
        with self._lock:
            kept = tuple(self._ring)
            latest = self._revision
        oldest = kept[0].revision if kept else latest + 1
        lost, older = False, StoredEvents((), is_more=False, lost=False)
        if cursor > latest:  # never given out by this service
            lost, cursor = True, oldest - 1
        elif cursor < oldest - 1 and self._store is None:
            lost = True
        elif cursor < oldest - 1 and self._store is not None:
            older = self._store.read(cursor, oldest, kinds, limit)
        wanted = [
            event
            for event in kept
            if event.revision > cursor and (not kinds or event.kind in kinds)
        ]
        found = older.events if older.is_more else (*older.events, *wanted)
        page = tuple(found[:limit])
        is_more = older.is_more or len(found) > limit
        return EventPage(page, page[-1].revision if is_more else latest, lost or older.lost)

    async def _page(self, cursor: int, kinds: Collection[str], limit: int) -> EventPage:
        """As :meth:`events`, in a thread when the store has to be asked."""
        with self._lock:
            oldest = self._ring[0].revision if self._ring else self._revision + 1
        if self._store is None or cursor >= oldest - 1:
            return self.events(cursor, kinds, limit)
        return await asyncio.to_thread(self.events, cursor, kinds, limit)

    async def next_events(
        self, cursor: int | None, wait_s: float, kinds: Collection[str] = (), limit: int = 100
    ) -> EventPage:
        """Return events above ``cursor``, waiting ``wait_s`` machine seconds for the first."""
        start = self.revision if cursor is None else cursor
        page = await self._page(start, kinds, limit)
        if page.events or page.lost or wait_s <= 0:
            return page
        await self.wait(page.cursor, wait_s, kinds=kinds)
        return await self._page(page.cursor, kinds, limit)


async def answer_on_change(
    board: RevisionBoard,
    read: Callable[[], Awaitable[Reply]],
    *,
    subject: str | None,
    since: int | None,
    wait_s: float,
) -> Reply:
    """Answer a Status order with Since and Wait: read again until its Revision is above ``since``.

    Parameters
    ----------
    read
        Gives the reply as it is now, with "Revision": the subject's own count, of which the
        board need not know.
    subject
        As published on the board; None for any.
    since
        None answers at once.
    wait_s
        Machine seconds; afterwards it answers with what there is.
    """
    loop = asyncio.get_running_loop()
    end_s = loop.time() + wait_s
    while True:
        mark = board.revision
        reply = await read()
        revision = reply.get("Revision", 0)
        left_s = end_s - loop.time()
        if since is None or left_s <= 0 or not isinstance(revision, int) or revision > since:
            return reply
        await board.wait(mark, left_s, subject, without=board.quiet)
