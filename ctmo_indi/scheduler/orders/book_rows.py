"""Rows of the orders book: changed inside a transaction, or made. Pure but for the connection."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ctmo_indi.errors import WrongState
from ctmo_indi.models.observation import Observation, StepDurations
from ctmo_indi.models.orders import ExposureRecord, ObservationRequest
from ctmo_indi.models.states import AttemptState, OrderState
from ctmo_indi.scheduler.orders.internal_orders import is_internal
from ctmo_indi.scheduler.orders.rests import Resting
from ctmo_indi.store import attempts, orders
from ctmo_indi.store.attempts import AttemptRow
from ctmo_indi.store.database import Connection
from ctmo_indi.store.orders import OrderRow
from ctmo_indi.store.recent_attempts import RecentAttempt
from ctmo_indi.work_orders.lifecycle import ATTEMPT_TABLE, ORDER_TABLE
from ctmo_indi.work_orders.receipts import new_receipt

_TIME_CHARACTERS = len("A-") + 10  # what follows in a receipt is random


def move(
    connection: Connection, receipt: str, to: OrderState, reason: str, now_utc_s: float
) -> OrderRow:
    """Change an order along its table; staying where it is changes nothing."""
    before = orders.get(connection, receipt)
    if before is not None and before.state is to:
        return before
    return orders.transition(
        connection, receipt, ORDER_TABLE.predecessors(to), to, reason, now_utc_s
    )


def mark_begun(connection: Connection, row: AttemptRow, now_utc_s: float) -> AttemptRow:
    """Make attempt and order IN_PROGRESS unless they are."""
    if row.state is AttemptState.IN_PROGRESS:
        return row
    after = attempts.transition(
        connection,
        row.attempt_id,
        ATTEMPT_TABLE.predecessors(AttemptState.IN_PROGRESS),
        AttemptState.IN_PROGRESS,
        "",
        now_utc_s,
    )
    order = orders.get(connection, row.parent)
    if order is not None and order.state is OrderState.SCHEDULED:
        move(connection, row.parent, OrderState.IN_PROGRESS, "", now_utc_s)
    elif order is None:
        raise WrongState(f"attempt {row.attempt_id}: its order {row.parent} is not stored")
    return after


def attempt_row(order: OrderRow, count: int, now: datetime) -> AttemptRow:
    """Make an attempt at ``count`` frames of an order, as the telescope is to receive it."""
    attempt_id = new_receipt("A", now)
    wire = {key: value for key, value in order.wire.items() if key != "Priority"}
    wire |= {
        "ID": attempt_id,
        "User": "scheduler",
        "Parent": order.receipt,
        "Parent ID": order.order_id,
        "Parent User": order.user,
        "Number of Exposures": count,
    }
    return AttemptRow(
        attempt_id=attempt_id,
        parent=order.receipt,
        user="scheduler",
        order_id=attempt_id,
        state=AttemptState.PENDING,
        content_hash=order.content_hash,
        wire=wire,
        created_utc_s=now.timestamp(),
        updated_utc_s=now.timestamp(),
    )


def first_born(utc: datetime) -> str:
    """Return what the id of every attempt sorts behind that is born then or later."""
    return new_receipt("A", utc)[:_TIME_CHARACTERS]


def observed(
    order: OrderRow,
    request: ObservationRequest,
    attempt: AttemptRow,
    frames: Sequence[ExposureRecord],
    took: StepDurations | None = None,
) -> Observation:
    """Return what a completed attempt has observed; it has no number yet.

    A moving target was where the mount pointed in the first frame.
    """
    ra_deg, dec_deg = request.ra_deg, request.dec_deg
    if request.motion is not None and frames:
        first = min(frames, key=lambda frame: frame.t_min_mjd)
        ra_deg, dec_deg = first.s_ra_deg, first.s_dec_deg
    return Observation(
        attempt_id=attempt.attempt_id,
        receipt=attempt.parent,
        target_name=request.object_name,
        ra_deg=ra_deg,
        dec_deg=dec_deg,
        mjd=min((frame.t_min_mjd for frame in frames), default=0.0),
        exposure_s=request.exposure_s,
        frames=len(frames),
        filter_name=request.filter_name,
        target_id=target_id(order),
        took=took,
    )


def target_id(order: OrderRow) -> str:
    """Return the driver's own name of what an order observes."""
    return order.order_id if is_internal(order) else order.receipt


def resting(order: OrderRow | RecentAttempt) -> Resting | None:
    """Return who rests when an attempt at the order ends short.

    None for a target to which its driver gave no name: nobody would know it again.
    """
    if not is_internal(order):
        return Resting("", order.receipt)
    return None if order.order_id == order.receipt else Resting(order.user, order.order_id)
