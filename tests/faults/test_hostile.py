"""Everything hostile that was thought of, against the real scheduler process."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import xmlrpc.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.testing.service_process import ServiceProcess, service_process

from .. import promises
from .attack_rows import BODY, ORDER, ROWS, Row, post
from .hostile_client import ask

LONGEST_S = 1.0
MOST_MEMORY_MB = 50.0
SLACK_S = 3.0


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A scheduler as it is installed; after all attacks it lives and its log has no surprise."""
    with service_process("scheduler", tmp_path_factory.mktemp("hostile")) as scheduler:
        honest(scheduler.port)
        yield scheduler
        assert scheduler.is_alive
        log = scheduler.output.read_text(encoding="utf-8", errors="replace")
    for surprise in (
        "Traceback",
        "traceback=",
        "exchange_failed",
        "http_failed",
        "front_desk_died",
    ):
        assert surprise not in log, log[max(0, log.find(surprise) - 500) :][:2000]


@pytest.fixture(scope="module")
def refused() -> dict[str, bool]:
    """Name of each row that was tried -> whether all was as the table says."""
    return {}


def honest(port: int) -> str:
    """Ask as an honest caller; return the Status."""
    with xmlrpc.client.ServerProxy(f"http://127.0.0.1:{port}/") as proxy:
        reply: Any = proxy.front_desk(ORDER | {"User": "honest"})
        return str(reply["Status"])


@pytest.mark.faults
@pytest.mark.promise
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_attack(desk: ServiceProcess, refused: dict[str, bool], row: Row) -> None:
    refused[row.name] = False
    before_mb, began_s = desk.rss_mb(), time.monotonic()
    answer = ask(desk.port, row.sent, until_closed=row.closes)
    assert answer.wrong == ""
    assert (answer.status, answer.fault, answer.is_closed) == (row.status, row.fault, row.closes)
    assert time.monotonic() - began_s < LONGEST_S + (1.5 if row.closes else 0.0)
    assert desk.rss_mb() - before_mb < MOST_MEMORY_MB / 2
    assert honest(desk.port) == "PENDING"
    refused[row.name] = True


@pytest.mark.faults
@pytest.mark.promise
def test_no_two_rows_have_one_name() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)


def _cut_after_s(port: int, beginning: bytes, drip: bytes = b"") -> tuple[float, bytes]:
    """Send a beginning, perhaps a byte now and then; return when it was cut, and the answer."""
    tick = threading.Event()
    began_s = time.monotonic()
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30.0) as peer:
        peer.sendall(beginning)
        peer.settimeout(0.2)
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - began_s < 30.0:
                try:
                    chunk = peer.recv(4096)
                    if not chunk:
                        break
                    answer += chunk
                except TimeoutError:
                    if drip and not answer:
                        peer.sendall(drip)
                tick.wait(0.01)
    return time.monotonic() - began_s, answer


@pytest.mark.faults
@pytest.mark.promise
def test_slow_callers_are_cut_at_their_time_and_hold_up_nobody(
    desk: ServiceProcess, refused: dict[str, bool]
) -> None:
    limits = Limits()
    head = post(BODY).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    cases = {  # name -> beginning, drip, seconds, beginning of the answer
        "silent": (b"", b"", limits.headers_s, b""),
        "half a line": (b"POST / HT", b"", limits.headers_s, b""),
        "headers byte by byte": (b"POST / HTTP/1.1\r\nX: ", b"a", limits.headers_s, b""),
        "no body": (head, b"", limits.body_s, b"HTTP/1.1 408 "),
        "body byte by byte": (head, b"<", limits.body_s, b"HTTP/1.1 408 "),
        "Expect without a body": (
            head.replace(b"Host", b"Expect: 100-continue\r\nHost"),
            b"",
            limits.body_s,
            b"HTTP/1.1 100 ",
        ),
    }
    for name in cases:
        refused[f"slow: {name}"] = False
    with ThreadPoolExecutor(len(cases)) as pool:
        pending = {
            name: pool.submit(_cut_after_s, desk.port, beginning, drip)
            for name, (beginning, drip, _, _) in cases.items()
        }
        longest_s = 0.0
        while not all(future.done() for future in pending.values()):
            began_s = time.monotonic()
            assert honest(desk.port) == "PENDING"
            longest_s = max(longest_s, time.monotonic() - began_s)
            threading.Event().wait(0.1)
        for name, future in pending.items():
            took_s, answer = future.result()
            _, _, limit_s, begins = cases[name]
            assert limit_s <= took_s + 0.1, name
            assert took_s <= limit_s + SLACK_S, name
            assert answer.startswith(begins), (name, answer)
            refused[f"slow: {name}"] = True
    assert longest_s < LONGEST_S


@pytest.mark.faults
@pytest.mark.promise
def test_attack_table(
    desk: ServiceProcess, refused: dict[str, bool], promise: promises.Recorder
) -> None:
    """Last of the module: what the others saw; rows that did not run today run here."""
    for row in ROWS:
        if row.name not in refused:
            answer = ask(desk.port, row.sent, until_closed=row.closes)
            came = (answer.status, answer.fault, answer.is_closed, answer.wrong)
            refused[row.name] = came == (row.status, row.fault, row.closes, "")
    right = sum(refused.values())
    promise(
        "attack_table",
        f"{right} of {len(refused)} rows",
        holds=right == len(refused) and desk.is_alive,
    )
