"""A paused queue: nothing is observed, and the observatory is closed at dawn all the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ctmo_indi.models.states import ObservatoryState
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


@pytest.mark.parametrize("mode", [SchedulerModes.SIMPLE, SchedulerModes.ADVANCE])
@pytest.mark.parametrize("paused_with", [nothing, a_target, a_script, a_failure])
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
