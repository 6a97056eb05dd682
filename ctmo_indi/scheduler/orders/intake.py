"""Take Observation orders: can it ever be observed, Priority, durable row, receipt.

On the front desk's loop; in every summary state. What blocks (the first import of the sky models, a
commit) runs in threads.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ctmo_indi.clock import Clock
from ctmo_indi.errors import BadOrder, ConflictingOrder, NeverObservable
from ctmo_indi.kill_points import passing
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import OrderState
from ctmo_indi.profiles import PriorityPolicy
from ctmo_indi.store import orders
from ctmo_indi.store.database import Connection, Database
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.orders import OrderRow
from ctmo_indi.work_orders import priority
from ctmo_indi.work_orders.access import Caller
from ctmo_indi.work_orders.desk import Reply, order_reply
from ctmo_indi.work_orders.model import CheckedOrder
from ctmo_indi.work_orders.receipts import new_receipt

_log = logging.getLogger(__name__)


class OrderIntake:
    """Handler of Observation orders.

    Parameters
    ----------
    why_never
        Says why a request can never be observed here, "" when it can; may block, thread-safe.
    on_stored
        Told of each new row, once it is durable; any thread, must not block.
    """

    def __init__(
        self,
        database: Database,
        writer: Writer,
        clock: Clock,
        policy: PriorityPolicy,
        why_never: Callable[[ObservationRequest], str],
        on_stored: Callable[[OrderRow], None],
    ) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock
        self._policy = policy
        self._why_never = why_never
        self._on_stored = on_stored

    async def handle(self, checked: CheckedOrder, _caller: Caller) -> Reply:
        """Store the order and give its receipt.

        Raises
        ------
        NeverObservable
            No instant at this site satisfies it.
        ConflictingOrder
            The same User and ID came before with other content.
        StoreUnavailable
            It could not be made durable: it was not taken.
        """
        request = checked.request
        if not isinstance(request, ObservationRequest):
            raise BadOrder(f"WOType: came {checked.kind.value}, expected Observation")
        before = await asyncio.to_thread(self._known, checked)
        if before is not None:
            return self._reply(checked, before)
        if request.frame_type.needs_sky:
            reason = await asyncio.to_thread(self._why_never, request)
            if reason:
                raise NeverObservable(f"{request.object_name or checked.id}: {reason}")
        now = self._clock.utc()
        row = OrderRow(
            receipt=new_receipt("O", now),
            user=checked.user,
            order_id=checked.id,
            kind=checked.kind.value,
            state=OrderState.PENDING,
            priority=priority.assign(request, checked.wish_priority, self._policy),
            content_hash=checked.content_hash,
            wire=dict(checked.wire),
            created_utc_s=now.timestamp(),
            updated_utc_s=now.timestamp(),
            wish_priority=checked.wish_priority,
            wanted_count=request.count,
        )
        passing("scheduler.order.commit.before")
        stored = await asyncio.wrap_future(
            self._writer.submit(lambda connection: _insert(connection, row))
        )
        passing("scheduler.order.commit.after")
        if stored.receipt == row.receipt:
            _log.info(
                "order received receipt=%s user=%r id=%r priority=%g",
                row.receipt,
                row.user,
                row.order_id,
                row.priority,
            )
            self._on_stored(stored)
        return self._reply(checked, stored)

    def _known(self, checked: CheckedOrder) -> OrderRow | None:
        """Return the row of the same order sent before; its receipt stands."""
        with self._database.read() as connection:
            row = orders.get_by_id(connection, checked.user, checked.id)
        if row is None or row.content_hash == checked.content_hash:
            return row
        raise ConflictingOrder(
            f"ID {checked.id!r} of user {checked.user!r} came before with other content (receipt"
            f" {row.receipt}); expected the same content or a new ID"
        )

    @staticmethod
    def _reply(checked: CheckedOrder, row: OrderRow) -> Reply:
        return order_reply(
            checked,
            status=row.state.value,
            message=f"Work order received. Receipt {row.receipt}, {row.state.value}.",
            receipt=row.receipt,
            revision=row.revision,
            priority=row.priority,
        )


def _insert(connection: Connection, row: OrderRow) -> OrderRow:
    stored = orders.insert_order(connection, row)
    passing("scheduler.order.commit.inside")
    return stored
