"""A night under real stars: lights are solved, stacked, and their zero point is measured."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from ctmo_indi.preprocessor import setting_up
from ctmo_indi.preprocessor.executors import Serial
from ctmo_indi.preprocessor.jobs import Settings
from ctmo_indi.preprocessor.night_book import NightBook
from ctmo_indi.preprocessor.night_run import NightRun, RunParts
from ctmo_indi.store import combinations
from ctmo_indi.store.database import open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.night_frames import Sensor, write_night
from ctmo_indi.testing.star_fields import ZERO_POINT, star_field

INDEXES = Path("/usr/share/astrometry")
pytestmark = pytest.mark.skipif(
    shutil.which("solve-field") is None or not list(INDEXES.glob("index-tycho2-*.fits")),
    reason="astrometry.net with astrometry-data-tycho2 (Debian packages) is not installed",
)

SHAPE, SEED, EXPOSURE_S = (384, 384), 5, 30.0
SETTINGS = Settings(gain_e_per_adu=1.5, read_noise_e=8.0, solver="solve-field", has_previews=False)
# Two degrees in Scutum; the second light a few pixels beside the first.
PLACES = ((277.6, -13.1), (277.63, -13.08))


def write_lights(raw: Path) -> list[Path]:
    """Put real stars into the frames of a synthetic night."""
    sensor = Sensor.of(SEED, SHAPE)
    rng = np.random.default_rng(8)
    paths = sorted(raw.glob("Scutum*"))
    for path, (ra_deg, dec_deg) in zip(paths, PLACES, strict=True):
        field = star_field(ra_deg, dec_deg, 2.0, shape=SHAPE)
        light, _ = field.draw(rng, read_noise=0.0)
        with fits.open(path, mode="update") as file:
            file[0].data = sensor.expose(rng, EXPOSURE_S, sensor.flat("V") * np.maximum(light, 0.0))
            file[0].header["RA"], file[0].header["DEC"] = ra_deg + 0.2, dec_deg
            file[0].header["SCALE"] = field.scale_arcsec_per_px
    return paths


def test_lights_are_solved_and_stacked(tmp_path):
    raw = tmp_path / "20261121" / "raw"
    write_night(
        raw, seed=SEED, shape=SHAPE, biases=5, darks={EXPOSURE_S: 5}, flats={"V": 5},
        lights={("Scutum", "V"): 2}, exposure_s=EXPOSURE_S,
    )  # fmt: skip
    write_lights(raw)
    parameters = setting_up.parameters_of(SETTINGS)
    with (
        closing(open_database("preprocessor", tmp_path / "p.sqlite3")) as database,
        closing(Writer(database)) as writer,
    ):
        book = NightBook(database, writer, FakeClock(), parameters)
        parts = RunParts(Serial(), book, SETTINGS, parameters)
        report = NightRun(raw, raw.parent / "products", parts).run()
        with database.read() as connection:
            rows = combinations.observations(connection, calib_level=3)
    assert report.is_complete, report.not_made
    lights = [path for path in report.made if "calib_light" in path.name]
    for path, (ra_deg, dec_deg) in zip(sorted(lights), PLACES, strict=True):
        header = fits.getheader(path)
        assert header["SOLVED"] is True
        truth = star_field(ra_deg, dec_deg, 2.0, shape=SHAPE)
        assert truth.distance_px(WCS(header)) < 1.0  # pixels of 19 arc seconds
        zero_point = ZERO_POINT - 2.5 * np.log10(EXPOSURE_S)  # that is of the whole exposure
        assert header["MAGZPT"] == pytest.approx(zero_point, abs=0.02)
    (stack,) = [path for path in report.made if "stack_light" in path.name]
    header = fits.getheader(stack)
    assert (header["NCOMBINE"], header["EXPTIME"]) == (2, 2 * EXPOSURE_S)
    assert header["SOLVED"] is True
    assert header["SKYNOISE"] < 0.8 * fits.getheader(lights[0])["SKYNOISE"]
    assert len(rows) == 1
    assert rows[0]["s_ra"] == pytest.approx(PLACES[0][0], abs=0.05)
    with (  # the same products, and a database that knows nothing of them
        closing(open_database("preprocessor", tmp_path / "other.sqlite3")) as database,
        closing(Writer(database)) as writer,
    ):
        book = NightBook(database, writer, FakeClock(), parameters)
        parts = RunParts(Serial(), book, SETTINGS, parameters)
        assert NightRun(raw, raw.parent / "products", parts).run().made == ()
        with database.read() as connection:
            again = combinations.observations(connection, calib_level=3)
    places = ("s_ra", "s_dec", "s_fov", "s_region")
    assert [[row[name] for name in places] for row in again] == [
        [pytest.approx(row[name], rel=1e-6) if name != "s_region" else row[name] for name in places]
        for row in rows
    ]
