"""An alert in ADVANCE mode: what executes goes on; one that preempts goes before what waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ctmo_indi.models.states import AttemptState, OrderState
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduling.plan.driver import PlanScheduler
from ctmo_indi.scheduling.plan.warming_up import warm_up

from .mode_rig import Rig, World
from .test_advance_mode import executing, finish, goes_on


@pytest.fixture(params=["preempt", "insert"])
def policy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def rig(tmp_path: Path, profile: Profile, policy: str) -> Iterator[Rig]:
    warm_up()
    world = World(tmp_path, profile)
    world.telescope.outcome = goes_on

    made = Rig(world, make_driver=PlanScheduler)
    made.driver.configure_scheduler({"alert_policy": policy, "tries": 200})
    yield made
    made.end()


def test_what_executes_ends_and_the_alert_is_next(rig: Rig, policy: str) -> None:
    # By value or priority the alert would be the last of all.
    for number in range(3):
        rig.order(f"t{number}", priority=9.0 - number)
    rig.mode.resume()
    running = executing(rig, 1)
    rig.run_until(lambda: rig.waiting() == ["t1"])
    rig.order("alert", priority=0.0, Type_of_job="Alert", Exposure_Time=10.0)
    rig.run_until(lambda: "alert" in [*rig.waiting(), *planned(rig)])
    if policy == "insert":
        assert rig.waiting() == ["t1"]
    else:
        rig.run_until(lambda: rig.waiting() == ["alert"])
        assert rig.order_state("O-t1") is OrderState.PENDING
        (withdrawn,) = [row for row in rig.attempt_rows() if row[1] == "CANCELED"]
        assert withdrawn[0] == "O-t1"
    (attempt,) = rig.world.telescope.attempts.values()
    assert attempt.state is AttemptState.IN_PROGRESS  # undisturbed
    finish(rig, running)
    assert rig.order_state("O-t0") is OrderState.COMPLETED
    finish(rig, executing(rig, 2))
    executing(rig, 3)
    expected = {"preempt": ["t0", "alert", "t1"], "insert": ["t0", "t1"]}[policy]
    assert rig.world.names[: len(expected)] == expected
    assert rig.fault is None


def planned(rig: Rig) -> list[str]:
    plan = rig.mode.report()["Plan"]
    return [str(one["Object"]) for one in plan]  # type: ignore[attr-defined]  # a list of structs
