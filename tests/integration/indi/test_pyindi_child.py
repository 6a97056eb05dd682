"""The PyIndi child dies, hangs or shouts: the parent notices, goes on and gets a new one."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.errors import ServerLost
from ctmo_indi.indi.client import IndiClient, LinkTiming
from ctmo_indi.indi.completion import CompletionRule
from ctmo_indi.indi.endpoint import Endpoint
from ctmo_indi.indi.events import Event, LinkDown, LinkUp
from ctmo_indi.indi.opening import pyindi_available
from ctmo_indi.indi.pyindi_transport import PyIndiTransport
from ctmo_indi.testing.fake_indi import (
    FakeIndiServer,
    blob_update,
    number_definition,
    number_update,
)

pytestmark = pytest.mark.skipif(not pyindi_available(), reason="pyindi-client is not installed")

WITHIN_S = 10.0


@pytest.fixture
def server() -> Iterator[FakeIndiServer]:
    server = FakeIndiServer(number_definition())
    yield server
    server.close()


class Watched:
    """A client whose transports and link events a test can see."""

    def __init__(self, server: FakeIndiServer, timing: LinkTiming | None = None) -> None:
        self.transports: list[PyIndiTransport] = []
        self.events: queue.Queue[Event] = queue.Queue()
        clock = SystemClock()

        def make() -> PyIndiTransport:
            transport = PyIndiTransport(Endpoint("127.0.0.1", server.port), clock)
            self.transports.append(transport)
            return transport

        self.client = IndiClient(make, clock, timing=timing)
        self.client.subscribe(self.events.put)
        self.client.start()
        self.client.wait_link(WITHIN_S)
        self.client.wait_for("Fake", "POSITION", WITHIN_S)

    @property
    def pid(self) -> int:
        pid = self.transports[-1].pid
        assert pid is not None
        return pid

    def wait_for(self, kind: type[Event]) -> Event:
        while True:
            event = self.events.get(timeout=WITHIN_S)
            if isinstance(event, kind):
                return event


@pytest.fixture
def watched(server: FakeIndiServer) -> Iterator[Watched]:
    watched = Watched(server, LinkTiming(ping_period_s=0.2))
    watched.wait_for(LinkUp)
    yield watched
    watched.client.close()


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_gone(pid: int) -> None:
    gone = threading.Event()
    end_s = time.monotonic() + WITHIN_S
    while not is_gone(pid):
        assert time.monotonic() < end_s, f"process {pid} still runs"
        gone.wait(0.01)


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_dead_child_is_a_lost_link_and_a_new_child(watched: Watched, kind: signal.Signals) -> None:
    command = watched.client.command("Fake", "POSITION", {"X": 5.0})
    first = watched.pid
    begin_s = time.monotonic()
    os.kill(first, kind)
    with pytest.raises(ServerLost, match=f"signal {int(kind)}|child is gone"):  # who sees it first
        command.wait()
    assert time.monotonic() - begin_s <= 0.5
    watched.wait_for(LinkUp)
    assert watched.client.wait_for("Fake", "POSITION", WITHIN_S).number("X") == 0.0
    assert watched.pid != first


def test_stopped_child_is_noticed_by_its_missing_pings(watched: Watched) -> None:
    rule = CompletionRule(ack_timeout_s=60.0)
    command = watched.client.command("Fake", "POSITION", {"X": 5.0}, rule=rule)
    first = watched.pid
    os.kill(first, signal.SIGSTOP)
    with pytest.raises(ServerLost, match="no answer for"):
        command.wait()
    watched.wait_for(LinkDown)
    watched.wait_for(LinkUp)
    wait_gone(first)


def test_reconnecting_leaves_no_threads_descriptors_or_children(
    server: FakeIndiServer, watched: Watched
) -> None:
    def count() -> tuple[int, int]:
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    counts = []
    for _ in range(6):
        server.hang_up()
        watched.wait_for(LinkUp)
        watched.client.wait_for("Fake", "POSITION", WITHIN_S)
        counts.append(count())
    assert counts[-1] == counts[0]
    gone = [one.pid for one in watched.transports[:-1] if one.pid is not None]
    assert len(gone) == 6
    for pid in gone:
        wait_gone(pid)


def test_child_ends_with_its_client(watched: Watched) -> None:
    pid = watched.pid
    watched.client.close()
    assert is_gone(pid)


def test_child_ends_when_its_parent_is_killed(server: FakeIndiServer) -> None:
    script = (
        "import sys\n"
        "from ctmo_indi.clock import SystemClock\n"
        "from ctmo_indi.indi.endpoint import Endpoint\n"
        "from ctmo_indi.indi.pyindi_transport import PyIndiTransport\n"
        "transport = PyIndiTransport(Endpoint('127.0.0.1', int(sys.argv[1])), SystemClock())\n"
        "transport.start(lambda event: print(transport.pid, flush=True))\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(server.port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait(WITHIN_S)
    wait_gone(pid)


def test_shouting_child_is_hardly_logged(
    server: FakeIndiServer, watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG", logger="ctmo_indi.indi.stderr_tap"):
        for _ in range(3):  # BLOBs of a property nobody defined: printed whole by libindiclient
            server.push(blob_update(b"QUJD" * 250_000, 750_000))
        server.push(number_update(value="9"))
        watched.client.wait_for("Fake", "POSITION", WITHIN_S, lambda one: one.number("X") == 9.0)
        transport = watched.transports[-1]
        watched.client.close()
    assert transport.stderr_dropped > 500_000
    assert sum(len(record.getMessage()) for record in caplog.records) <= 20_000
