"""The audit log: one line an order, whatever the disk does and whatever the order holds."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ctmo_indi import audit_log
from ctmo_indi.audit_log import AuditEntry, AuditLog, read_audit
from ctmo_indi.clock import Deadline, SystemClock

NOW = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)


def entry(number: int = 0, **more: object) -> AuditEntry:
    usual = {"utc": NOW + timedelta(seconds=number), "service": "dome", "outcome": "accepted"}
    return AuditEntry(**(usual | more))  # type: ignore[arg-type]  # whatever the test wants


def eventually(condition: Callable[[], bool]) -> None:
    deadline = Deadline(SystemClock(), 10.0)
    tick = threading.Event()
    while not condition():
        assert not deadline.expired
        tick.wait(0.01)


def test_entries_come_back_in_order(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log")
    for number in range(3000):
        log.record(entry(number, id=str(number)))
    log.close()
    assert [found["id"] for found in read_audit(tmp_path / "audit.log")] == [
        str(number) for number in range(3000)
    ]


def test_an_entry_is_on_disk_a_moment_later_without_a_close(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log")
    log.record(entry(caller="ada"))
    eventually(lambda: [found["caller"] for found in read_audit(tmp_path / "audit.log")] == ["ada"])
    log.record(entry(caller="bob"))
    eventually(lambda: len(list(read_audit(tmp_path / "audit.log"))) == 2)
    log.close()


NASTY = 'x\n{"utc": "2026-11-22T00:00:00+00:00", "caller": "forged"}\r\x1b[31m\u202e\u2028\x00"é'


def test_nothing_in_an_order_forges_a_line_or_speaks_to_a_terminal(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log")
    log.record(entry(user=NASTY, command=NASTY, id=NASTY, text=NASTY))
    log.close()
    data = (tmp_path / "audit.log").read_bytes()
    assert data.count(b"\n") == 1
    assert all(32 <= byte < 127 for byte in data.rstrip(b"\n"))
    (found,) = read_audit(tmp_path / "audit.log")
    assert found["user"] == NASTY


def test_long_texts_are_cut(tmp_path: Path) -> None:
    line = entry(user="u" * 10_000, text="t" * 10_000, id="i" * 10_000).line()
    assert len(line) < 4 * audit_log.LONGEST_TEXT


def test_a_file_that_is_full_is_rotated_and_read_in_order(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log", max_bytes=4000)
    for number in range(40):
        log.record(entry(number, id=str(number)))
        if number % 5 == 0:
            eventually(lambda n=number: _last(tmp_path) == str(n))  # type: ignore[misc]  # bound
    log.close()
    assert (tmp_path / "audit.log.1").is_file()
    found = [int(str(found["id"])) for found in read_audit(tmp_path / "audit.log")]
    assert found == list(range(40))


def _last(folder: Path) -> object:
    found = list(read_audit(folder / "audit.log"))
    return found[-1]["id"] if found else None


def test_several_services_share_the_file(tmp_path: Path) -> None:
    logs = [AuditLog(tmp_path / "audit.log") for _ in range(3)]
    for number in range(900):
        logs[number % 3].record(entry(number, id=str(number)))
    for log in logs:
        log.close()
    found = {found["id"] for found in read_audit(tmp_path / "audit.log")}
    assert found == {str(number) for number in range(900)}


def test_a_disk_that_takes_nothing_never_holds_or_breaks_the_caller(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "no folder").write_text("")
    log = AuditLog(tmp_path / "no folder" / "audit.log")
    for number in range(100):
        log.record(entry(number))
    log.close()
    assert log.lost > 0
    assert "lines are lost" in capfd.readouterr().err


def test_what_cannot_wait_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "_MOST_WAITING", 10)
    monkeypatch.setattr(audit_log, "_PACE_S", 0.5)
    log = AuditLog(tmp_path / "audit.log")
    for number in range(25):
        log.record(entry(number))
    assert log.dropped == 15
    log.close()
    assert len(list(read_audit(tmp_path / "audit.log"))) == 10


def test_what_was_not_taken_is_said_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "_MOST_WAITING", 3)
    monkeypatch.setattr(audit_log, "_PACE_S", 1.0)
    log = AuditLog(tmp_path / "audit.log")
    for _ in range(10):
        log.record(entry())
    log.close()
    assert "WARNING audit lines lost n=7" in (tmp_path / "audit.log").read_text()


def test_torn_lines_are_left_out_and_since_counts(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    lines = [entry(number).line() for number in range(5)]
    path.write_text("\n".join([lines[0], lines[1][:40], "[]", "1", *lines[2:]]) + "\n")
    assert len(list(read_audit(path))) == 4
    assert len(list(read_audit(path, NOW + timedelta(seconds=3)))) == 2
    assert list(read_audit(tmp_path / "absent")) == []


def test_a_line_tells_everything() -> None:
    assert set(json.loads(entry().line())) == {
        "utc", "service", "caller", "role", "address", "via", "user", "kind", "command", "id",
        "receipt", "status", "outcome", "fault", "text",
    }  # fmt: skip


@pytest.fixture
def syncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What had been written to the file, or "folder", at each sync."""
    seen: list[str] = []

    def fsync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        seen.append("folder" if is_folder else (tmp_path / "audit.log").read_text())

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


def test_a_deed_is_synced_and_an_order_that_the_database_keeps_is_not(
    tmp_path: Path, syncs: list[str]
) -> None:
    log = AuditLog(tmp_path / "audit.log")
    log.record(entry(1))
    eventually(lambda: len(list(read_audit(tmp_path / "audit.log"))) == 1)
    without = list(syncs)
    log.record(entry(2, is_synced=True))
    log.close()

    assert without == []
    assert len(syncs) == 2
    assert syncs[0].count("\n") == 2  # not before it was written
    assert syncs[1] == "folder"  # the file is new


def test_many_deeds_share_a_sync(tmp_path: Path, syncs: list[str]) -> None:
    log = AuditLog(tmp_path / "audit.log")
    for number in range(400):
        log.record(entry(number, is_synced=True))
    log.close()

    assert len(list(read_audit(tmp_path / "audit.log"))) == 400
    assert len(syncs) < 20


def test_a_sync_that_fails_is_counted_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fsync(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    log = AuditLog(tmp_path / "audit.log")
    log.record(entry(is_synced=True))
    log.close()

    assert (log.unsynced, log.lost) == (1, 0)
    assert len(list(read_audit(tmp_path / "audit.log"))) == 1
    assert "Input/output error; the last lines may not" in capfd.readouterr().err
