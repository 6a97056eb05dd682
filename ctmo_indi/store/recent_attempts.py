"""How the attempts of the last hours ended: what a restart has to know of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from ctmo_indi.models.states import AttemptState
from ctmo_indi.store.record_tables import attempts, exposures
from ctmo_indi.store.scheduler_tables import orders


@dataclass(frozen=True, slots=True)
class RecentAttempt:
    """An attempt that has ended, with what its order is called.

    Parameters
    ----------
    receipt, user, order_id, content_hash
        Of its order.
    frames
        Good frames it brought.
    """

    receipt: str
    user: str
    order_id: str
    content_hash: str
    state: AttemptState
    reason: str
    ended_utc_s: float
    frames: int


def ended_since(
    connection: Connection, first_id: str, states: Collection[AttemptState]
) -> list[RecentAttempt]:
    """Return attempts that have ended in one of ``states``; first ended first.

    Parameters
    ----------
    first_id
        Those whose id is this one or sorts after it: ids are sorted by birth, so that this is cheap
        however long the history is.
    """
    frames = (
        sa.select(sa.func.count())
        .where(exposures.c.attempt_id == attempts.c.attempt_id, exposures.c.is_good)
        .scalar_subquery()
    )
    query = (
        sa.select(
            orders.c.receipt,
            orders.c.user,
            orders.c.order_id,
            orders.c.content_hash,
            attempts.c.state,
            attempts.c.reason,
            attempts.c.ended_utc_s,
            frames,
        )
        .join_from(attempts, orders, attempts.c.parent == orders.c.receipt)
        .where(
            attempts.c.attempt_id >= first_id,
            attempts.c.state.in_([state.value for state in states]),
            attempts.c.ended_utc_s.is_not(None),
        )
        .order_by(attempts.c.ended_utc_s, attempts.c.attempt_id)
    )
    return [
        RecentAttempt(*row[:4], AttemptState(row[4]), *row[5:]) for row in connection.execute(query)
    ]
