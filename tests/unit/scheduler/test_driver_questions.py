"""Questions to the driver: in its own thread, no FAULT for what it raises, one when it blocks."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from ctmo_indi.errors import WrongState
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.configuration import SchedulerModes
from ctmo_indi.scheduler.states import ErrorCode
from ctmo_indi.scheduling.driver import Driver

from .mode_rig import QUICK, FieldsDriver, Rig, World

PATIENCE_S = 20.0


@pytest.fixture
def world(tmp_path: Path, profile: Profile) -> World:
    return World(tmp_path, profile)


def rig_of(world: World, **parameters: object) -> Rig:
    return Rig(world, replace(QUICK, **parameters), FieldsDriver)  # type: ignore[arg-type]  # by name


def test_a_question_is_asked_in_the_drivers_thread(world: World) -> None:
    rig = rig_of(world)
    asked = rig.mode.ask_driver(lambda driver: (driver.name, threading.current_thread().name))
    rig.run_until(asked.done)
    assert asked.result() == ("fields", "test-driver")
    rig.end()


def test_what_a_question_raises_is_the_askers_and_no_fault(world: World) -> None:
    def broken(_driver: Driver) -> object:
        raise ZeroDivisionError("no such matrix")

    rig = rig_of(world)
    asked: Future[object] = rig.mode.ask_driver(broken)
    rig.run_until(asked.done)
    assert isinstance(asked.exception(), ZeroDivisionError)
    after = rig.mode.ask_driver(lambda driver: driver.name)
    rig.run_until(after.done)
    assert after.result() == "fields"
    assert rig.fault is None
    rig.end()


def test_a_driver_that_does_not_come_back_from_a_question_is_blocked(world: World) -> None:
    gate = threading.Event()

    class Blocks(FieldsDriver):
        def plan_view(self) -> dict[str, object] | None:
            gate.wait(PATIENCE_S)
            return None

    rig = Rig(world, replace(QUICK, driver_timeout_s=0.05), Blocks)
    rig.mode.ask_driver(lambda driver: driver.plan_view())
    rig.run_until(lambda: rig.fault is not None)
    assert rig.fault is not None
    assert rig.fault[0] is ErrorCode.DRIVER_BLOCKED
    assert "plan_view did not answer" in rig.fault[1]
    with pytest.raises(WrongState, match="has failed"):
        rig.mode.ask_driver(lambda driver: driver.name)
    gate.set()
    rig.end()


def test_a_question_nobody_waits_for_any_more_is_not_asked(world: World) -> None:
    rig = rig_of(world)
    gate, asked = threading.Event(), []
    first = rig.mode.ask_driver(lambda _driver: gate.wait(PATIENCE_S))
    second = rig.mode.ask_driver(asked.append)
    assert second.cancel()
    gate.set()
    last = rig.mode.ask_driver(lambda driver: driver.name)
    rig.run_until(last.done)
    assert first.done()
    assert asked == []
    rig.end()


def test_in_dry_mode_there_is_no_driver_to_ask(world: World) -> None:
    rig = rig_of(world, mode=SchedulerModes.DRY)
    with pytest.raises(WrongState, match="no scheduling driver"):
        rig.mode.ask_driver(lambda driver: driver.name)
    rig.end()
