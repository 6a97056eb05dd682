"""Take Observation orders: can it ever be observed, Priority, durable row, receipt.

On the front desk's loop; in every summary state. What blocks (a long look at the sky, a commit)
runs in threads. Orders come by the thousand: those that one commit made durable are handed to the
engine, logged and answered together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ctmo_indi.clock import Clock
from ctmo_indi.errors import BadOrder, ConflictingOrder, NeverObservable, StoreUnavailable
from ctmo_indi.kill_points import passing
from ctmo_indi.models.order_windows import why_none_serves
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import OrderState
from ctmo_indi.profiles import PriorityPolicy
from ctmo_indi.store import orders
from ctmo_indi.store.database import Connection, Database
from ctmo_indi.store.intake import Bulk, Writer
from ctmo_indi.store.orders import OrderRow
from ctmo_indi.work_orders import priority
from ctmo_indi.work_orders.access import Caller
from ctmo_indi.work_orders.desk import Reply, order_reply
from ctmo_indi.work_orders.model import CheckedOrder
from ctmo_indi.work_orders.receipts import new_receipt

_log = logging.getLogger(__name__)

LOGGED_ONE_BY_ONE = 4
"""Of a commit; a line costs as much CPU as half an order, and the database has each of them."""


MOST_LOOKS = 64
"""Orders that may wait for a long look at the sky; each takes tens of milliseconds of CPU."""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order that was just made durable, with what it asks for."""

    row: OrderRow
    request: ObservationRequest


@dataclass(frozen=True, slots=True, eq=False)  # each is itself
class _Arrival:
    """An order on its way into the database, and who waits for it."""

    row: OrderRow
    request: ObservationRequest
    stored: asyncio.Future[OrderRow]


def _nowhere(_request: ObservationRequest) -> None:
    return None


def _nobody(_receipts: Sequence[str]) -> None:
    """Be told."""


_Settled = Sequence[tuple[_Arrival, OrderRow | BaseException]]


class OrderIntake:
    """Handler of Observation orders.

    Parameters
    ----------
    is_sure
        Whether a request for the sky can be observed beyond doubt; at once, any thread.
    why_never
        Asked otherwise: says why a request for the sky can never be observed here, "" when it can;
        may block, thread-safe.
    on_stored
        Told of all new orders of a commit, once they are durable; any thread, must not block.
    on_repeated
        Told the receipts of those that came again and wait; else as ``on_stored``. One of them may
        be unknown to the engine: its commit was reported as failed and had happened.
    place_now
        Where the target is now, ICRS degrees: what is answered for one that moves. May block,
        thread-safe; None: unknown.
    no_room
        Asked once a commit, in the writer's thread: why none may be stored, "" when one may.
    """

    def __init__(
        self,
        database: Database,
        writer: Writer,
        clock: Clock,
        policy: PriorityPolicy,
        is_sure: Callable[[ObservationRequest], bool],
        why_never: Callable[[ObservationRequest], str],
        on_stored: Callable[[Sequence[NewOrder]], None],
        no_room: Callable[[], str] = str,
        place_now: Callable[[ObservationRequest], tuple[float, float] | None] = _nowhere,
        on_repeated: Callable[[Sequence[str]], None] = _nobody,
    ) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock
        self._policy = policy
        self._is_sure = is_sure
        self._why_never = why_never
        self._on_stored = on_stored
        self._on_repeated = on_repeated
        self._no_room = no_room
        self._place_now = place_now
        self._bulk = Bulk(self._insert, self._settled)
        # One thread: many long looks at once would take the processor from the desk.
        self._looks = ThreadPoolExecutor(1, "sky-looks")
        self._looking = 0  # on the desk's loop

    async def handle(self, checked: CheckedOrder, _caller: Caller) -> Reply:
        """Store the order and give its receipt.

        Raises
        ------
        NeverObservable
            No instant at this site satisfies it, or its windows have no room for an exposure.
        ConflictingOrder
            The same User and ID came before with other content.
        StoreUnavailable
            It could not be made durable, the disk is nearly full, or too many orders wait for a
            long look at the sky: it was not taken.
        """
        request = checked.request
        if not isinstance(request, ObservationRequest):
            raise BadOrder(f"WOType: came {checked.kind.value}, expected Observation")
        reason = ""
        if not request.frame_type.needs_sky:
            reason = why_none_serves(request, self._clock.utc().timestamp())
        elif not self._is_sure(request):
            reason = await self._look(request)
        if reason:
            # What was taken when its windows had not ended keeps its receipt.
            before = await asyncio.to_thread(self._known, checked)
            if before is not None:
                return await self._reply(checked, before)
            raise NeverObservable(f"{request.object_name or checked.id}: {reason}")
        arrival = _Arrival(
            self._row(checked, request), request, asyncio.get_running_loop().create_future()
        )
        passing("scheduler.order.commit.before")
        self._writer.submit_item(self._bulk, arrival)
        try:
            stored = await arrival.stored
        finally:
            del arrival  # it holds its error, whose traceback holds this frame: no cycle
        return await self._reply(checked, stored)

    async def _look(self, request: ObservationRequest) -> str:
        """Say why it can never be observed; a look goes on when its sender has left."""
        if self._looking >= MOST_LOOKS:
            raise StoreUnavailable(
                f"the order was not taken: {self._looking} orders wait for a look at whether they "
                f"can ever be observed, expected fewer than {MOST_LOOKS}; try again later"
            )
        self._looking += 1
        loop = asyncio.get_running_loop()
        look = loop.run_in_executor(self._looks, self._why_never, request)
        look.add_done_callback(self._looked)
        return await asyncio.shield(look)

    def _looked(self, _look: asyncio.Future[str]) -> None:
        self._looking -= 1

    def _row(self, checked: CheckedOrder, request: ObservationRequest) -> OrderRow:
        now = self._clock.utc()
        now_utc_s = now.timestamp()
        return OrderRow(
            receipt=new_receipt("O", now),
            user=checked.user,
            order_id=checked.id,
            kind=checked.kind.value,
            state=OrderState.PENDING,
            priority=priority.assign(request, checked.wish_priority, self._policy),
            content_hash=checked.content_hash,
            wire=checked.wire,
            created_utc_s=now_utc_s,
            updated_utc_s=now_utc_s,
            wish_priority=checked.wish_priority,
            wanted_count=request.count * request.visits,
        )

    def _settled(self, settled: _Settled) -> None:
        """In the writer's thread: the engine has the orders before their senders are answered."""
        passing("scheduler.order.commit.after")
        new: list[NewOrder] = []
        repeated: list[str] = []
        for arrival, stored in settled:
            if not isinstance(stored, OrderRow):
                continue
            if stored.receipt == arrival.row.receipt:
                new.append(NewOrder(arrival.row, arrival.request))
            elif stored.state is OrderState.PENDING:
                repeated.append(stored.receipt)
        if new:
            self._on_stored(new)
        if repeated:
            self._on_repeated(repeated)
        loops = {arrival.stored.get_loop() for arrival, _ in settled}
        for loop in loops:
            try:
                loop.call_soon_threadsafe(_answer, loop, settled)
            except RuntimeError:  # the front desk has stopped; the orders are kept
                _log.warning("orders stored after the front desk stopped orders=%d", len(settled))
        _tell(new)

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

    def _insert(
        self, connection: Connection, arrivals: Sequence[_Arrival]
    ) -> Sequence[OrderRow | Exception]:
        why = self._no_room()
        if why:
            return [_refused_or_known(connection, arrival.row, why) for arrival in arrivals]
        stored = orders.insert_orders(connection, [arrival.row for arrival in arrivals])
        passing("scheduler.order.commit.inside")
        return stored

    async def _reply(self, checked: CheckedOrder, row: OrderRow) -> Reply:
        request, place = checked.request, None
        if isinstance(request, ObservationRequest) and request.motion is not None:
            place = await asyncio.to_thread(self._place_now, request)
        return order_reply(
            checked,
            status=row.state.value,
            message=f"Work order received. Receipt {row.receipt}, {row.state.value}.",
            receipt=row.receipt,
            revision=row.revision,
            priority=row.priority,
            extra=None if place is None else {"RA": place[0], "Dec": place[1]},
        )


def _refused_or_known(
    connection: Connection, row: OrderRow, why: str
) -> OrderRow | StoreUnavailable:
    before = orders.get_by_id(connection, row.user, row.order_id)
    if before is not None and before.content_hash == row.content_hash:
        return before
    return StoreUnavailable(f"the order was not taken: {why}")


def _answer(loop: asyncio.AbstractEventLoop, settled: _Settled) -> None:
    """Let the waiting go on; in ``loop``."""
    for arrival, stored in settled:
        future = arrival.stored
        if future.get_loop() is not loop or future.done():
            continue
        if isinstance(stored, BaseException):
            future.set_exception(stored)
        else:
            future.set_result(stored)


def _tell(new: Sequence[NewOrder]) -> None:
    """Write the log: a line an order, or one line for a burst."""
    if len(new) <= LOGGED_ONE_BY_ONE:
        for order in new:
            row = order.row
            _log.info(
                "order received receipt=%s user=%r id=%r priority=%g",
                row.receipt,
                row.user,
                row.order_id,
                row.priority,
            )
        return
    _log.info(
        "orders received count=%d first=%s last=%s users=%d",
        len(new),
        new[0].row.receipt,
        new[-1].row.receipt,
        len({order.row.user for order in new}),
    )
