"""Cancels that wait for an attempt to end: acknowledged, so that no crash may forget them."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy import Connection

from ctmo_indi.models.states import OrderState
from ctmo_indi.store.scheduler_tables import cancel_requests, orders


def insert(connection: Connection, receipt: str, reason: str, now_utc_s: float) -> None:
    """Note that an order is to be canceled; a second time changes nothing."""
    known = sa.select(cancel_requests.c.receipt).where(cancel_requests.c.receipt == receipt)
    if connection.execute(known).first() is None:
        connection.execute(
            sa.insert(cancel_requests).values(receipt=receipt, reason=reason, at_utc_s=now_utc_s)
        )


def of_orders_in(connection: Connection, states: Collection[OrderState]) -> dict[str, str]:
    """Return the reason for each order in one of ``states`` that is to be canceled, by receipt."""
    query = (
        sa.select(cancel_requests.c.receipt, cancel_requests.c.reason)
        .join(orders, orders.c.receipt == cancel_requests.c.receipt)
        .where(orders.c.state.in_([str(state) for state in states]))
    )
    return {str(receipt): str(reason) for receipt, reason in connection.execute(query)}
