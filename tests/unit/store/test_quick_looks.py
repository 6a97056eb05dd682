"""One row a file, the newest look at it; nights and frames in their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ctmo_indi.store import quick_looks
from ctmo_indi.store.database import Database, open_database
from ctmo_indi.store.quick_looks import NO_STAMP, QuickLook

LOOK = QuickLook(
    night="20261121", file="a.fits", size_bytes=2880, mtime_ns=17, looked_utc_s=1000.0,
    place_utc_s=900.0, start_utc_s=900.0, exposure_s=60.0, frame_type="Light",
    object_name="<b>M 45</b>", filter_name="V", parent="O-1", receipt="A-1", fwhm=2.5,
    fwhm_unit="arcsec", ellipticity=0.1, stars=120, background_adu=400.0, median_adu=401.0,
    mean_adu=402.0, saturated=0.001, problem="",
)  # fmt: skip
UNKNOWN = QuickLook("20261121", "b.fits", *NO_STAMP, 1001.0, 950.0, problem="truncated")


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    made = open_database("preprocessor", store_url)
    with made.write() as connection:
        for look in (LOOK, UNKNOWN, replace(LOOK, night="20261120", looked_utc_s=10.0)):
            quick_looks.keep(connection, look)
    yield made
    made.close()


def test_what_is_kept_comes_back_newest_first(database: Database) -> None:
    with database.read() as connection:
        assert quick_looks.of_night(connection, "20261121", 10) == [UNKNOWN, LOOK]
        assert quick_looks.of_night(connection, "20261121", 1) == [UNKNOWN]
        assert quick_looks.of_file(connection, "20261121", "a.fits") == LOOK
        assert quick_looks.of_file(connection, "20261121", "c.fits") is None
        assert quick_looks.count(connection, "20261121") == 2
        assert quick_looks.last_night(connection) == "20261121"
        stamps = quick_looks.stamps(connection, "20261121")
    assert stamps == {"a.fits": (2880, 17), "b.fits": NO_STAMP}


def test_a_second_look_stands_instead_of_the_first(database: Database) -> None:
    again = replace(LOOK, size_bytes=5760, fwhm=None, problem="saturated")
    with database.write() as connection:
        quick_looks.keep(connection, again)
    with database.read() as connection:
        assert quick_looks.of_file(connection, "20261121", "a.fits") == again
        assert quick_looks.count(connection, "20261121") == 2


def test_old_looks_are_forgotten(database: Database) -> None:
    with database.write() as connection:
        quick_looks.prune(connection, 1000.5)
    with database.read() as connection:
        assert quick_looks.of_night(connection, "20261121", 10) == [UNKNOWN]
        assert quick_looks.count(connection, "20261120") == 0
