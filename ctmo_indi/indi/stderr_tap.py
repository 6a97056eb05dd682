"""Reads a child's standard error, logs a little of it and counts the rest.

libindiclient prints a rejected BLOB as base64: tens of megabytes a frame.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import IO

from ctmo_indi.clock import Clock

_log = logging.getLogger(__name__)

_LINE_LIMIT = 200
_BUDGET_BYTES = 10_000
_BUDGET_S = 60.0


class StderrTap:
    """One thread that empties one pipe: at most 10 kB a minute go to the log.

    Parameters
    ----------
    alarm, on_alarm
        Called, once, when these bytes come, also among what is not logged.
    """

    def __init__(
        self,
        stream: IO[bytes],
        name: str,
        clock: Clock,
        *,
        alarm: bytes = b"",
        on_alarm: Callable[[], None] = lambda: None,
    ) -> None:
        self._stream = stream
        self._name = name
        self._clock = clock
        self._left = _BUDGET_BYTES
        self._renewed_s = clock.machine_s()
        self._alarm = alarm
        self._on_alarm = on_alarm
        self._tail = b""
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name=f"{name}-stderr", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait for the end of the stream."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        with self._stream:
            # Chunks as they come: libindiclient writes a rejected BLOB in thousands of small pieces
            while chunk := os.read(self._stream.fileno(), 65536):
                self._take(chunk)
                self._listen(chunk)

    def _listen(self, chunk: bytes) -> None:
        if not self._alarm:
            return
        heard = self._tail + chunk
        self._tail = heard[-len(self._alarm) :]
        if self._alarm in heard:
            self._alarm = b""
            self._on_alarm()

    def _take(self, chunk: bytes) -> None:
        now_s = self._clock.machine_s()
        if now_s - self._renewed_s > _BUDGET_S:
            self._left, self._renewed_s = _BUDGET_BYTES, now_s
        if self._left <= 0:
            self.dropped += len(chunk)
            return
        for line in chunk.splitlines():
            told = line.strip()[: min(_LINE_LIMIT, self._left)]
            self._left -= len(told)
            self.dropped += len(line) - len(told)
            if told:
                text = told.decode("utf-8", "replace")
                _log.debug("stderr process=%s text=%r", self._name, text)
