"""What an attempt's steps took is measured, and told where it can be compared with a model."""

from __future__ import annotations

import pytest

from ctmo_indi.errors import BadFrame, DriverLost
from ctmo_indi.models.observation import StepDurations
from ctmo_indi.models.states import AttemptState, ObservatoryState
from ctmo_indi.telescope.attempt import Attempt
from ctmo_indi.telescope.hands import RawFrame

from .rig import Rig

MOTIONS = ("slew", "dome", "filter")


def passes(rig: Rig, machine_s: float) -> None:
    """Let time pass while safety says that all is well."""
    while machine_s > 0.0:
        rig.safety.say()
        rig.turn(min(machine_s, 2.0))
        machine_s -= 2.0


def pointed(rig: Rig, attempt: Attempt) -> None:
    """The dome is there after 4 s, the filter after 6, the mount after 16."""
    rig.hands.slow |= set(MOTIONS)
    rig.submit(attempt)
    for word, machine_s in (("dome", 4.0), ("filter", 2.0), ("slew", 10.0)):
        passes(rig, machine_s)
        rig.hands.finish(word)
    rig.turn()


def exposed(rig: Rig, machine_s: float) -> None:
    passes(rig, machine_s)
    rig.hands.exposures[-1].future.set_result(RawFrame(data=b"frame"))
    rig.turn()


@pytest.fixture
def rig() -> Rig:
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    return rig


def test_motions_side_by_side_and_exposures_with_their_readouts_are_measured(rig: Rig) -> None:
    attempt = rig.attempt(count=2)
    pointed(rig, attempt)
    exposed(rig, 35.0)
    exposed(rig, 37.5)

    assert attempt.state is AttemptState.COMPLETED
    told = attempt.to_wire()["Took"]
    assert told == {"Mount": 16.0, "Dome": 4.0, "Filter": 6.0, "Exposing": 72.5}
    assert StepDurations.of_wire(told) == attempt.took


def test_seconds_are_those_of_the_sky(rig: Rig) -> None:
    rig.clock.speed = 10.0
    attempt = rig.attempt()
    pointed(rig, attempt)
    exposed(rig, 4.0)
    assert attempt.took == StepDurations(160.0, 40.0, 60.0, 40.0)


@pytest.mark.parametrize("state", [ObservatoryState.CLOSED, ObservatoryState.OPEN])
def test_a_way_from_the_park_place_is_none_that_was_planned(state: ObservatoryState) -> None:
    rig = Rig(state)
    rig.hands.slow.add("expose")
    rig.hands.see(parked=True, tracking=False)
    attempt = rig.attempt()
    pointed(rig, attempt)
    exposed(rig, 35.0)
    assert attempt.took == StepDurations(exposing_s=35.0)


def test_a_second_way_and_a_repeated_exposure_tell_nothing(rig: Rig) -> None:
    rig.hands.failing["filter"] = DriverLost("gone")
    attempt = rig.attempt()
    pointed_again = rig.attempt("A-2")
    rig.hands.slow.discard("expose")
    rig.submit(attempt)
    assert rig.hands.done.count("slew 10.0 20.0") == 2
    assert attempt.took.mount_s is None
    assert attempt.took.exposing_s is not None

    rig.hands.failing["expose"] = BadFrame("half a frame")
    rig.submit(pointed_again)
    assert pointed_again.state is AttemptState.COMPLETED
    assert pointed_again.took.mount_s is not None
    assert pointed_again.took.exposing_s is None


@pytest.mark.parametrize(
    "wire",
    [
        None,
        "",
        [],
        {},
        {"Mount": "soon"},
        {"Dome": -1.0},
        {"Filter": float("nan")},
        {"Exposing": True},
    ],
)
def test_what_is_no_duration_is_left_out(wire: object) -> None:
    assert StepDurations.of_wire(wire) is None
    if isinstance(wire, dict):
        assert StepDurations.of_wire({"Mount": 3, **wire}) in (None, StepDurations(mount_s=3.0))
