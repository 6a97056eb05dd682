"""Attempts at orders: at the scheduler those it made, at the telescope those it accepted."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from ctmo_indi.errors import ConflictingOrder, UnknownOrder, WrongState
from ctmo_indi.models.states import AttemptState
from ctmo_indi.store.record_tables import attempts

OPEN_STATES = frozenset({AttemptState.PENDING, AttemptState.IN_PROGRESS})

_ANY_CONTENT = ""
"""Content hash of an attempt that was canceled before it came: it fits whatever comes."""


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt at an order.

    Parameters
    ----------
    parent
        Receipt of the scheduler's order; "" for an order given to the telescope directly.
    user, order_id
        As they stand in the order that the telescope receives: of the scheduler's attempts
        "scheduler" and the attempt's own id.
    wire
        The order as it is sent or came, normalised; JSON values only.
    created_utc_s, updated_utc_s, started_utc_s, ended_utc_s
        Sky time, Unix seconds.
    reason
        Why it is in its state; of a failed one the failure.
    """

    attempt_id: str
    parent: str
    user: str
    order_id: str
    state: AttemptState
    content_hash: str
    wire: Mapping[str, object]
    created_utc_s: float
    updated_utc_s: float
    started_utc_s: float | None = None
    ended_utc_s: float | None = None
    revision: int = 1
    reason: str = ""


_FIELDS = [attempts.c[field.name] for field in dataclasses.fields(AttemptRow)]


def insert_attempt(connection: Connection, row: AttemptRow) -> AttemptRow:
    """Store an attempt once.

    Returns
    -------
    AttemptRow
        ``row``; or, when the same user sent the same ID and content before, the row of then; or,
        when :func:`cancel_unknown` came before, that row.

    Raises
    ------
    ConflictingOrder
        The same user sent that ID before with other content.
    """
    same_id = sa.and_(attempts.c.user == row.user, attempts.c.order_id == row.order_id)
    for before in _select(connection, same_id):
        if before.content_hash in (row.content_hash, _ANY_CONTENT):
            return before
        raise ConflictingOrder(
            f"ID {row.order_id!r} of user {row.user!r} came before with other content (receipt "
            f"{before.attempt_id}); expected the same content or a new ID"
        )
    values: dict[str, object] = {column.name: getattr(row, column.name) for column in _FIELDS}
    connection.execute(
        sa.insert(attempts), {**values, "state": row.state.value, "wire": dict(row.wire)}
    )
    return row


def cancel_unknown(
    connection: Connection, user: str, order_id: str, reason: str, now_utc_s: float
) -> AttemptRow:
    """Store as CANCELED an attempt that has not come, so that it is not new when it comes.

    Returns
    -------
    AttemptRow
        That one; or, unchanged, the attempt that has come.
    """
    before = get_by_id(connection, user, order_id)
    if before is not None:
        return before
    row = AttemptRow(
        attempt_id=order_id,
        parent="",
        user=user,
        order_id=order_id,
        state=AttemptState.CANCELED,
        content_hash=_ANY_CONTENT,
        wire={},
        created_utc_s=now_utc_s,
        updated_utc_s=now_utc_s,
        ended_utc_s=now_utc_s,
        reason=reason,
    )
    return insert_attempt(connection, row)


def get(connection: Connection, attempt_id: str) -> AttemptRow | None:
    """Return the attempt; None when there is none."""
    found = _select(connection, attempts.c.attempt_id == attempt_id)
    return found[0] if found else None


def get_by_id(connection: Connection, user: str, order_id: str) -> AttemptRow | None:
    """Return the attempt that came as that user's ID; None when there is none."""
    found = _select(connection, sa.and_(attempts.c.user == user, attempts.c.order_id == order_id))
    return found[0] if found else None


def of_order(connection: Connection, parent: str) -> list[AttemptRow]:
    """All attempts at one order, oldest first."""
    return _select(connection, attempts.c.parent == parent)


def in_states(connection: Connection, states: Collection[AttemptState]) -> list[AttemptRow]:
    """Attempts in any of ``states``, oldest first."""
    return _select(connection, attempts.c.state.in_([str(state) for state in states]))


def open_attempts(connection: Connection) -> list[AttemptRow]:
    """Attempts that have not ended, oldest first: what a restart must settle."""
    return in_states(connection, OPEN_STATES)


def transition(
    connection: Connection,
    attempt_id: str,
    allowed_from: Collection[AttemptState],
    to: AttemptState,
    reason: str,
    now_utc_s: float,
) -> AttemptRow:
    """Change the state if it is one of ``allowed_from`` (compare and set).

    Becoming IN_PROGRESS notes the start, leaving PENDING and IN_PROGRESS notes the end.

    Raises
    ------
    UnknownOrder
        No attempt of that name.
    WrongState
        It is in another state; nothing was changed.
    """
    values: dict[str, object] = {"state": str(to), "reason": reason, "updated_utc_s": now_utc_s}
    if to is AttemptState.IN_PROGRESS:
        values["started_utc_s"] = now_utc_s
    elif to not in OPEN_STATES:
        values["ended_utc_s"] = sa.func.coalesce(attempts.c.ended_utc_s, now_utc_s)
    changed = connection.execute(
        sa.update(attempts)
        .where(
            attempts.c.attempt_id == attempt_id,
            attempts.c.state.in_([str(state) for state in allowed_from]),
        )
        .values(revision=attempts.c.revision + 1, **values)
    )
    row = get(connection, attempt_id)
    if row is None:
        raise UnknownOrder(f"no attempt {attempt_id!r}")
    if changed.rowcount != 1:
        expected = ", ".join(sorted(str(state) for state in allowed_from))
        raise WrongState(
            f"attempt {attempt_id} is {row.state}, cannot become {to}; expected {expected}"
        )
    return row


def _select(connection: Connection, where: sa.ColumnElement[bool]) -> list[AttemptRow]:
    query = (
        sa.select(*_FIELDS).where(where).order_by(attempts.c.created_utc_s, attempts.c.attempt_id)
    )
    return [
        AttemptRow(**{**row, "state": AttemptState(row["state"])})
        for row in connection.execute(query).mappings()
    ]
