"""Surveys through the driver: tiers, blocks, sequences, orders, rests, the exact check."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ctmo_indi.models.coordinates import separation_deg
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.orders import Constraints, ObservationRequest, Window
from ctmo_indi.models.states import FrameType, ObservatoryState
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.driver import DriverParameters, state_digest
from ctmo_indi.scheduling.feature.driver import FeatureScheduler
from ctmo_indi.scheduling.feature.memory import TargetName
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.sky import SiteSky
from ctmo_indi.scheduling.target import DriverTarget

from .feature_world import (
    MIDNIGHT,
    PROFILE,
    UTC_S,
    chosen,
    conditions,
    driver_of,
    greedy,
    observed,
    order,
    orders_survey,
    real_models,
)

Night = list[DriverTarget]


def through(
    driver: FeatureScheduler, visits: int, given: Conditions, every: timedelta = timedelta(0)
) -> Night:
    """Observe so many targets, one after the other, the telescope going along."""
    found = []
    for _ in range(visits):
        target = chosen(driver, given)
        if target is None:
            break
        found.append(target)
        driver.register_observation(observed(target, given.utc, len(found)))
        state = replace(given.state, utc_s=given.utc.timestamp())
        visit = driver.models.observatory.observe(state, target.request, target.count)
        utc = datetime.fromtimestamp(visit.end_utc_s, MIDNIGHT.tzinfo) + every
        pending = tuple(one for one in given.pending if one.receipt != target.receipt)
        given = replace(given, utc=utc, state=visit.after, pending=pending)
    return found


def place_of(target: DriverTarget) -> tuple[float, float]:
    assert target.place_deg is not None
    return target.place_deg


def test_the_first_tier_with_a_candidate_wins_however_small_its_reward() -> None:
    alerts = orders_survey("alerts", "target_of_opportunity")
    driver = driver_of([alerts], [orders_survey("orders", {"type": "priority", "weight": 100})])
    usual = order("usual", priority=10.0)
    alert = order("alert", 50.0, 10.0, priority=1.0, job_type="Alert")
    assert chosen(driver, conditions(MIDNIGHT, usual, alert)).receipt == "O-alert"
    assert chosen(driver, conditions(MIDNIGHT, usual)).receipt == "O-usual"
    set_alert = order("alert", 250.0, 10.0, job_type="Alert")
    assert chosen(driver, conditions(MIDNIGHT, usual, set_alert)).receipt == "O-usual"


def test_within_a_tier_the_larger_reward_wins() -> None:
    fields = greedy("wide", {"type": "altitude", "weight": 2})
    driver = driver_of([fields, orders_survey("orders", {"type": "priority", "weight": 5})])
    assert chosen(driver, conditions(MIDNIGHT, order("a", priority=2.0))).receipt == ""
    assert chosen(driver, conditions(MIDNIGHT, order("a", priority=9.0))).receipt == "O-a"


class Particular(SiteSky):
    """Has something against requests that the test names."""

    against: Callable[[ObservationRequest, datetime], bool] = staticmethod(lambda *_: False)

    def obstacles(self, request: ObservationRequest, utc: datetime) -> tuple[str, ...]:
        if self.against(request, utc):
            return ("the test says no",)
        return super().obstacles(request, utc)


def test_who_does_not_pass_the_exact_check_gives_way_to_the_next_best() -> None:
    sky = Particular(PROFILE)
    models = Models(sky, real_models().observatory, tuple(PROFILE.filters))
    driver = driver_of([orders_survey()], models=models)
    given = conditions(MIDNIGHT, *(order(name, priority=9.0 - i) for i, name in enumerate("abc")))
    assert chosen(driver, given).receipt == "O-a"
    sky.against = lambda request, _utc: request.object_name == "a"
    assert chosen(driver, given).receipt == "O-b"
    # At the end of one exposure, the way to it included.
    end_s = UTC_S + 60.0
    sky.against = lambda request, utc: request.object_name != "c" and utc.timestamp() >= end_s
    assert chosen(driver, given).receipt == "O-c"
    sky.against = lambda *_: True
    assert chosen(driver, given) is None


def test_equal_rewards_go_by_age_then_receipt_whatever_their_order() -> None:
    waiting = [order("b"), order("a"), order("old", created_utc_s=50.0)]
    for given in (waiting, waiting[::-1]):
        assert chosen(driver_of([orders_survey()]), conditions(MIDNIGHT, *given)).receipt == (
            "O-old"
        )
        assert chosen(driver_of([orders_survey()]), conditions(MIDNIGHT, *given[:1])) is not None
    assert chosen(driver_of([orders_survey()]), conditions(MIDNIGHT, *waiting[:2])).receipt == "O-a"


def test_a_survey_takes_only_its_orders() -> None:
    waiting = [order("a", user="ada"), order("b", user="bob", priority=9.0)]
    given = conditions(MIDNIGHT, *waiting)
    assert chosen(driver_of([orders_survey(users=["ada"])]), given).receipt == "O-a"
    assert chosen(driver_of([orders_survey(users=["eve"])]), given) is None
    assert chosen(driver_of([orders_survey(least_priority=6)]), given).receipt == "O-b"


@pytest.mark.parametrize(
    "hindered",
    [
        order("x", priority=9.0, constraints=Constraints(max_airmass=1.001)),
        order("x", priority=9.0, constraints=Constraints(min_altitude_deg=85.0)),
        order("x", priority=9.0, constraints=Constraints(min_moon_separation_deg=170.0)),
        order("x", priority=9.0, constraints=Constraints(max_sun_altitude_deg=-88.0)),
        order("x", priority=9.0, windows=(Window(UTC_S + 10.0, UTC_S + 9999.0),)),
        order("x", priority=9.0, windows=(Window(UTC_S - 10.0, UTC_S + 59.0),)),
        order("x", priority=9.0, not_before_utc_s=UTC_S + 1.0),
        order("x", priority=9.0, due_utc_s=UTC_S + 1.0),
        order("x", priority=9.0, latest_start_utc_s=UTC_S - 1.0),
        order("x", priority=9.0, latest_start_utc_s=UTC_S + 1.0),  # the slew takes longer
        order("x", priority=9.0, constraints=Constraints(min_hour_angle_h=3.0)),
        order("x", priority=9.0, constraints=Constraints(max_hour_angle_h=-3.0)),
        order("x", priority=9.0, constraints=Constraints(max_moon_illumination=0.5)),
        order("x", priority=9.0, constraints=Constraints(max_moon_altitude_deg=0.0)),
        order("x", 240.0, 20.0, priority=9.0),
        order("x", 60.0, -80.0, priority=9.0),
    ],
)
def test_an_order_s_own_limits_hold(hindered: object) -> None:
    driver = driver_of([orders_survey()])
    assert chosen(driver, conditions(MIDNIGHT, hindered)) is None
    assert chosen(driver, conditions(MIDNIGHT, hindered, order("other"))).receipt == "O-other"


def test_limits_that_hold_let_an_order_through() -> None:
    open_one = order(
        "x",
        windows=(Window(0.0, 1.0), Window(UTC_S - 10.0, UTC_S + 300.0)),
        latest_start_utc_s=UTC_S + 100.0,
        due_utc_s=UTC_S,
        constraints=Constraints(
            max_airmass=1.1,
            min_altitude_deg=70.0,
            min_moon_separation_deg=30.0,
            max_sun_altitude_deg=-18.0,
            min_hour_angle_h=-1.0,
            max_hour_angle_h=1.0,
            max_moon_illumination=1.0,
            max_moon_altitude_deg=89.0,
        ),
    )
    assert chosen(driver_of([orders_survey()]), conditions(MIDNIGHT, open_one)) is not None


def test_a_bias_waits_until_it_is_due_and_not_longer_than_its_start() -> None:
    bias = {"frame_type": FrameType.BIAS, "filter_name": None}
    driver = driver_of([orders_survey()])
    closed = {"observatory": ObservatoryState.CLOSED}
    later = order("later", None, None, due_utc_s=UTC_S + 1.0, **bias)
    missed = order("missed", None, None, latest_start_utc_s=UTC_S - 1.0, **bias)
    assert chosen(driver, conditions(MIDNIGHT, later, missed, **closed)) is None
    after = MIDNIGHT + timedelta(seconds=2)
    assert chosen(driver, conditions(after, later, missed, **closed)).receipt == "O-later"


def test_an_order_is_asked_for_as_it_is() -> None:
    waiting = order("a", missing_count=3)
    target = chosen(driver_of([orders_survey()]), conditions(MIDNIGHT, waiting))
    assert (target.request, target.count, target.priority) == (waiting.request, 3, 5.0)
    assert target.slew_time_s > 0.0
    assert target.airmass == pytest.approx(1.0, abs=0.3)
    assert "survey orders: reward 0.5, best of 1" in target.note


def test_frames_without_sky_wait_for_a_closed_dome_and_for_nothing_better() -> None:
    bias = order("bias", None, None, frame_type=FrameType.BIAS, filter_name=None)
    driver = driver_of([orders_survey()])
    assert chosen(driver, conditions(MIDNIGHT, bias)) is None
    closed = {"observatory": ObservatoryState.CLOSED}
    assert chosen(driver, conditions(MIDNIGHT, bias, **closed)).receipt == "O-bias"
    assert chosen(driver, conditions(MIDNIGHT, bias, order("a"), **closed)).receipt == "O-a"
    by_day = MIDNIGHT + timedelta(hours=12)
    assert chosen(driver, conditions(by_day, bias, order("a"), **closed)).receipt == "O-bias"


def test_a_field_becomes_a_target_with_its_details() -> None:
    details = [
        {"type": "dither", "radius_deg": 0.3},
        {"type": "rotation", "angle_deg": 5},
        "repeat",
    ]
    one = greedy("wide", "altitude", count=2, priority=4, program="P-1", detailers=details)
    driver = driver_of([one])
    target = chosen(driver, conditions())
    name = TargetName.of(target.target_id)
    assert (name.survey, name.fields, name.filter_name) == ("wide", "sky", "R")
    assert (target.receipt, target.count, target.priority, target.program) == ("", 4, 4.0, "P-1")
    assert "no rotator for the position angle 5.0 deg" in target.note
    fields = driver._configured.fields["sky"]
    row = fields.row_of[name.field]
    off_deg = separation_deg(
        float(fields.ra_deg[row]), float(fields.dec_deg[row]), *place_of(target)
    )
    assert 0.0 < off_deg <= 0.3
    assert chosen(driver, conditions()) == target
    other = driver_of([one], seed=7)
    assert place_of(chosen(other, conditions())) != place_of(target)


def test_a_field_that_failed_rests_and_another_takes_its_turn() -> None:
    driver = driver_of([greedy()])
    first = chosen(driver, conditions())
    resting = conditions(not_before_utc_s={first.target_id: UTC_S + 60.0, "other": 1e12})
    second = chosen(driver, resting)
    assert second.target_id != first.target_id
    over = conditions(not_before_utc_s={first.target_id: UTC_S})
    assert chosen(driver, over).target_id == first.target_id


def test_filters_compete_and_a_change_has_its_price() -> None:
    balance = {"type": "footprint", "weight": 1.0}
    cost = {"type": "filter_change", "weight": 0.8}
    survey = greedy("wide", "altitude", balance, cost, filters=["V", "R"])
    driver = driver_of([survey], fields={"sky": {"nside": 2}})
    taken = [one.request.filter_name for one in through(driver, 40, conditions())]
    assert taken[0] == "R"  # loaded
    assert {"V", "R"} == set(taken)
    changes = sum(a != b for a, b in itertools.pairwise(taken))
    assert 1 <= changes <= 12


def test_pairs_come_back_after_their_gap() -> None:
    pair = {"type": "visit_gap", "weight": 10, "gap_s": [1200, 3600]}
    rest = {"type": "fast_revisit", "least_s": 1200}
    driver = driver_of([greedy("wide", "altitude", pair, rest, exposure_s=300)])
    names = [one.target_id for one in through(driver, 16, conditions())]
    twice = {one for one in names if names.count(one) == 2}
    assert len(twice) >= 3
    assert max(map(names.count, names)) == 2


def blob(**changes: object) -> dict[str, object]:
    own = {"type": "blob", "radius_deg": 12, "most_fields": 6, "longest_s": 3600}
    return greedy("blocks", "altitude", {"type": "fast_revisit"}, **{**own, **changes})


def test_a_block_stays_together_and_then_another_begins() -> None:
    driver = driver_of([blob()])
    night = through(driver, 14, conditions())
    centre = place_of(night[0])
    away = [separation_deg(*centre, *place_of(one)) for one in night]
    assert all(one <= 12.0 for one in away[:6])
    assert len({one.target_id for one in night}) == 14
    assert [("goes on" in one.note) for one in night] == [
        *([False] + [True] * 5) * 2,
        False,
        True,
    ]


def test_no_field_comes_twice_in_a_block() -> None:
    driver = driver_of([greedy("blocks", "altitude", type="blob", radius_deg=12, most_fields=9)])
    night = through(driver, 9, conditions())
    assert len({one.target_id for one in night}) == 9


def test_a_block_goes_on_beside_a_survey_of_larger_rewards() -> None:
    better = orders_survey("orders", {"type": "priority", "weight": 100})
    driver = driver_of([better, blob()])
    through(driver, 1, conditions())
    later = MIDNIGHT + timedelta(minutes=1)
    assert "goes on" in chosen(driver, conditions(later, order("a"))).note


def test_a_block_ends_after_its_time() -> None:
    driver = driver_of([blob(longest_s=600, exposure_s=400)])
    night = through(driver, 4, conditions())
    assert ["goes on" in one.note for one in night] == [False, True, False, True]


def test_the_way_through_a_block_is_shorter_than_by_reward() -> None:
    def slewing_s(*functions: object, **changes: object) -> float:
        driver = driver_of([greedy("one", *functions, **changes)], fields={"sky": {"nside": 24}})
        return sum(one.slew_time_s for one in through(driver, 25, conditions())[1:])

    spread = slewing_s("altitude", {"type": "fast_revisit"})
    in_block = slewing_s(
        "altitude", {"type": "fast_revisit"}, type="blob", radius_deg=12, most_fields=25
    )
    assert in_block < 0.8 * spread


def test_a_block_goes_on_after_a_restart() -> None:
    driver = driver_of([blob()])
    given = conditions()
    night = through(driver, 3, given)
    other = driver_of([blob()])
    other.set_state(driver.get_state())
    again = replace(given, utc=MIDNIGHT + timedelta(minutes=5))
    assert chosen(other, again) == chosen(driver, again)
    assert "goes on" in chosen(other, again).note
    rebuilt = driver_of([blob()])
    rebuilt.cold_start([observed(one, MIDNIGHT, n + 1) for n, one in enumerate(night)])
    assert "goes on" in chosen(rebuilt, again).note


def deep(**changes: object) -> dict[str, object]:
    steps = [("V", 60), ("R", 60), ("B", 60), ("R", 30)]
    return {
        "type": "field",
        "name": "deep",
        "fields": "sky",
        "sequence": [{"filter": name, "exposure_s": s, "count": 2} for name, s in steps],
        "basis_functions": ["altitude", {"type": "fast_revisit", "least_s": 7200}],
        **changes,
    }


@pytest.mark.parametrize(("first", "order_"), [("as_given", "VRBR"), ("loaded", "RRVB")])
def test_a_sequence_is_done_step_by_step_on_one_field(first: str, order_: str) -> None:
    detail = [{"type": "filter_order", "first": first}]
    driver = driver_of([deep(detailers=detail)], fields={"sky": {"nside": 4}})
    night = through(driver, 8, conditions())
    assert "".join(one.request.filter_name for one in night[:4]) == order_
    names = [TargetName.of(one.target_id) for one in night]
    assert len({one.field for one in names[:4]}) == 1
    assert {one.field for one in names[4:]} != {names[0].field}
    assert len(set(names)) == 8
    assert {one.count for one in night} == {2}


def test_a_sequence_that_takes_too_long_is_given_up() -> None:
    driver = driver_of([deep(longest_s=600)], fields={"sky": {"nside": 4}})
    night = through(driver, 3, conditions(), every=timedelta(minutes=20))
    assert [TargetName.of(one.target_id).step for one in night] == [0, 0, 0]


def test_a_better_tier_interrupts_a_block_and_it_goes_on() -> None:
    driver = driver_of([orders_survey()], [blob()])
    first = through(driver, 2, conditions())
    later = MIDNIGHT + timedelta(minutes=3)
    assert chosen(driver, conditions(later, order("a"))).receipt == "O-a"
    assert "goes on" in chosen(driver, conditions(later)).note
    assert "goes on" in first[1].note


def test_by_day_and_in_bad_weather_there_is_no_field() -> None:
    driver = driver_of([greedy(), blob(), deep()])
    assert chosen(driver, conditions(MIDNIGHT + timedelta(hours=12))) is None
    assert chosen(driver, conditions(verdict=None)) is None


def test_the_driver_s_own_boundary_of_the_night_holds() -> None:
    night = real_models().sky.night(MIDNIGHT)
    dusk = night.evening + timedelta(minutes=5)
    assert chosen(driver_of([greedy()]), conditions(dusk)) is not None
    darker = driver_of([greedy()], night_boundary=-18)
    assert chosen(darker, conditions(dusk)) is None
    assert chosen(darker, conditions()) is not None
    told = FeatureScheduler(real_models(), parameters=DriverParameters(night_boundary=-18.0))
    told.configure_scheduler({"tiers": [{"surveys": [orders_survey()]}]})
    assert told.parameters.night_boundary == -18.0


def test_an_unknown_state_costs_no_slew() -> None:
    driver = driver_of([greedy("wide", "altitude", "slew_time"), blob()])
    target = chosen(driver, conditions(state=None))
    assert target.slew_time_s == 0.0
    driver.register_observation(observed(target))
    assert chosen(driver, conditions(state=None)) is not None


def test_a_parked_observatory_pays_its_opening() -> None:
    driver = driver_of([greedy("wide", "altitude", "slew_time")])
    parked = conditions(state=ObservatoryModelState(UTC_S), observatory=ObservatoryState.CLOSED)
    assert chosen(driver, parked).slew_time_s > PROFILE.kinematics.open_s


def test_a_target_that_moves_is_followed() -> None:
    class Moving(SiteSky):
        where = (60.0, 20.0)

        def place_deg(self, request: ObservationRequest, utc: datetime) -> tuple[float, float]:
            return self.where if request.ra_deg is None else super().place_deg(request, utc)

        def obstacles(self, request: ObservationRequest, utc: datetime) -> tuple[str, ...]:
            ra_deg, dec_deg = self.place_deg(request, utc)
            return super().obstacles(replace(request, ra_deg=ra_deg, dec_deg=dec_deg), utc)

    sky = Moving(PROFILE)
    models = Models(sky, real_models().observatory)
    driver = driver_of([orders_survey("orders", "altitude")], models=models)
    given = conditions(MIDNIGHT, order("comet", None, None), order("star", 20.0, 20.0))
    target = chosen(driver, given)
    assert (target.receipt, target.place_deg) == ("O-comet", (60.0, 20.0))
    sky.where = (200.0, -40.0)
    sky._answers.clear()
    assert chosen(driver, given).receipt == "O-star"


def test_deciding_and_estimating_change_nothing() -> None:
    driver = driver_of([orders_survey()], [blob(), deep(), greedy()])
    given = conditions(MIDNIGHT, order("a"), order("low", 240.0))
    through(driver, 5, given)
    driver.update_conditions(given)
    digest, attributes = state_digest(driver), dict(vars(driver))
    driver.select_next_target()
    driver.explain("O-a")
    driver.estimate_next_target()
    assert state_digest(driver) == digest
    assert vars(driver) == attributes


def test_the_estimate_finds_the_rise_of_an_order_and_says_why_not_now() -> None:
    driver = driver_of([orders_survey()])
    late = order("late", 170.0, 20.0, priority=9.0)
    driver.update_conditions(conditions(MIDNIGHT, late))
    upcoming = driver.estimate_next_target()
    assert upcoming.receipt == "O-late"
    assert timedelta(0) < upcoming.utc - MIDNIGHT < timedelta(hours=4)
    assert any("altitude" in one for one in upcoming.reasons["O-late"])
    by_day = MIDNIGHT - timedelta(hours=10)
    driver.update_conditions(conditions(by_day, order("now", 350.0)))
    evening = driver.night.evening
    assert evening <= driver.estimate_next_target().utc <= evening + timedelta(minutes=5)
    driver.update_conditions(conditions(MIDNIGHT, order("never", 60.0, -85.0)))
    assert driver.estimate_next_target().utc is None


def test_the_strict_filter_rule_holds_for_orders_too() -> None:
    rule = {"type": "filter_change", "weight": 0.1, "least_s": 1800}
    driver = driver_of([orders_survey("orders", "priority", rule)])
    in_r, in_v = order("r", priority=1.0), order("v", priority=9.0, filter_name="V")
    assert chosen(driver, conditions(MIDNIGHT, in_r, in_v)).receipt == "O-v"
    driver.register_observation(observed(chosen(driver, conditions(MIDNIGHT, in_r))))
    soon = conditions(MIDNIGHT + timedelta(minutes=10), in_r, in_v)
    assert chosen(driver, soon).receipt == "O-r"
    late = conditions(MIDNIGHT + timedelta(minutes=31), in_r, in_v)
    assert chosen(driver, late).receipt == "O-v"


def test_a_state_of_other_fields_is_refused_and_changes_nothing() -> None:
    driver, other = driver_of([greedy()]), driver_of([greedy()], fields={"sky": {"nside": 8}})
    through(driver, 2, conditions())
    before = state_digest(other)
    with pytest.raises(ValueError, match="expected"):
        other.set_state(driver.get_state())
    assert state_digest(other) == before


def test_orders_are_not_remembered_as_visits() -> None:
    driver = driver_of([orders_survey()], [greedy()])
    target = chosen(driver, conditions(MIDNIGHT, order("a")))
    driver.register_observation(observed(target))
    assert not driver._memory.visits["sky"].count.any()
    assert driver._memory.filter_name == "R"
