"""The modes do what the table of their steps says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import AttemptState
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.configuration import SchedulerModes
from ctmo_indi.scheduler.modes.steps import MODE_STEPS, first_strange
from ctmo_indi.scheduler.states import DetailedState

from .mode_rig import QUICK, Rig, World


def one_fails(request: ObservationRequest) -> tuple[AttemptState, int]:
    """Let the attempts at one object fail."""
    if request.object_name == "bad":
        return AttemptState.FAILED, 0
    return AttemptState.COMPLETED, request.count


@pytest.mark.parametrize("mode", [SchedulerModes.SIMPLE, SchedulerModes.ADVANCE])
def test_the_detailed_states_follow_the_table(
    mode: SchedulerModes, tmp_path: Path, profile: Profile
) -> None:
    world = World(tmp_path, profile)
    world.telescope.outcome = one_fails
    rig = Rig(world, replace(QUICK, mode=mode))
    for number, name in enumerate(("a", "bad", "b", "c", "d")):
        rig.order(name, priority=9.0 - number)
    rig.mode.resume()
    rig.run_idle()
    rig.end()
    shown = [state for state in rig.detailed if state is not DetailedState.IDLE]
    strange = first_strange(MODE_STEPS[mode], shown)
    assert strange is None, shown[: (strange or 0) + 1]
    steps = MODE_STEPS[mode].values()
    assert {step.detailed for step in steps} - {DetailedState.COMPUTING_PREDICTED_SCHEDULE} <= {
        *shown,
        DetailedState.RUNNING,
    }


def test_a_sequence_that_is_not_in_the_table_is_found() -> None:
    steps = MODE_STEPS[SchedulerModes.SIMPLE]
    wrong = [DetailedState.GENERATING_TARGET_QUEUE, DetailedState.COMPUTING_PREDICTED_SCHEDULE]
    assert first_strange(steps, wrong) == 1


@pytest.mark.parametrize("mode", list(SchedulerModes))
def test_every_step_leads_to_steps_of_its_mode(mode: SchedulerModes) -> None:
    steps = MODE_STEPS[mode]
    assert {name for step in steps.values() for name in step.then} <= set(steps)
