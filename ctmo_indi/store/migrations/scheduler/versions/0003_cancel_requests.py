"""Cancels of orders whose attempt has to end first: they were kept in memory only."""

import sqlalchemy as sa
from alembic import op

revision = "scheduler_0003"
down_revision = "scheduler_0002"


def upgrade() -> None:
    op.create_table(
        "cancel_requests",
        sa.Column("receipt", sa.Text, sa.ForeignKey("orders.receipt"), primary_key=True),
        sa.Column("at_utc_s", sa.Double, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
