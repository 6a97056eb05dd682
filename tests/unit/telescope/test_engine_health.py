"""The engine turns or it does not; a thread that has ended is told."""

from __future__ import annotations

import threading
import time

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.telescope import engine

from .rig import Rig


def wait_until(condition) -> None:
    end_s = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.01)


@pytest.fixture
def running(monkeypatch):
    rig = Rig(clock=SystemClock())
    monkeypatch.setattr(engine, "HUNG_MACHINE_S", 0.5)
    assert not rig.engine.is_over
    rig.engine.start()
    yield rig.engine
    rig.engine.inbox.close()


def test_a_call_that_hangs_stops_the_turning(running):
    go_on = threading.Event()
    running.inbox.post(lambda: go_on.wait(20.0))
    wait_until(lambda: not running.is_turning)
    go_on.set()
    wait_until(lambda: running.is_turning)
    assert not running.is_over


def test_turns_that_fail_do_not_count(running, monkeypatch):
    def broken() -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(running, "_turn", broken)
    wait_until(lambda: not running.is_turning)
    assert running.failures


def test_a_thread_that_has_ended_is_told(running):
    running.inbox.close()
    wait_until(lambda: running.is_over)
