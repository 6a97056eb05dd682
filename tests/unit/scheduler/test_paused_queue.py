"""A paused queue: nothing is observed, and the observatory is closed at dawn all the same."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ctmo_indi.models.states import ObservatoryState, OrderState
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.configuration import SchedulerModes
from ctmo_indi.script_queue.queueing import Sender
from ctmo_indi.script_queue.script import PlainScript, ScriptFailed, ScriptRun, Slot

from .mode_rig import QUICK, Rig, World

ANA = Sender(user="ana")


class Maintenance(PlainScript):
    """Somebody's script; nobody knows how long it takes."""

    def __init__(self) -> None:
        super().__init__("maintenance", timeout_s=600.0)

    def run(self, _slot: Slot) -> None:
        raise ScriptFailed("the lens cap is on")


def nothing(_rig: Rig) -> None:
    """Leave the paused queue empty."""


def a_target(rig: Rig) -> None:
    """Let a target of the scheduler wait."""
    rig.order("m31")
    rig.run_until(lambda: rig.waiting() == ["m31"])


def a_script(rig: Rig) -> None:
    """Let somebody's script wait."""
    rig.queue.add(Maintenance(), sender=ANA)


def a_failure(rig: Rig) -> None:
    """Let the failed script be shown that paused the queue."""
    rig.queue.resume()
    rig.queue.add(Maintenance(), sender=ANA)
    rig.run_until(lambda: rig.queue.is_paused)
    assert rig.queue.current is not None


CASES = [
    (mode, paused_with)
    for mode in (SchedulerModes.SIMPLE, SchedulerModes.ADVANCE)
    for paused_with in (nothing, a_target, a_script, a_failure)
    if (mode, paused_with) != (SchedulerModes.SIMPLE, a_target)  # see below
]


@pytest.mark.parametrize(("mode", "paused_with"), CASES)
def test_at_dawn_it_is_closed_all_the_same(
    tmp_path: Path, profile: Profile, mode: SchedulerModes, paused_with: Callable[[Rig], None]
) -> None:
    world = World(tmp_path, profile)
    rig = Rig(world, replace(QUICK, mode=mode))
    world.telescope.observatory = ObservatoryState.OPEN
    rig.queue.pause("looking after the dome")
    rig.mode.resume()
    paused_with(rig)
    waiting = [run.index for run in rig.queue.waiting]
    assert world.telescope.controls() == []

    world.sky.morning = rig.clock.utc()
    ended: list[ScriptRun] = []

    def is_closed() -> bool:
        ended[:] = [run for run in rig.queue.history if run.name == "park"]
        return bool(ended)

    rig.run_until(is_closed)

    assert "close" in world.telescope.controls()
    assert world.telescope.observatory is ObservatoryState.CLOSED
    assert [run.index for run in rig.queue.waiting] == waiting  # nobody took anything out
    assert rig.queue.is_paused
    for _ in range(20):
        rig.tick()
        rig.inbox.run_pending(0.02)
    is_closed()
    assert len(ended) == 1
    rig.end()


def be_the_engine(rig: Rig, times: int = 30) -> None:
    """Let everything happen that would happen by now."""
    for _ in range(times):
        rig.tick()
        rig.inbox.run_pending(0.02)


def test_simple_mode_chooses_nothing_for_a_paused_queue(tmp_path: Path, profile: Profile) -> None:
    rig = Rig(World(tmp_path, profile), replace(QUICK, mode=SchedulerModes.SIMPLE))
    rig.queue.pause("the dome")
    rig.order("m31")
    rig.mode.resume()
    be_the_engine(rig)
    assert rig.queue.is_idle
    assert rig.attempt_rows() == []
    assert rig.mode.is_running
    assert rig.mode.report()["Reasons"] == ["the script queue is paused: the dome"]
    better = rig.order("m33", priority=9.0)
    rig.queue.resume()
    rig.run_until(lambda: len(rig.attempt_rows()) > 0)
    assert rig.attempt_rows()[0][0] == better  # chosen on what is known after the pause
    rig.run_idle()
    assert rig.fault is None
    rig.end()


def test_what_simple_mode_chose_while_the_queue_was_paused_is_not_put_on_it(
    tmp_path: Path, profile: Profile
) -> None:
    rig = Rig(World(tmp_path, profile), replace(QUICK, mode=SchedulerModes.SIMPLE))
    receipt = rig.order("m31")
    asked, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        asked.set()
        assert go_on.wait(10.0)

    rig.worker.ask(hold)
    assert asked.wait(10.0)
    rig.mode.resume()
    rig.tick()  # the driver is being asked
    rig.queue.pause("the dome")
    go_on.set()
    be_the_engine(rig)
    assert rig.attempt_rows() == []
    rig.queue.resume()
    rig.run_until(lambda: rig.order_state(receipt) is OrderState.COMPLETED)
    rig.end()


def test_advance_mode_fills_a_paused_queue_up_to_two_and_goes_on_after_it(
    tmp_path: Path, profile: Profile
) -> None:
    rig = Rig(World(tmp_path, profile))
    receipts = [
        rig.order(name, priority) for name, priority in (("a", 9.0), ("b", 8.0), ("c", 7.0))
    ]
    rig.queue.pause("the dome")
    rig.mode.resume()
    be_the_engine(rig)
    assert rig.waiting() == ["a", "b"]
    assert rig.fault is None
    better = rig.order("d", priority=9.5)
    be_the_engine(rig)
    assert rig.waiting() == ["d", "a"]  # what waits is still chosen anew
    assert rig.world.names == []
    rig.queue.resume()
    rig.run_until(
        lambda: all(rig.order_state(one) is OrderState.COMPLETED for one in (better, *receipts))
    )
    assert rig.world.names == ["d", "a", "b", "c"]
    assert rig.fault is None
    rig.end()
