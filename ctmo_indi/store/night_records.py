"""What is stored of some hours: events by their time, silences, frames, attempts, orders.

For a report that is made once a night and read by people: bounded queries, none of them quick
enough for an engine. Spans are Unix seconds, the end excluded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from ctmo_indi.models.orders import ExposureRecord
from ctmo_indi.models.states import AttemptState, FrameType, OrderState
from ctmo_indi.store.attempts import AttemptRow
from ctmo_indi.store.events import MARK, EventRow
from ctmo_indi.store.orders import OrderChange, OrderRow
from ctmo_indi.store.readouts import to_mjd
from ctmo_indi.store.record_tables import attempts, events, exposures
from ctmo_indi.store.scheduler_tables import order_history, orders

LONGEST_EXPOSURE_S = 36_000.0
"""A frame that began earlier than this before a span is not looked for in it."""

_EVENT = [events.c[field.name] for field in dataclasses.fields(EventRow)]
_FRAME = [exposures.c[field.name] for field in dataclasses.fields(ExposureRecord)]
_ATTEMPT = [attempts.c[field.name] for field in dataclasses.fields(AttemptRow)]
_ORDER = [orders.c[field.name] for field in dataclasses.fields(OrderRow)]
_CHANGE = [order_history.c[field.name] for field in dataclasses.fields(OrderChange)]


@dataclass(frozen=True, slots=True)
class Silence:
    """From one event to the next one; Unix seconds."""

    begin_utc_s: float
    end_utc_s: float


def events_within(
    connection: Connection, kinds: Collection[str], begin_s: float, end_s: float, limit: int
) -> list[EventRow]:
    """Events of some kinds, oldest first, ``limit`` at most."""
    # A sum keeps SQLite from going through all there ever was of a kind: it takes the time's index.
    kind = events.c.kind + ""
    query = (
        sa.select(*_EVENT)
        .where(kind.in_(kinds), events.c.at_utc_s >= begin_s, events.c.at_utc_s < end_s)
        .order_by(events.c.at_utc_s, events.c.cursor)
        .limit(limit)
    )
    return [EventRow(*row) for row in connection.execute(query)]


def event_before(connection: Connection, kind: str, utc_s: float) -> EventRow | None:
    """Return the last event of a kind before an instant: the state that holds then."""
    query = (
        sa.select(*_EVENT)
        .where(events.c.kind == kind, events.c.at_utc_s < utc_s)
        .order_by(events.c.cursor.desc())
        .limit(1)
    )
    found = connection.execute(query).first()
    return None if found is None else EventRow(*found)


def first_event_utc_s(connection: Connection) -> float | None:
    """Return when the oldest event that is kept was published; None: there is none."""
    at = events.c.at_utc_s  # ordered, for a minimum would be looked for in all of them
    query = sa.select(at).where(events.c.kind != MARK).order_by(at).limit(1)
    found = connection.execute(query).scalar()
    return None if found is None else float(found)


def last_event_utc_s(connection: Connection, before_s: float) -> float | None:
    """Return when the last event before an instant was published; None: there is none."""
    at = events.c.at_utc_s
    query = sa.select(at).where(events.c.kind != MARK, at < before_s).order_by(at.desc()).limit(1)
    found = connection.execute(query).scalar()
    return None if found is None else float(found)


def silences(
    connection: Connection, begin_s: float, end_s: float, longest_s: float, limit: int = 1000
) -> list[Silence]:
    """Gaps between events of any kind that are longer than ``longest_s``, oldest first.

    The span's own edges count as events. A mark of a store's start is a sign of life, too.
    """
    within = sa.and_(events.c.at_utc_s >= begin_s, events.c.at_utc_s < end_s)
    at = events.c.at_utc_s
    before = sa.func.lag(at).over(order_by=at).label("before")
    pairs = sa.select(at.label("at"), before).where(within).subquery()
    query = (
        sa.select(pairs.c.before, pairs.c.at)
        .where(pairs.c.at - pairs.c.before > longest_s)
        .order_by(pairs.c.at)
        .limit(limit)
    )
    found = [Silence(*row) for row in connection.execute(query)]
    edges = connection.execute(sa.select(sa.func.min(at), sa.func.max(at)).where(within)).one()
    first_s, last_s = (edges[0], edges[1]) if edges[0] is not None else (end_s, end_s)
    outer = [Silence(begin_s, first_s), Silence(last_s, end_s)]
    found += [one for one in outer if one.end_utc_s - one.begin_utc_s > longest_s]
    return sorted(found, key=lambda one: one.begin_utc_s)


def frames_within(
    connection: Connection, begin_s: float, end_s: float
) -> list[tuple[ExposureRecord, bool]]:
    """Frames that were exposed for a part of the span, and whether each is good."""
    query = (
        sa.select(*_FRAME, exposures.c.is_good)
        .where(
            exposures.c.t_min_mjd >= to_mjd(begin_s - LONGEST_EXPOSURE_S),
            exposures.c.t_min_mjd < to_mjd(end_s),
            exposures.c.t_max_mjd > to_mjd(begin_s),
        )
        .order_by(exposures.c.t_min_mjd, exposures.c.sequence)
    )
    found = []
    for row in connection.execute(query).mappings():
        values = {**row, "frame_type": FrameType(row["frame_type"])}
        is_good = bool(values.pop("is_good"))
        found.append((ExposureRecord(**values), is_good))
    return found


def attempts_within(
    connection: Connection, first_id: str, begin_s: float, end_s: float
) -> list[AttemptRow]:
    """Attempts that were under way in a part of the span, oldest first.

    Parameters
    ----------
    first_id
        Of those whose id is this one or sorts after it: ids are sorted by birth, so that this is
        cheap however long the history is.
    """
    query = (
        sa.select(*_ATTEMPT)
        .where(
            attempts.c.attempt_id >= first_id,
            attempts.c.created_utc_s < end_s,
            sa.func.coalesce(attempts.c.ended_utc_s, end_s) >= begin_s,
        )
        .order_by(attempts.c.created_utc_s, attempts.c.attempt_id)
    )
    return [
        AttemptRow(**{**row, "state": AttemptState(row["state"])})
        for row in connection.execute(query).mappings()
    ]


def orders_within(
    connection: Connection, kind: str, settled: Collection[OrderState], begin_s: float, end_s: float
) -> list[OrderRow]:
    """Orders of a kind that came before the end and were not settled before the begin."""
    query = (
        sa.select(*_ORDER)
        .where(
            orders.c.kind == kind,
            orders.c.created_utc_s < end_s,
            sa.or_(
                orders.c.state.not_in([state.value for state in settled]),
                orders.c.updated_utc_s >= begin_s,
            ),
        )
        .order_by(orders.c.priority.desc(), orders.c.created_utc_s, orders.c.receipt)
    )
    return [
        OrderRow(**{**row, "state": OrderState(row["state"])})
        for row in connection.execute(query).mappings()
    ]


def changes_within(connection: Connection, begin_s: float, end_s: float) -> list[OrderChange]:
    """Return every change of an order's state within a span, in their order."""
    at = order_history.c.at_utc_s
    query = sa.select(*_CHANGE).where(at >= begin_s, at < end_s).order_by(order_history.c.number)
    return [OrderChange(*row) for row in connection.execute(query)]
