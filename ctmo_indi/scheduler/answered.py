"""Orders that must not be carried out twice, however often a careful sender repeats them.

A client that lost its connection before the answer came cannot know whether its order arrived. It
sends it again with the same ID, and gets the answer of the first one.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from ctmo_indi.errors import ConflictingOrder
from ctmo_indi.work_orders.desk import Reply
from ctmo_indi.work_orders.model import CheckedOrder

KEPT = 500


@dataclass(frozen=True, slots=True)
class _Answered:
    content_hash: str
    answer: asyncio.Future[Reply]


class AnsweredOrders:
    """The last answers, by User and ID. In memory; for coroutines of one loop."""

    def __init__(self, keep: int = KEPT) -> None:
        self._keep = keep
        self._orders: OrderedDict[tuple[str, str], _Answered] = OrderedDict()

    async def once(
        self, checked: CheckedOrder, carry_out: Callable[[], Coroutine[object, object, Reply]]
    ) -> Reply:
        """Carry the order out, or return what was answered when it came before.

        An order that was refused is forgotten: it may be sent again.

        Raises
        ------
        ConflictingOrder
            The same User and ID came with other content.
        """
        key = (checked.user, checked.id)
        known = self._orders.get(key)
        if known is None:
            known = _Answered(checked.content_hash, asyncio.ensure_future(carry_out()))
            self._orders[key] = known
            while len(self._orders) > self._keep:
                self._orders.popitem(last=False)
        elif known.content_hash != checked.content_hash:
            raise ConflictingOrder(
                f"ID {checked.id!r} of user {checked.user!r} came before with other content;"
                " expected the same content or a new ID"
            )
        try:
            # the sender of one of them may go away; the other still wants the answer
            return dict(await asyncio.shield(known.answer))
        except Exception:
            if self._orders.get(key) is known:
                del self._orders[key]
            raise
