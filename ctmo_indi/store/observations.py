"""What was observed with success, numbered: the history a scheduling driver is started from.

An attempt becomes an observation in the transaction that ends it, so that what is stored as
completed is what is registered, each once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy import Connection

from ctmo_indi.models.observation import Observation, StepDurations
from ctmo_indi.store.any_of import any_of
from ctmo_indi.store.scheduler_tables import observations

_MOST_AT_ONCE = 512
_TOOK = "took"  # in ``additional``, with what else is kept
_NAMES = tuple(field.name for field in dataclasses.fields(Observation) if field.name != _TOOK)
_FIELDS = [observations.c[name] for name in _NAMES]
_STORED = tuple(name for name in _NAMES if name != "number")


def record(
    connection: Connection,
    observation: Observation,
    *,
    registered_utc_s: float | None = None,
    additional: Mapping[str, object] | None = None,
) -> Observation:
    """Store an observation once and give it its number.

    Parameters
    ----------
    observation
        Its ``number`` is ignored.
    registered_utc_s
        Sky time of now, Unix seconds; None when the caller does not know it.
    additional
        What else the driver wants kept with it; JSON values only.

    Returns
    -------
    Observation
        With its number; for an attempt that is known the observation as stored then.
    """
    known = of_attempt(connection, observation.attempt_id)
    if known is not None:
        return known
    values: dict[str, object] = {name: getattr(observation, name) for name in _STORED}
    more = dict(additional or {})
    if observation.took is not None:
        more[_TOOK] = observation.took.to_wire()
    values |= {"registered_utc_s": registered_utc_s, "additional": more}
    insert = sa.insert(observations).returning(observations.c.number)
    return replace(observation, number=int(connection.execute(insert, values).scalar_one()))


def after(connection: Connection, number: int) -> list[Observation]:
    """Everything observed after ``number`` (0: everything), in the order of the numbers."""
    return _select(connection, observations.c.number > number)


def of_attempt(connection: Connection, attempt_id: str) -> Observation | None:
    """Return what an attempt observed; None when it did not succeed."""
    found = _select(connection, observations.c.attempt_id == attempt_id)
    return found[0] if found else None


def took_of(connection: Connection, attempt_ids: Sequence[str]) -> dict[str, StepDurations]:
    """Return what the steps of attempts took; without those of which it is not known."""
    found: dict[str, StepDurations] = {}
    for first in range(0, len(attempt_ids), _MOST_AT_ONCE):
        query = sa.select(observations.c.attempt_id, observations.c.additional).where(
            any_of(observations.c.attempt_id, attempt_ids[first : first + _MOST_AT_ONCE])
        )
        for attempt_id, more in connection.execute(query):
            took = _took(more)
            if took is not None:
                found[str(attempt_id)] = took
    return found


def last_mjd(connection: Connection, receipts: Sequence[str]) -> dict[str, float]:
    """Return when the latest observation of each order began, MJD; without those that have none."""
    found: dict[str, float] = {}
    for first in range(0, len(receipts), _MOST_AT_ONCE):
        query = (
            sa.select(observations.c.receipt, sa.func.max(observations.c.mjd))
            .where(any_of(observations.c.receipt, receipts[first : first + _MOST_AT_ONCE]))
            .group_by(observations.c.receipt)
        )
        found |= {str(receipt): float(mjd) for receipt, mjd in connection.execute(query)}
    return found


def additional(connection: Connection, attempt_id: str) -> Mapping[str, object]:
    """What else was kept with an observation; empty for an unknown one."""
    query = sa.select(observations.c.additional).where(observations.c.attempt_id == attempt_id)
    return dict(connection.execute(query).scalar() or {})


def newest_number(connection: Connection) -> int:
    """Return the largest number, 0 when there is none."""
    return int(connection.execute(sa.select(sa.func.max(observations.c.number))).scalar() or 0)


def count(connection: Connection) -> int:
    """Return how many there are."""
    return int(
        connection.execute(sa.select(sa.func.count()).select_from(observations)).scalar_one()
    )


def _select(connection: Connection, where: sa.ColumnElement[bool]) -> list[Observation]:
    query = sa.select(*_FIELDS, observations.c.additional)
    rows = connection.execute(query.where(where).order_by(observations.c.number))
    return [replace(Observation(*row[:-1]), took=_took(row[-1])) for row in rows]


def _took(more: object) -> StepDurations | None:
    return StepDurations.of_wire(more.get(_TOOK)) if isinstance(more, Mapping) else None
