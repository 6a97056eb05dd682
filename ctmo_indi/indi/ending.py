"""Something that ends exactly once, with a result or an error, and may be waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Self, TypeVar

from ctmo_indi.errors import CtmoError

ResultT = TypeVar("ResultT")


class Ending(Generic[ResultT]):
    """Base of commands and awaited frames; any thread.

    Parameters
    ----------
    post
        Runs a call on the client's dispatcher thread: callbacks never run under its lock.
    """

    def __init__(self, post: Callable[[Callable[[], None]], None]) -> None:
        self._post = post
        self._ended = threading.Event()
        self._guard = threading.Lock()
        self._result: ResultT | None = None
        self._error: CtmoError | None = None
        self._callbacks: list[Callable[[Self], None]] = []

    def done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._ended.is_set()

    def exception(self) -> CtmoError | None:
        """What it failed with; None when it succeeded or is still under way."""
        return self._error

    def add_done_callback(self, callback: Callable[[Self], None]) -> None:
        """Call ``callback(self)`` in the client's dispatcher thread once it has ended."""
        with self._guard:
            if not self._ended.is_set():
                self._callbacks.append(callback)
                return
        self._post(lambda: callback(self))

    def end(self, result: ResultT | None, error: CtmoError | None) -> bool:
        """End it; False when it had ended before. For the client."""
        with self._guard:
            if self._ended.is_set():
                return False
            self._result, self._error = result, error
            callbacks, self._callbacks = self._callbacks, []
            self._ended.set()
        for callback in callbacks:
            self._post(lambda one=callback: one(self))  # type: ignore[misc]  # bound per loop
        return True

    def _wait(self, machine_s: float) -> bool:
        return self._ended.wait(machine_s)

    def _outcome(self) -> ResultT:
        if self._error is not None:
            raise self._error
        if self._result is None:
            raise RuntimeError("asked for the outcome of something still under way")
        return self._result
