"""Journal of effects, attempts, exposures and events of the telescope."""

import sqlalchemy as sa
from alembic import op

revision = "telescope_0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "effects",
        sa.Column("effect_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("attempt_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("target", sa.JSON, nullable=False),
        sa.Column("intent_utc_s", sa.Double, nullable=False),
        sa.Column("done_utc_s", sa.Double),
        sa.Column("outcome", sa.Text),
        sa.Column("detail", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("effects_attempt_id", "effects", ["attempt_id"])
    op.create_index(
        "effects_open",
        "effects",
        ["effect_id"],
        sqlite_where=sa.text("done_utc_s IS NULL"),
        postgresql_where=sa.text("done_utc_s IS NULL"),
    )
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
