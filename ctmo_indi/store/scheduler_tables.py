"""Tables only the scheduler has: orders and the history of their states."""

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
