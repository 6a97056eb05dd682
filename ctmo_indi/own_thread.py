"""Run one blocking call in a thread of its own: it waits behind nothing.

asyncio's threads are few and shared by everything on a loop: calls that hang for seconds at a peer
that is down keep all others waiting. What must not wait is run here. The thread is a daemon: a call
that never returns cannot keep the process alive.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

ResultT = TypeVar("ResultT")


class TooManyThreads(Exception):
    """So many calls are under way that no more is begun."""


class FewOwnThreads:
    """Calls in threads of their own, so many at once; those whose waiter has left count, too.

    Parameters
    ----------
    most
        A call more raises TooManyThreads.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = threading.Semaphore(most)

    async def run(self, call: Callable[[], ResultT], name: str = "own") -> ResultT:
        """As :func:`in_own_thread`."""
        if not self._left.acquire(blocking=False):
            raise TooManyThreads(f"{self._most} questions wait for an answer")

        is_begun = False

        def counted() -> ResultT:
            nonlocal is_begun
            is_begun = True
            try:
                return call()
            finally:
                self._left.release()

        try:
            return await in_own_thread(counted, name)
        except RuntimeError:
            if not is_begun:  # the system gives no more threads
                self._left.release()
            raise


async def in_own_thread(call: Callable[[], ResultT], name: str = "own") -> ResultT:
    """Return what ``call`` returns, or raise what it raises; any loop.

    When the waiting task is cancelled the call goes on, and nobody hears how it ended.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[ResultT] = loop.create_future()

    def tell(set_it: Callable[[], None]) -> None:
        if not answer.done():
            set_it()

    def run() -> None:
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - handed to who waits for it
            failed = error
            _post(loop, lambda: tell(lambda: answer.set_exception(failed)))
        else:
            _post(loop, lambda: tell(lambda: answer.set_result(result)))

    threading.Thread(target=run, name=name, daemon=True).start()
    return await answer


def _post(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:  # the loop is closed: nobody waits any more
        return
