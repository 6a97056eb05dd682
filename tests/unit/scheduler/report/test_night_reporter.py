"""Reports in the morning, the alarm at noon, each once whatever is restarted."""

from __future__ import annotations

import json
import logging
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ctmo_indi.errors import StoreUnavailable
from ctmo_indi.scheduler.report.making import Report, with_words
from ctmo_indi.scheduler.report.night_data import NightEdges
from ctmo_indi.scheduler.report.night_reporter import NightReporter, ReporterParts
from ctmo_indi.scheduler.report.night_sky import NightSky
from ctmo_indi.scheduler.report.report_files import ReportFiles
from ctmo_indi.testing.fake_clock import FakeClock

from .night_rig import PROFILE

DAWN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
"""Just after the dark of 21 November; noon is at 18:30."""


class Rig:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock(DAWN - timedelta(hours=2))
        self.sky = NightSky(PROFILE, self.clock, lambda row: pytest.fail(str(row)))
        self.first_s: float | None = (DAWN - timedelta(hours=20)).timestamp()
        self.alarm = ""
        self.error: Exception | None = None
        self.made: list[str] = []
        self.published: list[dict[str, object]] = []
        self.notes: list[str] = []
        self.files = ReportFiles(folder / "reports")
        self.reporter = self.restarted()

    def restarted(self) -> NightReporter:
        self.reporter = NightReporter(
            ReporterParts(
                clock=self.clock,
                sky=self.sky,
                make=self.make,
                files=self.files,
                first_record_utc_s=lambda: self.first_s,
                publish=lambda kind, subject, data: self.published.append(data),
                note=lambda kind, data: self.notes.append(f"{kind}: {data['Message']}"),
                file=self.folder / "scheduler" / "reports.json",
            )
        )
        self.reporter.read()
        return self.reporter

    def make(self, edges: NightEdges) -> Report:
        self.made.append(edges.night)
        if self.error is not None:
            raise self.error
        return with_words({"Night": edges.night, "Alarm": self.alarm, "Whole": True})

    def pass_hours(self, hours: float) -> None:
        self.clock.advance(hours * 3600.0)

    def look(self) -> None:
        self.reporter.look()


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_a_report_is_written_when_the_dark_is_over_and_again_at_noon(rig: Rig) -> None:
    rig.look()
    assert rig.made == []
    rig.pass_hours(2.2)
    rig.look()
    rig.look()
    assert rig.made == ["20261121"]
    names = sorted(path.name for path in rig.files.folder.iterdir())
    assert names == ["20261121.html", "20261121.json", "20261121.txt"]
    rig.pass_hours(7.0)
    rig.look()
    rig.look()
    assert rig.made == ["20261121", "20261121"]
    assert (rig.published, rig.notes) == ([], [])
    (told,) = rig.reporter.to_wire()
    assert told["Night"] == "20261121"
    assert told["Judged"] != ""


def test_a_dead_night_is_told_at_noon_and_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.alarm = "no frame"
    rig.pass_hours(3.0)
    rig.look()
    assert rig.notes == []  # not in the morning: its owner may be asleep, and it is no hurry
    rig.pass_hours(7.0)
    with caplog.at_level(logging.WARNING):
        rig.look()
        rig.look()
    rig.restarted().look()
    assert rig.notes == ["deadNight: night 20261121: no frame"]
    assert rig.published == [{"Night": "20261121", "Message": "night 20261121: no frame"}]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert rig.reporter.to_wire()[-1]["Alarm"] == "no frame"


def test_a_scheduler_that_was_not_there_at_noon_tells_at_its_start(rig: Rig) -> None:
    rig.alarm = "no record of the whole night"
    rig.pass_hours(24.0 + 10.0)
    rig.restarted().look()
    nights = [note.partition(": no record")[0] for note in rig.notes]
    assert nights == ["deadNight: night 20261121", "deadNight: night 20261122"]
    rig.restarted().look()
    assert len(rig.notes) == 2


def test_nights_before_the_first_record_are_left_alone(rig: Rig) -> None:
    rig.pass_hours(10.0)
    rig.first_s = None
    rig.look()
    rig.first_s = rig.clock.utc().timestamp()
    rig.look()
    assert rig.made == []


def test_a_night_of_which_no_report_can_be_made_is_told_at_noon_once(rig: Rig) -> None:
    rig.error = StoreUnavailable("disk I/O error")
    rig.pass_hours(3.0)
    with pytest.raises(StoreUnavailable):
        rig.look()
    assert rig.notes == []
    rig.pass_hours(7.0)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            rig.restarted().look()
    assert rig.notes == ["deadNight: night 20261121: no report could be made: disk I/O error"]
    rig.error = None
    rig.look()
    assert rig.files.read("20261121") is not None
    assert len(rig.notes) == 1


def test_a_report_that_cannot_be_written_is_told_too(rig: Rig) -> None:
    (rig.folder / "reports").write_text("a file where the folder should be")
    rig.pass_hours(10.0)
    with pytest.raises(OSError, match="reports"):
        rig.look()
    assert "no report could be made" in rig.notes[0]


def test_a_broken_file_of_what_was_done_begins_anew(rig: Rig) -> None:
    file = rig.folder / "scheduler" / "reports.json"
    file.parent.mkdir()
    file.write_text(json.dumps([{"night": "20261121", "surprise": 1}]))
    rig.pass_hours(3.0)
    rig.restarted().look()
    assert rig.made == ["20261121"]


def test_its_thread_looks_and_ends(rig: Rig) -> None:
    rig.pass_hours(3.0)
    rig.reporter.start()
    pause = threading.Event()
    for _ in range(1000):
        if rig.reporter.to_wire():
            break
        pause.wait(0.01)
    rig.reporter.stop(5.0)
    assert rig.made == ["20261121"]
