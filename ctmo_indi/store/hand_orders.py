"""Dome and Control orders the telescope has taken; what each did stands in the journal.

They set a state, so that the same user may send the same ID again: each is an order of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from ctmo_indi.errors import UnknownOrder, WrongState
from ctmo_indi.models.states import AttemptState
from ctmo_indi.store import journal
from ctmo_indi.store.journal import Effect, Outcome
from ctmo_indi.store.telescope_tables import hand_orders

BY_HAND = "by hand"
"""Kind of their effects in the journal."""


@dataclass(frozen=True, slots=True)
class HandOrder:
    """One Dome or Control order.

    Parameters
    ----------
    command
        In a word: park, open, dome ...
    wire
        The order as it came, normalised; JSON values only.
    created_utc_s, ended_utc_s
        Sky time, Unix seconds.
    """

    receipt: str
    user: str
    order_id: str
    kind: str
    command: str
    wire: Mapping[str, object]
    state: AttemptState
    created_utc_s: float
    ended_utc_s: float | None = None
    revision: int = 1
    reason: str = ""


_FIELDS = [hand_orders.c[field.name] for field in dataclasses.fields(HandOrder)]


def insert(connection: Connection, row: HandOrder) -> int:
    """Store an order together with its INTENT; return the id of that effect."""
    values: dict[str, object] = {column.name: getattr(row, column.name) for column in _FIELDS}
    connection.execute(
        sa.insert(hand_orders), {**values, "state": row.state.value, "wire": dict(row.wire)}
    )
    target = {"command": row.command, "order": dict(row.wire)}
    return journal.intend(connection, row.receipt, BY_HAND, target, row.created_utc_s)


def settle(
    connection: Connection,
    receipt: str,
    state: AttemptState,
    outcome: Outcome,
    reason: str,
    now_utc_s: float,
) -> HandOrder:
    """Write how an order and its INTENT ended.

    Raises
    ------
    UnknownOrder
        No order with that receipt.
    WrongState
        Its end is written already; nothing was changed.
    """
    changed = connection.execute(
        sa.update(hand_orders)
        .where(hand_orders.c.receipt == receipt, hand_orders.c.ended_utc_s.is_(None))
        .values(
            state=state.value,
            reason=reason,
            ended_utc_s=now_utc_s,
            revision=hand_orders.c.revision + 1,
        )
    )
    row = get(connection, receipt)
    if row is None:
        raise UnknownOrder(f"no order by hand with receipt {receipt!r}")
    if changed.rowcount != 1:
        raise WrongState(f"order {receipt} ended as {row.state}, cannot end again")
    for effect in journal.of_attempt(connection, receipt):
        journal.settle(connection, effect.effect_id, outcome, now_utc_s, reason)
    return row


def get(connection: Connection, receipt: str) -> HandOrder | None:
    """Return the order with that receipt; None when there is none."""
    found = _select(connection, sa.select(*_FIELDS).where(hand_orders.c.receipt == receipt))
    return found[0] if found else None


def newest_named(connection: Connection, user: str, order_id: str) -> HandOrder | None:
    """Return the newest order of that user with that ID; None when there is none."""
    query = (
        sa.select(*_FIELDS)
        .where(hand_orders.c.user == user, hand_orders.c.order_id == order_id)
        .order_by(hand_orders.c.receipt.desc())  # receipts are sorted by birth
        .limit(1)
    )
    found = _select(connection, query)
    return found[0] if found else None


def open_orders(connection: Connection) -> list[tuple[HandOrder, Effect]]:
    """Orders without an end and their intents, oldest first: what a restart asks the world of."""
    effects = (one for one in journal.open_intents(connection) if one.kind == BY_HAND)
    rows = ((get(connection, effect.attempt_id), effect) for effect in effects)
    return [(row, effect) for row, effect in rows if row is not None]


def _select(connection: Connection, query: sa.Select[tuple[object, ...]]) -> list[HandOrder]:
    return [
        HandOrder(**{**row, "state": AttemptState(row["state"])})
        for row in connection.execute(query).mappings()
    ]
