"""Frames that are on disk: one row each, at the telescope and, as a summary, at the scheduler."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from ctmo_indi.models.orders import ExposureRecord
from ctmo_indi.models.states import FrameType
from ctmo_indi.store.any_of import LONGEST, any_of
from ctmo_indi.store.readouts import to_mjd
from ctmo_indi.store.record_tables import exposures

_FIELDS = [exposures.c[field.name] for field in dataclasses.fields(ExposureRecord)]


def record(connection: Connection, records: Iterable[ExposureRecord], *, is_good: bool) -> int:
    """Add frames; one that is known by its ``exposure_id`` is left as it is.

    Returns
    -------
    int
        How many were new.
    """
    new: dict[str, ExposureRecord] = {}
    for exposure in records:
        new.setdefault(exposure.exposure_id, exposure)
    ids = list(new)
    for first in range(0, len(ids), LONGEST):
        some = any_of(exposures.c.exposure_id, ids[first : first + LONGEST])
        for known in connection.execute(sa.select(exposures.c.exposure_id).where(some)).scalars():
            del new[known]
    if new:
        rows = [{**dataclasses.asdict(one), "is_good": is_good} for one in new.values()]
        connection.execute(sa.insert(exposures), rows)
    return len(new)


def of_attempt(connection: Connection, attempt_id: str) -> list[ExposureRecord]:
    """Frames of one attempt in the order they were taken."""
    return _select(connection, exposures.c.attempt_id == attempt_id)


def of_order(connection: Connection, order_receipt: str) -> list[ExposureRecord]:
    """Frames of all attempts at one order in the order they were taken."""
    return _select(connection, exposures.c.order_receipt == order_receipt)


def get(connection: Connection, exposure_id: str) -> ExposureRecord | None:
    """Return the frame of that id; None when there is none."""
    found = _select(connection, exposures.c.exposure_id == exposure_id)
    return found[0] if found else None


def paths_below(connection: Connection, folders: Iterable[str]) -> frozenset[str]:
    """Paths of the frames whose rows say that they lie in one of ``folders``."""
    paths = exposures.c.path
    inside = [sa.and_(paths >= f"{folder}/", paths < f"{folder}0") for folder in folders]
    if not inside:
        return frozenset()
    return frozenset(connection.execute(sa.select(paths).where(sa.or_(*inside))).scalars())


def in_span(connection: Connection, start: datetime, end: datetime) -> tuple[int, str]:
    """Count the frames that began in a span, and return the path of one of them; "" of none."""
    count, path = connection.execute(
        sa.select(sa.func.count(), sa.func.min(exposures.c.path)).where(_began(start, end))
    ).one()
    return int(count), path or ""


def orders_of_lights(connection: Connection, start: datetime, end: datetime) -> list[str]:
    """Receipts of the orders whose lights began in a span."""
    query = sa.select(exposures.c.order_receipt).where(
        _began(start, end), exposures.c.frame_type == FrameType.LIGHT.value
    )
    return sorted(set(connection.execute(query).scalars()))


def good_of_order(connection: Connection, order_receipt: str) -> tuple[int, float]:
    """Count and exposure time (s) of the good frames of one order, over all its attempts."""
    count, exposure_s = connection.execute(
        sa.select(
            sa.func.count(), sa.func.coalesce(sa.func.sum(exposures.c.t_exptime_s), 0.0)
        ).where(exposures.c.order_receipt == order_receipt, exposures.c.is_good)
    ).one()
    return int(count), float(exposure_s)


def _began(start: datetime, end: datetime) -> sa.ColumnElement[bool]:
    start_mjd, end_mjd = (to_mjd(instant.timestamp()) for instant in (start, end))
    return sa.and_(exposures.c.t_min_mjd >= start_mjd, exposures.c.t_min_mjd < end_mjd)


def _select(connection: Connection, where: sa.ColumnElement[bool]) -> list[ExposureRecord]:
    query = sa.select(*_FIELDS).where(where).order_by(exposures.c.t_min_mjd, exposures.c.sequence)
    return [
        ExposureRecord(**{**row, "frame_type": FrameType(row["frame_type"])})
        for row in connection.execute(query).mappings()
    ]
