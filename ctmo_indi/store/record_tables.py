"""Tables that more than one service has, each in its own database: attempts, exposures, events."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("attempt_id", sa.Text, primary_key=True),
    sa.Column("parent", sa.Text, nullable=False),
    sa.Column("user", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("wire", sa.JSON, nullable=False),
    sa.Column("created_utc_s", sa.Double, nullable=False),
    sa.Column("updated_utc_s", sa.Double, nullable=False),
    sa.Column("started_utc_s", sa.Double),
    sa.Column("ended_utc_s", sa.Double),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Index("attempts_user_order_id", "user", "order_id", unique=True),
    sa.Index("attempts_parent", "parent"),
    sa.Index("attempts_state", "state"),
)

exposures = sa.Table(
    "exposures",
    metadata,
    sa.Column("exposure_id", sa.Text, primary_key=True),
    sa.Column("attempt_id", sa.Text, nullable=False),
    sa.Column("order_receipt", sa.Text, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("frame_type", sa.Text, nullable=False),
    sa.Column("filter_name", sa.Text, nullable=False),
    sa.Column("t_exptime_s", sa.Double, nullable=False),
    sa.Column("t_min_mjd", sa.Double, nullable=False),
    sa.Column("t_max_mjd", sa.Double, nullable=False),
    sa.Column("s_ra_deg", sa.Double),
    sa.Column("s_dec_deg", sa.Double),
    sa.Column("target_name", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("is_good", sa.Boolean, nullable=False),
    sa.Index("exposures_attempt_id", "attempt_id", "sequence"),
    sa.Index("exposures_order_receipt", "order_receipt"),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("cursor", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at_utc_s", sa.Double, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Index("events_at_utc_s", "at_utc_s"),
    sa.Index("events_kind", "kind", "cursor"),
    sqlite_autoincrement=True,  # a pruned cursor must never be given out again
)
