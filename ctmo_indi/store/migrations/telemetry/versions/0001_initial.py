"""Events alone: telemetry, in a file of its own that may be deleted."""

import sqlalchemy as sa
from alembic import op

revision = "telemetry_0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("cursor", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at_utc_s", sa.Double, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("events_at_utc_s", "events", ["at_utc_s"])
    op.create_index("events_kind", "events", ["kind", "cursor"])
