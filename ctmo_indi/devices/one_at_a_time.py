"""One closing at a time in a process; but one that hangs holds nobody up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ctmo_indi.clock import Clock

_ASK_AGAIN_MACHINE_S = 0.5


class OneAtATime:
    """A turn that is taken one after the other; any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._holder: object | None = None
        self._since_machine_s = 0.0

    @contextmanager
    def turn(self, longest_machine_s: float, ask: Callable[[], None]) -> Iterator[None]:
        """Wait for the turn of whoever has it, and have it while the block runs.

        Parameters
        ----------
        longest_machine_s
            Whoever has had it longer hangs: it is taken from him, machine seconds.
        ask
            Called twice a second while waiting; what it raises ends the wait.
        """
        me = object()
        with self._changed:
            while self._holder is not None and not self._is_overdue(longest_machine_s):
                self._changed.wait(_ASK_AGAIN_MACHINE_S)
                ask()
            self._holder, self._since_machine_s = me, self._clock.machine_s()
        try:
            yield
        finally:
            with self._changed:
                if self._holder is me:
                    self._holder = None
                    self._changed.notify_all()

    def _is_overdue(self, longest_machine_s: float) -> bool:
        return self._clock.machine_s() - self._since_machine_s > longest_machine_s
