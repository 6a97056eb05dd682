"""The telescope's rows of Dome and Control orders: durable before anything moves.

An order toward safe does not wait for a disk: it is carried out although it could not be written,
and its answer says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError
from ctmo_indi.kill_points import passing
from ctmo_indi.models.states import AttemptState
from ctmo_indi.store import hand_orders
from ctmo_indi.store.database import Connection, Database
from ctmo_indi.store.hand_orders import HandOrder
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.journal import Outcome
from ctmo_indi.telescope.control import ControlTask
from ctmo_indi.telescope.late_writes import LateWrites
from ctmo_indi.work_orders.lifecycle import SETTLED_ATTEMPTS
from ctmo_indi.work_orders.model import CheckedOrder

_log = logging.getLogger(__name__)

PATIENCE_MACHINE_S = 0.5
"""How long an order toward safe waits for its row."""

_OUTCOMES: Mapping[AttemptState, Outcome] = {
    AttemptState.COMPLETED: Outcome.DONE,
    AttemptState.FAILED: Outcome.FAILED,
}
"""What the journal says of an order that ended so; ABORTED of the others."""


class HandBook:
    """Stores orders by hand; any thread."""

    def __init__(self, database: Database, writer: Writer, clock: Clock, late: LateWrites) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock
        self._late = late

    def insert(self, task: ControlTask, checked: CheckedOrder) -> Future[None]:
        """Begin to store an order and its INTENT; :meth:`durable` says when it may be answered.

        Does not block. Orders are written as they come, an order's end after its begin.
        """
        row = HandOrder(
            receipt=task.receipt,
            user=task.user,
            order_id=task.order_id,
            kind=task.kind,
            command=task.name,
            wire=dict(checked.wire),
            state=AttemptState.IN_PROGRESS,
            created_utc_s=self._clock.utc().timestamp(),
        )

        def write(connection: Connection) -> None:
            hand_orders.insert(connection, row)
            passing("telescope.hand.intent.inside")

        passing("telescope.hand.intent.before")
        try:
            return self._writer.submit(write)
        except CtmoError as error:
            refused: Future[None] = Future()
            refused.set_exception(error)
            return refused

    async def durable(self, task: ControlTask, written: Future[None]) -> str:
        """Wait until an order is durable, one toward safe for a moment only.

        Returns
        -------
        str
            Why an order toward safe is not written; "" when it is.

        Raises
        ------
        StoreUnavailable
            It could not be made durable: it is not taken.
        """
        if not task.is_urgent:
            await asyncio.wrap_future(written)
        else:
            try:
                waiting = asyncio.shield(asyncio.wrap_future(written))
                await asyncio.wait_for(waiting, PATIENCE_MACHINE_S)
            except (CtmoError, TimeoutError) as error:
                _log.error("order_not_stored receipt=%s error=%r", task.receipt, error)
                return str(error) or f"not written within {PATIENCE_MACHINE_S:g} s"
        passing("telescope.hand.intent.after")
        return ""

    def on_state(self, task: ControlTask) -> None:
        """Store the end of an order, as soon as there is room on the disk; does not block."""
        if task.state not in SETTLED_ATTEMPTS:
            return
        receipt, state, reason = task.receipt, task.state, task.reason
        outcome = _OUTCOMES.get(state, Outcome.ABORTED)
        write = self._write_of_end(receipt, state, outcome, reason, "telescope.hand.done.inside")

        def stored() -> None:
            passing("telescope.hand.done.after")

        passing("telescope.hand.done.before")
        self._late.submit(f"order {receipt} {state}", write, stored)

    def settle(self, receipt: str, state: AttemptState, outcome: Outcome, reason: str) -> HandOrder:
        """Store what was found of an order cut off by a crash; blocks for a commit."""
        passing("telescope.recovery.hand.before")
        write = self._write_of_end(
            receipt, state, outcome, reason, "telescope.recovery.hand.inside"
        )
        row = self._writer.run(write)
        passing("telescope.recovery.hand.after")
        return row

    def view(self, receipt: str, user: str = "", order_id: str = "") -> dict[str, object] | None:
        """Status of an order as stored, by receipt or by User and ID; None when unknown."""
        with self._database.read() as connection:
            row = (
                hand_orders.get(connection, receipt)
                if receipt
                else hand_orders.newest_named(connection, user, order_id)
            )
        return None if row is None else to_wire(row)

    def open_orders(self) -> list[HandOrder]:
        """Orders that have not ended, oldest first."""
        with self._database.read() as connection:
            return [row for row, _effect in hand_orders.open_orders(connection)]

    def _write_of_end(
        self, receipt: str, state: AttemptState, outcome: Outcome, reason: str, point: str
    ) -> Callable[[Connection], HandOrder]:
        now_utc_s = self._clock.utc().timestamp()

        def write(connection: Connection) -> HandOrder:
            row = hand_orders.settle(connection, receipt, state, outcome, reason, now_utc_s)
            passing(point)
            return row

        return write


def to_wire(row: HandOrder) -> dict[str, object]:
    """The keys of a Status reply about an order by hand."""
    return {
        "ID": row.order_id,
        "Receipt": row.receipt,
        "Kind": row.kind,
        "Command": row.command,
        "Status": row.state.value,
        "Message": row.reason or row.command,
        "Failure": row.reason,
        "Revision": row.revision,
    }
