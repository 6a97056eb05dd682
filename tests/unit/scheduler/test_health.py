"""The scheduler is alive while cycles reach its engine, and over without the engine's thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from ctmo_indi.scheduler import engine

if TYPE_CHECKING:
    from tests.unit.scheduler.conftest import Stack


def test_a_hung_engine_is_not_alive_and_comes_back(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = stack.start_scheduler()
    monkeypatch.setattr(engine, "HUNG_MACHINE_S", 1.5)
    go_on = threading.Event()
    assert service.health().is_alive
    assert service.health().status == "STANDBY"

    service._engine.inbox.post(lambda: go_on.wait(30.0))
    stack.wait_until(lambda: not service.health().is_alive)
    over = service.health().is_over
    go_on.set()

    stack.wait_until(lambda: service.health().is_alive)
    assert not over


def test_without_cycles_the_engine_is_not_alive(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = stack.start_scheduler()
    monkeypatch.setattr(engine, "HUNG_MACHINE_S", 1.5)
    service._cycles.stop(5.0)

    stack.wait_until(lambda: not service.health().is_alive)


def test_without_its_thread_the_service_is_over(stack: Stack) -> None:
    service = stack.start_scheduler()
    service._engine.inbox.close()

    stack.wait_until(lambda: service.health().is_over)
