"""The sequential driver: priority, then age, the first that can be observed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from ctmo_indi.errors import ConfigError
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType, ObservatoryState
from ctmo_indi.models.verdict import Latch, Lock, LockKind, Verdict, VerdictLevel
from ctmo_indi.models.visibility import Spans
from ctmo_indi.scheduling.conditions import Conditions, Night
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.scheduling.target import PendingOrder
from ctmo_indi.testing.fake_clock import EVENING
from ctmo_indi.testing.fake_sky import FakeSky, fake_models

SAFE = Verdict(VerdictLevel.SAFE, (), 1, "", 0.0)


def pending(
    name: str,
    priority: float = 5.0,
    created: float = 0.0,
    frame_type: FrameType = FrameType.LIGHT,
    not_before_utc_s: float = 0.0,
) -> PendingOrder:
    request = ObservationRequest(
        order_id=name,
        user="u",
        frame_type=frame_type,
        exposure_s=60.0,
        count=3,
        ra_deg=10.0 if frame_type.needs_sky else None,
        dec_deg=20.0 if frame_type.needs_sky else None,
        object_name=name,
    )
    return PendingOrder(f"O-{name}", request, priority, created, 3, not_before_utc_s)


def conditions(*orders: PendingOrder, **changes: Any) -> Conditions:
    values: dict[str, Any] = {
        "utc": EVENING,
        "observatory": ObservatoryState.OPEN,
        "verdict": SAFE,
        "verdict_age_s": 0.5,
        "telescope_answers": True,
        "pending": orders,
    }
    return Conditions(**(values | changes))


def choose(driver: SequentialScheduler, given: Conditions) -> str | None:
    driver.update_conditions(given)
    target = driver.select_next_target()
    return None if target is None else target.receipt


@pytest.fixture
def sky() -> FakeSky:
    return FakeSky()


@pytest.fixture
def driver(sky: FakeSky) -> SequentialScheduler:
    return SequentialScheduler(fake_models(sky))


def test_larger_priority_goes_first_then_the_older_order(driver: SequentialScheduler) -> None:
    given = [pending("new", 5.0, 20.0), pending("old", 5.0, 10.0), pending("urgent", 9.0, 30.0)]
    taken = []
    while given:
        receipt = choose(driver, conditions(*given))
        taken.append(receipt)
        given = [order for order in given if order.receipt != receipt]
    assert taken == ["O-urgent", "O-old", "O-new"]


def test_an_order_that_is_not_up_is_passed_over(driver: SequentialScheduler, sky: FakeSky) -> None:
    sky.rises["low"] = EVENING + timedelta(hours=3)
    assert choose(driver, conditions(pending("low", 9.0), pending("up", 1.0))) == "O-up"


def test_an_order_that_sets_before_one_exposure_ends_is_passed_over(sky: FakeSky) -> None:
    sky.morning = EVENING + timedelta(seconds=30)
    assert choose(SequentialScheduler(fake_models(sky)), conditions(pending("late"))) is None


def test_an_order_in_its_pause_is_passed_over(driver: SequentialScheduler) -> None:
    waiting = pending("failed", 9.0, not_before_utc_s=EVENING.timestamp() + 60.0)
    assert choose(driver, conditions(waiting, pending("other"))) == "O-other"


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": None},
        {"verdict_age_s": 11.0},
        {"verdict": Verdict(VerdictLevel.UNSAFE, ("rain",), 1, "", 0.0)},
        {
            "verdict": Verdict(
                VerdictLevel.SAFE, (), 1, "", 0.0, Lock(LockKind.OBSERVER, "a", "", "", None)
            )
        },
        {"verdict": Verdict(VerdictLevel.SAFE, (), 1, "", 0.0, None, Latch("a", "", ""))},
        {"telescope_answers": False},
        {"observatory": ObservatoryState.UNKNOWN},
        {"observatory": ObservatoryState.ALARM},
        {"observatory": ObservatoryState.CLOSING},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_unknown_unsafe_or_held_means_no_sky(
    driver: SequentialScheduler, changes: dict[str, Any]
) -> None:
    assert choose(driver, conditions(pending("a"), **changes)) is None
    assert driver.estimate_next_target().reasons["O-a"]


def test_calibrations_need_a_closed_dome_but_neither_night_nor_verdict(
    driver: SequentialScheduler,
) -> None:
    bias = pending("bias", frame_type=FrameType.BIAS)
    day = EVENING + timedelta(hours=14)
    assert choose(driver, conditions(bias, utc=day)) is None
    closed = conditions(bias, utc=day, observatory=ObservatoryState.CLOSED, verdict=None)
    assert choose(driver, closed) == "O-bias"


def test_selecting_changes_nothing(driver: SequentialScheduler) -> None:
    driver.update_conditions(conditions(pending("a"), pending("b")))
    before = dict(vars(driver))
    assert driver.select_next_target() == driver.select_next_target()
    assert vars(driver) == before


def test_conditions_that_are_put_back_are_those_that_count(driver: SequentialScheduler) -> None:
    now, later = conditions(pending("a", 9.0), pending("b")), conditions(pending("b"))
    driver.update_conditions(now)
    driver.update_conditions(later)  # looked ahead
    driver.conditions = now
    target = driver.select_next_target()
    assert target is not None
    assert target.receipt == "O-a"
    assert set(driver.estimate_next_target().reasons) == {"O-a", "O-b"}


def test_a_failure_leaves_the_driver_as_if_never_asked(sky: FakeSky) -> None:
    asked, never_asked = (
        SequentialScheduler(fake_models(sky)),
        SequentialScheduler(fake_models(sky)),
    )
    given = conditions(pending("a"), pending("b"))
    choose(asked, given)  # its attempt fails: nothing is registered
    assert choose(asked, given) == choose(never_asked, given)


def test_the_estimate_names_the_next_order_to_rise(
    driver: SequentialScheduler, sky: FakeSky
) -> None:
    sky.rises = {"late": EVENING + timedelta(hours=3), "soon": EVENING + timedelta(hours=1)}
    sky.never = {"down"}
    driver.update_conditions(conditions(pending("late", 9.0), pending("soon"), pending("down")))
    upcoming = driver.estimate_next_target()
    assert (upcoming.utc, upcoming.receipt) == (EVENING + timedelta(hours=1), "O-soon")
    assert upcoming.until_utc == sky.morning
    assert "altitude" in upcoming.reasons["O-down"][0]


def test_nights_are_counted_from_one(driver: SequentialScheduler, sky: FakeSky) -> None:
    driver.update_conditions(conditions())
    driver.update_conditions(conditions(utc=EVENING + timedelta(hours=1)))
    assert driver.night_count == 1
    driver.update_conditions(conditions(utc=sky.morning + timedelta(hours=1)))
    assert driver.night_count == 2


def test_configuration_keys_are_refused_by_name(driver: SequentialScheduler) -> None:
    with pytest.raises(ConfigError, match="weights"):
        driver.configure_scheduler({"weights": 1})


class GenerousSky(FakeSky):
    """Its cheap answer is that everything is up all night; it counts the exact questions."""

    asked: int = 0

    def spans(self, requests: Sequence[ObservationRequest], night: Night) -> Spans:
        count = len(requests)
        start, end = night.evening.timestamp(), night.morning.timestamp()
        return Spans(np.arange(count), np.full(count, start), np.full(count, end))

    def obstacles(self, request: ObservationRequest, utc: datetime) -> tuple[str, ...]:
        self.asked += 1
        return super().obstacles(request, utc)


def test_what_stands_elsewhere_is_asked_though_another_of_its_ra_was_in_vain() -> None:
    sky = GenerousSky(never={"down"})
    down, up = pending("down", 9.0), pending("up")
    up = replace(up, request=replace(up.request, dec_deg=70.0))
    assert choose(SequentialScheduler(fake_models(sky)), conditions(down, up)) == "O-up"


def test_orders_of_one_place_are_asked_exactly_once_together() -> None:
    sky = GenerousSky(never={"down"})
    many = [pending("down", created=float(number)) for number in range(500)]
    many = [replace(order, receipt=f"O-{number}") for number, order in enumerate(many)]
    assert choose(SequentialScheduler(fake_models(sky)), conditions(*many)) is None
    assert sky.asked == 1


class FlippingSky(FakeSky):
    """Its mount flips half a minute after any instant."""

    def flips_within(
        self, request: ObservationRequest, begin: datetime, end: datetime
    ) -> tuple[str, ...]:
        return ("meridian flip",) if end > begin + timedelta(seconds=30.0) else ()


def test_no_exposure_goes_across_the_flip_of_the_mount() -> None:
    long, short = pending("long", 9.0), pending("short")
    short = replace(short, request=replace(short.request, exposure_s=20.0))
    driver = SequentialScheduler(fake_models(FlippingSky()))
    assert choose(driver, conditions(long, short)) == "O-short"
