"""A client on a server in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ctmo_indi.indi.client import IndiClient, LinkTiming
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.fake_transport import FakeServer


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def client(server: FakeServer, clock: FakeClock) -> Iterator[IndiClient]:
    client = IndiClient(server.connect, clock, timing=LinkTiming(backoff_first_s=0.0))
    client.start()
    client.wait_link(5.0)
    yield client
    client.close()
