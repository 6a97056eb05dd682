"""What the quick look saw of raw frames while their night went on."""

import sqlalchemy as sa
from alembic import op

revision = "preprocessor_0003"
down_revision = "preprocessor_0002"


def upgrade() -> None:
    op.create_table(
        "quick_look",
        sa.Column("night", sa.Text, primary_key=True),
        sa.Column("file", sa.Text, primary_key=True),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("looked_utc_s", sa.Double, nullable=False),
        sa.Column("place_utc_s", sa.Double, nullable=False),
        sa.Column("start_utc_s", sa.Double),
        sa.Column("exposure_s", sa.Double),
        sa.Column("frame_type", sa.Text, nullable=False),
        sa.Column("object_name", sa.Text, nullable=False),
        sa.Column("filter_name", sa.Text, nullable=False),
        sa.Column("parent", sa.Text, nullable=False),
        sa.Column("receipt", sa.Text, nullable=False),
        sa.Column("fwhm", sa.Double),
        sa.Column("fwhm_unit", sa.Text, nullable=False),
        sa.Column("ellipticity", sa.Double),
        sa.Column("stars", sa.Integer),
        sa.Column("background_adu", sa.Double),
        sa.Column("median_adu", sa.Double),
        sa.Column("mean_adu", sa.Double),
        sa.Column("saturated", sa.Double),
        sa.Column("problem", sa.Text, nullable=False),
    )
    op.create_index("quick_look_place", "quick_look", ["night", "place_utc_s"])
    op.create_index("quick_look_looked", "quick_look", ["looked_utc_s"])
