"""What the store can do: durable orders per second, the history of observations, events.

Durable orders per second: group commit against one commit for each order, in one run.

Both store the same orders (about 1.4 kB of JSON each) with the same statements on the same disk,
alternating, and count an order only once it is durable (WAL, synchronous FULL). "Group" is what the
front desk sees under load: 64 clients, each waiting for its receipt before it sends the next order.
The rates move with the disk and so does the ratio: where a sync takes 0.1 ms it is between 2 and 3,
and it grows toward the number of clients as the sync outweighs the rest. CPU time per order is the
steadier figure.

Observations: what a start from the history reads, 100,000 rows into the driver's own objects (goal
of an AUTO start: ready within 5 s; here the reading must stay well under 2 s).

Events: what publishing costs the publisher with a store behind the board, and how long an old page
takes out of 100,000 stored events, also of a kind of which there are few.

Run ``python benchmarks/bench_store.py`` (about 20 s, prints JSON).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import tempfile
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from ctmo_indi.clock import SystemClock
from ctmo_indi.models.states import OrderState
from ctmo_indi.store import observations, scheduler_tables
from ctmo_indi.store.database import Database, open_database
from ctmo_indi.store.event_log import EventLog
from ctmo_indi.store.event_shelf import EventShelf, Retention
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.orders import OrderRow, insert_order
from ctmo_indi.work_orders.revisions import RevisionBoard

WIRE = {
    "WOType": "Observation",
    "Object Type": "Galaxy",
    "Object": "NGC 7331",
    "RA": 339.267,
    "Dec": 34.4158,
    "Filter": "V",
    "Exposure Time": 60.0,
    "Number of Exposures": 12,
    "Comment": "x" * 1150,
}


@dataclass(frozen=True)
class Run:
    """Figures of one run: orders per machine second, CPU per order, waits in milliseconds."""

    per_s: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    commits: int


def order(prefix: str, number: int) -> OrderRow:
    """Make an order that came never before."""
    return OrderRow(
        receipt=f"O-{prefix}-{number}",
        user="bench",
        order_id=f"{prefix}-{number}",
        kind="Observation",
        state=OrderState.PENDING,
        priority=5.0,
        content_hash="0" * 64,
        wire=WIRE,
        created_utc_s=0.0,
        updated_utc_s=0.0,
    )


def one_by_one(database: Database, prefix: str, count: int) -> Run:
    """Commit each order alone."""
    waits: list[float] = []
    began, cpu = time.perf_counter(), time.process_time()
    for number in range(count):
        before = time.perf_counter()
        with database.write() as connection:
            insert_order(connection, order(prefix, number))
        waits.append(time.perf_counter() - before)
    return _run(count, time.perf_counter() - began, time.process_time() - cpu, waits, count)


def grouped(database: Database, prefix: str, count: int, clients: int) -> Run:
    """Keep ``clients`` orders under way at any time, from one thread as asyncio would."""
    writer = Writer(database)
    waits: list[float] = []
    free = threading.Semaphore(clients)
    under_way: deque[Future[OrderRow]] = deque()

    def settled(before: float) -> None:
        waits.append(time.perf_counter() - before)
        free.release()

    began, cpu = time.perf_counter(), time.process_time()
    for number in range(count):
        free.acquire()
        before = time.perf_counter()
        row = order(prefix, number)
        future = writer.submit(lambda connection, row=row: insert_order(connection, row))
        future.add_done_callback(lambda _, before=before: settled(before))
        under_way.append(future)
    for future in under_way:
        future.result(60)
    passed, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    writer.close()
    return _run(count, passed, cpu_s, waits, writer.commits)


def observations_read(database: Database, count: int) -> dict[str, float]:
    """Fill the history, then read all of it as a start does, three times."""
    row = {
        "target_name": "NGC 7331",
        "ra_deg": 339.267,
        "dec_deg": 34.4158,
        "exposure_s": 60.0,
        "frames": 1,
        "filter_name": "V",
        "additional": {},
    }
    with database.write() as connection:
        for first in range(0, count, 10_000):
            rows = [
                {
                    **row,
                    "attempt_id": f"A-01J8Z3N9QK4WXYV5T2R7{n:06d}",
                    "receipt": f"O-01J8Z3N9QK4WXYV5T2R7{n % 3000:06d}",
                    "target_id": f"O-01J8Z3N9QK4WXYV5T2R7{n % 3000:06d}",
                    "mjd": 61000.0 + n / 300.0,
                }
                for n in range(first, first + 10_000)
            ]
            connection.execute(sa.insert(scheduler_tables.observations), rows)
    passed, cpu_s = [], []
    for _ in range(3):
        began, cpu = time.perf_counter(), time.process_time()
        with database.read() as connection:
            found = observations.after(connection, 0)
        passed.append(time.perf_counter() - began)
        cpu_s.append(time.process_time() - cpu)
        assert len(found) == count
    return {
        "rows": count,
        "read s": round(statistics.median(passed), 3),
        "CPU s": round(statistics.median(cpu_s), 3),
    }


def events_published(database: Database, count: int) -> dict[str, float]:
    """Publish in bursts as an engine would, then read old pages."""
    writer, clock = Writer(database), SystemClock()
    log = EventLog([EventShelf("events", database, writer, clock, Retention(10**9, math.inf))])
    board = RevisionBoard(clock, store=log)
    plain = RevisionBoard(clock)
    data = {"Receipt": "O-01J8Z3N9QK4WXYV5T2R7M6P8AB", "Status": "PENDING", "Good Exposures": 1}

    def publish(onto: RevisionBoard) -> float:
        began = time.perf_counter()
        for number in range(1000):
            onto.publish("rare" if number == 500 else "order", "O-1", data)
        return (time.perf_counter() - began) / 1000 * 1e6

    without_us = [publish(plain) for _ in range(10)]
    with_us = []
    for _ in range(count // 1000):
        with_us.append(publish(board))
        log.flush(60)
    pages = {}
    for name, kinds in (("all kinds", ()), ("a rare kind", ("rare",))):
        began = time.perf_counter()
        page = board.events(log.first, kinds, 100)
        pages[f"old page of {name} ms"] = round((time.perf_counter() - began) * 1e3, 2)
        assert len(page.events) == min(100, count if not kinds else count // 1000)
    log.close(60)
    writer.close()
    return {
        "events": count,
        "publish us": round(statistics.median(with_us), 1),
        "publish without store us": round(statistics.median(without_us), 1),
        **pages,
    }


def _run(count: int, passed: float, cpu_s: float, waits: list[float], commits: int) -> Run:
    percentiles = statistics.quantiles(waits, n=100)
    return Run(
        per_s=round(count / passed, 1),
        cpu_us=round(cpu_s / count * 1e6, 1),
        p50_ms=round(percentiles[49] * 1e3, 3),
        p99_ms=round(percentiles[98] * 1e3, 3),
        commits=commits,
    )


def sync_ms(folder: str) -> float:
    """Median of what one 4 kB write and fsync takes on that disk: the floor of a commit."""
    waits = []
    with Path(folder, "sync").open("wb", buffering=0) as file:
        for _ in range(200):
            before = time.perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            waits.append(time.perf_counter() - before)
    return round(statistics.median(waits) * 1e3, 3)


def main() -> None:
    """Alternate both ways and print medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--folder", type=Path, help="on the disk to be measured; default: here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder or Path.cwd()) as folder:
        synced_ms = sync_ms(folder)
        database = open_database("scheduler", Path(folder) / "bench.sqlite3")
        single, group = [], []
        one_by_one(database, "warm", 50)
        for number in range(arguments.rounds):
            single.append(one_by_one(database, f"single{number}", 300))
            group.append(grouped(database, f"group{number}", 5000, arguments.clients))
        read = observations_read(database, 100_000)
        events = events_published(database, 100_000)
        database.close()
    middle = {
        name: {
            field: statistics.median(getattr(run, field) for run in runs)
            for field in Run.__dataclass_fields__
        }
        for name, runs in (("one commit per order", single), ("group commit", group))
    }
    rates = [both[1].per_s / both[0].per_s for both in zip(single, group, strict=True)]
    ratio = round(statistics.median(rates), 1)
    figures = {"write and fsync ms": synced_ms, **middle, "ratio of rates": ratio}
    print(json.dumps({**figures, "observations": read, "events": events}, indent=2))


if __name__ == "__main__":
    main()
