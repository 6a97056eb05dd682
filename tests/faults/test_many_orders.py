"""A scheduler with the orders of years starts as one with none, and keeps them out of memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.testing.service_process import ServiceProcess, service_process

from ..many_orders import OPEN_EVERY, fill
from ..promises import Recorder

pytestmark = pytest.mark.faults

COUNT = 100_000
ORDER = {
    "WOType": "Observation",
    "ID": "new",
    "User": "ada",
    "RA": 80.0,
    "Dec": 30.0,
    "Filter": "V",
    "Exposure Time": 30.0,
}
LISTED_S = 1.0
MORE_MEMORY_MB = 20.0


@contextmanager
def started(folder: Path) -> Iterator[tuple[ServiceProcess, DeskClient, float]]:
    """A scheduler, its desk, and the seconds from its start to the first receipt."""
    began_s = time.monotonic()
    with service_process("scheduler", folder) as service, DeskClient(service.url) as desk:
        assert desk.front_desk(ORDER)["Receipt"]
        yield service, desk, time.monotonic() - began_s


@pytest.mark.promise
def test_a_long_history_costs_neither_time_nor_memory(tmp_path: Path, promise: Recorder) -> None:
    fill(tmp_path / "long", COUNT)

    with started(tmp_path / "none") as (service, _, none_s):
        none_mb = service.rss_mb()
    with started(tmp_path / "long") as (service, desk, long_s):
        long_mb = service.rss_mb()
        asked_s = time.monotonic()
        told = desk.front_desk({"WOType": "Status"})
        listed = desk.front_desk({"WOType": "Status", "All": True, "Limit": 100})
        listed_s = time.monotonic() - asked_s

    assert told["Order Counts"]["PENDING"] == COUNT // OPEN_EVERY + 1
    assert len(listed["Orders"]) == 100
    assert listed_s < LISTED_S
    assert long_mb - none_mb < MORE_MEMORY_MB
    promise(
        "many_orders",
        f"{long_s:.2f} s ({none_s:.2f} s without any), {long_mb - none_mb:+.1f} MB of memory",
        holds=long_s <= 5.0,
    )
