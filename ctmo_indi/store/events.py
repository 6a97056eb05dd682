"""What a service has published, in order, to be read on from a cursor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from ctmo_indi.store.record_tables import events


@dataclass(frozen=True, slots=True)
class EventRow:
    """One published event; ``cursor`` grows with every event and is never given out again."""

    cursor: int
    at_utc_s: float
    kind: str
    subject: str
    data: Mapping[str, object]


def append(
    connection: Connection, kind: str, subject: str, data: Mapping[str, object], now_utc_s: float
) -> int:
    """Add an event and return its cursor.

    Parameters
    ----------
    subject
        What it is about: a receipt, a device, a service.
    now_utc_s
        Sky time, Unix seconds.
    """
    inserted = connection.execute(
        sa.insert(events)
        .values(at_utc_s=now_utc_s, kind=kind, subject=subject, data=dict(data))
        .returning(events.c.cursor)
    )
    return int(inserted.scalar_one())


def read(
    connection: Connection, cursor: int, limit: int = 1000, kinds: Sequence[str] = ()
) -> list[EventRow]:
    """Events after ``cursor`` (0 for the oldest there is), oldest first, ``limit`` at most.

    Parameters
    ----------
    kinds
        Only these; empty for all.
    """
    query = sa.select(events).where(events.c.cursor > cursor).order_by(events.c.cursor).limit(limit)
    if kinds:
        query = query.where(events.c.kind.in_(kinds))
    return [EventRow(*row) for row in connection.execute(query)]


def newest_cursor(connection: Connection) -> int:
    """Cursor of the newest event, 0 when there is none: where "from now on" begins."""
    return int(connection.execute(sa.select(sa.func.max(events.c.cursor))).scalar() or 0)


def prune(connection: Connection, *, keep_rows: int, older_than_utc_s: float | None = None) -> int:
    """Delete all but the newest ``keep_rows``, and all from before an instant; return how many.

    Parameters
    ----------
    older_than_utc_s
        Sky time, Unix seconds; None for no limit of age.
    """
    stale = events.c.cursor <= newest_cursor(connection) - keep_rows
    if older_than_utc_s is not None:
        stale = sa.or_(stale, events.c.at_utc_s < older_than_utc_s)
    return connection.execute(sa.delete(events).where(stale)).rowcount
