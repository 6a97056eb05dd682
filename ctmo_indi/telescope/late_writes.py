"""Writes that must come to be: one that fails while the disk is full is made when there is room.

They stay in the order in which they came, so that no end is written before its beginning.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from ctmo_indi.errors import StoreUnavailable
from ctmo_indi.store.database import Connection
from ctmo_indi.store.intake import Writer

_log = logging.getLogger(__name__)

Write = Callable[[Connection], object]
MOST_WAITING = 10_000


class LateWrites:
    """Any thread; nothing but :meth:`flush` blocks."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._lock = threading.Condition()
        self._waiting: deque[tuple[str, Write, Callable[[], None]]] = deque(maxlen=MOST_WAITING)
        self._is_busy = False

    def submit(self, what: str, write: Write, on_done: Callable[[], None] = lambda: None) -> None:
        """Have ``write`` made now, or when those before it are made; then ``on_done`` is called."""
        with self._lock:
            self._waiting.append((what, write, on_done))
        self._next()

    def again(self) -> None:
        """Try again what has failed; to be called every few seconds."""
        self._next()

    def flush(self, timeout_s: float) -> bool:
        """Wait until all is durable; False when it is not within ``timeout_s`` machine seconds."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._waiting, timeout_s)

    @property
    def waiting(self) -> int:
        """How many are not durable yet."""
        return len(self._waiting)

    def _next(self) -> None:
        with self._lock:
            if self._is_busy or not self._waiting:
                return
            self._is_busy = True
            what, write, on_done = self._waiting[0]
        try:
            future = self._writer.submit(write)
        except StoreUnavailable as error:
            self._failed(what, error)
            return
        future.add_done_callback(lambda done: self._ended(what, done, on_done))

    def _ended(self, what: str, done: Future[object], on_done: Callable[[], None]) -> None:
        error = done.exception()
        if isinstance(error, StoreUnavailable):
            self._failed(what, error)
            return
        if error is None:
            on_done()
        else:
            _log.error("not_stored what=%s error=%s", what, error)
        with self._lock:
            self._waiting.popleft()
            self._is_busy = False
            self._lock.notify_all()
        self._next()

    def _failed(self, what: str, error: StoreUnavailable) -> None:
        _log.error("not_stored_yet what=%s waiting=%d error=%s", what, len(self._waiting), error)
        with self._lock:
            self._is_busy = False
