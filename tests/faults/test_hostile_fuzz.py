"""Mutated bodies and requests: none crashes, none hangs, none gets through that is not right.

Seeds are fixed. A failure names seed and number of a mutation; ``Mutator(seed)`` makes it again.
"""

from __future__ import annotations

import json
import queue
import sqlite3
import threading
import time
import xmlrpc.client
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from ctmo_indi import profiles
from ctmo_indi.testing.service_process import ServiceProcess, service_process
from ctmo_indi.work_orders.contract import Contract

from .. import promises
from .fuzz_runs import HANG_S, Found, SocketFuzzer, in_process
from .mutations import Mutator
from .order_oracle import Oracle

IN_PROCESS = promises.runs(16_000, 400_000)
BY_SOCKET = promises.runs(4_000, 600_000)
CONNECTIONS = 8
MOST_MEMORY_MB = 50.0
SEED = 20261122

pytestmark = [pytest.mark.faults, pytest.mark.promise, pytest.mark.timeout(7200)]


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle(profiles.load("simulators"))


@pytest.fixture(scope="module")
def seen() -> Found:
    """What all runs of the module saw together."""
    return Found()


def test_the_same_seed_gives_the_same_mutations() -> None:
    first, again = (Mutator(7) for _ in range(2))
    assert [first.request() for _ in range(200)] == [again.request() for _ in range(200)]
    assert Mutator(7).body() != Mutator(8).body()


def test_bodies_against_decoder_and_contract(oracle: Oracle, seen: Found) -> None:
    contract = Contract.load(profiles.load("simulators"))
    found = in_process(SEED, IN_PROCESS, contract, oracle)
    seen.add(found)
    assert found.wrong == []
    assert found.outcomes["accepted"] > IN_PROCESS / 100  # else the oracle has nothing to say
    assert found.outcomes[400] > IN_PROCESS / 100


class Canceler:
    """Cancels what was accepted, as an honest caller: a fuzzed scheduler is not to fill up."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._receipts: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.canceled = 0
        self.refused: Counter[int] = Counter()
        self.longest_s = 0.0
        self.add = self._receipts.put
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._receipts.put(None)
        self._thread.join(60.0)

    def _work(self) -> None:
        with xmlrpc.client.ServerProxy(f"http://127.0.0.1:{self._port}/") as desk:
            while (receipt := self._receipts.get()) is not None:
                began_s = time.monotonic()
                try:
                    desk.front_desk({"WOType": "Cancel", "User": "honest", "Receipt": receipt})
                    self.canceled += 1
                except xmlrpc.client.Fault as fault:  # 412: canceled before, by the same receipt
                    self.refused[fault.faultCode] += 1
                self.longest_s = max(self.longest_s, time.monotonic() - began_s)


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[ServiceProcess]:
    with service_process("scheduler", tmp_path) as running:
        yield running


def _wrong_rows(database: Path, oracle: Oracle) -> list[str]:
    """Say which stored orders the oracle does not take."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT receipt, wire FROM orders").fetchall()
    return [
        f"{receipt}: {why}; {wire}"
        for receipt, wire in rows
        if (why := oracle.why_not(json.loads(wire)))
    ]


def test_requests_against_the_scheduler(
    scheduler: ServiceProcess, oracle: Oracle, seen: Found, promise: promises.Recorder
) -> None:
    canceler = Canceler(scheduler.port)
    is_over = threading.Event()
    fuzzers = [
        SocketFuzzer(scheduler.port, SEED + 1 + number, oracle, canceler.add)
        for number in range(CONNECTIONS)
    ]
    for fuzzer in fuzzers:  # what a first request loads is no growth
        fuzzer.run(20, is_over)
    before_mb = scheduler.rss_mb()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        futures = [pool.submit(fuzzer.run, BY_SOCKET // CONNECTIONS, is_over) for fuzzer in fuzzers]
        for future in futures:
            future.result()
    canceler.close()
    assert canceler.refused.keys() <= {404, 412}
    grown_mb = scheduler.rss_mb() - before_mb
    found = Found()
    for fuzzer in fuzzers:
        found.add(fuzzer.found)
    seen.add(found)
    assert scheduler.is_alive
    assert found.wrong == []
    log = scheduler.output.read_text(encoding="utf-8", errors="replace")
    for surprise in ("traceback=", "exchange_failed", "http_failed", "front_desk_died"):
        assert surprise not in log, log[max(0, log.find(surprise) - 300) :][:2000]
    assert _wrong_rows(scheduler.data_dir / "scheduler.sqlite3", oracle) == []
    assert found.outcomes["accepted"] > 0
    statuses = " ".join(f"{kind}:{count}" for kind, count in found.outcomes.most_common())
    print(f"by socket {statuses}; longest {found.longest_s:.2f} s ({found.slowest})")
    promise(
        "fuzz",
        f"{seen.count} mutations ({found.count} as requests by {CONNECTIONS} connections):"
        f" 0 crashes, longest {1e3 * seen.longest_s:.0f} ms, {grown_mb:+.1f} MB,"
        f" {seen.outcomes['accepted']} accepted, all by the oracle too",
        holds=not seen.wrong
        and seen.longest_s < HANG_S
        and grown_mb < MOST_MEMORY_MB
        and canceler.longest_s < HANG_S,
    )
