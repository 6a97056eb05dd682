"""Which file is looked at next, whatever nights are asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ctmo_indi.preprocessor.quick_backlog import (
    MOST_NIGHTS,
    TRY_AGAIN_MACHINE_S,
    QuickBacklog,
)
from ctmo_indi.preprocessor.quick_book import QuickBook
from ctmo_indi.preprocessor.quick_folders import QuickFolders
from ctmo_indi.store.database import open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.testing.fake_clock import FakeClock


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for night in ("20261119", "20261120", "20261121"):
        touch(tmp_path, night, f"{night}.fits")
    return tmp_path


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2026, 11, 22, 12, 0, tzinfo=UTC))


@pytest.fixture
def backlog(data: Path, clock: FakeClock, store_url: str):
    database = open_database("preprocessor", store_url)
    writer = Writer(database)
    yield QuickBacklog(QuickFolders((data,)), QuickBook(database, writer, clock), clock)
    writer.close()
    database.close()


def touch(data: Path, night: str, name: str) -> None:
    raw = data / "nights" / night / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    (raw / name).touch()


def next_name(backlog: QuickBacklog) -> str:
    found = backlog.next_file()
    assert found is not None
    return found[1].name


def test_the_last_night_is_first_then_the_one_asked_for_last(backlog):
    backlog.refresh(["20261119"])
    backlog.refresh(["20261120"])
    looked = []
    while found := backlog.next_file():
        looked.append(found[0])
        backlog.done(*found)
    assert looked == ["20261121", "20261120", "20261119"]


def test_a_new_frame_of_the_last_night_goes_before_all_others(backlog, data):
    backlog.refresh([])
    backlog.done(*backlog.next_file())
    backlog.refresh(["20261119", "20261120"])
    touch(data, "20261121", "new.fits")
    backlog.refresh([])
    assert next_name(backlog) == "new.fits"


def test_of_many_nights_that_are_asked_for_the_last_ones_are_kept(backlog):
    backlog.refresh([f"202501{day:02d}" for day in range(1, 30)])
    assert set(backlog.waiting()) == {"20250127", "20250128", "20250129", "20261121"}
    assert len(backlog.waiting()) == MOST_NIGHTS


def test_a_file_that_failed_lets_others_go_first_and_comes_again(backlog, clock, data):
    touch(data, "20261121", "zzz.fits")
    backlog.refresh([])
    first = backlog.next_file()
    assert not backlog.failed(*first)
    second = backlog.next_file()
    assert second[1].name != first[1].name
    backlog.done(*second)
    assert backlog.next_file() is None
    assert backlog.waiting() == {"20261121": 1}
    clock.advance(TRY_AGAIN_MACHINE_S)
    assert backlog.next_file() == first
