"""The promise of ADVANCE, as a black box: for the driver a failed target was never asked for.

Over random sequences of success, failure, weather and restarts every attempt at the telescope is
the one that a fresh driver chooses which was told of the successes before it and of nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctmo_indi.models.observation import Observation
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import AttemptState
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.configuration import SchedulerModes
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.testing.fake_sky import fake_models

from .mode_rig import QUICK, FieldsDriver, Rig, World


class Event(Enum):
    """What happens to the attempt that is under way."""

    SUCCESS = "success"
    FAILURE = "failure"
    WEATHER = "weather"  # interrupted, and unsafe for a while
    RESTART = "restart"  # the scheduler is killed; the attempt succeeds meanwhile
    RESTART_AND_FAILURE = "restart and failure"


ENDED = {
    Event.SUCCESS: AttemptState.COMPLETED,
    Event.FAILURE: AttemptState.FAILED,
    Event.WEATHER: AttemptState.INTERRUPTED,
    Event.RESTART: AttemptState.COMPLETED,
    Event.RESTART_AND_FAILURE: AttemptState.FAILED,
}


def expected_next(registered: Sequence[str], conditions: Conditions) -> str:
    """The choice of a driver that only knows the successes, and who rests."""
    driver = FieldsDriver(fake_models())
    for number, name in enumerate(registered, 1):
        driver.register_observation(
            Observation(f"A-{number}", "", name, 30.0, 20.0, 0.0, 30.0, 1, target_id=name)
        )
    driver.update_conditions(conditions)
    target = driver.select_next_target()
    assert target is not None
    return target.target_id


def run(world: World, events: Sequence[Event], mode: SchedulerModes, n_targets: int) -> Rig:
    """Let one event after the other happen, and hold every attempt against the fresh driver."""
    parameters = replace(QUICK, mode=mode, n_targets=n_targets)
    world.telescope.outcome = lambda _request: None
    rig = Rig(world, parameters, FieldsDriver)
    rig.mode.resume()
    registered: list[str] = []
    for number, event in enumerate(events, 1):
        rig.run_until(lambda number=number: len(world.telescope.attempts) >= number)  # type: ignore[misc]
        attempt = list(world.telescope.attempts.values())[number - 1]
        conditions = as_it_was(rig, attempt.attempt_id)
        assert attempt.request.object_name == expected_next(registered, conditions), (
            f"attempt {number} of {[one.value for one in events]}"
        )
        ended = ENDED[event]
        if event in (Event.RESTART, Event.RESTART_AND_FAILURE):
            rig.end()
        if event is Event.WEATHER:
            rig.verdict(is_safe=False)
        good = ended is AttemptState.COMPLETED
        world.telescope.finish(attempt.attempt_id, ended, 1 if good else 0)
        if good:
            registered.append(attempt.request.object_name)
        if event in (Event.RESTART, Event.RESTART_AND_FAILURE):
            rig = Rig(world, parameters, FieldsDriver, is_auto=True)
            rig.mode.resume()
        if event is Event.WEATHER:
            rig.run_idle()
            rig.verdict(is_safe=True)
    rig.run_until(lambda: len(world.telescope.attempts) > len(events))
    assert [made.target_id for made in rig.stored()] == registered
    assert str(rig.driver_state()["memory"]).split() == registered
    assert rig.fault is None
    return rig


def as_it_was(rig: Rig, attempt_id: str) -> Conditions:
    """Return conditions in which those rest that rested when an attempt was decided on."""
    conditions = rig.driver.conditions
    assert conditions is not None
    (resting,) = (
        str(data["Note"]).split()
        for kind, subject, data in rig.events
        if (kind, subject) == ("target", attempt_id)
    )
    until_s = conditions.utc.timestamp() + 1.0
    return replace(conditions, not_before_utc_s=dict.fromkeys(resting, until_s))


EVENTS = st.lists(st.sampled_from(Event), min_size=1, max_size=8)


@pytest.mark.parametrize("mode", [SchedulerModes.ADVANCE, SchedulerModes.SIMPLE])
@given(events=EVENTS, n_targets=st.integers(1, 4))
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_decision_is_that_of_a_driver_never_asked_for_the_failed_targets(
    profile: Profile, mode: SchedulerModes, events: list[Event], n_targets: int
) -> None:
    with TemporaryDirectory() as folder:
        run(World(Path(folder), profile), events, mode, n_targets).end()


@given(outcomes=st.lists(st.sampled_from([*ENDED.values(), None]), min_size=3, max_size=8))
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_order_ends_and_no_success_is_lost_or_registered_twice(
    profile: Profile, outcomes: list[AttemptState | None]
) -> None:
    with TemporaryDirectory() as folder:
        world = World(Path(folder), profile, speed=3600.0)
        left = list(outcomes)

        def outcome(request: ObservationRequest) -> tuple[AttemptState, int] | None:
            ended = left.pop(0) if left else AttemptState.COMPLETED
            if ended is None:  # the scheduler is killed before it ends
                return None
            return ended, request.count if ended is AttemptState.COMPLETED else 0

        world.telescope.outcome = outcome
        rig = Rig(world)
        receipts = [rig.order(f"t{number}", priority=float(number)) for number in range(3)]
        rig.mode.resume()
        while open_orders(rig):
            rig.run_until(lambda: bool(under_way(world)) or not open_orders(rig))  # noqa: B023 - at once
            for attempt_id in under_way(world):
                rig.end()
                world.telescope.finish(attempt_id, AttemptState.COMPLETED, 2)
                rig = Rig(world, is_auto=True)
                rig.mode.resume()
        found = [rig.order_state(receipt).value for receipt in receipts]
        made = [one.receipt for one in rig.stored()]
        completed = [
            receipt for receipt, state in zip(receipts, found, strict=True) if state == "COMPLETED"
        ]
        assert sorted(made) == completed
        assert set(found) <= {"COMPLETED", "FAILURE_LIMIT_REACHED"}
        assert rig.driver_state()["observation_number"] == len(made)
        rig.end()


def under_way(world: World) -> list[str]:
    return [
        attempt.attempt_id
        for attempt in world.telescope.attempts.values()
        if attempt.state is AttemptState.IN_PROGRESS
    ]


def open_orders(rig: Rig) -> bool:
    return bool(rig.book.pending() or rig.book.open_attempts())
