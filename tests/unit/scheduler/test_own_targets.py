"""Targets of the driver's own that fail: others first, seldom, and not for ever."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import AttemptState
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.configuration import SchedulerModes
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.scheduling.target import SurveyTopology

from .mode_rig import QUICK, Rig, World

BOTH = pytest.mark.parametrize("mode", [SchedulerModes.SIMPLE, SchedulerModes.ADVANCE])
FAST = 3600.0


class Lists(SequentialScheduler):
    """The sequential driver with the observing list of a file."""

    path = Path()

    @classmethod
    def of(cls, path: Path, *names: str) -> type[Lists]:
        targets = [
            {
                "name": name,
                "program": "survey",
                "ra": 2.0,
                "dec": 20.0,
                "instrument_setup": [{"exptime": 30.0, "filter": "V"}],
            }
            for name in names
        ]
        path.write_text(json.dumps({"targets": targets}))
        return type("ListsOf", (cls,), {"path": path})

    def configure_scheduler(self, configuration: Mapping[str, object]) -> SurveyTopology:
        return super().configure_scheduler({"observing_list": str(self.path)})


def bad_fails(request: ObservationRequest) -> tuple[AttemptState, int]:
    """Let every attempt at "bad" fail."""
    if request.object_name == "bad":
        return AttemptState.FAILED, 0
    return AttemptState.COMPLETED, request.count


def rig_of(
    folder: Path, profile: Profile, mode: SchedulerModes, *names: str, speed: float = FAST
) -> Rig:
    world = World(folder, profile, speed=speed)
    world.telescope.outcome = bad_fails
    world.sky.morning = world.sky.evening + timedelta(hours=20)
    driver = Lists.of(folder / "list.yaml", *names)
    return Rig(world, replace(QUICK, mode=mode), driver)


@BOTH
def test_a_target_of_the_list_that_fails_lets_the_others_go_first(
    tmp_path: Path, profile: Profile, mode: SchedulerModes
) -> None:
    rig = rig_of(tmp_path, profile, mode, "bad", "a", "b", "c", speed=60.0)
    rig.mode.resume()
    rig.run_until(lambda: len(rig.stored()) == 3)
    assert [name for name in rig.world.names if name != "bad"] == ["a", "b", "c"]
    assert rig.world.names[0] == "bad"
    assert Counter(rig.world.names)["bad"] <= 2
    assert rig.fault is None
    rig.end()


@BOTH
def test_after_too_many_failures_it_rests_for_the_night_and_status_says_so(
    tmp_path: Path, profile: Profile, mode: SchedulerModes
) -> None:
    rig = rig_of(tmp_path, profile, mode, "bad")
    rig.mode.resume()
    rig.run_until(lambda: "5 attempts failed this night" in str(rig.mode.report()["Reasons"]), 20.0)
    rig.run_idle()
    for _ in range(20):  # of which each is minutes of the sky
        rig.tick()
        rig.inbox.run_pending(0.02)
    assert rig.world.names == ["bad"] * 5
    assert "list-" in str(rig.mode.report()["Reasons"])
    assert rig.fault is None
    rig.end()


def test_the_predicted_schedule_leaves_alone_what_rests(tmp_path: Path, profile: Profile) -> None:
    rig = rig_of(tmp_path, profile, SchedulerModes.SIMPLE, "bad", speed=1.0)
    rig.mode.resume()
    rig.run_until(lambda: len(rig.world.names) == 1)
    rig.run_until(lambda: rig.runner.is_idle)
    rig.mode.stop()
    failed_mjd = rig.clock.utc().timestamp() / 86400.0 + 40587.0
    rig.mode.predict(lambda _why: None)
    rig.run_until(lambda: bool(rig.published("predictedSchedule")))
    (begin_mjd,) = rig.published("predictedSchedule")[0]["MJD"]  # type: ignore[misc]
    assert 100.0 < (begin_mjd - failed_mjd) * 86400.0 < 200.0
    rig.end()
