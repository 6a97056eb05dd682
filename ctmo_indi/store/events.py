"""What a service has published, in order, to be read on from a cursor.

A row of kind "" is no event but a mark: ``LOST`` says that what came up to its cursor, back to the
row before, was deleted or never stored; ``START`` is the number a start of the service began with.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from ctmo_indi.store.record_tables import events

MARK = ""
LOST = "lost"
START = "start"
AFTER = "After"
"""In the data of a START: the newest cursor that was stored then."""

_LONG_AGO_S = -1e15  # PostgreSQL would take -inf, SQLite has none


@dataclass(frozen=True, slots=True)
class EventRow:
    """One published event; ``cursor`` grows with every event and is never given out again."""

    cursor: int
    at_utc_s: float
    kind: str
    subject: str
    data: Mapping[str, object]


_FIELDS = tuple(field.name for field in dataclasses.fields(EventRow))
_INSERT_NEW: dict[str, sa.Insert] = {
    "sqlite": sqlite.insert(events).on_conflict_do_nothing(index_elements=["cursor"]),
    "postgresql": postgresql.insert(events).on_conflict_do_nothing(index_elements=["cursor"]),
}


def append(
    connection: Connection, kind: str, subject: str, data: Mapping[str, object], now_utc_s: float
) -> int:
    """Add an event and return the cursor the database gave it.

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


def insert(connection: Connection, rows: Iterable[EventRow]) -> None:
    """Add events that have their cursors already; one whose cursor is there is left as it is."""
    values = [{name: getattr(row, name) for name in _FIELDS} for row in rows]
    if values:
        connection.execute(_INSERT_NEW[connection.dialect.name], values)


def read(
    connection: Connection,
    cursor: int,
    limit: int = 1000,
    kinds: Collection[str] = (),
    before: int | None = None,
) -> list[EventRow]:
    """Events after ``cursor`` (0 for the oldest there is), oldest first, ``limit`` at most.

    Parameters
    ----------
    kinds
        Only these; empty for all.
    before
        Only those with a smaller cursor; None for no bound.
    """
    wanted = sa.select(events).where(events.c.cursor > cursor)
    if before is not None:
        wanted = wanted.where(events.c.cursor < before)
    if not kinds:
        return _rows(connection, wanted.where(events.c.kind != MARK), limit)
    rows: list[EventRow] = []
    for kind in kinds:  # one query each: it runs along the index however rare the kind is
        rows += _rows(connection, wanted.where(events.c.kind == kind), limit)
    return sorted(rows, key=lambda row: row.cursor)[:limit]


def marks(connection: Connection, cursor: int, before: int) -> list[EventRow]:
    """Marks between two cursors, both excluded, oldest first."""
    wanted = sa.select(events).where(
        events.c.kind == MARK, events.c.cursor > cursor, events.c.cursor < before
    )
    return _rows(connection, wanted, None)


def newest_cursor(connection: Connection) -> int | None:
    """Cursor of the newest event or mark; None when there never was one."""
    newest = connection.execute(sa.select(sa.func.max(events.c.cursor))).scalar()
    return None if newest is None else int(newest)


def surplus(
    connection: Connection, *, keep_rows: int, older_than_utc_s: float = -math.inf
) -> int | None:
    """Cursor up to which events are too many or too old; None when none is.

    Slow on long histories (20 ms for a million events): for a reader's connection.

    Parameters
    ----------
    older_than_utc_s
        Sky time, Unix seconds. What was published before it but after something younger, by a
        clock that was set back, is not too old.
    """
    kept = sa.select(events.c.cursor).where(events.c.kind != MARK).order_by(events.c.cursor)
    count = connection.execute(
        sa.select(sa.func.count()).select_from(events).where(events.c.kind != MARK)
    ).scalar_one()
    found = []
    if count > keep_rows:
        query = kept.offset(count - keep_rows - 1).limit(1)
        found.append(int(connection.execute(query).scalar_one()))
    # the unary plus keeps SQLite from sorting all that is young enough
    young = kept.where(sa.text("+at_utc_s >= :young")).limit(1)
    first_young = connection.execute(young, {"young": max(older_than_utc_s, _LONG_AGO_S)}).scalar()
    if count:
        newest = newest_cursor(connection) or 0
        found.append(newest if first_young is None else int(first_young) - 1)
    upto = max(found, default=None)
    is_any = upto is not None and (
        connection.execute(kept.where(events.c.cursor <= upto).limit(1)).first() is not None
    )
    return upto if is_any else None


def prune(connection: Connection, upto: int, at_most: int | None = None) -> int:
    """Delete the oldest events up to a cursor, leaving one mark in their place.

    Parameters
    ----------
    at_most
        Rows to delete at once; None for all.

    Returns
    -------
    int
        How many events were deleted; 0 when there are none left.
    """
    oldest = connection.execute(
        sa.select(events.c.cursor, events.c.kind)
        .where(events.c.cursor <= upto)
        .order_by(events.c.cursor)
        .limit(at_most)
    ).all()
    while oldest and oldest[-1].kind == MARK:
        oldest = oldest[:-1]
    deleted = sum(1 for row in oldest if row.kind != MARK)
    if not deleted:
        return 0
    last = oldest[-1].cursor
    connection.execute(sa.delete(events).where(events.c.cursor < last))
    connection.execute(
        sa.update(events)
        .where(events.c.cursor == last)
        .values(kind=MARK, subject=LOST, data={"Reason": "pruned"})
    )
    return deleted


def _rows(
    connection: Connection,
    wanted: sa.Select[Any],  # Any: the columns of the table, which are the fields of EventRow
    limit: int | None,
) -> list[EventRow]:
    found = connection.execute(wanted.order_by(events.c.cursor).limit(limit))
    return [EventRow(*row) for row in found]
