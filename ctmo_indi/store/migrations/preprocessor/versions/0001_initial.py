"""Night bundles, exposures, combinations, jobs and events of the preprocessor; ObsCore."""

import sqlalchemy as sa
from alembic import op

revision = "preprocessor_0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "night_bundle",
        sa.Column("bundle_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("night", sa.Text, nullable=False),
        sa.Column("registered_utc_s", sa.Double, nullable=False),
        sa.Column("updated_utc_s", sa.Double, nullable=False),
        sa.Column("rejected", sa.JSON, nullable=False),
    )
    op.create_index("night_bundle_folder", "night_bundle", ["folder"], unique=True)
    op.create_index("night_bundle_night", "night_bundle", ["night"])
    op.create_table(
        "exposure",
        sa.Column("exposure_number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("bundle_id", sa.Integer, sa.ForeignKey("night_bundle.bundle_id"), nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("access_url", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("is_present", sa.Boolean, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("night", sa.Text, nullable=False),
        sa.Column("receipt", sa.Text, nullable=False),
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("attempt_id", sa.Text, nullable=False),
        sa.Column("exposure_id", sa.Text, nullable=False),
        sa.Column("telescope", sa.Text, nullable=False),
        sa.Column("camera", sa.Text, nullable=False),
        sa.Column("nx", sa.Integer, nullable=False),
        sa.Column("ny", sa.Integer, nullable=False),
        sa.Column("x_binning", sa.Integer, nullable=False),
        sa.Column("y_binning", sa.Integer, nullable=False),
        sa.Column("x_origin", sa.Integer, nullable=False),
        sa.Column("y_origin", sa.Integer, nullable=False),
        sa.Column("readout_mode", sa.Text, nullable=False),
        sa.Column("camera_gain", sa.Double),
        sa.Column("camera_offset", sa.Double),
        sa.Column("temperature_c", sa.Double),
        sa.Column("set_temperature_c", sa.Double),
        sa.Column("filter_name", sa.Text, nullable=False),
        sa.Column("target_name", sa.Text, nullable=False),
        sa.Column("s_ra_deg", sa.Double),
        sa.Column("s_dec_deg", sa.Double),
        sa.Column("t_min_mjd", sa.Double, nullable=False),
        sa.Column("t_max_mjd", sa.Double, nullable=False),
        sa.Column("t_exptime_s", sa.Double, nullable=False),
        sa.Column("em_min_m", sa.Double),
        sa.Column("em_max_m", sa.Double),
    )
    op.create_index("exposure_bundle_sha256", "exposure", ["bundle_id", "sha256"], unique=True)
    op.create_index("exposure_path", "exposure", ["path"])
    op.create_index("exposure_t_min", "exposure", ["kind", "t_min_mjd"])
    op.create_index("exposure_receipt", "exposure", ["receipt"])
    op.create_table(
        "exposure_combination",
        sa.Column("product_id", sa.Text, primary_key=True),
        sa.Column("bundle_id", sa.Integer, sa.ForeignKey("night_bundle.bundle_id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("access_url", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("created_utc_s", sa.Double, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("quality", sa.JSON, nullable=False),
        sa.Column("night", sa.Text, nullable=False),
        sa.Column("utc_s", sa.Double, nullable=False),
        sa.Column("has_bias", sa.Boolean, nullable=False),
        sa.Column("exposure_s", sa.Double, nullable=False),
        sa.Column("temperature_c", sa.Double),
        sa.Column("telescope", sa.Text, nullable=False),
        sa.Column("camera", sa.Text, nullable=False),
        sa.Column("nx", sa.Integer, nullable=False),
        sa.Column("ny", sa.Integer, nullable=False),
        sa.Column("x_binning", sa.Integer, nullable=False),
        sa.Column("y_binning", sa.Integer, nullable=False),
        sa.Column("x_origin", sa.Integer, nullable=False),
        sa.Column("y_origin", sa.Integer, nullable=False),
        sa.Column("readout_mode", sa.Text, nullable=False),
        sa.Column("camera_gain", sa.Double),
        sa.Column("camera_offset", sa.Double),
        sa.Column("filter_name", sa.Text, nullable=False),
        sa.Column("target_name", sa.Text, nullable=False),
        sa.Column("s_ra_deg", sa.Double),
        sa.Column("s_dec_deg", sa.Double),
        sa.Column("s_fov_deg", sa.Double),
        sa.Column("s_region", sa.Text),
        sa.Column("s_resolution_arcsec", sa.Double),
        sa.Column("t_min_mjd", sa.Double, nullable=False),
        sa.Column("t_max_mjd", sa.Double, nullable=False),
        sa.Column("t_exptime_s", sa.Double, nullable=False),
        sa.Column("em_min_m", sa.Double),
        sa.Column("em_max_m", sa.Double),
    )
    op.create_index("exposure_combination_kind", "exposure_combination", ["kind", "state", "utc_s"])
    op.create_index("exposure_combination_bundle", "exposure_combination", ["bundle_id"])
    op.create_index("exposure_combination_path", "exposure_combination", ["path"])
    op.create_table(
        "combination_input",
        sa.Column(
            "product_id",
            sa.Text,
            sa.ForeignKey("exposure_combination.product_id"),
            primary_key=True,
        ),
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("exposure_number", sa.Integer, sa.ForeignKey("exposure.exposure_number")),
        sa.Column("input_product_id", sa.Text, sa.ForeignKey("exposure_combination.product_id")),
        sa.Column("scale", sa.Double, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
    )
    op.create_index("combination_input_exposure", "combination_input", ["exposure_number"])
    op.create_index("combination_input_product", "combination_input", ["input_product_id"])
    op.create_table(
        "calibration_job",
        sa.Column("receipt", sa.Text, primary_key=True),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("wire", sa.JSON, nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_utc_s", sa.Double, nullable=False),
        sa.Column("updated_utc_s", sa.Double, nullable=False),
        sa.Column("starts", sa.Integer, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("reasons", sa.JSON, nullable=False),
    )
    op.create_index(
        "calibration_job_user_order_id", "calibration_job", ["user", "order_id"], unique=True
    )
    op.create_index("calibration_job_state", "calibration_job", ["state", "receipt"])
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
    op.execute(OBSCORE)


# IVOA ObsCore 1.1: degrees, MJD, seconds, metres, kilobytes. A raw FITS frame is level 1
# (instrumental data in a standard format), a calibrated one 2, a stack 3.
OBSCORE = """
CREATE VIEW obscore AS
SELECT
    'image' AS dataproduct_type,
    1 AS calib_level,
    'ctmo-indi' AS obs_collection,
    CASE WHEN exposure_id <> '' THEN exposure_id ELSE sha256 END AS obs_id,
    'ivo://local/ctmo-indi?' || sha256 AS obs_publisher_did,
    access_url,
    'image/fits' AS access_format,
    (size_bytes + 1023) / 1024 AS access_estsize,
    target_name,
    s_ra_deg AS s_ra,
    s_dec_deg AS s_dec,
    CAST(NULL AS DOUBLE PRECISION) AS s_fov,
    CAST(NULL AS TEXT) AS s_region,
    nx AS s_xel1,
    ny AS s_xel2,
    CAST(NULL AS DOUBLE PRECISION) AS s_resolution,
    t_min_mjd AS t_min,
    t_max_mjd AS t_max,
    t_exptime_s AS t_exptime,
    t_exptime_s AS t_resolution,
    1 AS t_xel,
    em_min_m AS em_min,
    em_max_m AS em_max,
    CAST(NULL AS DOUBLE PRECISION) AS em_res_power,
    1 AS em_xel,
    'phot.count' AS o_ucd,
    CAST(NULL AS TEXT) AS pol_states,
    0 AS pol_xel,
    telescope AS facility_name,
    camera AS instrument_name
FROM exposure
WHERE kind = 'LIGHT' AND is_present
UNION ALL
SELECT
    'image',
    CASE WHEN kind = 'STACK_LIGHT' THEN 3 ELSE 2 END,
    'ctmo-indi',
    product_id,
    'ivo://local/ctmo-indi?' || product_id,
    access_url,
    'image/fits',
    (size_bytes + 1023) / 1024,
    target_name,
    s_ra_deg,
    s_dec_deg,
    s_fov_deg,
    s_region,
    nx,
    ny,
    s_resolution_arcsec,
    t_min_mjd,
    t_max_mjd,
    t_exptime_s,
    t_exptime_s,
    1,
    em_min_m,
    em_max_m,
    CAST(NULL AS DOUBLE PRECISION),
    1,
    'phot.count',
    CAST(NULL AS TEXT),
    0,
    telescope,
    camera
FROM exposure_combination
WHERE kind IN ('CALIB_LIGHT', 'STACK_LIGHT') AND state = 'GOOD'
"""
