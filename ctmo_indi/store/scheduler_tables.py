"""Tables only the scheduler has: orders, the history of their states, and observations."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

orders = sa.Table(
    "orders",
    metadata,
    sa.Column("receipt", sa.Text, primary_key=True),
    sa.Column("user", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("priority", sa.Double, nullable=False),
    sa.Column("wish_priority", sa.Double),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("wire", sa.JSON, nullable=False),
    sa.Column("created_utc_s", sa.Double, nullable=False),
    sa.Column("updated_utc_s", sa.Double, nullable=False),
    sa.Column("good_count", sa.Integer, nullable=False),
    sa.Column("wanted_count", sa.Integer, nullable=False),
    sa.Column("good_exposure_s", sa.Double, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("repetition", sa.Integer, nullable=False),
    sa.Index("orders_user_order_id", "user", "order_id", "repetition", unique=True),
    sa.Index("orders_state", "state", "priority", "created_utc_s"),
)

order_history = sa.Table(
    "order_history",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("receipt", sa.Text, sa.ForeignKey("orders.receipt"), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("at_utc_s", sa.Double, nullable=False),
    sa.Column("state_before", sa.Text, nullable=False),
    sa.Column("state_after", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Index("order_history_receipt", "receipt", "revision"),
)

observations = sa.Table(
    "observations",
    metadata,
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
    sa.Index("observations_attempt_id", "attempt_id", unique=True),
    sqlite_autoincrement=True,  # a snapshot names the last number it knows: none may come again
)

cancel_requests = sa.Table(
    "cancel_requests",
    metadata,
    sa.Column("receipt", sa.Text, sa.ForeignKey("orders.receipt"), primary_key=True),
    sa.Column("at_utc_s", sa.Double, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
