"""What was observed with success, numbered: the history a scheduling driver is started from.

An attempt becomes an observation in the transaction that ends it, so that what is stored as
completed is what is registered, each once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy import Connection

from ctmo_indi.models.observation import Observation
from ctmo_indi.store.scheduler_tables import observations

_NAMES = tuple(field.name for field in dataclasses.fields(Observation))
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
    values |= {"registered_utc_s": registered_utc_s, "additional": dict(additional or {})}
    insert = sa.insert(observations).returning(observations.c.number)
    return replace(observation, number=int(connection.execute(insert, values).scalar_one()))


def after(connection: Connection, number: int) -> list[Observation]:
    """Everything observed after ``number`` (0: everything), in the order of the numbers."""
    return _select(connection, observations.c.number > number)


def of_attempt(connection: Connection, attempt_id: str) -> Observation | None:
    """Return what an attempt observed; None when it did not succeed."""
    found = _select(connection, observations.c.attempt_id == attempt_id)
    return found[0] if found else None


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
    query = sa.select(*_FIELDS).where(where).order_by(observations.c.number)
    return [Observation(*row) for row in connection.execute(query)]
