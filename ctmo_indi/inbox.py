"""The inbox of an engine thread: the only way to touch what that thread owns.

Each service has one engine thread that owns its state. Desks, APScheduler jobs and device callbacks
post calls into its inbox; the engine runs them one after the other. Nothing else shares mutable
state.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")


class Inbox:
    """Calls waiting to be run by the one thread that owns the state they touch."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.failures = 0
        self._calls: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._closed = threading.Event()

    def post(self, call: Callable[[], object]) -> None:
        """Run ``call`` later in the engine thread; any thread; never blocks.

        An exception it raises is logged and counted in ``failures``.
        """
        self._calls.put(call)

    def ask(self, call: Callable[[], ResultT]) -> Future[ResultT]:
        """Run ``call`` in the engine thread and hand back its result or its exception."""
        future: Future[ResultT] = Future()

        def answer() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - carried to the asker, whatever it is
                future.set_exception(error)
            else:
                future.set_result(result)

        if self._closed.is_set():
            future.set_exception(RuntimeError(f"the {self.name} inbox is closed"))
        else:
            self._calls.put(answer)
        return future

    def close(self) -> None:
        """End :meth:`run` after the calls already posted; any thread."""
        self._closed.set()
        self._calls.put(None)

    def run_pending(self, timeout_s: float | None) -> bool:
        """Run the next call, waiting ``timeout_s`` machine seconds for it; engine thread only.

        Returns
        -------
        bool
            False once the inbox was closed and is empty.
        """
        try:
            call = self._calls.get(timeout=timeout_s)
        except queue.Empty:
            return True
        if call is None:
            return False
        try:
            call()
        except Exception:  # noqa: BLE001 - outermost loop of the engine thread: log, count, go on
            self.failures += 1
            _log.exception("inbox call failed inbox=%s failures=%d", self.name, self.failures)
        return True

    def run(self) -> None:
        """Run calls until closed; the body of an engine thread that has no beat of its own."""
        while self.run_pending(None):
            pass
