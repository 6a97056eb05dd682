"""Planning ahead: time, model and orders go on; a driver that breaks its promise is named."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType, ObservatoryState
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.driver import Driver, state_digest
from ctmo_indi.scheduling.errors import (
    DriverError,
    StateChangedError,
    UnobservableTargetError,
)
from ctmo_indi.scheduling.lookahead import LookAhead, select_guarded
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.scheduling.target import DriverTarget, Observation, PendingOrder, SurveyTopology
from ctmo_indi.testing.fake_clock import EVENING
from ctmo_indi.testing.fake_sky import FakeSky, fake_models

SLEW_S, READOUT_S = 30.0, 10.0


def order(name: str, count: int = 2, frame_type: FrameType = FrameType.LIGHT) -> PendingOrder:
    sky = frame_type.needs_sky
    request = ObservationRequest(
        name, "u", frame_type, 60.0, count, 10.0 if sky else None, 20.0 if sky else None, name, "R"
    )
    return PendingOrder(f"O-{name}", request, 5.0, 0.0, count)


def conditions(*orders: PendingOrder, **changes: Any) -> Conditions:
    values: dict[str, Any] = {
        "utc": EVENING,
        "observatory": ObservatoryState.CLOSED,
        "verdict": Verdict(VerdictLevel.SAFE, (), 1, "", 0.0),
        "verdict_age_s": 0.5,
        "telescope_answers": True,
        "pending": orders,
    }
    return Conditions(**(values | changes))


class FirstPending(Driver):
    """Takes the first order whatever stands against it, one frame at a time; remembers names."""

    name = "first"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.seen: list[str] = []
        self.asked = 0
        self.counts_questions = False

    def configure_scheduler(self, configuration: Mapping[str, object]) -> SurveyTopology:
        return SurveyTopology(self.name)

    def select_next_target(self) -> DriverTarget | None:
        assert self.conditions is not None
        if self.counts_questions:
            self.asked += 1
        if not self.conditions.pending:
            return None
        target = DriverTarget.of_order(self.conditions.pending[0], self.conditions.utc, 70.0)
        return replace(target, count=1)

    def register_observation(self, observation: Observation) -> None:
        super().register_observation(observation)
        self.seen.append(observation.target_name)

    def get_state(self) -> dict[str, object]:
        return {**super().get_state(), "seen": self.seen, "asked": self.asked}


def test_time_goes_on_by_what_the_model_says_and_every_order_comes_once() -> None:
    models = fake_models()
    look = LookAhead(SequentialScheduler(models), models)
    planned = list(look.targets(conditions(order("a"), order("b"))))
    assert [one.target.receipt for one in planned] == ["O-a", "O-b"]
    visit_s = SLEW_S + 2 * (60.0 + READOUT_S)
    start_s = EVENING.timestamp()
    assert [one.visit.start_utc_s for one in planned] == [
        start_s + SLEW_S,
        start_s + visit_s + SLEW_S,
    ]
    assert planned[1].target.obs_time == EVENING + timedelta(seconds=visit_s)
    assert planned[1].visit.end_utc_s == start_s + 2 * visit_s


def test_a_target_of_some_frames_leaves_the_others_pending() -> None:
    models = fake_models()
    driver = FirstPending(models)
    planned = list(LookAhead(driver, models).targets(conditions(order("a", 3), order("b", 1))))
    assert [one.target.request.object_name for one in planned] == ["a", "a", "a", "b"]
    assert driver.seen == ["a", "a", "a", "b"]
    assert driver.observation_number == 0  # simulated ones carry no number


def test_n_targets_and_goes_on_bound_what_is_registered() -> None:
    models = fake_models()
    driver = FirstPending(models)
    look = LookAhead(driver, models)
    assert len(list(look.targets(conditions(order("a", 9)), n_targets=2))) == 2
    assert len(driver.seen) == 2
    answers = iter([True, False])
    assert len(list(look.targets(conditions(order("a", 9)), goes_on=lambda: next(answers)))) == 1
    assert len(driver.seen) == 3


def test_a_caller_that_stops_early_has_every_registered_target() -> None:
    models = fake_models()
    driver = FirstPending(models)
    taken = list(itertools.islice(LookAhead(driver, models).targets(conditions(order("a", 9))), 4))
    assert len(driver.seen) == len(taken) == 4


def test_until_waits_for_what_rises_and_ends_on_time() -> None:
    sky = FakeSky(rises={"late": EVENING + timedelta(hours=1)})
    models = fake_models(sky)
    given = conditions(order("late"), order("now"))
    look = LookAhead(SequentialScheduler(models), models)
    planned = list(look.targets(given, until=EVENING + timedelta(hours=2)))
    assert [one.target.receipt for one in planned] == ["O-now", "O-late"]
    assert planned[1].target.obs_time == EVENING + timedelta(hours=1)
    look = LookAhead(SequentialScheduler(models), models)
    assert [
        one.target.receipt for one in look.targets(given, until=EVENING + timedelta(minutes=30))
    ] == ["O-now"]


def test_an_unsafe_sky_gives_no_plan_and_no_endless_wait() -> None:
    models = fake_models()
    rain = Verdict(VerdictLevel.UNSAFE, ("rain",), 1, "", 0.0)
    for changes in ({"verdict": rain}, {"verdict_age_s": 60.0}):
        driver = SequentialScheduler(models)
        look = LookAhead(driver, models)
        assert not list(
            look.targets(conditions(order("a"), **changes), until=EVENING + timedelta(hours=9))
        )
        assert driver.conditions is not None
        assert driver.conditions.utc == EVENING  # no half minutes were waited for


def test_calibrations_come_before_the_dome_opens_or_not_at_all() -> None:
    models = fake_models()
    bias = order("bias", frame_type=FrameType.BIAS)
    sky = order("sky")
    look = LookAhead(SequentialScheduler(models), models)
    first = replace(bias, priority=9.0)
    assert [one.target.receipt for one in look.targets(conditions(first, sky))] == [
        "O-bias",
        "O-sky",
    ]
    look = LookAhead(SequentialScheduler(models), models)
    last = replace(bias, priority=1.0)
    assert [one.target.receipt for one in look.targets(conditions(last, sky))] == ["O-sky"]


def test_replay_takes_the_queued_ones_off_the_orders_and_moves_the_clock() -> None:
    models = fake_models()
    driver = SequentialScheduler(models)
    look = LookAhead(driver, models)
    given = conditions(order("a"), order("b"))
    queued = [DriverTarget.of_order(given.pending[0], EVENING, 140.0)]
    after = look.replay(given, queued)
    assert [one.receipt for one in after.pending] == ["O-b"]
    assert after.utc == EVENING + timedelta(seconds=SLEW_S + 140.0)
    assert after.observatory is ObservatoryState.OPEN
    assert driver.conditions == after
    assert after.state is not None
    assert after.state.utc_s == after.utc.timestamp()


def test_after_reset_the_driver_is_as_if_never_asked(tmp_path: Path) -> None:
    models = fake_models()
    driver = SequentialScheduler(models)
    given = conditions(order("a"), order("b"))
    driver.update_conditions(given)
    before = state_digest(driver)
    snapshot = driver.save_state(tmp_path / "snapshot.json")
    list(LookAhead(driver, models).targets(given))
    driver.reset_from_state(snapshot)
    assert state_digest(driver) == before


def test_a_driver_that_changes_in_select_is_named() -> None:
    driver = FirstPending(fake_models())
    driver.counts_questions = True
    given = conditions(order("a"))
    driver.update_conditions(given)
    with pytest.raises(StateChangedError, match=r"first.*'O-a'"):
        select_guarded(driver, given)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (conditions(order("low")), "altitude 5.0 deg"),
        (conditions(order("a"), utc=EVENING + timedelta(hours=12)), "Sun altitude"),
    ],
)
def test_an_unobservable_target_is_refused_with_driver_target_and_reason(
    given: Conditions, reason: str
) -> None:
    driver = FirstPending(fake_models(FakeSky(never={"low"})))
    driver.update_conditions(given)
    with pytest.raises(UnobservableTargetError, match=f"first.*{reason}"):
        select_guarded(driver, given)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (conditions(order("a"), verdict=None), "no verdict"),
        (conditions(replace(order("a"), not_before_utc_s=9e9)), "ended short"),
        (conditions(order("a", frame_type=FrameType.DARK), observatory=ObservatoryState.OPEN),
         "closed dome"),
    ],
)  # fmt: skip
def test_a_target_that_only_has_to_wait_is_none_and_no_fault(
    given: Conditions, reason: str
) -> None:
    driver = FirstPending(fake_models())
    driver.update_conditions(given)
    assert select_guarded(driver, given) is None
    with pytest.raises(UnobservableTargetError, match=f"first.*{reason}"):
        select_guarded(driver, given, is_strict=True)


def test_what_counts_are_the_conditions_not_what_a_driver_made_of_them() -> None:
    driver = FirstPending(fake_models())
    driver.update_conditions(conditions(order("a")))
    assert select_guarded(driver, conditions(order("a"), verdict=None)) is None


def test_a_target_of_an_order_that_does_not_wait_is_refused() -> None:
    driver = FirstPending(fake_models())
    given = conditions(order("a"))
    driver.update_conditions(given)
    gone = DriverTarget.of_order(order("gone"), EVENING, 70.0)
    driver.select_next_target = lambda: gone  # type: ignore[method-assign]
    with pytest.raises(UnobservableTargetError, match="O-gone waits"):
        select_guarded(driver, given)


def test_an_answer_that_is_no_target_is_named() -> None:
    driver = FirstPending(fake_models())
    given = conditions(order("a"))
    driver.update_conditions(given)
    driver.select_next_target = lambda: "M 31"  # type: ignore[assignment,method-assign,return-value]
    with pytest.raises(DriverError, match="returned str"):
        select_guarded(driver, given)


class FirstUp(FirstPending):
    """Takes the first order that is up; knows nothing of the future but what the base asks."""

    name = "first up"

    def select_next_target(self) -> DriverTarget | None:
        assert self.conditions is not None
        target = super().select_next_target()
        if target is None:
            return None
        return None if self.models.sky.obstacles(target.request, self.conditions.utc) else target


def test_a_gap_of_hours_is_no_end_for_a_driver_without_an_estimate_of_its_own() -> None:
    rise = EVENING + timedelta(hours=3, minutes=20)
    models = fake_models(FakeSky(rises={"late": rise}))
    look = LookAhead(FirstUp(models), models)
    given = conditions(order("late"))
    (planned,) = look.targets(given, n_targets=1, until=EVENING + timedelta(hours=5))
    begun = planned.target.obs_time
    assert rise <= begun <= rise + timedelta(seconds=30)
    assert list(look.targets(given, until=EVENING + timedelta(hours=2))) == []
