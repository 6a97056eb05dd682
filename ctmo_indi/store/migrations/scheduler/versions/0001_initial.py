"""Orders, their history, attempts, exposures and events of the scheduler."""

import sqlalchemy as sa
from alembic import op

revision = "scheduler_0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "orders",
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
    )
    op.create_index(
        "orders_user_order_id", "orders", ["user", "order_id", "repetition"], unique=True
    )
    op.create_index("orders_state", "orders", ["state", "priority", "created_utc_s"])
    op.create_table(
        "order_history",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("receipt", sa.Text, sa.ForeignKey("orders.receipt"), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("at_utc_s", sa.Double, nullable=False),
        sa.Column("state_before", sa.Text, nullable=False),
        sa.Column("state_after", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("order_history_receipt", "order_history", ["receipt", "revision"])
    op.create_table(
        "attempts",
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
    )
    op.create_index("attempts_user_order_id", "attempts", ["user", "order_id"], unique=True)
    op.create_index("attempts_parent", "attempts", ["parent"])
    op.create_index("attempts_state", "attempts", ["state"])
    op.create_table(
        "exposures",
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
    )
    op.create_index("exposures_attempt_id", "exposures", ["attempt_id", "sequence"])
    op.create_index("exposures_order_receipt", "exposures", ["order_receipt"])
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
