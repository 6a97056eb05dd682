"""What outsiders may ask of the preprocessor: one handler for each kind of order.

They run on the front desk's loop and touch no pixel, file or database themselves: what blocks goes
to a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ctmo_indi.clock import Clock
from ctmo_indi.errors import InternalError, StoreUnavailable
from ctmo_indi.models.states import AttemptState
from ctmo_indi.own_thread import in_own_thread
from ctmo_indi.preprocessor.engine import Engine
from ctmo_indi.preprocessor.locations import night_folder
from ctmo_indi.preprocessor.order_book import OrderBook, as_read, to_wire
from ctmo_indi.preprocessor.owed import Owed
from ctmo_indi.store.calibration_jobs import CalibrationJob
from ctmo_indi.work_orders.access import Caller
from ctmo_indi.work_orders.desk import Handler, Reply, order_reply
from ctmo_indi.work_orders.lifecycle import SETTLED_ATTEMPTS
from ctmo_indi.work_orders.model import (
    CalibrationRequest,
    CancelRequest,
    CheckedOrder,
    EventsRequest,
    OrderKind,
    StatusRequest,
)
from ctmo_indi.work_orders.receipts import new_receipt
from ctmo_indi.work_orders.revisions import RevisionBoard, answer_on_change
from ctmo_indi.work_orders.status_keys import require_answered

RECEIVED = "Work order received."
FOLDER_S = 8.0
"""Machine seconds in which a night's folder must be found: below a caller's patience."""
MOST_LOOKING = 8
_OPEN = frozenset({AttemptState.PENDING.value, AttemptState.IN_PROGRESS.value})

RequestT = TypeVar("RequestT")


@dataclass(frozen=True, slots=True)
class DeskParts:
    """What the handlers work with.

    Parameters
    ----------
    roots
        Folders below which a night must lie.
    """

    orders: OrderBook
    engine: Engine
    board: RevisionBoard
    roots: tuple[Path, ...]
    clock: Clock
    owed: Owed


class DeskHandlers:
    """The handlers of the preprocessor's desk."""

    def __init__(self, parts: DeskParts) -> None:
        self._parts = parts
        self._looking = 0
        self._looks: set[asyncio.Task[Path]] = set()

    def handlers(self) -> Mapping[OrderKind, Handler]:
        """Kinds the desk serves."""
        return {
            OrderKind.CALIBRATION: self.calibration,
            OrderKind.STATUS: self.status,
            OrderKind.CANCEL: self.cancel,
            OrderKind.EVENTS: self.events,
        }

    async def calibration(self, checked: CheckedOrder, caller: Caller) -> Reply:
        """Store an order durably and answer; the same order again has the same receipt."""
        request = _request(checked, CalibrationRequest)
        parts = self._parts
        folder = await self._folder(request.location)
        now = parts.clock.utc()
        job = CalibrationJob(
            receipt=new_receipt("O", now),
            user=checked.user,
            order_id=checked.id,
            content_hash=checked.content_hash,
            wire=dict(checked.wire),
            folder=folder,
            created_utc_s=now.timestamp(),
            updated_utc_s=now.timestamp(),
        )
        stored = await asyncio.wrap_future(parts.orders.insert(job))
        if stored.receipt == job.receipt:
            parts.board.publish("order", stored.receipt, {"Status": stored.state.value})
            parts.engine.wake()
        return order_reply(
            checked,
            status=stored.state.value,
            message=f"{RECEIVED} {folder} will be calibrated.",
            receipt=stored.receipt,
            revision=stored.revision,
            reasons=stored.reasons,
        )

    async def _folder(self, location: str) -> Path:
        """Look where a night lies; a file system that hangs keeps nothing else waiting.

        Not in asyncio's few threads: those that hang there would leave none for Status and Cancel.
        """
        if self._looking >= MOST_LOOKING:
            raise StoreUnavailable(
                f"File Location: {self._looking} folders do not answer, expected"
                f" fewer than {MOST_LOOKING}; the order was not taken, try again later"
            )
        roots = self._parts.roots

        async def look() -> Path:
            try:
                return await in_own_thread(lambda: night_folder(location, roots), "night-folder")
            finally:
                self._looking -= 1

        self._looking += 1
        looked = asyncio.create_task(look(), name="night-folder")
        self._looks.add(looked)
        looked.add_done_callback(self._looked)
        done, _ = await asyncio.wait([looked], timeout=FOLDER_S)
        if not done:
            raise StoreUnavailable(
                f"File Location: {location!r:.200} did not answer within {FOLDER_S:g} s, does its "
                "file system hang? The order was not taken, try again later"
            )
        return looked.result()

    def _looked(self, looked: asyncio.Task[Path]) -> None:
        self._looks.discard(looked)
        if not looked.cancelled():
            looked.exception()  # heard, also where nobody waits any more

    async def status(self, checked: CheckedOrder, caller: Caller) -> Reply:
        """Tell how an order is, all orders, or the service; waits for a change when asked to."""
        request = _request(checked, StatusRequest)
        require_answered(checked, "preprocessor")
        parts = self._parts
        if request.list_all:
            jobs = await asyncio.to_thread(parts.orders.recent, request.state, request.limit)
            views = [to_wire(as_read(job, parts.engine.progress)) for job in jobs]
            return {"Kind": "Status", "Orders": views, "Revision": parts.board.revision}
        if request.debt_night:
            owed = await asyncio.to_thread(parts.owed.to_wire, request.debt_night, checked.user)
            return {
                "Kind": "Status",
                "Status": "OK",
                "Debt": owed,
                "Message": f"{len(owed)} kinds of calibration frames are lacking",
                "Revision": parts.board.revision,
            }
        subject = None
        if request.name.is_given:
            subject = (await asyncio.to_thread(parts.orders.require, request.name)).receipt

        async def read() -> Reply:
            if subject is None:
                return await self._service()
            job = await asyncio.to_thread(parts.orders.require, request.name)
            return to_wire(as_read(job, parts.engine.progress))

        return await answer_on_change(
            parts.board, read, subject=subject, since=request.since, wait_s=request.wait_s
        )

    async def cancel(self, checked: CheckedOrder, caller: Caller) -> Reply:
        """Cancel what waits, end what runs; an order that has ended is left as it is.

        Products that were made stay: they are whole, and a later order finds them.
        """
        request = _request(checked, CancelRequest)
        parts = self._parts
        job = await asyncio.to_thread(parts.orders.require, request.name)
        caller.require_own(job.user, f"order {job.receipt}")
        why = f"canceled by {request.user}" + (f": {request.reason}" if request.reason else "")
        if job.state is AttemptState.PENDING:
            job = await asyncio.to_thread(parts.orders.cancel_waiting, job.receipt, why)
            parts.board.publish("order", job.receipt, {"Status": job.state.value})
        if job.state not in SETTLED_ATTEMPTS:
            parts.engine.cancel(job.receipt, why)
        return to_wire(as_read(job, parts.engine.progress))

    async def events(self, checked: CheckedOrder, caller: Caller) -> Reply:
        """Tell what was published since a cursor."""
        request = _request(checked, EventsRequest)
        page = await self._parts.board.next_events(
            request.cursor, request.wait_s, request.kinds, request.limit
        )
        return {"Kind": "Events", **page.to_wire()}

    async def _service(self) -> Reply:
        parts = self._parts
        counts = await asyncio.to_thread(parts.orders.counts)
        receipt = parts.engine.busy
        stage, done, total = parts.engine.progress.get(receipt, ("", 0, 0))
        progress = f"{stage}: {done} of {total}" if total else stage
        return {
            "Kind": "Status",
            "Service": "preprocessor",
            "Status": "ENABLED",
            "Message": f"calibrates {receipt}" if receipt else "waits for orders",
            "Progress": progress,
            **({"Progress Ratio": round(done / total, 4)} if total else {}),
            "Busy": receipt,
            "Open Orders": sum(n for state, n in counts.items() if state in _OPEN),
            "Order Counts": counts,
            "Revision": parts.board.revision,
            "UTC": parts.clock.utc().isoformat(timespec="seconds"),
        }


def _request(checked: CheckedOrder, wanted: type[RequestT]) -> RequestT:
    if not isinstance(checked.request, wanted):
        raise InternalError(f"{checked.kind}: {type(checked.request).__name__}")
    return checked.request
