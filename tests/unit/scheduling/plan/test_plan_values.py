"""Parameters, the plan as data, and what is learned of overheads."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass, replace

import pytest

from ctmo_indi.errors import ConfigError
from ctmo_indi.models.observation import Observation
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.scheduling.plan.corrections import Corrections
from ctmo_indi.scheduling.plan.night_plan import Marks, NightPlan, PlannedOrder
from ctmo_indi.scheduling.plan.overheads import MOST_RATIO, REMEMBERED, ModelledSteps, Overheads
from ctmo_indi.scheduling.plan.plan_parameters import PlanParameters, read_plan_parameters
from ctmo_indi.scheduling.plan.planners_model import planners_model
from ctmo_indi.scheduling.plan.step_lines import LEAST_KNOWN
from ctmo_indi.testing.fake_sky import FakeObservatory

from .plan_world import MODELS, NIGHT, SKY

MARKS = Marks.of([4_000_000_000, 1, 77])
VISIT = PlannedOrder("O-1", 100.0, 200.0, 10.5, 0.0, 55.5, 3, 83.8, -5.4, 30.0, 7.5, "V")
PLAN = NightPlan(
    "20261121",
    50.0,
    60.0,
    900.0,
    80.0,
    100.0,
    0.5,
    7,
    5,
    Marks.of([4_000_000_000, 1, 77]),
    (VISIT,),
)

VISIT_ROW = [*astuple(VISIT)]


def test_parameters_are_read_with_those_of_the_sequential_driver() -> None:
    given = {"seed": 3, "stability": 0, "replan_after_s": 60, "night_boundary": -15.0}
    expected = PlanParameters(night_boundary=-15.0, seed=3, stability=0, replan_after_s=60)
    assert read_plan_parameters(given, PlanParameters()) == expected


def test_everything_wrong_with_the_parameters_is_said_at_once() -> None:
    wrong = {
        "seed": 1.5,
        "tries": True,
        "keep": 0,
        "stability": float("nan"),
        "replan_after_s": "soon",
        "priority": 11,
        "sead": 1,
    }
    with pytest.raises(ConfigError) as caught:
        read_plan_parameters(wrong, PlanParameters())
    problems = caught.value.problems
    assert len(problems) == len(wrong)
    assert all(one.startswith("plan driver: ") for one in problems)
    assert any("sead" in one and "replan_after_s" in one for one in problems)


def test_a_plan_comes_back_from_json() -> None:
    back = NightPlan.of_state(json.loads(json.dumps(PLAN.state())))
    assert back == PLAN
    assert back.marks.numbers == {4_000_000_000, 1, 77}
    assert back.gap == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("night", 5),
        ("value", "much"),
        ("kept", 1.5),
        ("marks", "AAA"),
        ("marks", "AAAA"),
        ("visits", [["O-1", 1.0, 2.0]]),
        ("visits", [[*VISIT_ROW[:3], float("inf"), *VISIT_ROW[4:]]]),
        ("visits", [[1, *VISIT_ROW[1:]]]),
        ("visits", [[*VISIT_ROW[:11], None, *VISIT_ROW[12:]]]),
        ("visits", [["O-1", 1.0, 2.0, 3.0, 0.0, 1.0, 3]]),
        ("visits", ["O-1"]),
        ("kinematics", [1]),
        ("kinematics", {"mount_settle_s": "5"}),
        ("refusal", None),
    ],
)
def test_what_is_no_plan_is_refused(key: str, value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        NightPlan.of_state({**PLAN.state(), key: value})


def test_a_visit_is_taken_out_of_the_plan() -> None:
    assert PLAN.without("O-1").visits == ()
    assert PLAN.without("O-2") is PLAN
    assert PLAN.is_complete([77])
    assert not PLAN.is_complete([77, 78])


@dataclass(frozen=True)
class TenSeconds:
    """Every way takes ten seconds by the model, frames no time to read."""

    def exposures_s(self, observation: Observation) -> float:
        return observation.frames * observation.exposure_s

    def way_s(self, _before: Observation, _end_utc_s: float, _after: Observation) -> float:
        return 10.0

    def steps(self, *_way: object) -> ModelledSteps:
        return ModelledSteps(None, None, None)


def learned(ways_s: list[float], number: int = 1) -> Overheads:
    found, start_s = Overheads(), 1.8e9
    for index, way_s in enumerate([0.0, *ways_s]):
        start_s += way_s + (60.0 if index else 0.0)
        mjd = start_s / 86400.0 + 40587.0
        observation = Observation("A", "O", "", 1.0, 2.0, mjd, 60.0, 1, number=number * (index + 1))
        found = found.after(observation, TenSeconds())
    return found


@pytest.mark.parametrize(
    ("ways_s", "ratio"),
    [
        ([15.0] * LEAST_KNOWN, 1.5),
        ([15.0] * (LEAST_KNOWN - 1), 1.0),
        ([15.0, 15.0, 590.0, 15.0, 15.0, 12.0], 1.5),  # one of them was a wait
        ([15.0, 15.0, 15.0, 5000.0, 15.0, 15.0], 1.5),  # so long is no way
        ([100.0] * 9, MOST_RATIO),
        ([1.0] * 9, 0.5),
    ],
)
def test_the_ratio_is_the_median_of_what_ways_took(ways_s: list[float], ratio: float) -> None:
    assert learned(ways_s).ratio == ratio


def test_simulated_observations_teach_nothing() -> None:
    assert learned([30.0] * 9, number=0) == Overheads()


def test_what_was_learned_is_bounded_and_comes_back() -> None:
    found = learned([15.0] * 40)
    assert len(found.ratios) == REMEMBERED
    back = Overheads.of_state(json.loads(json.dumps(found.state())))
    assert back == found
    assert Overheads.of_state(Overheads().state()) == Overheads()
    with pytest.raises(ValueError, match="finite"):
        Overheads.of_state({"ratios": [float("nan")], "last": None})


def test_a_slower_model_takes_so_much_longer_and_reads_out_as_fast() -> None:
    assert isinstance(MODELS.observatory, ObservatoryModel)
    slower = planners_model(MODELS.observatory, SKY, Corrections(1.7))
    state = ObservatoryModelState(NIGHT.evening.timestamp(), filter_name="V")
    tracking = replace(state, ra_deg=10.0, dec_deg=20.0, is_tracking=True, is_parked=False)
    for known in (state, tracking, replace(tracking, is_open=True)):
        for ra_deg, dec_deg in ((11.0, 21.0), (60.0, -20.0), (300.0, 50.0)):
            for filter_name in ("V", "R"):
                expected_s = 1.7 * MODELS.observatory.delay_s(known, ra_deg, dec_deg, filter_name)
                found_s = slower.delay_s(known, ra_deg, dec_deg, filter_name)
                assert found_s == pytest.approx(expected_s, rel=1e-9)
    assert slower.kinematics.readout_s == MODELS.observatory.kinematics.readout_s
    assert planners_model(MODELS.observatory, SKY, Corrections()) is MODELS.observatory
    assert planners_model(FakeObservatory(), SKY, Corrections()).site == SKY.site
