"""Work Orders of the scheduler and every state they went through.

Each function works on a connection: write with ``writer.submit(lambda c: insert_order(c, row))``,
read inside ``with database.read() as connection``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping
from sqlalchemy.dialects import postgresql, sqlite

from ctmo_indi.errors import ConflictingOrder, UnknownOrder, WrongState
from ctmo_indi.models.states import AttemptState, OrderState
from ctmo_indi.store import exposures
from ctmo_indi.store.any_of import rounded_up
from ctmo_indi.store.record_tables import attempts
from ctmo_indi.store.scheduler_tables import order_history, orders


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One Work Order as it is stored.

    Parameters
    ----------
    revision
        Grows by one with every change; what Status waits for.
    wish_priority
        The Priority that came along, None when none did.
    content_hash
        Of the order without what may differ in a repetition; decides about conflicts.
    wire
        The order as it came, normalised; JSON values only.
    created_utc_s, updated_utc_s
        Sky time, Unix seconds.
    good_exposure_s
        Exposure time of all good frames so far, seconds.
    reason
        Why it is in its state.
    repetition
        0; of an order that sets a state (Dome, Control) how often its user and ID came before.
    """

    receipt: str
    user: str
    order_id: str
    kind: str
    state: OrderState
    priority: float
    content_hash: str
    wire: Mapping[str, object]
    created_utc_s: float
    updated_utc_s: float
    wish_priority: float | None = None
    revision: int = 1
    good_count: int = 0
    wanted_count: int = 1
    good_exposure_s: float = 0.0
    failures: int = 0
    reason: str = ""
    repetition: int = 0


@dataclass(frozen=True, slots=True)
class OrderChange:
    """One line of an order's history; ``state_before`` is "" for its arrival."""

    receipt: str
    revision: int
    at_utc_s: float
    state_before: str
    state_after: str
    reason: str


_NAMES = [field.name for field in dataclasses.fields(OrderRow)]
_FIELDS = [orders.c[name] for name in _NAMES]
_CHANGE_FIELDS = [order_history.c[field.name] for field in dataclasses.fields(OrderChange)]

_UNIQUE = [orders.c.user, orders.c.order_id, orders.c.repetition]

# Asking first and inserting then costs half as much again per order, measured.
_INSERT_NEW: dict[str, sa.Insert] = {
    "sqlite": sqlite.insert(orders).on_conflict_do_nothing(index_elements=_UNIQUE),
    "postgresql": postgresql.insert(orders).on_conflict_do_nothing(index_elements=_UNIQUE),
}
_BY_RECEIPT = sa.select(*_FIELDS).where(orders.c.receipt == sa.bindparam("receipt"))
_WHICH = sa.select(orders.c.receipt).where(
    orders.c.receipt.in_(sa.bindparam("receipts", expanding=True))
)
_BY_ID = (
    sa.select(*_FIELDS)
    .where(orders.c.user == sa.bindparam("user"), orders.c.order_id == sa.bindparam("order_id"))
    .order_by(orders.c.repetition.desc())
    .limit(1)
)


def insert_order(connection: Connection, row: OrderRow, *, may_repeat: bool = False) -> OrderRow:
    """Store an order once.

    Parameters
    ----------
    may_repeat
        The order sets a state (Dome, Control): the same user and ID may come again, with any
        content, and each time is an order of its own.

    Returns
    -------
    OrderRow
        The row as stored; or, when the same user sent the same ID and content before, that of then.

    Raises
    ------
    ConflictingOrder
        The same user sent that ID before with other content.
    """
    if may_repeat:
        before = get_by_id(connection, row.user, row.order_id)
        row = row if before is None else replace(row, repetition=before.repetition + 1)
    inserted = connection.execute(_INSERT_NEW[connection.dialect.name], _values(row))
    return row if inserted.rowcount == 1 else _stored_before(connection, row)


def insert_orders(
    connection: Connection, rows: Sequence[OrderRow]
) -> list[OrderRow | ConflictingOrder]:
    """Store many orders once each, with one statement; 7 us an order.

    Returns
    -------
    list
        For each what :func:`insert_order` would have returned or raised.
    """
    values = [_values(row) for row in rows]
    inserted = connection.execute(_INSERT_NEW[connection.dialect.name], values)
    if inserted.rowcount == len(rows):
        return list(rows)
    new = set(
        connection.execute(
            _WHICH, {"receipts": rounded_up([row.receipt for row in rows])}
        ).scalars()
    )
    results: list[OrderRow | ConflictingOrder] = []
    for row in rows:
        try:
            results.append(row if row.receipt in new else _stored_before(connection, row))
        except ConflictingOrder as error:
            results.append(error.with_traceback(None))  # whose frame holds this very list
    return results


def _stored_before(connection: Connection, row: OrderRow) -> OrderRow:
    """Return what the same user sent with the same ID; ConflictingOrder for other content."""
    before = get_by_id(connection, row.user, row.order_id)
    if before is not None and before.content_hash == row.content_hash:
        return before
    raise ConflictingOrder(
        f"ID {row.order_id!r} of user {row.user!r} came before with other content (receipt "
        f"{before.receipt if before else 'unknown'}); expected the same content or a new ID"
    )


def get(connection: Connection, receipt: str) -> OrderRow | None:
    """Return the order with that receipt; None when there is none."""
    found = connection.execute(_BY_RECEIPT, {"receipt": receipt}).mappings().first()
    return None if found is None else _order(found)


def get_by_id(connection: Connection, user: str, order_id: str) -> OrderRow | None:
    """Return the (newest) order of that user with that ID; None when there is none."""
    found = connection.execute(_BY_ID, {"user": user, "order_id": order_id}).mappings().first()
    return None if found is None else _order(found)


def pending(connection: Connection) -> list[OrderRow]:
    """Orders that wait for their turn: highest priority first, then oldest."""
    return in_states(connection, {OrderState.PENDING})


def in_states(
    connection: Connection, states: Collection[OrderState], limit: int | None = None
) -> list[OrderRow]:
    """Orders in any of ``states``: highest priority first, then oldest."""
    query = (
        sa.select(*_FIELDS)
        .where(orders.c.state.in_([str(state) for state in states]))
        .order_by(orders.c.priority.desc(), orders.c.created_utc_s, orders.c.receipt)
        .limit(limit)
    )
    return [_order(found) for found in connection.execute(query).mappings()]


def recent(
    connection: Connection, limit: int, state: OrderState | None = None, user: str | None = None
) -> list[OrderRow]:
    """Return the orders that changed last, newest change first, ``limit`` at most."""
    query = sa.select(*_FIELDS).order_by(orders.c.updated_utc_s.desc(), orders.c.receipt)
    if state is not None:
        query = query.where(orders.c.state == str(state))
    if user is not None:
        query = query.where(orders.c.user == user)
    return [_order(found) for found in connection.execute(query.limit(limit)).mappings()]


def count_by_state(connection: Connection) -> dict[OrderState, int]:
    """How many orders there are in each state; every state is named."""
    query = sa.select(orders.c.state, sa.func.count()).group_by(orders.c.state)
    counted = {str(state): int(count) for state, count in connection.execute(query)}
    return {state: counted.get(state.value, 0) for state in OrderState}


def transition(
    connection: Connection,
    receipt: str,
    allowed_from: Collection[OrderState],
    to: OrderState,
    reason: str,
    now_utc_s: float,
) -> OrderRow:
    """Change the state if it is one of ``allowed_from`` (compare and set), and note it.

    Raises
    ------
    UnknownOrder
        No order with that receipt.
    WrongState
        It is in another state; nothing was changed.
    """
    before = _require(connection, receipt)
    changed = connection.execute(
        sa.update(orders)
        .where(
            orders.c.receipt == receipt,
            orders.c.revision == before.revision,
            orders.c.state.in_([str(state) for state in allowed_from]),
        )
        .values(
            state=str(to),
            reason=reason,
            revision=orders.c.revision + 1,
            updated_utc_s=now_utc_s,
        )
    )
    if changed.rowcount != 1:
        expected = ", ".join(sorted(str(state) for state in allowed_from))
        raise WrongState(
            f"order {receipt} is {before.state}, cannot become {to}; expected {expected}"
        )
    connection.execute(
        sa.insert(order_history),
        {
            "receipt": receipt,
            "revision": before.revision + 1,
            "at_utc_s": now_utc_s,
            "state_before": before.state.value,
            "state_after": str(to),
            "reason": reason,
        },
    )
    return _require(connection, receipt)


def refresh_progress(connection: Connection, receipt: str, now_utc_s: float) -> OrderRow:
    """Count the good frames and the failed attempts of an order anew, over all its attempts.

    The revision grows only when a figure changed.

    Raises
    ------
    UnknownOrder
        No order with that receipt.
    """
    before = _require(connection, receipt)
    good_count, good_exposure_s = exposures.good_of_order(connection, receipt)
    failures = connection.execute(
        sa.select(sa.func.count()).where(
            attempts.c.parent == receipt, attempts.c.state == AttemptState.FAILED.value
        )
    ).scalar_one()
    figures = {
        "good_count": good_count,
        "good_exposure_s": good_exposure_s,
        "failures": int(failures),
    }
    if figures == {name: getattr(before, name) for name in figures}:
        return before
    return _set(connection, receipt, now_utc_s, figures)


def history(connection: Connection, receipt: str) -> list[OrderChange]:
    """Every state an order went through, its arrival first; empty for an unknown one."""
    order = get(connection, receipt)
    if order is None:
        return []
    query = (
        sa.select(*_CHANGE_FIELDS)
        .where(order_history.c.receipt == receipt)
        .order_by(order_history.c.number)
    )
    changes = [OrderChange(*row) for row in connection.execute(query)]
    first_state = changes[0].state_before if changes else order.state.value
    first_reason = "" if changes else order.reason
    arrival = OrderChange(receipt, 1, order.created_utc_s, "", first_state, first_reason)
    return [arrival, *changes]


def _require(connection: Connection, receipt: str) -> OrderRow:
    row = get(connection, receipt)
    if row is None:
        raise UnknownOrder(f"no order with receipt {receipt!r}")
    return row


def _set(
    connection: Connection, receipt: str, now_utc_s: float, values: Mapping[str, object]
) -> OrderRow:
    connection.execute(
        sa.update(orders)
        .where(orders.c.receipt == receipt)
        .values(revision=orders.c.revision + 1, updated_utc_s=now_utc_s, **values)
    )
    return _require(connection, receipt)


def _values(row: OrderRow) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(row, name) for name in _NAMES}
    values["state"] = row.state.value
    values["wire"] = dict(row.wire)
    return values


def _order(found: RowMapping) -> OrderRow:
    fields: dict[str, object] = {str(name): value for name, value in found.items()}
    fields["state"] = OrderState(str(fields["state"]))
    return OrderRow(**fields)  # type: ignore[arg-type]  # the columns are the fields, by construction
