"""Both transports, as one parameter; clients that are closed whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ctmo_indi.clock import Clock, SystemClock
from ctmo_indi.indi.client import IndiClient, LinkTiming
from ctmo_indi.indi.endpoint import Endpoint
from ctmo_indi.indi.opening import Backend, pyindi_available, transport_maker

OpenClient = Callable[..., IndiClient]


@pytest.fixture(params=[Backend.PYINDI, Backend.INDIPYCLIENT], ids=str)
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param is Backend.PYINDI and not pyindi_available():
        pytest.skip("pyindi-client is not installed")
    return Backend(request.param)


@pytest.fixture
def open_client(backend: Backend) -> Iterator[OpenClient]:
    """Return ``open(endpoint, clock=None, timing=None, **options) -> IndiClient``, connected."""
    clients: list[IndiClient] = []

    def open_one(
        endpoint: Endpoint,
        clock: Clock | None = None,
        timing: LinkTiming | None = None,
        **options: Any,
    ) -> IndiClient:
        clock = clock or SystemClock()
        maker = transport_maker(endpoint, clock, backend)
        client = IndiClient(maker, clock, timing=timing, **options)
        clients.append(client)
        client.start()
        client.wait_link(15.0)
        return client

    yield open_one
    for client in clients:
        client.close()
