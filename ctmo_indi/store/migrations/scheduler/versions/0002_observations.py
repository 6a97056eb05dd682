"""Observations as registered with the scheduling driver, and the index of the events by kind.

A database of before has its observations in attempts, frames and orders: they are taken over, in
the order in which they ended, so that a start from the history repeats nothing.
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "scheduler_0002"
down_revision = "scheduler_0001"

_MJD_OF_UNIX = 40587.0
_DAY_S = 86400.0
_AT_ONCE = 1000

# Every attempt that succeeded, with the first of its good frames and how many there are.
_COMPLETED = sa.text(
    """
    SELECT a.attempt_id, a.parent, a.wire, o.wire AS order_wire, a.started_utc_s,
           COALESCE(a.ended_utc_s, a.updated_utc_s) AS ended_utc_s,
           COUNT(e.exposure_id) AS frames, MIN(e.t_min_mjd) AS mjd,
           MIN(e.target_name) AS target_name, MIN(e.t_exptime_s) AS exposure_s,
           MIN(e.filter_name) AS filter_name
    FROM attempts a
    LEFT JOIN orders o ON o.receipt = a.parent
    LEFT JOIN exposures e ON e.attempt_id = a.attempt_id AND e.is_good
    WHERE a.state = 'COMPLETED'
    GROUP BY a.attempt_id, o.receipt
    ORDER BY COALESCE(a.ended_utc_s, a.updated_utc_s), a.attempt_id
    """
)


def upgrade() -> None:
    observations = op.create_table(
        "observations",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("attempt_id", sa.Text, nullable=False),
        sa.Column("receipt", sa.Text, nullable=False),
        sa.Column("target_id", sa.Text, nullable=False),
        sa.Column("target_name", sa.Text, nullable=False),
        sa.Column("ra_deg", sa.Double),
        sa.Column("dec_deg", sa.Double),
        sa.Column("mjd", sa.Double, nullable=False),
        sa.Column("exposure_s", sa.Double, nullable=False),
        sa.Column("frames", sa.Integer, nullable=False),
        sa.Column("filter_name", sa.Text),
        sa.Column("registered_utc_s", sa.Double),
        sa.Column("additional", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("observations_attempt_id", "observations", ["attempt_id"], unique=True)
    op.create_index("events_kind", "events", ["kind", "cursor"])
    connection = op.get_bind()
    rows = [_observation(found) for found in connection.execute(_COMPLETED).mappings()]
    for first in range(0, len(rows), _AT_ONCE):
        connection.execute(sa.insert(observations), rows[first : first + _AT_ONCE])


def _observation(found):
    wire = _plain(found["order_wire"]) or _plain(found["wire"])
    started_mjd = _MJD_OF_UNIX + (found["started_utc_s"] or found["ended_utc_s"]) / _DAY_S
    exposures_s = (_number(wire.get("Exposure Time")), found["exposure_s"], 0.0)
    return {
        "attempt_id": found["attempt_id"],
        "receipt": found["parent"],
        "target_id": found["parent"],
        "target_name": str(wire.get("Object") or found["target_name"] or ""),
        "ra_deg": _number(wire.get("RA")),
        "dec_deg": _number(wire.get("Dec")),
        "mjd": started_mjd if found["mjd"] is None else found["mjd"],
        "exposure_s": next(one for one in exposures_s if one is not None),
        "frames": found["frames"],
        "filter_name": wire.get("Filter") or found["filter_name"] or None,
        "registered_utc_s": found["ended_utc_s"],
        "additional": {},
    }


def _plain(wire):
    """JSON comes as text from SQLite, as an object from PostgreSQL."""
    return json.loads(wire) if isinstance(wire, str) else dict(wire or {})


def _number(value):
    return float(value) if isinstance(value, int | float) else None
