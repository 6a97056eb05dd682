"""An honest client goes on submitting while all attackers attack at once from its own address."""

from __future__ import annotations

import http.client
import itertools
import json
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
import xmlrpc.client
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ctmo_indi.testing.service_process import ServiceProcess, service_process

from .. import promises
from .attack_rows import ORDER

SECONDS = promises.runs(8, 120)
PERIOD_S = 0.05
MOST_P99_MS = 500.0
MOST_MEMORY_MB = 50.0


class Honest:
    """Submits an order every now and then, on a connection for each or on a kept one."""

    def __init__(self, port: int, name: str, *, keeps: bool) -> None:
        self._port = port
        self._name = name
        self._keeps = keeps
        self._kept: http.client.HTTPConnection | None = None
        self.waits_s: list[float] = []
        self.errors: list[str] = []
        self.receipts: list[str] = []

    def run(self, end_s: float) -> None:
        """Submit until ``end_s``."""
        pause = threading.Event()
        for number in itertools.count():
            began_s = time.monotonic()
            if began_s >= end_s:
                break
            try:
                self.receipts.append(self._submit(f"{self._name}-{number}"))
            except Exception as error:  # whatever it is, an honest client met it
                self.errors.append(repr(error))
                self._kept = None
            self.waits_s.append(time.monotonic() - began_s)
            pause.wait(PERIOD_S)
        if self._kept is not None:
            self._kept.close()

    def _submit(self, name: str) -> str:
        order = ORDER | {"User": self._name, "ID": name}
        body = xmlrpc.client.dumps((order,), "front_desk").encode()
        connection = self._kept or http.client.HTTPConnection("127.0.0.1", self._port, timeout=10.0)
        connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml"})
        (reply,), _ = xmlrpc.client.loads(connection.getresponse().read())
        if self._keeps:
            self._kept = connection
        else:
            connection.close()
        told: Any = reply
        return str(told["Receipt"])


def _stored(scheduler: ServiceProcess) -> set[str]:
    path = scheduler.data_dir / "scheduler.sqlite3"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return {receipt for (receipt,) in database.execute("SELECT receipt FROM orders")}


@pytest.mark.faults
@pytest.mark.promise
@pytest.mark.timeout(600)
def test_honest_client_under_attack(tmp_path: Path, promise: promises.Recorder) -> None:
    with service_process("scheduler", tmp_path) as scheduler:
        warm = Honest(scheduler.port, "warm", keeps=False)
        warm.run(time.monotonic() + 1.0)
        before_mb = most_mb = scheduler.rss_mb()
        with subprocess.Popen(
            [
                sys.executable,
                Path(__file__).with_name("attackers.py"),
                str(scheduler.port),
                str(SECONDS),
            ],
            stdout=subprocess.PIPE,
            text=True,
        ) as attackers:
            end_s = time.monotonic() + SECONDS
            honest = [Honest(scheduler.port, f"honest{n}", keeps=n == 1) for n in range(2)]
            threads = [threading.Thread(target=one.run, args=(end_s,)) for one in honest]
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                most_mb = max(most_mb, scheduler.rss_mb())
                threads[0].join(0.2)
                threads[1].join(0.2)
            said, _ = attackers.communicate(timeout=60.0)
        log = scheduler.output.read_text(encoding="utf-8", errors="replace")
        stored = _stored(scheduler)
        is_alive = scheduler.is_alive
    attacks = json.loads(said)
    errors = [error for one in honest for error in one.errors]
    receipts = {receipt for one in honest for receipt in one.receipts}
    waits_ms = [1e3 * wait_s for one in honest for wait_s in one.waits_s]
    p99_ms = statistics.quantiles(waits_ms, n=100)[98]
    print(attacks, errors[:5], len(log.splitlines()), "log lines")
    assert is_alive
    assert min(attacks.values()) > 0
    assert receipts <= stored
    assert "traceback=" not in log
    others = [line for line in log.splitlines() if "order received" not in line]
    assert len(others) < 600 + 12 * SECONDS  # an attacker does not write the log
    promise(
        "under_attack",
        f"p99 {p99_ms:.0f} ms, longest {max(waits_ms):.0f} ms, {len(errors)} errors"
        f" of {len(waits_ms)} orders, {most_mb - before_mb:+.0f} MB in {SECONDS} s;"
        f" {attacks['_bomb']} x 5 bombs, {attacks['_flood']} floods, {attacks['_slow']} slow",
        holds=p99_ms < MOST_P99_MS and most_mb - before_mb < MOST_MEMORY_MB and not errors,
        needs_quiet=not errors and most_mb - before_mb < MOST_MEMORY_MB,
    )
