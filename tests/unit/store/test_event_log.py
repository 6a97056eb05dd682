"""Events over restarts: nothing that is stored is lost, no number comes twice, nobody waits."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ctmo_indi.models.event import Event
from ctmo_indi.store import events
from ctmo_indi.store.database import Database, open_database
from ctmo_indi.store.event_log import GAP, EventLog
from ctmo_indi.store.event_shelf import BATCH, EventShelf, Retention
from ctmo_indi.store.intake import Writer
from ctmo_indi.testing.fake_clock import FakeClock

CHILD = Path(__file__).with_name("publishing_child.py")
FOR_EVER = Retention(rows=1_000_000, age_s=math.inf)
NEVER_S = 3600.0
LONG_S = 20.0
LATEST = 2**31
START = datetime(2026, 11, 22, tzinfo=UTC)


class Opened:
    """A log on two databases, and how it ends."""

    def __init__(
        self,
        folder: Path,
        *,
        flush_s: float = 0.0,
        retention: Retention = FOR_EVER,
        most_waiting: int = 1000,
    ) -> None:
        self.clock = FakeClock(START)
        self.databases: list[Database] = []
        self.writers: list[Writer] = []

        def shelf(name: str, *kinds: str) -> EventShelf:
            database = open_database("telemetry", folder / f"{name}.sqlite3")
            self.databases.append(database)
            self.writers.append(Writer(database))
            return EventShelf(
                name,
                database,
                self.writers[-1],
                self.clock,
                retention,
                kinds=kinds or None,
                flush_s=flush_s,
                most_waiting=most_waiting,
            )

        self.shelves = (shelf("telemetry", "telemetry"), shelf("rest"))
        self.log = EventLog(self.shelves)
        self.last = self.log.first

    def publish(self, kind: str, subject: str = "", **data: object) -> Event:
        self.last += 1
        utc = (START + timedelta(seconds=self.last)).isoformat()
        event = Event(self.last, kind, subject, utc, data)
        self.log.append(event)
        return event

    def read(self, after: int = -1, *kinds: str, limit: int = 100) -> list[Event]:
        return list(self.log.read(after, LATEST, kinds, limit).events)

    def close(self) -> None:
        assert self.log.close(LONG_S)
        self.crash()

    def crash(self) -> None:
        """End without writing what waits."""
        for database, writer in zip(self.databases, self.writers, strict=True):
            writer.close()
            database.close()


@pytest.fixture
def open_log(tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    made: list[Opened] = []

    def make(**settings: object) -> Opened:
        made.append(Opened(tmp_path, **settings))  # type: ignore[arg-type]  # the test's own
        return made[-1]

    yield make
    for one in made:
        one.log.close(LONG_S)
        one.crash()


OpenLog = Callable[..., Opened]


def test_events_of_all_files_are_read_back_in_order_after_a_restart(open_log: OpenLog) -> None:
    first = open_log()
    published = [
        first.publish(kind, f"s{n}", Number=n, Nested={"a": [1, 2.5, "é"]})
        for n, kind in enumerate(["order", "telemetry", "order", "state", "telemetry"])
    ]
    first.close()

    second = open_log()

    assert second.log.first == published[-1].revision + GAP
    assert second.read() == published
    assert second.read(published[1].revision) == published[2:]
    assert second.read(-1, "telemetry") == [published[1], published[4]]
    assert second.read(-1, "order", "telemetry") == [*published[:3], published[4]]
    assert second.log.read(-1, published[2].revision).events == tuple(published[:2])
    assert not second.log.read(0, LATEST).lost


def test_pages_are_cut_at_the_limit(open_log: OpenLog) -> None:
    opened = open_log()
    published = [opened.publish("telemetry" if n % 3 else "order") for n in range(20)]

    page = opened.log.read(0, LATEST, limit=8)
    rest = opened.log.read(page.events[-1].revision, LATEST, limit=12)

    assert (page.events, page.is_more) == (tuple(published[:8]), True)
    assert (rest.events, rest.is_more) == (tuple(published[8:]), False)


def test_a_flush_of_more_than_a_batch_waits_for_nothing_else(open_log: OpenLog) -> None:
    opened = open_log(flush_s=NEVER_S, most_waiting=10 * BATCH)
    for _ in range(3 * BATCH + 7):
        opened.publish("target")
    assert opened.log.flush(LONG_S)


def test_what_waits_to_be_written_is_read_all_the_same(open_log: OpenLog) -> None:
    opened = open_log(flush_s=NEVER_S)
    stored = opened.publish("order", "O-1")
    assert opened.log.flush(LONG_S)
    waiting = [opened.publish("order", "O-2"), opened.publish("telemetry", "dome")]

    assert opened.read() == [stored, *waiting]
    assert opened.read(-1, "telemetry") == [waiting[1]]
    assert opened.log.to_wire()["rest"]["Waiting"] == 1  # type: ignore[index]


def test_numbers_lost_in_a_crash_never_come_again(open_log: OpenLog) -> None:
    """Even when nothing was stored in between, three times over."""
    starts = []
    for _ in range(3):
        opened = open_log(flush_s=NEVER_S)
        starts.append(opened.log.first)
        opened.publish("order", "lost")
        opened.crash()

    assert starts == [0, GAP, 2 * GAP]


def test_who_read_what_a_crash_took_is_told_and_nobody_else(open_log: OpenLog) -> None:
    before = open_log(flush_s=NEVER_S)
    stored = before.publish("order", "O-1")
    assert before.log.flush(LONG_S)
    gone = before.publish("order", "O-2")
    before.crash()

    after = open_log()

    assert not after.log.read(stored.revision, LATEST).lost
    assert after.log.read(gone.revision, LATEST).lost
    assert not after.log.read(after.log.first, LATEST).lost


@pytest.mark.parametrize("keep", [Retention(rows=3, age_s=math.inf), Retention(1000, age_s=2.5)])
def test_only_what_was_pruned_is_lost(open_log: OpenLog, keep: Retention) -> None:
    opened = open_log(retention=keep)
    quiet = opened.publish("telemetry")
    published = [opened.publish("order", str(n)) for n in range(10)]
    assert opened.log.flush(LONG_S)
    opened.clock.advance(opened.last)

    opened.shelves[1].prune()
    with opened.shelves[1]._changed:
        opened.shelves[1]._changed.wait_for(lambda: not opened.shelves[1]._prunes, LONG_S)

    kept = published[-3:]
    everything = opened.log.read(-1, LATEST)
    assert (list(everything.events), everything.lost) == ([quiet, *kept], True)
    assert opened.log.read(kept[0].revision - 2, LATEST).lost
    assert not opened.log.read(kept[0].revision - 1, LATEST).lost
    assert not opened.log.read(-1, LATEST, ["telemetry"]).lost
    assert opened.shelves[1].pruned == 7
    opened.close()
    assert not open_log().log.read(kept[0].revision - 1, LATEST).lost


def test_restarts_do_not_make_what_is_kept_by_rows_less(open_log: OpenLog) -> None:
    for _ in range(4):
        opened = open_log(retention=Retention(rows=3, age_s=math.inf))
        opened.publish("order")
        assert opened.log.flush(LONG_S)
        opened.log.prune()
        end_s = time.monotonic() + LONG_S
        while len(opened.read()) > 3:  # it is asked for only; closing does not wait for it
            assert time.monotonic() < end_s, opened.read()
        opened.close()

    assert len(open_log().read()) == 3


def test_a_full_disk_holds_nobody_up_and_is_told(
    open_log: OpenLog, caplog: pytest.LogCaptureFixture
) -> None:
    opened = open_log(flush_s=NEVER_S, most_waiting=50)
    first = opened.publish("order", "first")
    assert opened.log.flush(LONG_S)
    _pages(opened.writers[1], 1)
    published = [opened.publish("order", str(n), Text="x" * 5000) for n in range(200)]

    _fail(opened, 3)
    assert "full" in opened.log.trouble
    assert caplog.text.count("events cannot be stored") == 1
    opened.clock.advance(61.0)
    _fail(opened, 5)
    assert caplog.text.count("events cannot be stored") == 2
    assert opened.shelves[1].dropped == 151

    _pages(opened.writers[1], 100_000)
    late = opened.publish("order", "late")
    assert opened.log.flush(LONG_S)
    assert opened.log.trouble == ""
    kept = [first, *published[152:], late]
    page = opened.log.read(-1, LATEST)
    assert (list(page.events), page.lost) == (kept, True)
    assert not opened.log.read(published[-1].revision, LATEST).lost


def _fail(opened: Opened, times: int) -> None:
    """Have it try until it has failed so often."""
    end_s = time.monotonic() + LONG_S
    while opened.shelves[1].failures < times:
        assert time.monotonic() < end_s
        assert not opened.log.flush(0.05)


def _pages(writer: Writer, most: int) -> None:
    """Let the database grow to so many pages; not below what it has."""
    writer.run(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count = {most}").scalar())


def test_one_event_no_json_can_carry_does_not_hold_up_the_next(open_log: OpenLog) -> None:
    opened = open_log()
    opened.publish("order", "odd\0\ud800", Value=math.nan, Where=Path("/x"), Many=(1, math.inf))
    after = opened.publish("order", "O-2")
    assert opened.log.flush(LONG_S)

    odd, second = opened.read()

    assert second == after
    assert odd.subject == "odd�?"
    assert odd.data == {"Value": None, "Where": "/x", "Many": [1, None]}


def test_a_killed_publisher_never_gives_out_a_number_twice(tmp_path: Path) -> None:
    told: dict[int, str] = {}
    path = tmp_path / "events.sqlite3"
    for round_number in range(3):
        child = subprocess.Popen(
            [sys.executable, str(CHILD), str(path), str(round_number)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(5000 * (round_number + 1))]
        os.kill(child.pid, signal.SIGKILL)
        lines += child.stdout.read().splitlines(keepends=True)
        child.stdout.close()
        child.wait(LONG_S)
        for line in lines:
            revision, _, content = line.decode().strip().partition(" ")
            if line.endswith(b"\n"):
                assert int(revision) not in told
                told[int(revision)] = content

    database = open_database("telemetry", path)
    with database.read() as connection:
        stored = events.read(connection, 0, limit=1_000_000)
    database.close()
    assert stored
    # what was stored but not yet told is the tail of a round
    assert {row.subject for row in stored if told.get(row.cursor, row.subject) != row.subject} == (
        set()
    )
