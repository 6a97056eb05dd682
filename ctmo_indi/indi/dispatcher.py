"""Hands events to subscribers, in order, on one thread of its own.

A subscriber that raises is logged and counted; one that blocks delays only the other subscribers,
never the snapshots or the commands.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from ctmo_indi.indi.events import Event

_log = logging.getLogger(__name__)

_BACKLOG_WARNING = 10_000


class Dispatcher:
    """One thread that calls the subscribers."""

    def __init__(self, name: str) -> None:
        self.failures = 0
        self._queue: queue.SimpleQueue[Event | Callable[[], None] | None] = queue.SimpleQueue()
        self._subscribers: tuple[Callable[[Event], None], ...] = ()
        self._guard = threading.Lock()
        self._backlog_warned = False
        self._thread = threading.Thread(target=self._run, name=f"{name}-events", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """End the thread after what is queued; machine seconds."""
        self._queue.put(None)
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Call ``callback`` with every event from now on; returns what ends that."""
        with self._guard:
            self._subscribers = (*self._subscribers, callback)

        def unsubscribe() -> None:
            with self._guard:
                self._subscribers = tuple(one for one in self._subscribers if one is not callback)

        return unsubscribe

    def post(self, item: Event | Callable[[], None]) -> None:
        """Queue an event, or a call to make on the dispatcher's thread; any thread."""
        self._queue.put(item)
        if not self._backlog_warned and self._queue.qsize() > _BACKLOG_WARNING:
            self._backlog_warned = True
            _log.warning("subscriber_slow backlog=%d", _BACKLOG_WARNING)

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            if item is None:
                return
            if callable(item):
                self._guarded(item)
            else:
                for subscriber in self._subscribers:
                    self._guarded(lambda one=subscriber, event=item: one(event))  # type: ignore[misc]  # called at once
            del item  # a frame must not stay in memory until the next event

    def _guarded(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:  # noqa: BLE001 - outermost loop of the thread: log, count, go on
            self.failures += 1
            _log.exception("subscriber_failed failures=%d", self.failures)
