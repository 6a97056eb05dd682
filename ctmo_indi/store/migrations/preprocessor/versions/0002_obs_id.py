"""A calibrated light has the obs_id of its exposure: both are of one observation."""

from alembic import op

revision = "preprocessor_0002"
down_revision = "preprocessor_0001"


def upgrade() -> None:
    op.execute("DROP VIEW obscore")
    op.execute(OBSCORE)


# IVOA ObsCore 1.1: products of one observation share its obs_id. Degrees, MJD, seconds, metres,
# kilobytes. A raw FITS frame is level 1 (instrumental data in a standard format), a calibrated
# one 2, a stack 3.
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
    COALESCE(
        (
            SELECT CASE WHEN raw.exposure_id <> '' THEN raw.exposure_id ELSE raw.sha256 END
            FROM combination_input AS link
            JOIN exposure AS raw ON raw.exposure_number = link.exposure_number
            WHERE link.product_id = exposure_combination.product_id
                AND link.role = 'raw'
                AND exposure_combination.kind = 'CALIB_LIGHT'
        ),
        product_id
    ),
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
