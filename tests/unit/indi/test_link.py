"""How the link waits between attempts, and what a broken transport costs."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable
from typing import TypeGuard

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.errors import NotConnected
from ctmo_indi.indi.client import IndiClient, LinkState, LinkTiming
from ctmo_indi.indi.events import Event, LinkDown
from ctmo_indi.indi.transport import RawEvent
from ctmo_indi.testing.fake_transport import FakeServer, FakeTransport

WAIT_S = 5.0


class Attempts:
    """Makes transports to a server that refuses, and notes when."""

    def __init__(self, server: FakeServer, enough: int) -> None:
        self._server = server
        self._enough = enough
        self._clock = SystemClock()
        self.at_s: list[float] = []
        self.reached = threading.Event()

    def __call__(self) -> FakeTransport:
        self.at_s.append(self._clock.machine_s())
        if len(self.at_s) >= self._enough:
            self.reached.set()
        return self._server.connect()


def test_pauses_between_attempts_grow_to_a_limit() -> None:
    server = FakeServer()
    server.accepts = False
    attempts = Attempts(server, 7)
    timing = LinkTiming(backoff_first_s=0.02, backoff_limit_s=0.1)
    client = IndiClient(attempts, SystemClock(), timing=timing)
    client.start()
    assert attempts.reached.wait(WAIT_S)
    client.close()
    pauses = [after - before for before, after in itertools.pairwise(attempts.at_s)]
    assert pauses[0] >= 0.8 * 0.02
    assert pauses[1] >= 0.8 * 0.04
    assert all(pause >= 0.8 * 0.1 for pause in pauses[3:6])
    assert client.link is LinkState.DOWN


def test_nobody_there_is_told_with_the_reason() -> None:
    server = FakeServer()
    server.accepts = False
    client = IndiClient(server.connect, SystemClock())
    client.start()
    with pytest.raises(NotConnected, match="refused"):
        client.wait_link(0.1)
    client.close()


def test_transport_that_cannot_start_is_tried_again() -> None:
    server = FakeServer()

    class Broken(FakeTransport):
        def start(self, on_event: Callable[[RawEvent], None]) -> None:
            raise OSError("no more processes")

    made: list[FakeTransport] = []

    def make() -> FakeTransport:
        made.append(server.connect() if made else Broken(server))
        return made[-1]

    client = IndiClient(make, SystemClock(), timing=LinkTiming(backoff_first_s=0.01))
    client.start()
    client.wait_link(WAIT_S)
    client.close()
    assert len(made) == 2


def test_server_that_connects_and_says_nothing_is_never_up() -> None:
    server = FakeServer()
    server.answers_pings = False
    timing = LinkTiming(ping_period_s=0.02, backoff_first_s=0.01)
    client = IndiClient(server.connect, SystemClock(), timing=timing)
    client.start()
    with pytest.raises(NotConnected, match=r"no answer for 0\.\d s"):
        client.wait_link(1.0)
    client.close()
    assert server.connections >= 2


def test_link_answers_pings_on_and_on() -> None:
    client = IndiClient(FakeServer().connect, SystemClock(), timing=LinkTiming(ping_period_s=0.01))
    enough = threading.Event()
    client.subscribe(lambda _: enough.set() if client.stats.pings_answered >= 3 else None)
    client.start()
    assert enough.wait(WAIT_S)
    assert client.link is LinkState.UP
    client.close()


def test_pings_not_answered_are_a_loss_although_something_comes() -> None:
    server = FakeServer()
    server.number("Mount", "POSITION", {"RA": 0.0})
    timing = LinkTiming(ping_period_s=0.05, backoff_first_s=0.01)
    client = IndiClient(server.connect, SystemClock(), timing=timing)
    reasons: queue.Queue[str] = queue.Queue()
    client.subscribe(lambda event: reasons.put(event.reason) if is_loss(event) else None)
    client.start()
    client.wait_link(WAIT_S)
    server.answers_pings = False  # our way to the server is dead, its way to us is not
    end_s = time.monotonic() + WAIT_S
    while reasons.empty() and time.monotonic() < end_s:
        server.update("Mount", "POSITION", RA=1.0)
    client.close()
    assert "no ping was answered" in reasons.get(timeout=WAIT_S)


def is_loss(event: Event) -> TypeGuard[LinkDown]:
    return isinstance(event, LinkDown)
