"""Log without waiting: lines are written by a thread of their own.

A log on a disk that hangs, or on a pipe that nobody reads, would else hold up whoever logs next:
the safety loop, a front desk. The price: a process that is killed loses the lines of its last
moment.
"""

from __future__ import annotations

import logging
import threading
from collections import deque

MOST_WAITING = 5000
FLUSH_S = 2.0


class BackgroundHandler(logging.Handler):
    """Formats in the caller's thread, hands lines to ``target`` in its own; never blocks.

    When too many lines wait, new ones are lost; how many is said as soon as there is room.
    """

    def __init__(self, target: logging.Handler, *, most_waiting: int = MOST_WAITING) -> None:
        super().__init__()
        target.setFormatter(None)  # what comes is a line
        self._target = target
        self._most_waiting = most_waiting
        self._changed = threading.Condition()
        self._waiting: deque[logging.LogRecord] = deque()
        self._is_closing = False
        self._unsaid = 0
        self.lost = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Put one line into the queue; never raises."""
        with self._changed:
            if len(self._waiting) >= self._most_waiting:
                self._unsaid += 1
                self.lost += 1
                return
        if self._unsaid:
            with self._changed:
                count, self._unsaid = self._unsaid, 0
            self._put(self._line(logging.WARNING, "log lines lost n=%d", count))
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - a wrong log call must not fail its caller
            self.lost += 1
            return
        self._put(_ready(record, line))

    def flush(self) -> None:
        """Wait until every line was handed on, :data:`FLUSH_S` machine seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, FLUSH_S)

    def close(self) -> None:
        """Hand on what waits, as :meth:`flush`, and end; a thread that hangs is left behind."""
        self.flush()
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join(FLUSH_S)
        if not self._thread.is_alive():
            self._target.close()
        super().close()

    def _put(self, record: logging.LogRecord) -> None:
        with self._changed:
            self._waiting.append(record)
            self._changed.notify_all()

    def _line(self, level: int, text: str, *words: object) -> logging.LogRecord:
        record = logging.LogRecord(__name__, level, __file__, 0, text, words, None)
        return _ready(record, self.format(record))

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closing)
                if not self._waiting:
                    return
                record = self._waiting[0]
            self._target.handle(record)  # never raises: see logs
            with self._changed:
                self._waiting.popleft()
                self._changed.notify_all()


def _ready(record: logging.LogRecord, line: str) -> logging.LogRecord:
    """Return a record whose message is the whole line."""
    ready = logging.makeLogRecord(record.__dict__)
    ready.msg, ready.args = line, None
    ready.exc_info, ready.exc_text, ready.stack_info = None, None, None
    return ready
