"""Tables only the telescope has: the journal of effects on the world, and orders by hand."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

effects = sa.Table(
    "effects",
    metadata,
    sa.Column("effect_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("attempt_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("target", sa.JSON, nullable=False),
    sa.Column("intent_utc_s", sa.Double, nullable=False),
    sa.Column("done_utc_s", sa.Double),
    sa.Column("outcome", sa.Text),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Index("effects_attempt_id", "attempt_id"),
    sa.Index(
        "effects_open",
        "effect_id",
        sqlite_where=sa.text("done_utc_s IS NULL"),
        postgresql_where=sa.text("done_utc_s IS NULL"),
    ),
    sqlite_autoincrement=True,
)

hand_orders = sa.Table(
    "hand_orders",
    metadata,
    sa.Column("receipt", sa.Text, primary_key=True),
    sa.Column("user", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("command", sa.Text, nullable=False),
    sa.Column("wire", sa.JSON, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("created_utc_s", sa.Double, nullable=False),
    sa.Column("ended_utc_s", sa.Double),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Index("hand_orders_user_order_id", "user", "order_id", "receipt"),
)
