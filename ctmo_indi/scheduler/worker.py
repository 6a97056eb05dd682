"""A thread with an inbox, for work that may block: the scheduling driver, a peer's desk.

Unlike a pool of ``concurrent.futures`` it is a daemon: a call that never returns cannot keep the
process alive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from ctmo_indi.inbox import Inbox

ResultT = TypeVar("ResultT")


class Worker:
    """Runs calls one after the other in its own thread; nothing runs before :meth:`start`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._left_behind = 0
        self._make()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def ask(self, call: Callable[[], ResultT]) -> Future[ResultT]:
        """Run ``call`` later; the future has its result or its exception."""
        return self._inbox.ask(call)

    @property
    def generation(self) -> int:
        """How many threads were left behind: who asked an earlier one is not to be heard."""
        return self._left_behind

    def leave_behind(self) -> None:
        """Give the thread up, which is stuck in a call, and go on in a new one.

        What waits behind that call runs only if it ever returns. Owner's thread.
        """
        stuck = self._inbox
        self._left_behind += 1
        self._make()
        self._thread.start()
        stuck.close()

    def stop(self, timeout_s: float) -> bool:
        """End after the calls already asked for; False when it still runs after ``timeout_s``."""
        self._inbox.close()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _make(self) -> None:
        name = f"{self._name}-{self._left_behind}" if self._left_behind else self._name
        self._inbox = Inbox(name)
        self._thread = threading.Thread(target=self._inbox.run, name=name, daemon=True)
