"""What the plan driver learns of each step's duration, against an observatory that is slower."""

from __future__ import annotations

import json
import math
import random
import statistics
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctmo_indi.models.coordinates import sidereal_time_h
from ctmo_indi.models.observation import Observation, StepDurations
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType
from ctmo_indi.planner.checker import check
from ctmo_indi.planner.night_grid import NightGrid
from ctmo_indi.planner.pipeline import NightPlanner, PlanStart
from ctmo_indi.planner.plan_request import PlanRequest
from ctmo_indi.planner.problem import PlanSettings
from ctmo_indi.planner.request_table import RequestTable
from ctmo_indi.profiles import Kinematics, MountKind
from ctmo_indi.scheduling.driver import to_text
from ctmo_indi.scheduling.plan.corrections import Corrections, corrected, scaled
from ctmo_indi.scheduling.plan.learned import LearnedObservatory
from ctmo_indi.scheduling.plan.modelled_way import ModelledWay
from ctmo_indi.scheduling.plan.overheads import LONGEST_HANDLING_S, Overheads
from ctmo_indi.scheduling.plan.overheads_view import overheads_view
from ctmo_indi.scheduling.plan.planners_model import planners_model
from ctmo_indi.scheduling.plan.step_lines import (
    LEAST_FACTOR,
    LEAST_KNOWN,
    MOST_CONSTANT_S,
    MOST_FACTOR,
    Line,
    line_of,
)
from ctmo_indi.scheduling.plan.step_samples import STEPS_REMEMBERED
from ctmo_indi.testing.fake_sky import FakeObservatory

from .plan_world import DUSK, MODELS, NIGHT, PROFILE, SKY, conditions, drawn, driver_of

KINEMATICS = Kinematics(
    mount=MountKind.FORK,
    hour_angle_rate_deg_s=2.0,
    hour_angle_acceleration_deg_s2=1.0,
    declination_rate_deg_s=2.0,
    declination_acceleration_deg_s2=1.0,
    mount_settle_s=5.0,
    dome_rate_deg_s=3.0,
    dome_acceleration_deg_s2=1.0,
    dome_free_deg=2.0,
    dome_passes_north=True,
    filter_change_s=10.0,
    filter_step_s=1.0,
    readout_s=2.0,
)
SLOTS = {"B": 1, "V": 2, "R": 3, "I": 6}
SLOWER = replace(
    scaled(KINEMATICS, 1.6),
    mount_settle_s=5.0,
    dome_settle_s=0.0,
    filter_change_s=10.0,
    filter_step_s=1.0,
    readout_s=7.0,
    handling_s=3.0,
)
"""Slews and dome 1.6 times as slow, readouts 5 s longer, 3 s between visits; settling as known."""

DOME = ObservatoryModel.of(PROFILE).dome
EVENING_S = NIGHT.evening.timestamp()


def model_of(kinematics: Kinematics) -> ObservatoryModel:
    return ObservatoryModel(PROFILE.site, kinematics, DOME, SLOTS, 8)


OURS, TRUTH = model_of(KINEMATICS), model_of(SLOWER)


def request(
    ra_deg: float, dec_deg: float, filter_name: str, exposure_s: float
) -> ObservationRequest:
    return ObservationRequest(
        "", "", FrameType.LIGHT, exposure_s, 1, ra_deg=ra_deg, dec_deg=dec_deg,
        filter_name=filter_name,
    )  # fmt: skip


def observed(
    truth: ObservatoryModel,
    count: int,
    seed: int,
    *,
    is_measured: bool = True,
    noise_s: float = 0.0,
) -> list[Observation]:
    """Return what an observatory makes of targets all over the eastern sky, one after the other."""
    random_ = random.Random(seed)
    zenith_ra = 40.0
    state = ObservatoryModelState(EVENING_S, zenith_ra, 20.0, True, False, None, "V", True)
    found = []
    for number in range(1, count + 1):
        here = request(
            (zenith_ra + random_.uniform(-40.0, 60.0)) % 360.0,
            random_.uniform(-20.0, 60.0),
            random_.choice(sorted(SLOTS)),
            random_.uniform(30.0, 200.0),
        )
        frames = random_.randint(1, 4)
        state = truth.idle(state, state.utc_s + random_.uniform(0.0, 0.3))
        said = truth.activities_s(state, here)
        visit = truth.observe(state, here, frames)

        def noise() -> float:
            return random_.gauss(0.0, noise_s) if noise_s else 0.0

        dome_s = said["dome"] + said["dome settle"]
        took = StepDurations(
            max(said["hour angle"], said["declination"]) + said["mount settle"] + noise(),
            dome_s + noise() if dome_s > 1.0 else None,
            said["filter"] + noise() if said["filter"] > 0.0 else 0.0,
            visit.end_utc_s - visit.start_utc_s,
        )
        found.append(
            Observation(
                "A", "O", "", here.ra_deg, here.dec_deg,
                visit.start_utc_s / 86400.0 + 40587.0, here.exposure_s, frames,
                here.filter_name, number=number, took=took if is_measured else None,
            )
        )  # fmt: skip
        state = visit.after
    return found


def learned(observations: list[Observation]) -> Overheads:
    found = Overheads()
    for one in observations:
        found = found.after(one, ModelledWay(OURS, OURS))
    return found


def way_errors(model: ObservatoryModel, seed: int = 99) -> list[float]:
    """Return by what part a model's setups are off the truth's, from target to target."""
    generator = np.random.default_rng(seed)
    errors = []
    for _ in range(200):
        ra_deg, dec_deg = generator.uniform(0.0, 100.0, 2), generator.uniform(-20.0, 60.0, 2)
        names = generator.choice(sorted(SLOTS), 2)
        state = ObservatoryModelState(
            EVENING_S, float(ra_deg[0]), float(dec_deg[0]), True, False, None, str(names[0]), True
        )
        state = TRUTH.idle(state, EVENING_S + 10.0)
        said_s, true_s = (
            one.delay_s(state, float(ra_deg[1]), float(dec_deg[1]), str(names[1]))
            for one in (model, TRUTH)
        )
        errors.append(said_s / true_s - 1.0)
    return errors


def test_after_some_observations_every_way_takes_what_it_takes() -> None:
    known = learned(observed(TRUTH, 25, seed=1, noise_s=0.3)).corrections(KINEMATICS)
    model = planners_model(OURS, SKY, known)
    assert known.mount is not None
    assert known.mount.factor == pytest.approx(1.6, abs=0.05)
    assert known.mount.constant_s == pytest.approx(5.0, abs=0.8)
    assert known.wheel == Line(pytest.approx(1.0, abs=0.15), pytest.approx(10.0, abs=0.6))
    assert known.readout_s == pytest.approx(7.0, abs=0.1)
    assert known.handling_s == pytest.approx(3.0, abs=0.5)
    assert known.ratio == 1.0
    errors = way_errors(model)
    assert statistics.mean(map(abs, errors)) < 0.01
    assert max(map(abs, errors)) < 0.03
    frames = request(10.0, 20.0, "V", 60.0)
    assert model.exposures_s(frames, 10) == pytest.approx(TRUTH.exposures_s(frames, 10), rel=0.01)


def test_one_ratio_for_everything_does_not() -> None:
    overheads = learned(observed(TRUTH, 25, seed=1, is_measured=False))
    assert overheads.ratio > 1.2
    model = planners_model(OURS, SKY, overheads.corrections(KINEMATICS))
    assert max(map(abs, way_errors(model))) > 0.15
    frames = request(10.0, 20.0, "V", 60.0)
    short_s = TRUTH.exposures_s(frames, 10) - model.exposures_s(frames, 10)
    assert short_s == pytest.approx(50.0)


def test_a_plan_by_what_was_learned_is_one_the_observatory_can_keep() -> None:
    known = learned(observed(TRUTH, 25, seed=1)).corrections(KINEMATICS)
    model = planners_model(OURS, SKY, known)
    generator = np.random.default_rng(5)
    requests = [
        PlanRequest(
            f"O-{number}", float(generator.uniform(0.0, 120.0)),
            float(generator.uniform(-10.0, 60.0)), 60.0, 4,
            str(generator.choice(sorted(SLOTS))), 5.0,
        )
        for number in range(60)
    ]  # fmt: skip
    grid = NightGrid.of(
        PROFILE.site, PROFILE.limits, PROFILE.night, EVENING_S, EVENING_S + 4 * 3600.0
    )
    table = RequestTable.of(
        requests, PROFILE.limits, PROFILE.night, readout_s=model.kinematics.readout_s
    )
    planner = NightPlanner(table, grid, model, PlanSettings(tries=300, price_steps=30))
    state = ObservatoryModelState(EVENING_S, 40.0, 20.0, True, False, None, "V", True)
    plan = planner.plan(PlanStart(EVENING_S, state))
    sky = PROFILE.site, PROFILE.limits, PROFILE.night
    assert len(plan.visits) > 20
    assert check(plan, requests, *sky, model, state) == ()
    wrong = {one.constraint for one in check(plan, requests, *sky, OURS, state)}
    assert "duration" in wrong  # readouts of the profile
    by_key = {one.key: one for one in requests}
    # As it would be carried out, each visit right after the one before, without waiting.
    for visit in plan.visits:
        one = by_key[visit.key]
        here = request(one.ra_deg, one.dec_deg, one.filter_name, one.exposure_s)
        true_s = TRUTH.observe(state, here, one.count).slew_s
        assert visit.setup_s == pytest.approx(true_s, abs=max(0.04 * true_s, 0.5))
        assert visit.end_utc_s - visit.start_utc_s == pytest.approx(268.0, abs=0.5)
        away = TRUTH.observe(replace(state, utc_s=visit.start_utc_s - true_s), here, one.count)
        state = away.after


# -- what must never spoil it ----------------------------------------------------------------------


def test_waits_and_interruptions_among_them_change_nothing() -> None:
    made = observed(TRUTH, 40, seed=3)
    shaken = list(made)
    for at in range(0, len(made), 4):
        took = made[at].took
        assert took is not None
        assert took.mount_s is not None
        assert took.exposing_s is not None
        late = replace(took, mount_s=took.mount_s + 90.0, exposing_s=took.exposing_s + 300.0)
        shaken[at] = replace(made[at], took=late)
    calm, stormy = (learned(one).corrections(KINEMATICS) for one in (made, shaken))
    assert calm.mount is not None
    assert stormy.mount is not None
    assert stormy.mount.factor == pytest.approx(calm.mount.factor, abs=0.05)
    assert stormy.mount.constant_s == pytest.approx(calm.mount.constant_s, abs=1.0)
    assert stormy.readout_s == calm.readout_s == 7.0


def test_simulated_observations_teach_nothing() -> None:
    made = [replace(one, number=0) for one in observed(TRUTH, 20, seed=4)]
    assert learned(made) == Overheads()


def test_a_wait_for_the_next_target_is_no_handling() -> None:
    made = observed(TRUTH, 12, seed=4)
    waited = [
        replace(one, mjd=one.mjd + (at // 2) * 1.5 * LONGEST_HANDLING_S / 86400.0)
        for at, one in enumerate(made)
    ]
    assert len(learned(made).steps.handling) == 11
    known = learned(waited)
    assert len(known.steps.handling) == 6
    assert len(known.steps.mount) > 9  # the mount waited where it was
    assert known.corrections(KINEMATICS).handling_s == pytest.approx(3.0, abs=0.5)


def test_an_attempt_from_the_park_place_tells_of_its_readouts_only() -> None:
    made = observed(TRUTH, 10, seed=6)
    cold = [
        replace(one, took=replace(one.took, mount_s=None, dome_s=None)) for one in made if one.took
    ]
    known = learned(cold)
    assert known.steps.mount == known.steps.handling == known.ratios == ()
    assert len(known.steps.readout) == 10


def test_frames_without_sky_tell_nothing() -> None:
    dark = Observation("A", "O", "", None, None, 61366.1, 60.0, 3, None, number=1)
    assert learned([replace(dark, took=StepDurations(exposing_s=200.0))]) == Overheads()


def test_what_was_learned_comes_back_and_stays_small() -> None:
    known = learned(observed(TRUTH, 60, seed=2))
    assert len(known.steps.mount) == STEPS_REMEMBERED
    back = Overheads.of_state(json.loads(json.dumps(known.state())))
    assert back == known
    assert back.corrections(KINEMATICS) == known.corrections(KINEMATICS)


def test_a_state_of_before_steps_were_measured_is_taken() -> None:
    known = learned(observed(TRUTH, 9, seed=2, is_measured=False))
    state = known.state()
    state.pop("steps")
    assert Overheads.of_state(state) == known


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        (7, TypeError),
        ({"mount": 7}, TypeError),
        ({"mount": [[1.0]]}, ValueError),
        ({"dome": [[1.0, -2.0]]}, ValueError),
        ({"wheel": [[1.0, "long"]]}, ValueError),
        ({"readout": [float("inf")]}, ValueError),
    ],
)
def test_a_wrong_state_is_refused(steps: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        Overheads.of_state({"ratios": [], "last": None, "steps": steps})


# -- lines -----------------------------------------------------------------------------------------

samples = st.lists(
    st.tuples(st.floats(0.0, 300.0), st.floats(0.0, 600.0)), min_size=LEAST_KNOWN, max_size=30
)


@settings(max_examples=60, deadline=None)
@given(samples, st.floats(0.0, 60.0), st.randoms(use_true_random=False))
def test_a_line_is_bounded_and_does_not_ask_for_the_order(
    ways: list[tuple[float, float]], constant_s: float, random_: random.Random
) -> None:
    line = line_of(ways, constant_s)
    assert line is not None
    assert LEAST_FACTOR <= line.factor <= MOST_FACTOR
    assert 0.0 <= line.constant_s <= MOST_CONSTANT_S
    assert line.factor == round(line.factor, 2)
    assert math.isfinite(line.constant_s)
    mixed = list(ways)
    random_.shuffle(mixed)
    assert line_of(mixed, constant_s) == line


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(2, 90), min_size=12, max_size=30, unique=True),
    st.integers(60, 250),
    st.integers(0, 300),
    st.lists(st.floats(0.0, 600.0), max_size=3),
)
def test_a_line_is_found_among_what_does_not_stand_on_it(
    ways_s: list[int], percent: int, tenths: int, others_s: list[float]
) -> None:
    factor, constant_s = percent / 100.0, tenths / 10.0
    known = [(float(way_s), factor * way_s + constant_s) for way_s in ways_s]
    for at, other_s in enumerate(others_s):
        known[at * 3] = known[at * 3][0], other_s
    line = line_of(known, 1.0)
    assert line is not None
    # Three of at least twelve may lie anywhere.
    assert line.factor == pytest.approx(factor, abs=0.0051)
    assert line.constant_s == pytest.approx(constant_s, abs=0.051 + 0.005 * max(ways_s))


def test_few_samples_say_nothing_and_equal_ways_say_one_thing() -> None:
    assert line_of([(10.0, 20.0)] * (LEAST_KNOWN - 1), 1.0) is None
    assert line_of([(10.0, 21.0)] * LEAST_KNOWN, 1.0) == Line(2.0, 1.0)
    assert line_of([(0.0, 3.25)] * LEAST_KNOWN, 0.6) == Line(1.0, 3.2)


def test_nothing_learned_is_the_profile_and_is_shown_so() -> None:
    assert corrected(KINEMATICS, Corrections()) is KINEMATICS
    rows = overheads_view(Overheads(), KINEMATICS)
    assert {row["Samples"] for row in rows} == {0}
    assert {row["Factor"] for row in rows} == {1.0}
    assert all(row["Constant"] == row["Profile Constant"] for row in rows)
    assert MODELS.observatory is planners_model(MODELS.observatory, SKY, Corrections())


def test_what_was_learned_is_shown() -> None:
    rows = overheads_view(learned(observed(TRUTH, 25, seed=1)), KINEMATICS)
    assert json.loads(json.dumps(rows)) == rows
    by_name = {row["Name"]: row for row in rows}
    assert by_name["readout"] == {
        "Name": "readout", "Samples": 25, "Factor": 1.0, "Constant": 7.0, "Profile Constant": 2.0,
    }  # fmt: skip
    assert by_name["slew and settling"]["Factor"] == pytest.approx(1.6, abs=0.02)
    assert "whole ways" not in by_name
    by_ratio = overheads_view(learned(observed(TRUTH, 25, seed=1, is_measured=False)), KINEMATICS)
    assert by_ratio[-1]["Name"] == "whole ways"
    assert float(str(by_ratio[-1]["Factor"])) > 1.2


def visits_of(view: dict[str, object]) -> list[dict[str, Any]]:
    visits = view["Visits"]
    assert isinstance(visits, list)
    assert visits
    return visits


def test_a_driver_plans_with_what_its_telescope_has_shown() -> None:
    known = MODELS.observatory
    assert isinstance(known, ObservatoryModel)
    slow = replace(scaled(known.kinematics, 1.6), readout_s=known.kinematics.readout_s + 5.0)
    truth = ObservatoryModel(known.site, slow, known.dome, SLOTS, 8)
    driver = driver_of()
    before = driver.get_state()
    for one in observed(truth, 20, seed=8):
        driver.register_observation(one)
    orders = drawn(40)
    driver.update_conditions(conditions(orders))
    view = driver.plan_view()
    assert view is not None
    rests = {visits_of(view)[1]["Receipt"]: (DUSK + timedelta(hours=2)).timestamp()}
    now = DUSK + timedelta(seconds=5)
    driver.update_conditions(conditions(orders, now, not_before_utc_s=rests))
    changed = driver.plan_view()
    assert changed is not None
    assert changed["Visits"] != view["Visits"]
    exposing_s = {one.receipt: one.request.exposure_s for one in orders}
    for one in (*visits_of(view), *visits_of(changed)):
        begin, end = (datetime.fromisoformat(one[key]) for key in ("Start", "End"))
        lasts_s = one["Count"] * (exposing_s[one["Receipt"]] + 5.2)
        assert (end - begin).total_seconds() == pytest.approx(lasts_s, abs=1.01)  # whole seconds
    rows = view["Overheads"]
    assert isinstance(rows, list)
    learned_of = {row["Name"]: row for row in rows}
    assert learned_of["slew and settling"]["Factor"] == pytest.approx(1.6, abs=0.02)
    assert learned_of["dome"]["Factor"] == pytest.approx(1.6, abs=0.05)
    other = driver_of()
    other.set_state(json.loads(to_text(driver.get_state())))
    assert to_text(other.get_state()) == to_text(driver.get_state())
    other.set_state(before)
    other.update_conditions(conditions(orders))
    again = other.plan_view()
    assert again is not None
    assert {row["Samples"] for row in again["Overheads"]} == {0}  # type: ignore[attr-defined]  # a list


def test_every_key_is_corrected_by_the_step_it_belongs_to() -> None:
    profiles = replace(KINEMATICS, flip_s=10.0, dome_settle_s=1.0, handling_s=2.0)
    known = Corrections(1.0, Line(2.0, 7.0), Line(1.5, 3.0), Line(0.5, 8.0), 9.0, 4.0)
    assert corrected(profiles, known) == replace(
        profiles,
        hour_angle_rate_deg_s=1.0,
        hour_angle_acceleration_deg_s2=0.25,
        declination_rate_deg_s=1.0,
        declination_acceleration_deg_s2=0.25,
        flip_s=20.0,
        mount_settle_s=7.0,
        dome_rate_deg_s=2.0,
        dome_acceleration_deg_s2=1.0 / 2.25,
        dome_settle_s=3.0,
        filter_step_s=0.5,
        filter_change_s=8.0,
        readout_s=9.0,
        handling_s=4.0,
    )


def test_known_steps_end_the_ratio() -> None:
    whole = learned(observed(TRUTH, 9, seed=2, is_measured=False))
    steps = learned(observed(TRUTH, 9, seed=2)).steps
    assert whole.ratio > 1.2
    assert replace(whole, steps=steps).ratio == 1.0


def test_a_flip_is_one_from_the_side_that_the_slew_had_chosen() -> None:
    german = model_of(replace(KINEMATICS, mount=MountKind.GERMAN, flip_s=40.0))
    way = ModelledWay(german, german)
    begin_s = EVENING_S + 3600.0  # 15 deg of hour angle later
    meridian_deg = 15.0 * float(sidereal_time_h(PROFILE.site, EVENING_S))
    mjd = EVENING_S / 86400.0 + 40587.0
    before = Observation("A", "O", "", (meridian_deg + 5.0) % 360.0, 20.0, mjd, 3000.0, 1, "V")
    west = replace(before, ra_deg=(meridian_deg + 3.0) % 360.0, filter_name="B")
    said = way.steps(before, begin_s, west)
    assert said.mount_s is not None
    # The polar axis turns by 178 deg, the tube over the pole by 140; one filter is one slot away.
    assert said.mount_s == pytest.approx(40.0 + 178.0 / 2.0 + 2.0, abs=1.0)
    assert said.wheel_s == 1.0
    same = way.steps(replace(before, mjd=mjd + 3590.0 / 86400.0), begin_s, west)
    assert same.mount_s == pytest.approx(2.0 * math.sqrt(2.0), abs=0.3)
    assert way.steps(before, begin_s, before).mount_s is not None  # it has to change sides as well


def test_the_way_to_a_target_is_by_what_was_learned() -> None:
    models = replace(MODELS, observatory=OURS)
    seen = LearnedObservatory(models)
    here = request(60.0, 10.0, "R", 60.0)
    state = ObservatoryModelState(EVENING_S, 40.0, 20.0, True, False, None, "V", True)
    now = conditions((), state=state)
    now_s = replace(state, utc_s=now.utc.timestamp())
    assert seen.way_s(here, now) == OURS.delay_s(now_s, 60.0, 10.0, "R")
    seen.overheads = learned(observed(TRUTH, 25, seed=1))
    true_s = TRUTH.delay_s(now_s, 60.0, 10.0, "R")
    assert seen.way_s(here, now) == pytest.approx(true_s, rel=0.01)
    assert seen.way_s(here, replace(now, state=None)) == 0.0
    seen = LearnedObservatory(replace(models, observatory=FakeObservatory(slew_s=33.0)))
    seen.overheads = Overheads((2.0,) * LEAST_KNOWN)
    assert seen.way_s(here, now) == 66.0  # of another's model only the whole is known


def test_a_fixed_start_has_room_for_readouts_as_they_are() -> None:
    driver, later = driver_of(), driver_of()
    driver.update_conditions(conditions(drawn(40)))
    view = driver.plan_view()
    assert view is not None
    first = visits_of(view)[5]
    latest_s = datetime.fromisoformat(first["Start"]).timestamp() + 5.0
    order = next(one for one in drawn(40) if one.receipt == first["Receipt"])
    fixed = replace(order.request, exposure_s=10.0, count=40, latest_start_utc_s=latest_s)
    order = replace(order, request=fixed, missing_count=40, not_before_utc_s=latest_s - 80.0)
    for one in observed(TRUTH, 20, seed=8):
        later.register_observation(one)
    later.update_conditions(conditions([order]))
    view = later.plan_view()
    assert view is not None
    assert [one["Receipt"] for one in visits_of(view)] == [order.receipt]
