"""Workers that hang until they are released: of a thread pool, or of APScheduler.

Whatever must go on without them (the safety loop, a front desk) is tested inside the block.

Examples
--------
>>> with HungWorkers(pool.submit, 4) as hung:
...     hung.wait_hung(5.0)
...     assert safety_loop_still_turns()

>>> with HungWorkers(scheduler.add_job, 10): ...
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class HungWorkers:
    """Blocks workers from the begin of the block to its end, or until :meth:`release`.

    Parameters
    ----------
    submit
        Hands one call to the workers and returns: ``pool.submit`` of any executor of threads, or
        ``scheduler.add_job`` of APScheduler.
    count
        How many calls hang; more than there are workers: the rest waits in their queue.
    longest_s
        Machine seconds after which a worker goes on by itself, so that a failed test ends.
    """

    def __init__(
        self,
        submit: Callable[[Callable[[], None]], object],
        count: int,
        *,
        longest_s: float = 120.0,
    ) -> None:
        self._submit = submit
        self._count = count
        self._longest_s = longest_s
        self._released = threading.Event()
        self._changed = threading.Condition()
        self._hung = 0

    def __enter__(self) -> Self:
        for number in range(self._count):
            # A function of its own each time: APScheduler counts instances by job.
            self._submit(self._hanging(number))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    @property
    def hung(self) -> int:
        """How many workers hang now."""
        with self._changed:
            return self._hung

    def wait_hung(self, timeout_s: float, count: int | None = None) -> None:
        """Block until ``count`` workers hang (None: all that were asked for).

        Raises
        ------
        AssertionError
            Fewer do after ``timeout_s`` machine seconds.
        """
        wanted = self._count if count is None else count
        with self._changed:
            if not self._changed.wait_for(lambda: self._hung >= wanted, timeout_s):
                raise AssertionError(f"{self._hung} of {wanted} workers hang after {timeout_s} s")

    def release(self) -> None:
        """Let every worker go on; calls still queued return at once."""
        self._released.set()

    def _hanging(self, number: int) -> Callable[[], None]:
        def hang() -> None:
            with self._changed:
                self._hung += 1
                self._changed.notify_all()
            self._released.wait(self._longest_s)
            with self._changed:
                self._hung -= 1
                self._changed.notify_all()

        hang.__name__ = f"hung_worker_{number}"
        return hang
