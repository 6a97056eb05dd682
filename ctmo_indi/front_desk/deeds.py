"""Orders being carried out: apart from their callers, who may go away or wait no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

from ctmo_indi.work_orders.access import Caller
from ctmo_indi.work_orders.desk import Desk, Reply
from ctmo_indi.work_orders.permissions import only_asks


class Deeds:
    """Runs a desk's orders; on the front desk's loop.

    An order that only asks, or waits for news, ends with its caller. Any other is carried through:
    nobody may stop half a deed by closing a connection.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._under_way: set[asyncio.Task[Reply]] = set()

    def begin(self, order: Mapping[str, object], caller: Caller) -> asyncio.Future[Reply]:
        """Begin an order; return its answer, which may be cancelled without harm to the order."""
        loop = asyncio.get_running_loop()
        deed = loop.create_task(self._desk.handle(order, caller))
        self._under_way.add(deed)  # asyncio itself keeps only a weak reference
        answer: asyncio.Future[Reply] = loop.create_future()
        deed.add_done_callback(partial(self._ended, answer))
        if only_asks(order):
            answer.add_done_callback(partial(_give_up, deed))
        return answer

    def _ended(self, answer: asyncio.Future[Reply], deed: asyncio.Task[Reply]) -> None:
        self._under_way.discard(deed)
        error = None if deed.cancelled() else deed.exception()  # which is thus seen
        if answer.done():
            return
        if deed.cancelled():
            answer.cancel()
        elif error is None:
            answer.set_result(deed.result())
        else:
            answer.set_exception(error)
            answer.exception()  # seen, if its caller is cancelled in this very moment


def _give_up(deed: asyncio.Task[Reply], answer: asyncio.Future[Reply]) -> None:
    if answer.cancelled() or answer.exception() is not None:
        deed.cancel()
