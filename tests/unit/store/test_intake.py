from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path

import pytest

from ctmo_indi.errors import InternalError, StoreUnavailable
from ctmo_indi.store import events, orders
from ctmo_indi.store.database import Connection, Database, open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.orders import OrderRow

MakeOrder = Callable[..., OrderRow]
CHILD = Path(__file__).with_name("acknowledging_child.py")


def _append(subject: str, size: int = 1) -> Callable[[Connection], int]:
    return lambda connection: events.append(connection, "log", subject, {"x": "x" * size}, 0.0)


def _subjects(database: Database) -> list[str]:
    with database.read() as connection:
        return [event.subject for event in events.read(connection, 0)]


@contextmanager
def _held(writer: Writer) -> Iterator[None]:
    """Keep the writer busy with a function until the block ends."""
    entered, leave = threading.Event(), threading.Event()

    def hold(_: Connection) -> bool:
        entered.set()
        return leave.wait(30)

    held = writer.submit(hold)
    assert entered.wait(10)
    try:
        yield
    finally:
        leave.set()
        assert held.result(10)


def test_what_waits_during_a_commit_goes_into_the_next_one(
    scheduler_db: Database, scheduler_writer: Writer
) -> None:
    with _held(scheduler_writer):
        futures = [scheduler_writer.submit(_append(str(n))) for n in range(50)]
    cursors = [future.result(10) for future in futures]

    assert cursors == sorted(cursors)
    assert _subjects(scheduler_db) == [str(n) for n in range(50)]
    assert (scheduler_writer.commits, scheduler_writer.committed) == (2, 51)


def test_a_failing_function_leaves_no_trace_and_does_not_disturb_its_group(
    scheduler_db: Database, scheduler_writer: Writer
) -> None:
    def half_done(connection: Connection) -> None:
        events.append(connection, "log", "half done", {}, 0.0)
        raise ValueError("no")

    with _held(scheduler_writer):
        before = scheduler_writer.submit(_append("before"))
        failing = scheduler_writer.submit(half_done)
        broken = scheduler_writer.submit(lambda c: c.exec_driver_sql("SELECT * FROM nowhere"))
        after = scheduler_writer.submit(_append("after"))

    before.result(10)
    after.result(10)
    with pytest.raises(ValueError, match="no"):
        failing.result(10)
    with pytest.raises((StoreUnavailable, InternalError), match="nowhere"):
        broken.result(10)
    assert _subjects(scheduler_db) == ["before", "after"]
    assert scheduler_writer.commits == 2


def test_even_system_exit_in_a_function_does_not_end_the_thread(
    scheduler_writer: Writer,
) -> None:
    def leave(_: Connection) -> None:
        raise SystemExit(1)

    with pytest.raises(SystemExit):
        scheduler_writer.run(leave)

    assert scheduler_writer.run(_append("x")) == 1


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_a_locked_database_fails_the_write_and_not_the_writer(
    scheduler_db: Database, scheduler_writer: Writer
) -> None:
    foreign = sqlite3.connect(scheduler_db.described, isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    futures = [scheduler_writer.submit(_append(str(n))) for n in range(3)]
    for future in futures:
        with pytest.raises(StoreUnavailable, match="locked"):
            future.result(10)
    foreign.execute("ROLLBACK")
    foreign.close()

    scheduler_writer.run(_append("free again"))

    assert _subjects(scheduler_db) == ["free again"]
    assert scheduler_writer.failures >= 1


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_a_full_disk_loses_nothing_that_was_acknowledged(
    scheduler_db: Database, scheduler_writer: Writer
) -> None:
    def limit(connection: Connection, extra_pages: int) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + extra_pages}")

    scheduler_writer.run(lambda c: limit(c, 20))
    with _held(scheduler_writer):
        futures = {
            str(n): scheduler_writer.submit(_append(str(n), 500_000 if n == 5 else 10))
            for n in range(10)
        }
    acknowledged = [subject for subject, f in futures.items() if f.exception(10) is None]

    assert isinstance(futures["5"].exception(), StoreUnavailable)
    assert "full" in str(futures["5"].exception())
    assert _subjects(scheduler_db) == acknowledged

    scheduler_writer.run(lambda c: limit(c, 1_000_000))
    scheduler_writer.run(_append("room again", 500_000))
    assert _subjects(scheduler_db) == [*acknowledged, "room again"]


def test_a_full_queue_refuses_at_once(scheduler_db: Database) -> None:
    writer = Writer(scheduler_db, max_waiting=2)
    with _held(writer):
        taken = [writer.submit(_append(str(n))) for n in range(2)]
        with pytest.raises(StoreUnavailable, match="2 writes are waiting"):
            writer.submit(_append("too many"))
    writer.close()

    assert [future.done() for future in taken] == [True, True]
    assert _subjects(scheduler_db) == ["0", "1"]


def test_close_writes_what_waits_and_then_refuses(scheduler_db: Database) -> None:
    writer = Writer(scheduler_db)
    futures = [writer.submit(_append(str(n))) for n in range(1200)]

    writer.close()
    writer.close()

    assert all(future.result(0) for future in futures)
    assert len(_subjects(scheduler_db)) == 1000  # the limit of one reading
    assert not writer.is_alive
    with pytest.raises(StoreUnavailable, match="closed"):
        writer.submit(_append("late"))


def test_a_wait_that_ends_says_whether_it_was_written(
    scheduler_db: Database, scheduler_writer: Writer
) -> None:
    with _held(scheduler_writer):
        canceled = scheduler_writer.submit(_append("canceled"))
        assert canceled.cancel()
        with pytest.raises(StoreUnavailable, match="it was not written"):
            scheduler_writer.run(_append("too late"), timeout_s=0.01)
    scheduler_writer.run(_append("next"))

    with pytest.raises(CancelledError):
        canceled.result()
    assert _subjects(scheduler_db) == ["next"]


def test_waiting_inside_a_write_is_refused_instead_of_hanging(scheduler_writer: Writer) -> None:
    with pytest.raises(InternalError, match="wait for itself"):
        scheduler_writer.run(lambda _: scheduler_writer.run(_append("x")))


def test_readers_see_whole_commits_and_cannot_write(
    scheduler_db: Database, scheduler_writer: Writer
) -> None:
    with scheduler_db.read() as early:
        assert events.newest_cursor(early) is None
        scheduler_writer.run(_append("later"))
        assert events.newest_cursor(early) is None  # one view from its first query on
    assert _subjects(scheduler_db) == ["later"]
    refused = pytest.raises((StoreUnavailable, InternalError), match=r"read-?only")
    with refused, scheduler_db.read() as connection:
        events.append(connection, "log", "", {}, 0.0)


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_every_commit_is_synced(scheduler_db: Database) -> None:
    with scheduler_db.write() as connection:
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar()
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        foreign_keys = connection.exec_driver_sql("PRAGMA foreign_keys").scalar()

    assert (synchronous, mode, foreign_keys) == (2, "wal", 1)  # 2 is FULL


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.sqlite3"
    chance = random.Random(20261122)
    acknowledged: set[str] = set()
    for round_number in range(5):
        child = subprocess.Popen(
            [sys.executable, str(CHILD), str(path), str(round_number)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert child.stdout is not None
        wanted = chance.randrange(1, 400)
        for count, line in enumerate(child.stdout, 1):
            acknowledged.add(line.strip())
            if count == wanted:
                child.send_signal(signal.SIGKILL)
        child.stdout.close()
        assert child.wait(10) == -signal.SIGKILL

    database = open_database("scheduler", path)
    with database.read() as connection:
        stored = {order.receipt for order in orders.pending(connection)}
        integrity = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
    database.close()
    assert len(acknowledged) >= 5
    assert acknowledged <= stored
    assert integrity == "ok"
