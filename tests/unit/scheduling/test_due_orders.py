"""Orders that are due again, and orders with a fixed start, as the sequential driver meets them."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ctmo_indi import profiles
from ctmo_indi.models.motions import BodyMotion, SolarSystemBody
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.orders import Cadence, ObservationRequest
from ctmo_indi.models.states import FrameType, ObservatoryState
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.errors import UnobservableTargetError
from ctmo_indi.scheduling.lookahead import LookAhead, select_guarded
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.scheduling.sky import SiteSky
from ctmo_indi.scheduling.target import DriverTarget, PendingOrder
from ctmo_indi.testing.fake_clock import EVENING
from ctmo_indi.testing.fake_sky import FakeSky, fake_models

NOW_S = EVENING.timestamp()
SLEW_S = 30.0
VISIT_S = 70.0  # an exposure and its readout


def order(name: str, visits: int = 1, **changes: object) -> PendingOrder:
    cadence = Cadence(1800.0, 300.0, visits) if visits > 1 else None
    request = ObservationRequest(
        name, "u", FrameType.LIGHT, 60.0, 1, 10.0, 20.0, name, "R", cadence=cadence
    )
    request = replace(request, **changes)  # type: ignore[arg-type]  # of the test
    return PendingOrder(f"O-{name}", request, 5.0, 0.0, 1, visits_left=visits)


def conditions(*orders: PendingOrder, utc: datetime = EVENING) -> Conditions:
    return Conditions(
        utc=utc,
        observatory=ObservatoryState.OPEN,
        verdict=Verdict(VerdictLevel.SAFE, (), 1, "", 0.0),
        verdict_age_s=0.5,
        telescope_answers=True,
        pending=orders,
        state=ObservatoryModelState(utc.timestamp(), is_parked=False, is_open=True),
    )


@pytest.fixture
def driver() -> SequentialScheduler:
    return SequentialScheduler(fake_models(FakeSky()))


def chosen(driver: SequentialScheduler, given: Conditions) -> str | None:
    driver.update_conditions(given)
    target = select_guarded(driver, given, is_strict=True)
    return None if target is None else target.receipt


def test_what_is_not_due_yet_is_passed_over_and_expected_when_it_is(
    driver: SequentialScheduler,
) -> None:
    early = replace(order("again", 3), due_utc_s=NOW_S + 600.0)
    assert chosen(driver, conditions(early, order("other"))) == "O-other"
    assert chosen(driver, conditions(early)) is None
    assert driver.estimate_next_target().reasons["O-again"] == (
        "the next visit is due after 2026-11-22T00:40:00Z",
    )
    assert driver.expected_utc() == EVENING + timedelta(seconds=600)
    later = conditions(early, utc=EVENING + timedelta(seconds=600))
    assert chosen(driver, later) == "O-again"


class Hasty(SequentialScheduler):
    """Takes the first order, due or not."""

    def select_next_target(self) -> DriverTarget | None:
        assert self.conditions is not None
        return DriverTarget.of_order(self.conditions.pending[0], self.conditions.utc, VISIT_S)


def test_a_driver_that_does_not_wait_for_the_next_visit_is_held() -> None:
    driver = Hasty(fake_models(FakeSky()))
    given = conditions(replace(order("again", 3), due_utc_s=NOW_S + 600.0))
    driver.update_conditions(given)
    assert select_guarded(driver, given) is None
    with pytest.raises(UnobservableTargetError, match="its next visit is not due yet"):
        select_guarded(driver, given, is_strict=True)


def test_looking_ahead_makes_each_visit_when_it_is_due() -> None:
    models = fake_models(FakeSky())
    driver = SequentialScheduler(models)
    ahead = LookAhead(driver, models)
    planned = ahead.targets(
        conditions(order("again", 3)), until=EVENING + timedelta(hours=3)
    )  # fmt: skip
    begins = [one.visit.start_utc_s - NOW_S for one in planned]
    assert begins[0] == SLEW_S
    assert len(begins) == 3
    for before, after in itertools.pairwise(begins):
        assert 1500.0 <= after - before <= 1500.0 + SLEW_S + 1.0


def test_a_missed_start_is_passed_over_with_the_reason(driver: SequentialScheduler) -> None:
    late = order("transit", latest_start_utc_s=NOW_S + SLEW_S - 1.0)
    assert chosen(driver, conditions(late)) is None
    assert driver.estimate_next_target().reasons["O-transit"] == (
        "its start is missed: expected by 2026-11-22T00:30:29Z",
    )
    assert chosen(driver, conditions(order("transit", latest_start_utc_s=NOW_S + 31.0)))


@pytest.mark.parametrize(
    ("frames", "left"), [(1, (2, 3, 0.0)), (3, (3, 2, 1000.0 + 1800.0 - 300.0))]
)
def test_what_is_left_of_an_order_after_some_frames(
    frames: int, left: tuple[int, int, float]
) -> None:
    begun = replace(order("again", 3, count=3), missing_count=3)
    after = begun.after(frames, 1000.0)
    assert after is not None
    assert (after.missing_count, after.visits_left, after.due_utc_s) == left
    assert replace(begun, visits_left=1).after(3, 1000.0) is None


def test_a_planet_is_chosen_where_it_is_and_the_model_goes_there() -> None:
    profile = profiles.load("simulators")
    sky = SiteSky(profile)
    models = Models(sky, ObservatoryModel.of(profile), tuple(profile.filters))
    jupiter = order(
        "jupiter", ra_deg=None, dec_deg=None, motion=BodyMotion(SolarSystemBody.JUPITER)
    )  # fmt: skip
    night = sky.night(datetime(2026, 11, 22, 0, 0, tzinfo=UTC))
    up = sky.next_observable(jupiter.request, night.evening, night.morning)
    assert up is not None
    utc = up + timedelta(minutes=30)
    driver = SequentialScheduler(models)
    given = conditions(jupiter, utc=utc)
    driver.update_conditions(given)

    target = select_guarded(driver, given, is_strict=True)

    assert target is not None
    assert target.place_deg == sky.place_deg(jupiter.request, utc)
    assert target.slew_time_s > 0.0
    assert target.airmass is not None
    (planned,) = LookAhead(driver, models).targets(given, n_targets=1)
    after = planned.visit.after
    assert (after.ra_deg, after.dec_deg) == pytest.approx(target.place_deg, abs=0.01)
