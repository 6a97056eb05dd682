"""A small JSON file kept by somebody who must never wait for a disk.

The value is written by a thread of its own, the newest one only; a disk that is full is tried again
until it takes the value, one that hangs holds up that thread and nobody else. Who needs to know
whether it is durable asks :meth:`KeptValue.trouble`, with a time limit.
"""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

from ctmo_indi.durable_file import write_json

_log = logging.getLogger(__name__)

RETRY_S = 10.0  # machine seconds
READ_TIMEOUT_S = 5.0


class KeptValue:
    """One value in one file. Any thread; only what takes a time limit blocks.

    Parameters
    ----------
    path
        ``NAME.json``; its folder is made when something is written.
    retry_s
        Machine seconds between two tries to write.
    """

    def __init__(self, path: Path, *, retry_s: float = RETRY_S) -> None:
        self.path = path
        self._retry_s = retry_s
        self._changed = threading.Condition()
        self._value: object = None
        self._asked = 0  # counts values; the one that is durable, and the last that failed
        self._durable = 0
        self._failed = 0
        self._failure = ""
        self._is_closing = False
        self._thread: threading.Thread | None = None

    def read(self, timeout_s: float = READ_TIMEOUT_S) -> object:
        """Return what the file holds; blocks ``timeout_s`` machine seconds at most.

        Raises
        ------
        FileNotFoundError
            There is none.
        OSError, ValueError
            It cannot be read, or not in time (TimeoutError), or is no JSON.
        """
        found: list[object] = []

        def read() -> None:
            try:
                found.append(json.loads(self.path.read_text()))
            except (OSError, ValueError) as error:
                found.append(error)

        reader = threading.Thread(target=read, name=f"read-{self.path.stem}", daemon=True)
        reader.start()
        reader.join(timeout_s)
        if not found:
            raise TimeoutError(f"{self.path}: not read within {timeout_s:g} s")
        if isinstance(found[0], OSError | ValueError):
            raise found[0]
        return found[0]

    def write(self, value: object) -> None:
        """Have ``value`` written soon, in place of whatever waits; never blocks, never fails."""
        with self._changed:
            self._value = value
            self._asked += 1
            try:
                if self._thread is None:
                    thread = threading.Thread(
                        target=self._run, name=f"write-{self.path.stem}", daemon=True
                    )
                    thread.start()
                    self._thread = thread
            except RuntimeError as error:  # no more threads: the next value tries again
                self._failed, self._failure = self._asked, f"{self.path}: {error}"
            self._changed.notify_all()

    @property
    def failure(self) -> str:
        """Why the newest value is not durable; empty when it is, or is still being written."""
        with self._changed:
            return self._failure if self._durable < self._asked else ""

    def trouble(self, timeout_s: float) -> str:
        """Wait until what was written last is durable, or known not to be.

        Returns
        -------
        str
            Empty when it is durable; else why not, also when ``timeout_s`` machine s have passed.
        """
        with self._changed:
            asked = self._asked
            self._changed.wait_for(
                lambda: self._durable >= asked or self._failed >= asked, timeout_s
            )
            if self._durable >= asked:
                return ""
            if self._failed >= asked:
                return self._failure
            return f"{self.path}: not written within {timeout_s:g} s"

    def close(self, timeout_s: float) -> None:
        """End the thread after what waits was tried; blocks ``timeout_s`` machine s at most."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._failed > self._durable and self._failed == self._asked:
                    self._changed.wait_for(
                        lambda: self._asked > self._failed or self._is_closing, self._retry_s
                    )
                else:
                    self._changed.wait_for(lambda: self._asked > self._durable or self._is_closing)
                asked, value, is_last = self._asked, self._value, self._is_closing
            if asked > self._durable:
                self._write(asked, value)
            if is_last:
                return

    def _write(self, asked: int, value: object) -> None:
        try:
            write_json(self.path, value)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told and tried again
            with self._changed:
                is_news = not self._failure
                self._failed, self._failure = asked, f"{self.path}: {error}"
                self._changed.notify_all()
            if is_news:
                _log.error("not_written path=%s error=%r", self.path, error)
            return
        with self._changed:
            was_failing, self._failure = bool(self._failure), ""
            self._durable = asked
            self._changed.notify_all()
        if was_failing:
            _log.info("written_again path=%s", self.path)
