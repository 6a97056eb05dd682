"""Index of the events by kind, for readers who want a few kinds of a long history."""

from alembic import op

revision = "telescope_0002"
down_revision = "telescope_0001"


def upgrade() -> None:
    op.create_index("events_kind", "events", ["kind", "cursor"])
