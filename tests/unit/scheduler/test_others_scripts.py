"""Others' scripts on the queue: waited for, or taken into account when they say what they do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.states import AttemptState
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.configuration import SchedulerModes
from ctmo_indi.scheduler.modes.queue_view import QueueView
from ctmo_indi.scheduler.modes.replay import Replay
from ctmo_indi.scheduling.lookahead import LookAhead
from ctmo_indi.script_queue.queueing import Sender
from ctmo_indi.script_queue.script import PlainScript, ScriptMetadata, Slot

from .mode_rig import QUICK, Rig, World

ANA = Sender(user="ana")


class Gated(PlainScript):
    """A script that ends when the test says so."""

    def __init__(self, metadata: ScriptMetadata | None = None) -> None:
        super().__init__("maintenance", timeout_s=36000.0, metadata=metadata)
        self.may_end = threading.Event()

    def run(self, _slot: Slot) -> None:
        assert self.may_end.wait(20.0)


@pytest.fixture
def world(tmp_path: Path, profile: Profile) -> World:
    made = World(tmp_path, profile)
    made.telescope.outcome = lambda _request: None
    return made


@pytest.fixture
def rig(world: World) -> Iterator[Rig]:
    made = Rig(world)
    yield made
    made.end()


def decided(rig: Rig) -> datetime:
    """When the driver was asked for the target that was queued last."""
    return datetime.fromisoformat(str(rig.published("target")[-1]["Requested"]))


@pytest.mark.parametrize("mode", [SchedulerModes.SIMPLE, SchedulerModes.ADVANCE])
def test_a_script_that_says_nothing_is_waited_for(world: World, mode: SchedulerModes) -> None:
    rig = Rig(world, replace(QUICK, mode=mode))
    script = Gated()
    rig.queue.add(script, sender=ANA)
    rig.order("m31")
    rig.mode.resume()
    for _ in range(5):
        rig.tick()
        rig.inbox.run_pending(0.02)
    assert rig.queue.waiting == ()
    assert rig.mode.report()["Reasons"] == []
    script.may_end.set()
    rig.run_until(lambda: len(world.telescope.attempts) == 1)
    rig.end()


def test_a_script_that_tells_its_duration_is_planned_around(rig: Rig) -> None:
    hour_s = 3600.0
    script = Gated(ScriptMetadata(duration_s=hour_s, ra_deg=10.0, dec_deg=5.0, filter_name="R"))
    rig.queue.add(script, sender=ANA)
    begun = rig.clock.utc()
    rig.order("m31")
    rig.mode.resume()
    rig.run_until(lambda: rig.waiting() == ["m31"])
    assert abs((decided(rig) - begun).total_seconds() - hour_s) < 60.0
    conditions = rig.published("target")
    assert conditions[-1]["Slew Time"] == 30.0  # the fake observatory's, from that place
    script.may_end.set()


def test_a_script_put_in_behind_what_executes_moves_the_plan(rig: Rig) -> None:
    for number in range(3):
        rig.order(f"t{number}", priority=9.0 - number)
    rig.mode.resume()
    rig.run_until(lambda: rig.waiting() == ["t1"])
    script = Gated(ScriptMetadata(duration_s=3600.0))
    run = rig.queue.add(script, sender=ANA)
    before = rig.clock.utc()
    rig.run_until(
        lambda: any(
            datetime.fromisoformat(str(one["Requested"])) > before + timedelta(minutes=50)
            for one in rig.mode.report()["Plan"]  # type: ignore[attr-defined]
        )
    )
    assert [one.index for one in rig.queue.waiting if one.user == "ana"] == [run.index]
    rig.queue.remove(run.index, "test")


def test_its_pointing_enters_the_state_from_which_the_next_target_begins(rig: Rig) -> None:
    script = Gated(ScriptMetadata(duration_s=600.0, ra_deg=10.0, dec_deg=5.0, filter_name="R"))
    rig.queue.add(script, sender=ANA)
    rig.order("m31")
    rig.mode.resume()
    rig.run_until(lambda: rig.waiting() == ["m31"])
    view = QueueView.look(rig.queue, rig.runner)
    conditions = rig.worker.ask(lambda: rig.driver.conditions).result(5.0)
    assert conditions is not None
    now = replace(conditions, state=ObservatoryModelState(conditions.utc.timestamp()))
    models = rig.driver.models
    replay = Replay(LookAhead(rig.driver, models), models, now)
    replay.queue(view.without(view.attempts))
    state = replay.conditions.state
    assert state is not None
    assert (state.ra_deg, state.dec_deg, state.filter_name) == (10.0, 5.0, "R")
    assert state.is_tracking
    assert 540.0 < state.utc_s - now.utc.timestamp() <= 600.0
    script.may_end.set()


def test_taking_our_waiting_script_out_by_hand_is_a_failure_and_replanned(rig: Rig) -> None:
    rig.order("a", 9.0)
    rig.order("b", 8.0)
    rig.order("c", 7.0)
    rig.mode.resume()
    rig.run_until(lambda: rig.waiting() == ["b"])
    (waiting,) = rig.queue.waiting
    rig.queue.stop([waiting.index], "not this one now")
    rig.run_until(lambda: rig.waiting() not in ([], ["b"]))
    states = {row[0]: row[1] for row in rig.attempt_rows()}
    assert states["O-b"] == AttemptState.NOT_ATTEMPTED.value
