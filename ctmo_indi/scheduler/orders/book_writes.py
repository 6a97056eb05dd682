"""What the orders book writes: each a transaction that is durable when the call returns.

A scheduler that is killed at any of the points named here comes back with the whole of a
transaction or with nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ctmo_indi.errors import UnknownOrder
from ctmo_indi.kill_points import passing
from ctmo_indi.models.orders import ExposureRecord
from ctmo_indi.models.states import AttemptState, OrderState
from ctmo_indi.profiles import NightPolicy
from ctmo_indi.scheduler.orders.book_rows import mark_begun, move, observed
from ctmo_indi.scheduler.orders.open_orders import OpenOrder, Settled
from ctmo_indi.scheduler.orders.settlement import Cause, attempt_state
from ctmo_indi.script_queue.attempts import AttemptResult
from ctmo_indi.store import attempts, cancel_requests, exposures, observations, orders
from ctmo_indi.store.attempts import AttemptRow
from ctmo_indi.store.database import Connection
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.orders import OrderRow
from ctmo_indi.work_orders.lifecycle import ATTEMPT_TABLE


def change(writer: Writer, receipt: str, to: OrderState, reason: str, now_utc_s: float) -> OrderRow:
    """Move an order along its table; return it as it is then."""

    def write(connection: Connection) -> OrderRow:
        after = move(connection, receipt, to, reason, now_utc_s)
        passing("scheduler.order.change.inside")
        return after

    passing("scheduler.order.change.before")
    row = writer.run(write)
    passing("scheduler.order.change.after")
    return row


def request_cancel(writer: Writer, receipt: str, reason: str, now_utc_s: float) -> None:
    """Note that an order is to be canceled when its attempt has ended."""

    def write(connection: Connection) -> None:
        cancel_requests.insert(connection, receipt, reason, now_utc_s)
        passing("scheduler.cancel.request.inside")

    passing("scheduler.cancel.request.before")
    writer.run(write)
    passing("scheduler.cancel.request.after")


def begin(
    writer: Writer, order: OrderRow, attempt: AttemptRow, now_utc_s: float, *, is_new: bool
) -> tuple[OrderRow, OrderRow]:
    """Store an attempt, and its order as SCHEDULED.

    Parameters
    ----------
    is_new
        The order is stored as well: one made for a target of a driver.

    Returns
    -------
    tuple of OrderRow
        The order as it was stored before, and as it is.
    """

    def write(connection: Connection) -> tuple[OrderRow, OrderRow]:
        before = orders.insert_order(connection, order, may_repeat=True) if is_new else order
        _end_orphans(connection, order.receipt, now_utc_s)
        after = move(connection, order.receipt, OrderState.SCHEDULED, "", now_utc_s)
        attempts.insert_attempt(connection, attempt)
        passing("scheduler.attempt.begin.inside")
        return before, after

    passing("scheduler.attempt.begin.before")
    rows = writer.run(write)
    passing("scheduler.attempt.begin.after")
    return rows


def progress(
    writer: Writer, row: AttemptRow, frames: Sequence[ExposureRecord], now_utc_s: float
) -> tuple[AttemptRow, OrderRow]:
    """Note that an attempt has begun, and the frames it has; return it and its order."""

    def write(connection: Connection) -> tuple[AttemptRow, OrderRow]:
        stored = _stored(connection, row)
        if stored.state not in attempts.OPEN_STATES:
            return stored, _order_of(connection, row)
        moved = mark_begun(connection, stored, now_utc_s)
        exposures.record(connection, frames, is_good=True)
        after = orders.refresh_progress(connection, row.parent, now_utc_s)
        passing("scheduler.attempt.progress.inside")
        return moved, after

    passing("scheduler.attempt.progress.before")
    rows = writer.run(write)
    passing("scheduler.attempt.progress.after")
    return rows


def settle(
    writer: Writer,
    known: OpenOrder,
    row: AttemptRow,
    result: AttemptResult,
    told: AttemptState,
    cause: Cause,
    policy: NightPolicy,
    now_utc_s: float,
) -> tuple[Settled, int]:
    """Note how an attempt ended, its frames, its observation, and what that means for its order.

    What was noted before stands: its commit may have been in doubt, see :meth:`Writer.run`.

    Parameters
    ----------
    told
        State in which the telescope says it ended.

    Returns
    -------
    tuple of Settled and int
        What was noted, and how many frames the attempt has.
    """

    def write(connection: Connection) -> tuple[Settled, int]:
        attempt = _stored(connection, row)
        if attempt.state not in attempts.OPEN_STATES:
            before = observations.of_attempt(connection, row.attempt_id)
            taken = exposures.of_attempt(connection, row.attempt_id)
            return Settled(attempt, _order_of(connection, row), before), len(taken)
        exposures.record(connection, result.exposures, is_good=True)
        frames = exposures.of_attempt(connection, row.attempt_id)
        ended = attempt_state(attempt.state, told, cause, len(frames))
        if not ATTEMPT_TABLE.allows(attempt.state, ended):
            attempt = mark_begun(connection, attempt, now_utc_s)
        attempt = attempts.transition(
            connection, row.attempt_id, {attempt.state}, ended, result.failure, now_utc_s
        )
        after = orders.refresh_progress(connection, row.parent, now_utc_s)
        state, reason = known.state_after(after, ended, result.failure, policy, now_utc_s)
        after = move(connection, row.parent, state, reason, now_utc_s)
        if known.unreadable and state is OrderState.PENDING:
            after = move(connection, row.parent, OrderState.HELD, known.unreadable, now_utc_s)
        observation = None
        if ended is AttemptState.COMPLETED:
            observation = observations.record(
                connection,
                observed(known.row, known.request, attempt, frames, result.took),
                registered_utc_s=now_utc_s,
            )
        passing("scheduler.attempt.settle.inside")
        return Settled(attempt, after, observation), len(frames)

    passing("scheduler.attempt.settle.before")
    settled = writer.run(write)
    passing("scheduler.attempt.settle.after")
    return settled


def _end_orphans(connection: Connection, receipt: str, now_utc_s: float) -> None:
    """End attempts whose beginning was in doubt and has happened: nobody was told of them."""
    waiting, to = AttemptState.PENDING, AttemptState.NOT_ATTEMPTED
    reason = "another was begun: whether this one was stored was not known"
    for orphan in attempts.of_order(connection, receipt):
        if orphan.state is waiting:
            attempts.transition(connection, orphan.attempt_id, {waiting}, to, reason, now_utc_s)


def _stored(connection: Connection, row: AttemptRow) -> AttemptRow:
    stored = attempts.get(connection, row.attempt_id)
    if stored is None:
        raise UnknownOrder(f"no attempt {row.attempt_id!r}")
    return stored


def _order_of(connection: Connection, row: AttemptRow) -> OrderRow:
    order = orders.get(connection, row.parent)
    if order is None:
        raise UnknownOrder(f"attempt {row.attempt_id}: its order {row.parent} is not stored")
    return order
