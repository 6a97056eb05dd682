from __future__ import annotations

import io
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ctmo_indi import logs
from ctmo_indi.clock import ClockAnchor, SystemClock
from ctmo_indi.logging_settings import LoggingSettings

REAL = SystemClock()


@pytest.fixture
def set_up() -> Iterator[Callable[..., io.StringIO]]:
    """Set logging up with a text stream in the place of stderr, and undo it."""
    undo: list[Callable[[], None]] = []

    def start(settings: LoggingSettings, clock: SystemClock = REAL) -> io.StringIO:
        stream = io.StringIO()
        undo.append(logs.set_up("telescope", settings, clock, stream=stream))
        return stream

    yield start
    for each in reversed(undo):
        each()


def test_one_event_is_one_line_in_both_places(
    set_up: Callable[..., io.StringIO], tmp_path: Path
) -> None:
    file = tmp_path / "logs" / "ctmo.log"
    stream = set_up(LoggingSettings(file))

    logging.getLogger("ctmo_indi.dome").info("slewing az_deg=%.1f", 12.34)
    logging.getLogger("ctmo_indi.dome").debug("unseen")

    (line,) = stream.getvalue().splitlines()
    assert file.read_text().splitlines() == [line]
    stamp, rest = line.split(" ", 1)
    assert rest == "INFO telescope ctmo_indi.dome slewing az_deg=12.3"
    written = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - written).total_seconds()) < 60


def test_json_lines_have_the_same_parts_and_are_one_line_each(
    set_up: Callable[..., io.StringIO], tmp_path: Path
) -> None:
    file = tmp_path / "ctmo.log"
    stream = set_up(LoggingSettings(file, format="json"))

    logging.getLogger("ctmo_indi.dome").info("slewing az_deg=%.1f\n\x1b[2J", 12.34)
    try:
        raise ValueError("wrong\u2028way")
    except ValueError:
        logging.getLogger("ctmo_indi.dome").exception("failed")

    lines = stream.getvalue().splitlines()
    assert file.read_text().splitlines() == lines
    first, second = (json.loads(line) for line in lines)
    assert {key: first[key] for key in ("level", "service", "logger", "message")} == {
        "level": "INFO",
        "service": "telescope",
        "logger": "ctmo_indi.dome",
        "message": "slewing az_deg=12.3\n\x1b[2J",
    }
    assert datetime.fromisoformat(first["utc"]).tzinfo is not None
    assert "sky" not in first
    assert second["traceback"].endswith("ValueError: wrong\u2028way")


def test_nobody_can_forge_a_line_or_drive_the_terminal(
    set_up: Callable[..., io.StringIO],
) -> None:
    stream = set_up(LoggingSettings())

    logging.getLogger("x").warning(
        "user=%s", "eve\n2026-01-01T00:00:00.000Z INFO ok\r\x1b[2J\x00\u2028\u202e\x9b\udc80é"
    )

    (line,) = stream.getvalue().splitlines()
    assert line.endswith(
        r"user=eve\n2026-01-01T00:00:00.000Z INFO ok\r\x1b[2J\x00\u2028\u202e\x9b\udc80é"
    )


def test_a_traceback_stays_in_its_line(set_up: Callable[..., io.StringIO]) -> None:
    stream = set_up(LoggingSettings())

    try:
        raise ValueError("bad\nnews")
    except ValueError:
        logging.getLogger("x").exception("inbox call failed")

    (line,) = stream.getvalue().splitlines()
    assert r"traceback=Traceback (most recent call last):\n" in line
    assert line.endswith(r"ValueError: bad\nnews")


def test_a_wrong_log_call_is_reported_and_not_raised(set_up: Callable[..., io.StringIO]) -> None:
    stream = set_up(LoggingSettings())

    logging.getLogger("x").info("alt_deg=%d", "high")

    assert "unprintable log call msg='alt_deg=%d' args=('high',)" in stream.getvalue()


@pytest.mark.parametrize("speed", [1.0, 120.0])
def test_under_another_clock_the_line_bears_the_time_of_the_night(
    set_up: Callable[..., io.StringIO], speed: float
) -> None:
    night = datetime(2031, 3, 4, 5, 6, tzinfo=UTC)
    clock = SystemClock(ClockAnchor(time.monotonic(), night.timestamp(), speed))
    stream = set_up(LoggingSettings(), clock)

    logging.getLogger("x").info("open")

    assert re.search(
        r"^20\S+Z sky=2031-03-04T\S+Z INFO telescope x open$", stream.getvalue(), re.MULTILINE
    )


def test_journald_gets_priorities_and_no_second_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "journal").open("w+") as journal:
        status = os.fstat(journal.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        undo = logs.set_up("safety", LoggingSettings(level="DEBUG"), REAL, stream=journal)
        for level in (10, 20, 30, 40, 50):
            logging.getLogger("x").log(level, "level %d", level)
        undo()
        journal.seek(0)
        lines = journal.read().splitlines()

    assert lines == [
        "<7>DEBUG safety x level 10",
        "<6>INFO safety x level 20",
        "<4>WARNING safety x level 30",
        "<3>ERROR safety x level 40",
        "<2>CRITICAL safety x level 50",
    ]


def test_a_stderr_that_was_redirected_is_not_taken_for_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:12345")
    with (tmp_path / "file").open("w") as file:
        assert not logs.is_journal(file)


def _record(text: str) -> logging.LogRecord:
    return logging.LogRecord("x", logging.INFO, "", 0, text, (), None)


def test_a_full_file_is_rotated_and_no_line_is_lost_between_processes(tmp_path: Path) -> None:
    # two handlers on one file stand for two services that share it
    path = tmp_path / "ctmo.log"
    ours, theirs = (logs.SharedFileHandler(path, REAL, max_bytes=1000, keep=5) for _ in range(2))

    for number in range(0, 750, 2):
        ours.emit(_record(f"line {number:04d}"))
        theirs.emit(_record(f"line {number + 1:04d}"))
    ours.close()
    theirs.close()

    old = [path.with_name(f"ctmo.log.{number}") for number in range(5, 0, -1)]
    files = [*old, path]
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert all(file.stat().st_size <= 1000 for file in files)
    assert lines == [f"line {number:04d}" for number in range(750 - len(lines), 750)]
    assert len(lines) >= 5 * 100
    assert not path.with_name("ctmo.log.6").exists()


def test_a_file_moved_away_by_logrotate_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "ctmo.log"
    handler = logs.SharedFileHandler(path, REAL)
    handler.emit(_record("before"))
    path.rename(tmp_path / "moved")

    handler.emit(_record("after"))
    handler.close()

    assert path.read_text() == "after\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_a_full_disk_loses_lines_and_raises_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ctmo.log"
    path.symlink_to("/dev/full")
    handler = logs.SharedFileHandler(path, REAL)
    handler.emit(_record("lost 1"))
    handler.emit(_record("lost 2"))
    path.unlink()  # room again
    handler.emit(_record("kept"))
    handler.emit(_record("kept too"))
    handler.close()

    assert handler.lost == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "No space left on device" in said[0]
    kept, lost, last = path.read_text().splitlines()
    assert (kept, last) == ("kept", "kept too")
    assert lost.endswith("WARNING log lines lost n=2")


def test_a_file_that_cannot_be_opened_keeps_no_service_down(
    set_up: Callable[..., io.StringIO], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    stream = set_up(LoggingSettings(tmp_path / "file" / "ctmo.log"))

    logging.getLogger("x").info("still here")

    assert stream.getvalue().endswith("still here\n")
    assert capsys.readouterr().err.count("log file unusable") == 1


def test_a_closed_stderr_raises_nothing(tmp_path: Path) -> None:
    stream = (tmp_path / "stderr").open("w")
    undo = logs.set_up("telescope", LoggingSettings(), REAL, stream=stream)
    stream.close()

    logging.getLogger("x").info("nobody hears")

    undo()
