"""What safety has published, kept over restarts in files of lines; never in anybody's way.

No database: safety works with the disk full and the database gone. Publishers only put an event
into a list; a thread of its own writes what has come. While the disk is full or hangs, events wait
in memory; when too many wait the oldest are dropped, and a line in their place tells readers.

Numbers stay unique over restarts: a start begins :data:`GAP` above the newest number found, more
than are ever given out before a line is durable while the disk works.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
from collections import deque
from collections.abc import Collection, Iterator
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.models.event import Event, StoredEvents

_log = logging.getLogger(__name__)

GAP = 10_000
MAX_BYTES = 4_000_000
MOST_WAITING = 10_000
RETRY_S = 5.0  # machine seconds
READ_TIMEOUT_S = 5.0
_LOST = "events_lost"
_UNKNOWN_FIRST = 1_000_000_000


class EventFile:
    """An :class:`~ctmo_indi.work_orders.revisions.EventStore`; any thread.

    Parameters
    ----------
    path
        The newest file; the one before it has ``.1`` behind its name.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        max_bytes: int = MAX_BYTES,
        most_waiting: int = MOST_WAITING,
        retry_s: float = RETRY_S,
    ) -> None:
        self._path = path
        self._older = path.with_name(path.name + ".1")
        self._clock = clock
        self._max_bytes = max_bytes
        self._retry_s = retry_s
        self._changed = threading.Condition()
        self._most_waiting = most_waiting
        self._waiting: deque[Event] = deque()
        self._is_closing = False
        self.dropped = 0
        self.trouble = ""
        self.first = self._first()
        self._thread = threading.Thread(target=self._run, name="safety-events", daemon=True)
        self._thread.start()

    def append(self, event: Event) -> None:
        """Have an event stored soon; never blocks, never fails. In the order of the numbers."""
        with self._changed:
            self._waiting.append(event)
            if len(self._waiting) > self._most_waiting:
                self._drop_oldest()
            self._changed.notify_all()

    def read(self, after: int, before: int, kinds: Collection[str], limit: int) -> StoredEvents:
        """Events between two numbers, both excluded, oldest first; reads files.

        What cannot be read counts as lost. Of a long file no more is held than the page.
        """
        with self._changed:
            waiting = list(self._waiting)
        page = _Page(after, before, kinds, limit)
        first: int | None = None
        lost = False
        try:
            for event in self._stored():
                first = event.revision if first is None else first
                page.take(event)
            lost = first is not None and first > after + 1 and self._older.exists()
        except OSError as error:
            _log.error("events_unreadable path=%s error=%s", self._path, error)
            page, lost = _Page(after, before, kinds, limit), True
        for event in waiting:
            page.take(event)
        found = page.found()
        return StoredEvents(tuple(found[:limit]), len(found) > limit, lost or page.has_lost)

    def flush(self, timeout_s: float) -> bool:
        """Wait until all is written, at most ``timeout_s`` machine seconds; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Write what waits and end; False when something was left after ``timeout_s`` machine s."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        return not self._waiting

    def _drop_oldest(self) -> None:
        """Replace the two oldest by a mark; the mark of a drop before is one of them."""
        first, second = self._waiting.popleft(), self._waiting.popleft()
        self.dropped += sum(event.kind != _LOST for event in (first, second))
        self._waiting.appendleft(Event(second.revision, _LOST, "", second.utc, {}))

    def _first(self) -> int:
        """Read the newest number; by chance when that cannot be read in time."""
        found: list[int] = []

        def look() -> None:
            try:
                found.append(max((event.revision for event in self._stored()), default=-GAP))
            except OSError as error:
                _log.error("events_unreadable path=%s error=%s", self._path, error)

        reader = threading.Thread(target=look, name="safety-events-read", daemon=True)
        reader.start()
        reader.join(READ_TIMEOUT_S)
        return found[0] + GAP if found else secrets.randbelow(_UNKNOWN_FIRST)

    def _stored(self) -> Iterator[Event]:
        for path in (self._older, self._path):
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue
            with file:
                for line in file:
                    event = _parsed(line)
                    if event is not None:
                        yield event

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closing)
                batch, is_last = list(self._waiting), self._is_closing
            try:
                self._write(batch)
            except Exception as error:  # noqa: BLE001 - outermost loop: told, tried again
                self._failed(error)
                with self._changed:
                    if is_last or self._changed.wait_for(lambda: self._is_closing, self._retry_s):
                        return
                continue
            with self._changed:
                while batch and self._waiting and self._waiting[0].revision <= batch[-1].revision:
                    self._waiting.popleft()
                self._changed.notify_all()
            self.trouble = ""
            if is_last:
                return

    def _write(self, batch: list[Event]) -> None:
        if not batch:
            return
        lines = b"".join(_line(event) for event in batch)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        file = os.open(self._path, flags, 0o640)
        try:
            size = os.fstat(file).st_size
            # A line that a full disk cut short must not spoil the next one.
            if size and os.pread(file, 1, size - 1) != b"\n":
                lines = b"\n" + lines
            written = os.write(file, lines)
            if written < len(lines):
                os.ftruncate(file, size)
                raise OSError(f"wrote {written} of {len(lines)} bytes")
            os.fsync(file)
        finally:
            os.close(file)
        if size + len(lines) > self._max_bytes:
            self._path.replace(self._older)

    def _failed(self, error: Exception) -> None:
        if not self.trouble:
            _log.error("events_not_stored path=%s error=%r", self._path, error)
        self.trouble = f"{self._path}: {error}"


class _Page:
    """The events of a question with the smallest numbers, and one more; each number once."""

    def __init__(self, after: int, before: int, kinds: Collection[str], limit: int) -> None:
        self._after, self._before = after, before
        self._kinds = kinds
        self._most = limit + 1
        self._by_number: dict[int, Event] = {}
        self.has_lost = False

    def take(self, event: Event) -> None:
        """Keep it if it belongs here."""
        if not self._after < event.revision < self._before:
            return
        if event.kind == _LOST:
            self.has_lost = True
        elif not self._kinds or event.kind in self._kinds:
            self._by_number[event.revision] = event
            if len(self._by_number) > 2 * self._most:
                self._by_number = {one.revision: one for one in self.found()}

    def found(self) -> list[Event]:
        """Return them, oldest first."""
        return [self._by_number[number] for number in sorted(self._by_number)[: self._most]]


def _line(event: Event) -> bytes:
    return json.dumps(event.to_wire(), default=str).encode() + b"\n"


def _parsed(line: bytes) -> Event | None:
    """Read a line; None for one that a crash cut short."""
    try:
        wire = json.loads(line)
        return Event(
            int(wire["Revision"]), wire["Kind"], wire["Subject"], wire["UTC"], wire["Data"]
        )
    except (ValueError, KeyError, TypeError):
        return None
