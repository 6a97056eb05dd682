"""Visits in the opsim schema: what Rubin's tools expect, and back; bad files by name."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import astropy.units as u
import pytest
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body, get_sun
from astropy.time import Time
from astropy.utils import iers

from ctmo_indi.errors import ConfigError, StoreUnavailable
from ctmo_indi.models.observation import Observation
from ctmo_indi.profiles import Site
from ctmo_indi.scheduling.schema_converter import ObservedVisit, SchemaConverter
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.store import observations as stored
from ctmo_indi.store.database import open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.testing.fake_sky import fake_models

iers.conf.auto_download = False
iers.conf.auto_max_age = None

SITE = Site("CTMO", 25.996275, -97.571269, 12.0)
M31 = Observation("A-1", "O-1", "M 31", 10.6847, 41.269, 61366.2, 30.0, 3, "V", "field 1")
DARK = Observation("A-2", "O-2", "", None, None, 61366.3, 60.0, 5, None, "O-2")


def test_what_is_written_comes_back_without_a_number(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "visits.db"
    converter = SchemaConverter()
    assert converter.write_visits(path, [ObservedVisit(replace(M31, number=7), night=1)]) == 1
    assert converter.write_visits(path, [DARK]) == 1
    assert converter.read_observations(path) == [M31, DARK]


def test_columns_and_units_are_those_of_rubins_files(tmp_path: Path) -> None:
    path = tmp_path / "visits.db"
    visit = ObservedVisit(M31, night=2, slew_s=31.5, visit_s=120.0, note="first")
    SchemaConverter().write_visits(path, [DARK, visit])
    with sqlite3.connect(path) as connection:
        row = connection.execute(
            "SELECT observationId, night, fieldRA, fieldDec, observationStartMJD, numExposures,"
            " visitExposureTime, visitTime, slewTime, filter, target_name, note"
            " FROM observations WHERE night = 2"
        ).fetchone()
    connection.close()
    assert row == (2, 2, 10.6847, 41.269, 61366.2, 3, 90.0, 120.0, 31.5, "V", "M 31", "first")


def test_the_sky_of_a_visit_agrees_with_astropy() -> None:
    row, dark = SchemaConverter(SITE).to_rows([M31, DARK])
    place = EarthLocation(
        lon=SITE.longitude_deg * u.deg, lat=SITE.latitude_deg * u.deg, height=SITE.elevation_m * u.m
    )
    time = Time(M31.mjd, format="mjd", scale="utc", location=place)
    frame = AltAz(obstime=time, location=place)
    target = SkyCoord(M31.ra_deg * u.deg, M31.dec_deg * u.deg).transform_to(frame)
    sun = get_sun(time).transform_to(frame)
    moon = get_body("moon", time, place).transform_to(frame)
    expected = {
        "altitude": target.alt.deg,
        "azimuth": target.az.deg,
        "sunAlt": sun.alt.deg,
        "sunAz": sun.az.deg,
        "moonAlt": moon.alt.deg,
        "moonAz": moon.az.deg,
        "moonDistance": target.separation(moon).deg,
        "solarElong": target.separation(sun).deg,
        "observationStartLST": time.sidereal_time("apparent").deg,
    }
    for name, value in expected.items():
        # UT1 taken as UTC: 0.9 s of time are 0.004 deg
        assert row[name] == pytest.approx(value, abs=0.01), name
    assert row["airmass"] == pytest.approx(target.secz.value, rel=0.01)
    assert 0.0 <= float(row["moonPhase"] or 0.0) <= 100.0
    assert dark["altitude"] is None
    assert dark["airmass"] is None
    assert dark["sunAlt"] is not None


def test_a_file_of_rubins_own_is_read_by_column_names(tmp_path: Path) -> None:
    path = tmp_path / "baseline.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE observations (observationId INT, observationStartMJD REAL, fieldRA REAL,"
            " fieldDec REAL, filter TEXT, visitExposureTime REAL, numExposures INT, target TEXT)"
        )
        connection.executemany(
            "INSERT INTO observations VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (1, 60981.1, 350.5, -31.25, "r", 30.0, 2, "DD:COSMOS"),
                (0, 60980.9, 12.0, -1.5, "g", 29.2, 1, ""),
            ],
        )
    connection.close()
    early, late = SchemaConverter().read_observations(path)
    assert (early.mjd, early.attempt_id, early.exposure_s) == (60980.9, "opsim 0", 29.2)
    assert (late.ra_deg, late.dec_deg, late.exposure_s, late.frames) == (350.5, -31.25, 15.0, 2)
    assert (late.target_name, late.filter_name, late.number) == ("DD:COSMOS", "r", 0)


def test_the_schedulers_own_database_serves_a_warm_start(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.db"
    database = open_database("scheduler", path)
    writer = Writer(database)
    try:
        for made in (M31, DARK):
            writer.run(lambda connection, made=made: stored.record(connection, made))
        driver = SequentialScheduler(fake_models())
        assert driver.parse_observation_database(path) == [
            replace(M31, number=1),
            replace(DARK, number=2),
        ]
    finally:
        writer.close()
        database.close()


def test_an_empty_table_is_no_observations(tmp_path: Path) -> None:
    SchemaConverter().write_visits(tmp_path / "visits.db", [])
    assert SchemaConverter().read_observations(tmp_path / "visits.db") == []


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ("missing", "no such file"),
        ("text", "SQLite"),
        ("other table", "no table 'observations'"),
        ("column", "'fieldRA' is missing"),
        ("value", "row 2: observationStartMJD is 'soon'"),
        ("frames", "row 2: numExposures is 1.5"),
    ],
)
def test_a_bad_file_is_named_with_its_fault(tmp_path: Path, fault: str, named: str) -> None:
    path = tmp_path / "odd ? name#1%.db"
    if fault == "text":
        path.write_text("not a database, but text that is long enough" * 50)
    elif fault != "missing":
        SchemaConverter().write_visits(path, [M31, DARK])
        statement = {
            "other table": "ALTER TABLE observations RENAME TO visits",
            "column": "ALTER TABLE observations DROP COLUMN fieldRA",
            "value": "UPDATE observations SET observationStartMJD = 'soon' WHERE observationId = 2",
            "frames": "UPDATE observations SET numExposures = 1.5 WHERE observationId = 2",
        }[fault]
        with sqlite3.connect(path) as connection:
            connection.execute(statement)
        connection.close()
    with pytest.raises(ConfigError, match=named) as caught:
        SchemaConverter().read_observations(path)
    assert str(path) in str(caught.value)


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="visits cannot be written"):
        SchemaConverter().write_visits(tmp_path / "file" / "visits.db", [M31])
