"""Durable orders: the real scheduler process against a bare DocXMLRPCServer that stores nothing.

Run: ``python benchmarks/bench_intake.py [--rounds N] [--seconds S] [--json]``. The promises about
the intake are measured with it: ``tests/faults/test_intake_load.py``.

Server and client are processes of their own. The scheduler is ``ctmo-indi serve scheduler`` as it
is installed: HTTP, the sender's token, decoding, schema, whether the target ever rises, Priority, a
row made durable by group commit (SQLite, WAL, FULL), receipt, and the engine that takes up each
order. Every acknowledgement is looked up in the database afterwards.

Two ways to compare: each of 32 callers sends its next order as soon as the last is answered, or all
32 send one at the same moment, again and again. In the first a server that drops connections looks
well: those it has dropped send nothing meanwhile and count once.

Cells take turns, so that a busy machine hits all of them; figures are medians over the rounds,
ratios are made within a round. CPU is that of all threads of the server, user and system; it
depends least on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from xmlrpc.server import DocXMLRPCServer

import psutil

from ctmo_indi.clock import SystemClock
from ctmo_indi.testing.order_load import Served, send_orders, send_waves
from ctmo_indi.testing.service_process import ServiceProcess, service_process
from ctmo_indi.tokens import Token, digest, new_secret, write_tokens

CELLS = {  # name -> connections, kept, seconds (as a part of --seconds)
    "64 keep-alive": (64, True, 1.0),
    "32 connections": (32, False, 1.0),
    "1 keep-alive": (1, True, 0.5),
}
OURS = "32 connections"
OURS_WAVES = "32 callers at once"
BARE = f"bare DocXMLRPCServer, {OURS}"
BARE_WAVES = f"bare DocXMLRPCServer, {OURS_WAVES}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of one round."""

    per_s: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    errors: int
    not_stored: int


def _bare(sender: Connection) -> None:
    """Serve what upstream serves, with nothing behind it."""
    server = DocXMLRPCServer(("127.0.0.1", 0), logRequests=False)
    server.register_function(
        lambda _order: {"Receipt": "none", "Message": "Work order received."}, "front_desk"
    )
    sender.send(server.server_address[1])
    server.serve_forever()


@contextmanager
def bare_server() -> Iterator[tuple[int, psutil.Process]]:
    """Run a bare DocXMLRPCServer in a process of its own."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("spawn").Process(target=_bare, args=(sender,), daemon=True)
    child.start()
    try:
        yield receiver.recv(), psutil.Process(child.pid)
    finally:
        child.kill()
        child.join(10)


def token_header(data_dir: Path) -> str:
    """Give a submitter a token of the service in that folder; return his header line."""
    data_dir.mkdir(parents=True)
    secret = new_secret()
    token = Token("bench", "submit", digest(secret), SystemClock().utc(), users=("*",))
    write_tokens(data_dir / "tokens.json", [token])
    return f"Authorization: Bearer {secret}"


def commit_ms(folder: Path, count: int = 100) -> tuple[float, float]:
    """Median and 99 % of a bare SQLite commit (WAL, FULL) of one row on that disk."""
    waits = []
    with closing(sqlite3.connect(folder / "commit.sqlite3", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE IF NOT EXISTS one (text TEXT)")
        for _ in range(count):
            began_s = time.perf_counter()
            database.execute("BEGIN IMMEDIATE")
            database.execute("INSERT INTO one VALUES (?)", ("x" * 800,))
            database.execute("COMMIT")
            waits.append(1e3 * (time.perf_counter() - began_s))
    return round(statistics.median(waits), 3), round(statistics.quantiles(waits, n=100)[98], 3)


def cpu_s(process: psutil.Process) -> float:
    """CPU seconds of a process so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def not_stored(scheduler: ServiceProcess, served: Served) -> int:
    """How many acknowledged orders the database does not have."""
    path = scheduler.data_dir / "scheduler.sqlite3"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        query = "SELECT 1 FROM orders WHERE receipt = ? AND order_id = ?"
        return sum(
            database.execute(query, (receipt, name)).fetchone() is None
            for name, receipt in served.acknowledged.items()
        )


def _cell(served: Served, used_s: float, lost: int) -> Cell:
    return Cell(
        per_s=round(served.per_s, 1),
        cpu_us=round(used_s / max(1, served.count) * 1e6, 1),
        p50_ms=round(served.quantile_ms(50), 3),
        p99_ms=round(served.quantile_ms(99), 3),
        max_ms=round(served.longest_ms, 3),
        errors=sum(served.errors.values()),
        not_stored=lost,
    )


def settle(process: psutil.Process) -> None:
    """Wait until the server has nothing more to do for the orders it has answered."""
    quiet = threading.Event()
    for _ in range(200):
        before_s = cpu_s(process)
        quiet.wait(0.25)
        if cpu_s(process) - before_s <= 0.03:
            return


class Bench:
    """Rounds of all cells against one scheduler and one bare server."""

    def __init__(self, folder: Path, seconds: float, headers: tuple[str, ...]) -> None:
        self._folder = folder
        self._headers = headers
        self._seconds = seconds
        self._runs = 0
        self.cells: dict[str, list[Cell]] = {}
        self.commits: list[tuple[float, float]] = []
        self.complaints: dict[str, int] = {}

    def round(self, scheduler: ServiceProcess) -> None:
        """Measure every cell once."""
        with bare_server() as (port, process):
            before_s = cpu_s(process)
            served = self._send(port, 32, keeps=False, seconds=self._seconds)
            self._note(BARE, _cell(served, cpu_s(process) - before_s, 0))
            before_s = cpu_s(process)
            served = self._waves(port, 3)
            self._note(BARE_WAVES, _cell(served, cpu_s(process) - before_s, 0))
        before_s = scheduler.cpu_s()
        served = self._waves(scheduler.port, 60)
        used_s = scheduler.cpu_s() - before_s
        self._note(OURS_WAVES, _cell(served, used_s, not_stored(scheduler, served)))
        for name, (connections, keeps, part) in CELLS.items():
            self.commits.append(commit_ms(self._folder))
            before_s = scheduler.cpu_s()
            served = self._send(
                scheduler.port, connections, keeps=keeps, seconds=part * self._seconds
            )
            settle(scheduler.process)
            used_s = scheduler.cpu_s() - before_s
            self._note(name, _cell(served, used_s, not_stored(scheduler, served)))
            for error, count in served.errors.items():
                self.complaints[error] = self.complaints.get(error, 0) + count

    def _send(self, port: int, connections: int, *, keeps: bool, seconds: float) -> Served:
        self._runs += 1
        return send_orders(
            port,
            run=self._runs,
            connections=connections,
            keeps=keeps,
            duration_s=seconds,
            headers=self._headers,
        )

    def _waves(self, port: int, waves: int) -> Served:
        self._runs += 1
        return send_waves(port, run=self._runs, callers=32, waves=waves, headers=self._headers)

    def _note(self, name: str, cell: Cell) -> None:
        self.cells.setdefault(name, []).append(cell)

    def figures(self) -> dict[str, object]:
        """Medians over the rounds, and the ratios to the bare server."""
        middle = {
            name: {
                key: statistics.median(getattr(cell, key) for cell in cells)
                if key not in ("errors", "not_stored")
                else sum(getattr(cell, key) for cell in cells)
                for key in asdict(cells[0])
            }
            for name, cells in self.cells.items()
        }
        return {
            **middle,
            "ratio to bare, 32 connections": self._ratio(OURS, BARE),
            "ratio to bare, 32 callers at once": self._ratio(OURS_WAVES, BARE_WAVES),
            "commit ms": {
                "p50": statistics.median(one[0] for one in self.commits),
                "p99": statistics.median(one[1] for one in self.commits),
            },
            "rounds": len(self.cells[OURS]),
            "load average": round(os.getloadavg()[0], 2),
            "complaints": self.complaints,
        }

    def _ratio(self, ours: str, bare: str) -> dict[str, float]:
        """How many times better, the median over the rounds."""
        pairs = list(zip(self.cells[ours], self.cells[bare], strict=True))
        return {
            "throughput": round(statistics.median(o.per_s / b.per_s for o, b in pairs), 2),
            "p99": round(statistics.median(b.p99_ms / o.p99_ms for o, b in pairs), 2),
            "max": round(statistics.median(b.max_ms / o.max_ms for o, b in pairs), 2),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of a cell")
    parser.add_argument("--folder", type=Path, help="on the disk to be measured; default: here")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder or Path.cwd()) as name:
        data_dir = Path(name) / "data"
        headers = (token_header(data_dir),)
        bench = Bench(Path(name), arguments.seconds, headers)
        with service_process("scheduler", data_dir) as scheduler:
            send_orders(
                scheduler.port, run=0, connections=8, keeps=True, duration_s=1.0, headers=headers
            )
            for _ in range(arguments.rounds):
                bench.round(scheduler)
                if not arguments.json:
                    print(f"round {len(bench.commits) // len(CELLS)}", file=sys.stderr)
    print(json.dumps(bench.figures(), indent=2))


if __name__ == "__main__":
    main()
