"""Dome and Control orders, which were kept in memory only."""

import sqlalchemy as sa
from alembic import op

revision = "telescope_0003"
down_revision = "telescope_0002"


def upgrade() -> None:
    op.create_table(
        "hand_orders",
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
    )
    op.create_index("hand_orders_user_order_id", "hand_orders", ["user", "order_id", "receipt"])
