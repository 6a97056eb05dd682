"""A procedure: a generator that says what it waits for, run by the engine thread.

An attempt, a closing or a control order is written as a plain generator: it starts something on a
device, yields what it waits for and is resumed when that is there. The engine thread never blocks,
so it can hear ``abort`` at every moment, and everything it owns is touched by one thread only.

::

    def slew(hands):
        motion = hands.mount.start_slew(ra_deg, dec_deg)
        yield both(future_of(motion), timeout_s=180.0, what="slew")

The idea is that of the generator plans of bluesky and of pre-async Python coroutines.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from ctmo_indi.clock import Clock, Deadline
from ctmo_indi.errors import CommandTimeout, InternalError

__all__ = ["All", "Procedure", "Steps", "Until", "Waiting", "afterwards", "while_awaited"]

FLOOR_MACHINE_S = 5.0


@dataclass(frozen=True, slots=True)
class All:
    """Wait until every future is done; the first that fails ends the wait with its exception.

    Parameters
    ----------
    timeout_s
        Elapsed (sky) seconds; never less than ``floor_machine_s`` of the machine.
    what
        For messages: "slew", "exposure 2 of 3".
    """

    futures: tuple[Future[Any], ...]  # Any: only done or failed matters here
    timeout_s: float
    what: str
    floor_machine_s: float = FLOOR_MACHINE_S


@dataclass(frozen=True, slots=True)
class Until:
    """Wait until ``condition()`` is true; asked at every turn of the engine (20 a second)."""

    condition: Callable[[], bool]
    timeout_s: float
    what: str
    floor_machine_s: float = FLOOR_MACHINE_S


Waiting = All | Until
ResultT = TypeVar("ResultT")
Steps = Generator[Waiting, None, ResultT]


def afterwards(steps: Steps[None], cleanup: Callable[[], Steps[None]]) -> Steps[None]:
    """Run ``steps``, then ``cleanup`` whatever happened.

    Instead of ``try ... finally``, in which a generator that is thrown away must not yield.
    """
    try:
        yield from steps
    except Exception:
        yield from cleanup()
        raise
    yield from cleanup()


@contextmanager
def while_awaited() -> Iterator[Callable[[], str | None]]:
    """Wait inside the block for a deed of several steps that another thread carries out.

    The end of a wait does not reach that thread. It asks what the block is given, before each step:
    why nobody waits any longer, None while somebody does.
    """
    ended: list[str] = []
    try:
        yield lambda: ended[0] if ended else None
    except BaseException as error:
        ended.append(str(error) or type(error).__name__)
        raise


class Procedure:
    """Runs one generator; every method in the engine thread, none blocks.

    Parameters
    ----------
    name
        For logs and Status.
    steps
        The generator.
    wake
        Called from any thread when something waited for is done; must be quick.
    """

    def __init__(
        self, name: str, steps: Steps[object], clock: Clock, wake: Callable[[], None]
    ) -> None:
        self.name = name
        self._steps = steps
        self._clock = clock
        self._wake = wake
        self._waiting: Waiting | None = None
        self._deadline: Deadline | None = None
        self._interruption: BaseException | None = None
        self._is_interrupted = False
        self.is_done = False
        self.result: object = None
        self.error: BaseException | None = None

    @property
    def waits_for(self) -> str:
        """What it waits for now; empty when it does not."""
        return self._waiting.what if self._waiting else ""

    def interrupt(self, reason: BaseException) -> bool:
        """Raise ``reason`` inside the generator at its next turn; only the first one counts.

        Returns
        -------
        bool
            False when it was interrupted before or is over.
        """
        if self.is_done or self._is_interrupted:
            return False
        self._is_interrupted = True
        self._interruption = reason
        return True

    def advance(self) -> bool:
        """Go on as far as possible without waiting; True when the procedure is over."""
        while not self.is_done:
            error = self._interruption
            if error is None and self._waiting is not None:
                ready, error = self._look(self._waiting)
                if not ready:
                    return False
            self._interruption = None
            self._resume(error)
        return True

    def _look(self, waiting: Waiting) -> tuple[bool, BaseException | None]:
        """Whether the wait is over, and the exception it ends with."""
        if isinstance(waiting, Until):
            if waiting.condition():
                return True, None
        else:
            done = [future for future in waiting.futures if future.done()]
            for future in done:
                if (error := _failure(future)) is not None:
                    return True, error
            if len(done) == len(waiting.futures):
                return True, None
        if self._deadline is not None and self._deadline.expired:
            return True, CommandTimeout(
                f"{waiting.what}: not done after {self._deadline.timeout_s:.0f} s"
            )
        return False, None

    def _resume(self, error: BaseException | None) -> None:
        self._waiting = None
        self._deadline = None
        try:
            waiting = self._steps.throw(error) if error is not None else next(self._steps)
        except StopIteration as stop:
            self.is_done = True
            self.result = stop.value
        except Exception as failure:  # noqa: BLE001 - kept for the engine, which decides on it
            self.is_done = True
            self.error = failure
        else:
            self._waiting = waiting
            self._deadline = Deadline(self._clock, waiting.timeout_s, waiting.floor_machine_s)
            if isinstance(waiting, All):
                for future in waiting.futures:
                    future.add_done_callback(lambda _: self._wake())


def _failure(future: Future[Any]) -> BaseException | None:
    if future.cancelled():
        return InternalError("a wait was canceled from outside")
    return future.exception()
