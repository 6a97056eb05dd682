"""A desk that counts its orders by kind and outcome: put around any other desk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ctmo_indi.errors import CtmoError, OrderError, SafetyError
from ctmo_indi.work_orders.access import Caller
from ctmo_indi.work_orders.desk import Desk, Reply
from ctmo_indi.work_orders.model import OrderKind

_KINDS = frozenset(kind.value for kind in OrderKind)
OTHER = "other"
"""Kind of an order that is none: what callers write there is no label of ours."""


class CountedDesk:
    """Counts; on the front desk's loop.

    Attributes
    ----------
    orders
        (kind, outcome) -> how many. accepted; refused: the sender's fault or not safe; failed: a
        device, another service or the store did not do it, or a bug of ours.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.orders: Counter[tuple[str, str]] = Counter()

    @property
    def service(self) -> str:
        """The desk's."""
        return self._desk.service

    async def handle(self, order: Mapping[str, object], caller: Caller) -> Reply:
        """Have the desk handle it; errors are the desk's."""
        outcome = "failed"
        try:
            reply = await self._desk.handle(order, caller)
            outcome = "accepted"
        except CtmoError as error:
            if isinstance(error, OrderError | SafetyError):
                outcome = "refused"
            raise
        finally:
            self.orders[_kind(order), outcome] += 1
        return reply


def _kind(order: Mapping[str, object]) -> str:
    kind = order.get("WOType") or order.get("Request")
    return kind if isinstance(kind, str) and kind in _KINDS else OTHER
