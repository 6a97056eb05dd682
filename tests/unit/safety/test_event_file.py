"""Events that outlive the process, whatever the disk does."""

from __future__ import annotations

import os
import threading
import tracemalloc

import pytest

from ctmo_indi.models.event import Event
from ctmo_indi.safety.event_file import GAP, EventFile, _line
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.full_disk import FullDisk
from ctmo_indi.work_orders.revisions import RevisionBoard

LIMIT_S = 10.0
ALL = 2**31


def event(number, kind="verdict"):
    return Event(number, kind, "safety", "2026-11-22T00:30:00+00:00", {"n": number})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "safety" / "events.jsonl"


@pytest.fixture
def open_file(path):
    opened = []

    def start(**options):
        opened.append(EventFile(path, FakeClock(), **options))
        return opened[-1]

    yield start
    for file in opened:
        file.close(LIMIT_S)


def numbers(found):
    return [event.revision for event in found.events]


def test_the_next_process_reads_what_this_one_published(open_file):
    board = RevisionBoard(FakeClock(), store=open_file())
    cursors = [board.publish("verdict", "safety", {"Level": level}) for level in ("SAFE", "HOLD")]
    assert board._store.close(LIMIT_S)
    after = RevisionBoard(FakeClock(), store=open_file())
    page = after.events(0)
    assert [each.data["Level"] for each in page.events] == ["SAFE", "HOLD"]
    assert not page.lost
    assert after.publish("verdict", "safety", {}) == cursors[-1] + GAP + 1


def test_pages_and_kinds(open_file):
    file = open_file()
    for number in range(1, 9):
        file.append(event(number, "odd" if number % 2 else "even"))
    assert file.flush(LIMIT_S)
    assert numbers(file.read(2, 8, (), 3)) == [3, 4, 5]
    assert file.read(2, 8, (), 3).is_more
    assert numbers(file.read(0, ALL, ("even",), 10)) == [2, 4, 6, 8]


def test_a_page_of_a_long_file_needs_no_more_memory_than_the_page(path):
    lines = [_line(event(number, "odd" if number % 2 else "even")) for number in range(1, 20_001)]
    path.parent.mkdir()
    path.write_bytes(b"".join(lines))
    file = EventFile(path, FakeClock())
    tracemalloc.start()
    try:
        found = file.read(7, ALL, ("odd",), 5)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert file.close(LIMIT_S)
    assert numbers(found) == [9, 11, 13, 15, 17]
    assert found.is_more
    assert peak_bytes < 300_000 < path.stat().st_size


def test_numbers_that_are_out_of_order_or_twice_are_read_in_order_and_once(path):
    told = [50, 51, 3, 51, 4, 5, 52, 6]
    path.parent.mkdir()
    path.write_bytes(b"".join(_line(event(number)) for number in told))
    file = EventFile(path, FakeClock())
    found = file.read(0, ALL, (), 2)
    every = file.read(0, ALL, (), 100)
    assert file.close(LIMIT_S)
    assert (numbers(found), found.is_more) == ([3, 4], True)
    assert (numbers(every), every.is_more) == ([3, 4, 5, 6, 50, 51, 52], False)


def test_a_line_cut_short_by_a_crash_spoils_nothing(open_file, path):
    file = open_file()
    file.append(event(1))
    assert file.close(LIMIT_S)
    with path.open("ab") as raw:
        raw.write(b'{"Revision": 2, "Kind": "ver')
    after = open_file()
    after.append(event(after.first + 1))
    assert after.flush(LIMIT_S)
    assert numbers(after.read(0, ALL, (), 10)) == [1, after.first + 1]


def test_old_events_make_room_and_a_reader_is_told(open_file, path):
    file = open_file(max_bytes=1000)
    for number in range(1, 41):
        file.append(event(number))
        assert file.flush(LIMIT_S)
    found = file.read(0, ALL, (), 100)
    assert found.lost
    assert numbers(found)[-1] == 40
    assert len(list(path.parent.iterdir())) <= 2


def test_a_full_disk_keeps_events_in_memory_until_there_is_room(tmp_path):
    with FullDisk(tmp_path / "disk") as disk:
        file = EventFile(disk.folder / "events.jsonl", FakeClock(), retry_s=0.02)
        disk.fill()
        for number in range(1, 200):
            file.append(event(number))
        seen = numbers(file.read(0, ALL, (), 1000))
        disk.make_room()
        assert file.flush(LIMIT_S)
        assert file.trouble == ""
        assert seen == numbers(file.read(0, ALL, (), 1000)) == list(range(1, 200))
        file.close(LIMIT_S)


def test_when_too_many_wait_the_oldest_go_and_a_reader_is_told(path):
    path.parent.write_text("a file where the folder would be")
    file = EventFile(path, FakeClock(), most_waiting=10, retry_s=0.02)
    for number in range(1, 31):
        file.append(event(number))
    found = file.read(0, ALL, (), 100)
    assert found.lost
    assert numbers(found)[-1] == 30
    assert file.dropped
    assert not file.close(0.5)


def test_a_disk_that_hangs_holds_up_no_publisher(path, monkeypatch):
    stuck, hangs = threading.Event(), threading.Event()

    def hang(_file):
        hangs.set()
        stuck.wait(LIMIT_S)

    monkeypatch.setattr(os, "fsync", hang)
    file = EventFile(path, FakeClock())
    file.append(event(1))
    assert hangs.wait(LIMIT_S)
    for number in range(2, 1000):
        file.append(event(number))
    assert not file.flush(0.01)
    stuck.set()
    assert file.close(LIMIT_S)


def test_numbers_stay_unique_when_the_old_ones_cannot_be_read(path):
    path.mkdir(parents=True)
    file = EventFile(path, FakeClock())
    assert 0 <= file.first < 2**31
    assert file.read(0, ALL, (), 10).lost
    file.close(0.1)
