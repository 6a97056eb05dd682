"""The predicted schedule: right, harmless, and out of the way of decisions."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ctmo_indi.errors import WrongState
from ctmo_indi.models.states import AttemptState
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.configuration import SchedulerModes
from ctmo_indi.scheduler.modes.advance_mode import PREDICT_EVERY_MACHINE_S
from ctmo_indi.scheduler.modes.prediction import GAVE_WAY
from ctmo_indi.scheduler.states import DetailedState
from ctmo_indi.scheduling.target import DriverTarget

from .mode_rig import EVENING, QUICK, FieldsDriver, Rig, World

VISIT_S = 30.0 + 40.0  # the fake observatory's slew, and one exposure with its readout
WINDOW = replace(QUICK, predicted_scheduler_window_h=1.0)
ARRAYS = (
    "Target",
    "RA",
    "Dec",
    "Filter",
    "Exposure Time",
    "Number of Exposures",
    "MJD",
    "End",
    "Slew Time",
)


@pytest.fixture
def world(tmp_path: Path, profile: Profile) -> World:
    made = World(tmp_path, profile)
    made.telescope.outcome = lambda _request: None
    return made


@pytest.fixture
def rig(world: World) -> Iterator[Rig]:
    made = Rig(world, WINDOW, FieldsDriver)
    yield made
    made.end()


def predicted(rig: Rig) -> dict[str, object]:
    """Have a prediction made by command."""
    ended: list[str] = []
    rig.mode.predict(ended.append)
    rig.run_until(lambda: bool(ended))
    assert ended == [""]
    return rig.published("predictedSchedule")[-1]


def test_it_fills_the_window_and_leaves_the_driver_as_it_was(rig: Rig) -> None:
    before = rig.driver_state()
    schedule = predicted(rig)
    assert rig.driver_state() == before
    assert schedule["Number of Targets"] == int(3600.0 / VISIT_S) + 1
    assert {len(schedule[key]) for key in ARRAYS} == {schedule["Number of Targets"]}  # type: ignore[arg-type]
    begins = [float(mjd) * 86400.0 for mjd in schedule["MJD"]]  # type: ignore[attr-defined]
    steps = {round(later - begin) for begin, later in itertools.pairwise(begins)}
    assert steps == {round(VISIT_S)}
    assert rig.mode.report()["Predicted Schedule"] == schedule


def test_it_is_what_is_then_observed(rig: Rig) -> None:
    schedule = predicted(rig)
    rig.world.telescope.outcome = lambda request: (AttemptState.COMPLETED, request.count)
    rig.mode.resume()
    rig.run_until(lambda: len(rig.world.names) >= 6)
    assert rig.world.names[:6] == list(schedule["Target"])[:6]  # type: ignore[call-overload]


def test_while_running_what_is_queued_and_planned_comes_first(rig: Rig) -> None:
    rig.mode.resume()
    rig.run_until(lambda: bool(rig.published("predictedSchedule")))
    schedule = rig.published("predictedSchedule")[0]
    queued = [one["Target"] for one in rig.published("target")]
    planned = [one["Target"] for one in rig.mode.report()["Plan"]]  # type: ignore[attr-defined]
    assert list(schedule["Target"])[:3] == [*queued, *planned][:3]  # type: ignore[call-overload]
    assert len(queued) == 2


def test_it_is_not_made_again_for_every_target(rig: Rig) -> None:
    rig.world.telescope.outcome = lambda request: (AttemptState.COMPLETED, request.count)
    rig.mode.resume()
    rig.run_until(lambda: len(rig.world.names) >= 12)
    assert len(rig.published("predictedSchedule")) <= 1


def test_without_a_sky_the_prediction_is_empty(world: World) -> None:
    world.is_safe = False
    rig = Rig(world, WINDOW, FieldsDriver)
    assert predicted(rig)["Number of Targets"] == 0
    rig.end()


def test_frames_that_need_no_sky_have_no_place(world: World) -> None:
    rig = Rig(world, WINDOW)
    rig.order("bias", Frame_Type="Bias", RA=None, Dec=None, Filter=None, Exposure_Time=0.0)
    schedule = predicted(rig)
    assert (schedule["RA"], schedule["Filter"]) == ([None], [""])
    rig.end()


def test_it_waits_for_a_target_that_rises_later(world: World) -> None:
    rise = EVENING + timedelta(minutes=30)
    world.sky.rises["later"] = rise
    rig = Rig(world, WINDOW)
    rig.order("later")
    (mjd,) = predicted(rig)["MJD"]  # type: ignore[misc]
    begin = datetime.fromtimestamp((float(mjd) - 40587.0) * 86400.0, tz=rise.tzinfo)
    assert timedelta(0) <= begin - rise < timedelta(minutes=2)
    rig.end()


class SlowFromTheThird(FieldsDriver):
    """Says when it is asked for the third target, and waits there for the test."""

    slow_at = 3

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.asked = 0
        self.is_there = threading.Event()
        self.may_go_on = threading.Event()

    def select_next_target(self) -> DriverTarget | None:
        self.asked += 1
        if self.asked == self.slow_at:
            self.is_there.set()
            assert self.may_go_on.wait(20.0)
        return super().select_next_target()


def test_it_gives_way_to_a_decision(world: World) -> None:
    rig = Rig(world, WINDOW, SlowFromTheThird)
    driver = rig.driver
    assert isinstance(driver, SlowFromTheThird)
    ended: list[str] = []
    before = driver.get_state()
    rig.mode.predict(ended.append)
    rig.run_until(driver.is_there.is_set)
    rig.mode.resume()
    rig.tick()
    driver.may_go_on.set()
    rig.run_until(lambda: len(world.telescope.attempts) == 1)
    assert ended == [GAVE_WAY]
    assert driver.asked < 20  # and not the fifty of the whole window before
    assert rig.driver_state()["memory"] == before["memory"]
    rig.end()


class SlowAfterThePlan(SlowFromTheThird):
    """The same in the prediction that follows a plan of three targets."""

    slow_at = 5


def test_one_that_gave_way_is_made_soon_after(world: World) -> None:
    rig = Rig(world, WINDOW, SlowAfterThePlan)
    driver = rig.driver
    assert isinstance(driver, SlowAfterThePlan)
    rig.mode.resume()
    rig.run_until(driver.is_there.is_set)
    assert rig.detailed[-1] is DetailedState.COMPUTING_PREDICTED_SCHEDULE
    rig.mode.poke()
    rig.tick()
    driver.may_go_on.set()
    begun_s = rig.clock.machine_s()
    rig.run_until(lambda: bool(rig.published("predictedSchedule")))
    assert rig.clock.machine_s() - begun_s < PREDICT_EVERY_MACHINE_S / 2.0
    rig.end()


def test_it_can_be_given_up(world: World) -> None:
    rig = Rig(world, WINDOW, SlowFromTheThird)
    driver = rig.driver
    assert isinstance(driver, SlowFromTheThird)
    ended: list[str] = []
    give_up = rig.mode.predict(ended.append)
    rig.run_until(driver.is_there.is_set)
    give_up()
    driver.may_go_on.set()
    rig.run_until(lambda: bool(ended))
    assert ended == [GAVE_WAY]
    assert rig.published("predictedSchedule") == []
    rig.end()


def test_dry_mode_predicts_nothing(world: World) -> None:
    rig = Rig(world, replace(QUICK, mode=SchedulerModes.DRY))
    with pytest.raises(WrongState, match="no scheduling driver"):
        rig.mode.predict(lambda _trouble: None)
    rig.end()
