"""Drivers that raise, block, cheat or forget: each ends in its fault code, in both modes."""

from __future__ import annotations

import errno
import os
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ctmo_indi import durable_file
from ctmo_indi.errors import StoreUnavailable
from ctmo_indi.models.states import AttemptState, ObservatoryState, OrderState
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.configuration import SchedulerModes
from ctmo_indi.scheduler.modes import production
from ctmo_indi.scheduler.modes.driver_calls import DriverCalls
from ctmo_indi.scheduler.modes.registration import Registrar
from ctmo_indi.scheduler.states import ErrorCode
from ctmo_indi.scheduler.worker import Worker
from ctmo_indi.scheduling import driver as driver_module
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.target import DriverTarget, Observation
from ctmo_indi.store import orders
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.fake_sky import fake_models

from .mode_rig import QUICK, FieldsDriver, Rig, World

BOTH = pytest.mark.parametrize("mode", [SchedulerModes.SIMPLE, SchedulerModes.ADVANCE])
ADVANCE = SchedulerModes.ADVANCE


@pytest.fixture
def world(tmp_path: Path, profile: Profile) -> World:
    return World(tmp_path, profile)


class Raises(FieldsDriver):
    def select_next_target(self) -> DriverTarget | None:
        raise ZeroDivisionError("no such matrix")


class HasNone(FieldsDriver):
    def select_next_target(self) -> DriverTarget | None:
        return None


class IsBelowTheHorizon(FieldsDriver):
    def select_next_target(self) -> DriverTarget | None:
        target = super().select_next_target()
        assert target is not None
        return replace(target, request=replace(target.request, object_name="sunken"))


class InventsAnOrder(FieldsDriver):
    def select_next_target(self) -> DriverTarget | None:
        target = super().select_next_target()
        assert target is not None
        return replace(target, receipt="O-unheard-of")


class ChangesItself(FieldsDriver):
    def select_next_target(self) -> DriverTarget | None:
        self.memory += "!"
        return super().select_next_target()


class WillNotRegister(FieldsDriver):
    def register_observation(self, observation: Observation) -> None:
        if observation.number:
            raise KeyError(observation.target_id)
        super().register_observation(observation)


class ForgetsItsBase(FieldsDriver):
    def register_observation(self, observation: Observation) -> None:
        self.memory += observation.target_id


class WantsNoTelemetry(FieldsDriver):
    def update_conditions(self, conditions: Conditions) -> None:
        raise RuntimeError("NaN seeing")


class CannotSave(FieldsDriver):
    def save_state(self, path: Path) -> Path:
        raise OSError("No space left on device")


class SavesHalf(FieldsDriver):
    def save_state(self, path: Path) -> Path:
        super().save_state(path)
        path.write_text(path.read_text()[:40])
        return path


class StateIsNoData(FieldsDriver):
    def get_state(self) -> dict[str, object]:
        return {**super().get_state(), "weights": {1.0j}}


class FilterUnknown(FieldsDriver):
    def select_next_target(self) -> DriverTarget | None:
        target = super().select_next_target()
        assert target is not None
        return replace(target, request=replace(target.request, filter_name="violet"))


FAULTS: list[tuple[type[FieldsDriver], tuple[SchedulerModes, ...], ErrorCode | None, str]] = [
    (Raises, (SchedulerModes.SIMPLE,), ErrorCode.SIMPLE_LOOP, "no such matrix"),
    (Raises, (ADVANCE,), ErrorCode.ADVANCE_LOOP, "select_next_target raised"),
    (IsBelowTheHorizon, (), ErrorCode.UNOBSERVABLE_TARGET, "altitude 5.0 deg"),
    (InventsAnOrder, (), ErrorCode.UNOBSERVABLE_TARGET, "O-unheard-of"),
    (ChangesItself, (), ErrorCode.STATE_CHANGED, "select_next_target has changed"),
    (WillNotRegister, (), ErrorCode.REGISTRATION, "register_observation raised KeyError"),
    (ForgetsItsBase, (), ErrorCode.REGISTRATION, "observation_number is 0"),
    (WantsNoTelemetry, (), ErrorCode.TELEMETRY, "update_conditions raised"),
    (FilterUnknown, (), ErrorCode.TARGET_NOT_QUEUED, "violet"),
    (CannotSave, (ADVANCE,), ErrorCode.SNAPSHOT, "No space left"),
    (SavesHalf, (ADVANCE,), ErrorCode.SNAPSHOT, "cannot be read"),
    (StateIsNoData, (ADVANCE,), ErrorCode.SNAPSHOT, "its state is no data"),
]
CASES = [
    pytest.param(driver, mode, code, text, id=f"{driver.__name__}-{mode}")
    for driver, modes, code, text in FAULTS
    for mode in modes or (SchedulerModes.SIMPLE, ADVANCE)
]


@pytest.mark.parametrize(("driver", "mode", "code", "text"), CASES)
def test_a_driver_that_breaks_its_contract_is_a_fault_that_names_it(
    world: World, driver: type[Driver], mode: SchedulerModes, code: ErrorCode, text: str
) -> None:
    world.sky.never.add("sunken")
    rig = Rig(world, replace(QUICK, mode=mode), driver)
    rig.mode.resume()
    rig.run_until(lambda: rig.fault is not None)
    assert rig.fault is not None
    assert rig.fault[0] is code
    assert "driver fields" in rig.fault[1] or code is ErrorCode.TARGET_NOT_QUEUED
    assert text in rig.fault[1]
    assert not rig.mode.is_running
    rig.end()


@BOTH
def test_no_target_is_normal(world: World, mode: SchedulerModes) -> None:
    rig = Rig(world, replace(QUICK, mode=mode), HasNone)
    rig.mode.resume()
    rig.run_idle()
    assert rig.fault is None
    assert len(rig.published("timeToNextTarget")) == 1
    rig.end()


@dataclass
class Gate:
    """Lets a driver's call go on when the test says so."""

    is_shut: threading.Event
    opened: threading.Event

    @classmethod
    def make(cls) -> Gate:
        return cls(threading.Event(), threading.Event())

    def pass_through(self) -> None:
        self.is_shut.set()
        assert self.opened.wait(20.0)


def blocking(gate: Gate, call: str) -> type[FieldsDriver]:
    """A driver of which one call does not come back until the gate opens."""

    def blocked(self: FieldsDriver, *args: object) -> object:
        gate.pass_through()
        return getattr(super(Blocks, self), call)(*args)

    class Blocks(FieldsDriver):
        pass

    setattr(Blocks, call, blocked)
    return Blocks


@pytest.mark.parametrize(
    ("call", "mode"),
    [
        ("select_next_target", SchedulerModes.SIMPLE),
        ("select_next_target", ADVANCE),
        ("update_conditions", ADVANCE),
        ("save_state", ADVANCE),
        ("register_observation", SchedulerModes.SIMPLE),
    ],
)
def test_a_driver_that_blocks_is_left_behind_and_named(
    world: World, call: str, mode: SchedulerModes
) -> None:
    gate = Gate.make()
    parameters = replace(QUICK, mode=mode, driver_timeout_s=0.05)
    rig = Rig(world, parameters, blocking(gate, call))
    before = rig.worker.generation
    rig.mode.resume()
    rig.run_until(lambda: rig.fault is not None)
    assert rig.fault == (
        ErrorCode.DRIVER_BLOCKED,
        f"driver fields: {call} did not answer within 0.05 s",
    )
    assert rig.worker.generation == before + 1
    assert rig.worker.ask(lambda: "a new thread").result(5.0) == "a new thread"
    attempts = len(world.telescope.attempts)
    gate.opened.set()  # what it answers now is not heard any more
    for _ in range(5):
        rig.tick()
        rig.inbox.run_pending(0.02)
    assert len(world.telescope.attempts) == attempts
    rig.end()


def test_a_disk_that_stalls_under_a_snapshot_is_waited_for_told_and_no_fault(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gate, sync = Gate.make(), os.fsync

    def stall(descriptor: int) -> None:
        gate.pass_through()
        sync(descriptor)

    monkeypatch.setattr(durable_file.os, "fsync", stall)
    # far more than what the driver itself takes on a loaded machine
    rig = Rig(world, replace(QUICK, mode=ADVANCE, driver_timeout_s=1.0), FieldsDriver)
    rig.mode.resume()
    rig.run_until(gate.is_shut.is_set)
    rig.run_until(lambda: "the disk does not answer" in caplog.text)
    assert rig.fault is None
    assert "the disk does not answer" in str(rig.mode.report()["Reasons"])
    assert rig.published("target") == []
    gate.opened.set()
    rig.run_until(lambda: bool(rig.published("target")))
    assert rig.fault is None
    assert "the disk" not in str(rig.mode.report()["Reasons"])
    rig.end()


class Calls:
    """A driver's calls on a clock that stands still."""

    def __init__(self, driver: Driver) -> None:
        self.clock = FakeClock()
        self.worker = Worker("test-calls")
        self.worker.start()
        self.faults: list[tuple[ErrorCode, str]] = []
        self.calls = DriverCalls(
            driver,
            self.worker,
            self.clock,
            timeout_s=30.0,
            loop_code=ErrorCode.ADVANCE_LOOP,
            post=lambda call: None,
            fault=lambda code, text: self.faults.append((code, text)),
        )

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1.0)
            self.calls.watch()


@pytest.mark.parametrize("call", ["save_state", "reset_from_state"])
def test_the_disks_time_is_not_the_drivers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    gate, file = Gate.make(), tmp_path / "snapshot.json"
    driver = FieldsDriver(fake_models())
    driver.save_state(file)
    touches = {"save_state": "write_json", "reset_from_state": "read_snapshot"}[call]
    there = getattr(driver_module, touches)

    def stall(*arguments: object) -> object:
        gate.pass_through()
        return there(*arguments)

    monkeypatch.setattr(driver_module, touches, stall)
    rig = Calls(driver)
    rig.calls.ask(lambda: getattr(rig.calls.driver, call)(file), lambda _: None)
    assert gate.is_shut.wait(20.0)
    rig.pass_time(30)
    assert rig.calls.disk_trouble == ""
    rig.pass_time(30)
    assert "for 60 s" in rig.calls.disk_trouble
    assert rig.faults == []
    gate.opened.set()
    rig.worker.stop(20.0)
    assert rig.calls.disk_trouble == ""


def test_time_in_which_the_scheduler_itself_was_stopped_is_not_the_drivers() -> None:
    gate = Gate.make()
    rig = Calls(blocking(gate, "plan_view")(fake_models()))
    rig.calls.ask(lambda: rig.calls.driver.plan_view(), lambda _: None)
    assert gate.is_shut.wait(20.0)
    rig.pass_time(5)
    rig.clock.advance(600.0)
    rig.calls.watch()
    assert rig.faults == []
    rig.pass_time(30)
    assert rig.faults == []
    rig.pass_time(1)
    assert [code for code, _ in rig.faults] == [ErrorCode.DRIVER_BLOCKED]
    gate.opened.set()
    rig.worker.stop(20.0)


def test_a_success_that_could_not_be_registered_is_recalled_at_the_next_start(
    world: World,
) -> None:
    rig = Rig(world, QUICK, WillNotRegister)
    rig.mode.resume()
    rig.run_until(lambda: rig.fault is not None)
    rig.run_until(lambda: rig.runner.is_idle)
    stored = [made.target_id for made in rig.stored()]
    assert stored
    rig.end()
    again = Rig(world, QUICK, FieldsDriver, is_auto=True)
    assert str(again.driver_state()["memory"]).split() == stored
    again.end()


@BOTH
def test_a_silent_telescope_is_no_fault_and_is_asked_again(
    world: World, mode: SchedulerModes
) -> None:
    world.telescope.is_down = True
    rig = Rig(world, replace(QUICK, mode=mode))
    receipt = rig.order("m31")
    rig.mode.resume()
    rig.run_until(lambda: "does not answer" in str(rig.mode.report()["Reasons"]))
    world.telescope.is_down = False
    rig.run_until(lambda: rig.order_state(receipt) is OrderState.COMPLETED)
    assert rig.fault is None
    rig.end()


def test_a_telescope_that_falls_silent_leaves_the_queue_as_it_is(world: World) -> None:
    world.telescope.outcome = lambda _request: None
    rig = Rig(world)
    rig.order("a", 9.0)
    rig.order("b", 8.0)
    rig.mode.resume()
    rig.run_until(lambda: rig.waiting() == ["b"])
    world.telescope.is_down = True
    rig.order("c", 9.5)
    rig.run_until(lambda: rig.mode.report()["Reasons"] != [])
    assert rig.waiting() == ["b"]
    world.telescope.is_down = False
    rig.run_until(lambda: rig.waiting() == ["c"])
    rig.end()


def test_dry_mode_runs_and_never_has_a_target(world: World) -> None:
    rig = Rig(world, replace(QUICK, mode=SchedulerModes.DRY))
    rig.order("m31")
    world.telescope.observatory = ObservatoryState.OPEN
    rig.mode.resume()
    assert rig.mode.is_running
    for _ in range(5):
        rig.tick()
        rig.pump()
    assert not world.telescope.attempts
    assert not world.telescope.controls()
    rig.mode.stop()
    assert not rig.mode.is_running
    assert rig.mode.flush() == 0
    rig.end()


def test_a_drivers_own_target_is_an_order_that_is_not_repeated(world: World) -> None:
    ends: list[tuple[AttemptState, int]] = [(AttemptState.FAILED, 0), (AttemptState.COMPLETED, 1)]
    world.telescope.outcome = lambda _request: ends.pop(0) if ends else None
    rig = Rig(world, make_driver=FieldsDriver)
    rig.mode.resume()
    rig.run_until(lambda: len(world.telescope.attempts) == 3)
    rig.run_until(lambda: "IN_PROGRESS" in {row[1] for row in rig.attempt_rows()})
    with rig.database.read() as connection:
        rows = {row.receipt: row for row in orders.recent(connection, 20)}
    parents = [attempt.parent for attempt in world.telescope.attempts.values()]
    states = [(rows[parent].user, rows[parent].state) for parent in parents]
    assert states == [
        ("driver:fields", OrderState.CANCELED),
        ("driver:fields", OrderState.COMPLETED),
        ("driver:fields", OrderState.IN_PROGRESS),
    ]
    assert world.names[1] != world.names[0]  # that one rests
    assert [row[0] for row in rig.attempt_rows()].count(parents[0]) == 1
    assert rig.book.pending() == ()
    rig.end()


LOOP_CODES = {SchedulerModes.SIMPLE: ErrorCode.SIMPLE_LOOP, ADVANCE: ErrorCode.ADVANCE_LOOP}


def breaks(*_args: object, **_more: object) -> object:
    raise ZeroDivisionError("an error of our own")


@BOTH
@pytest.mark.parametrize(
    ("part", "method"),
    [
        ("mode", "wants_decision"),
        ("mode", "question"),
        ("mode", "look"),
        ("mode", "take"),
        ("mode", "wait_for_target"),
        ("mode", "queue_target"),
        ("runner", "begin"),
    ],
)
def test_an_error_of_our_own_in_the_loop_is_a_fault_that_names_it(
    world: World, monkeypatch: pytest.MonkeyPatch, mode: SchedulerModes, part: str, method: str
) -> None:
    rig = Rig(
        world, replace(QUICK, mode=mode), FieldsDriver if method != "wait_for_target" else HasNone
    )
    monkeypatch.setattr(getattr(rig, part), method, breaks)
    rig.mode.resume()
    rig.run_until(lambda: rig.fault is not None)
    assert rig.fault is not None
    assert rig.fault[0] is LOOP_CODES[mode]
    assert "ZeroDivisionError('an error of our own') in test_mode_faults.py" in rig.fault[1]
    assert not rig.mode.is_running
    assert rig.inbox.failures == 0
    rig.end()


@BOTH
@pytest.mark.parametrize("is_success", [True, False])
def test_an_error_of_our_own_at_the_end_of_an_attempt_is_a_fault(
    world: World, monkeypatch: pytest.MonkeyPatch, mode: SchedulerModes, is_success: bool
) -> None:
    ended = (AttemptState.COMPLETED, 1) if is_success else (AttemptState.FAILED, 0)
    world.telescope.outcome = lambda _request: ended
    rig = Rig(world, replace(QUICK, mode=mode), FieldsDriver)
    if is_success:
        monkeypatch.setattr(Registrar, "register", breaks)
    else:
        monkeypatch.setattr(rig.mode, "ended_short", breaks)
    rig.mode.resume()
    rig.run_until(lambda: rig.fault is not None)
    assert rig.fault is not None
    assert rig.fault[0] is LOOP_CODES[mode]
    assert rig.fault[1].startswith("the end of attempt ")
    rig.run_until(lambda: rig.runner.is_idle)  # what was queued has been ended, in order
    rig.end()


class DiskIsFull(FieldsDriver):
    full = True

    def save_state(self, path: Path) -> Path:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return super().save_state(path)


def test_a_full_disk_is_waited_for_and_no_fault(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(production, "ROOM_WAIT_S", 0.05)
    rig = Rig(world, replace(QUICK, mode=ADVANCE), DiskIsFull)
    rig.mode.resume()
    rig.run_until(lambda: "No space left" in caplog.text)
    assert rig.published("target") == []
    monkeypatch.setattr(DiskIsFull, "full", False)
    rig.run_until(lambda: bool(rig.published("target")))
    assert rig.fault is None
    rig.end()


def test_an_attempt_that_cannot_be_stored_is_waited_for_and_no_fault(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(production, "ROOM_WAIT_S", 0.05)
    rig = Rig(world, replace(QUICK, mode=SchedulerModes.SIMPLE), FieldsDriver)
    begin, refused = rig.runner.begin, []

    def full(*arguments: object) -> object:
        if len(refused) < 2:
            refused.append(arguments)
            raise StoreUnavailable("disk is full")
        return begin(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(rig.runner, "begin", full)
    rig.mode.resume()
    rig.run_until(lambda: bool(rig.published("target")))
    assert rig.fault is None
    assert len(refused) == 2
    rig.end()
