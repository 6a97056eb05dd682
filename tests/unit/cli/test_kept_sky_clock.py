"""A fast clock goes on where it stood in the data folder; it is never set back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ctmo_indi.cli import kept_sky_clock
from ctmo_indi.errors import ConfigError

NOW = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path


@pytest.mark.parametrize("speed", [1.0, 300.0])
def test_a_new_folder_begins_now(folder: Path, speed: float) -> None:
    assert kept_sky_clock.begin(folder, NOW, speed) is None


@pytest.mark.parametrize("speed", [0.5, 20.0, 300.0])
def test_the_sky_goes_on_after_where_it_was(folder: Path, speed: float) -> None:
    last = NOW + timedelta(hours=30)
    kept_sky_clock.keep(folder, last)
    begun = kept_sky_clock.begin(folder, NOW, speed)
    assert begun is not None
    # later than anything that lived on for a beat, and not by much
    assert last + timedelta(seconds=speed) < begun <= last + timedelta(seconds=3.0 * speed)


@pytest.mark.parametrize("speed", [1.0, 20.0])
def test_where_real_time_has_come_further_it_begins_now(folder: Path, speed: float) -> None:
    kept_sky_clock.keep(folder, NOW - timedelta(minutes=1))
    assert kept_sky_clock.begin(folder, NOW, speed) is None


def test_real_time_is_refused_while_the_sky_is_ahead(folder: Path) -> None:
    kept_sky_clock.keep(folder, NOW + timedelta(hours=30))
    with pytest.raises(ConfigError, match=r"2026-11-24 05:00 UTC.*--speed.*--data"):
        kept_sky_clock.begin(folder, NOW, 1.0)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"utc": 3}', '{"utc": "soon"}', "\udcff"])
def test_a_file_that_says_nothing_is_told(folder: Path, text: str) -> None:
    path = folder / kept_sky_clock.FILE
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=r"sky_clock\.json: cannot be read"):
        kept_sky_clock.begin(folder, NOW, 20.0)


def test_a_disk_that_takes_nothing_ends_nothing(tmp_path: Path) -> None:
    kept_sky_clock.keep(tmp_path / "gone", NOW)


def test_the_clock_that_is_kept_never_goes_back(folder: Path) -> None:
    last = NOW + timedelta(hours=30)
    kept_sky_clock.keep(folder, last)
    kept_sky_clock.keep(folder, NOW)  # a run that ended before its fast clock had begun
    begun = kept_sky_clock.begin(folder, NOW, 20.0)
    assert begun is not None
    assert begun >= last
