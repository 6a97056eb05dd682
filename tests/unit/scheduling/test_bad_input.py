"""What no order should be, and sites that are not usual: each driver has an answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from ctmo_indi import profiles
from ctmo_indi.errors import BadOrder
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.orders import ObservationRequest, Window
from ctmo_indi.models.states import FrameType, ObservatoryState
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.profiles import Site
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.feature.driver import FeatureScheduler
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.plan.driver import PlanScheduler
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.scheduling.sky import SiteSky
from ctmo_indi.scheduling.target import PendingOrder

pytestmark = pytest.mark.timeout(600.0)  # the first plan waits for the kernels to be compiled

PROFILE = profiles.load("simulators")
HOME = PROFILE.site
MIDNIGHT = datetime(2026, 11, 22, 6, tzinfo=UTC)
SURVEY = {
    "type": "orders",
    "name": "orders",
    "basis_functions": [{"type": "priority", "weight": 10}, {"type": "slew_time"}],
}
DRIVERS: Mapping[str, tuple[Callable[[Models], Driver], Mapping[str, object]]] = {
    "sequential": (SequentialScheduler, {}),
    "feature": (FeatureScheduler, {"tiers": [{"surveys": [SURVEY]}]}),
    "plan": (PlanScheduler, {"tries": 200}),
}


@cache
def models_of(latitude_deg: float) -> Models:
    site = HOME if latitude_deg == HOME.latitude_deg else Site("far", latitude_deg, 15.6, 400.0)
    profile = replace(PROFILE, site=site)
    return Models(SiteSky(profile), ObservatoryModel.of(profile), tuple(profile.filters))


def order(name: str, ra_deg: float = 60.0, dec_deg: float = 20.0, **more: object) -> PendingOrder:
    request = ObservationRequest(
        name, "u", FrameType.LIGHT, 60.0, 3, ra_deg, dec_deg, object_name=name, filter_name="R"
    )
    request = replace(request, **more)  # type: ignore[arg-type]  # fields by name
    return PendingOrder(f"O-{name}", request, 5.0, 0.0, request.count)


def conditions(utc: datetime, *orders: PendingOrder) -> Conditions:
    return Conditions(
        utc=utc,
        observatory=ObservatoryState.OPEN,
        verdict=Verdict(VerdictLevel.SAFE, (), 1, "", 0.0),
        verdict_age_s=0.0,
        telescope_answers=True,
        pending=orders,
        state=ObservatoryModelState(utc.timestamp(), is_open=True, is_parked=False),
    )


def asked(
    driver: str, *orders: PendingOrder, latitude_deg: float = HOME.latitude_deg,
    utc: datetime = MIDNIGHT,
) -> tuple[str | None, str]:  # fmt: skip
    """Return what is chosen now, and what comes next; both receipts."""
    kind, configuration = DRIVERS[driver]
    made = kind(models_of(latitude_deg))
    made.configure_scheduler(configuration)
    made.update_conditions(conditions(utc, *orders))
    target, upcoming = made.select_next_target(), made.estimate_next_target()
    for receipt in ("O-none", *(one.receipt for one in orders)):
        assert isinstance(made.explain(receipt), dict)
    return None if target is None else target.receipt, upcoming.receipt


GOOD = order("good")
LATER = MIDNIGHT.timestamp() + 40.0 * 86400.0
BAD = {
    "never up": order("bad", dec_deg=-85.0),
    "windows in the past": order("bad", windows=(Window(0.0, 1000.0),)),
    "a window far ahead": order("bad", windows=(Window(LATER, LATER + 900.0),)),
    "a window too short": order("bad", windows=(Window(LATER, LATER + 1.0),)),
    "an exposure longer than the night": order("bad", exposure_s=70_000.0),
}


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_observed_is_not_chosen_and_harms_no_other(driver: str, name: str) -> None:
    bad = replace(BAD[name], priority=9.0)
    assert asked(driver, bad) == (None, "")
    assert asked(driver, bad, GOOD)[0] == "O-good"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ra_deg": math.nan}, "order x: ra_deg came nan, expected a finite number"),
        ({"ra_deg": math.inf}, "order x: ra_deg came inf, expected a finite number"),
        ({"dec_deg": math.nan}, "order x: dec_deg came nan, expected -90 to 90"),
        ({"dec_deg": 90.1}, "order x: dec_deg came 90.1, expected -90 to 90"),
        ({"exposure_s": math.inf}, "order x: exposure_s came inf, expected a finite number"),
        ({"exposure_s": math.nan}, "order x: exposure_s came nan, expected a finite number"),
    ],
)
def test_what_is_no_number_becomes_no_order(change: dict[str, object], told: str) -> None:
    with pytest.raises(BadOrder) as refused:
        order("x", **change)  # type: ignore[arg-type]  # fields by name
    assert refused.value.problems == (told,)


@pytest.mark.parametrize("driver", DRIVERS)
def test_more_frames_than_fit_into_the_night_are_begun(driver: str) -> None:
    assert asked(driver, order("long", count=5000))[0] == "O-long"


@pytest.mark.parametrize("driver", DRIVERS)
def test_no_orders_are_no_target(driver: str) -> None:
    assert asked(driver) == (None, "")


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_receipt_that_comes_twice_is_one_order(driver: str) -> None:
    assert asked(driver, GOOD, replace(GOOD, priority=7.0), order("other", 61.0))[0] == "O-good"


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("latitude_deg", [78.2, 90.0, -90.0])
@pytest.mark.parametrize("month", [6, 12])
def test_polar_night_midnight_sun_and_the_poles(
    driver: str, latitude_deg: float, month: int
) -> None:
    up = order("up", dec_deg=math.copysign(60.0, latitude_deg))
    down = order("down", dec_deg=-math.copysign(60.0, latitude_deg))
    utc = datetime(2026, month, 21, 12, tzinfo=UTC)
    is_dark = (month == 12) == (latitude_deg > 0.0)
    chosen, upcoming = asked(driver, up, down, latitude_deg=latitude_deg, utc=utc)
    assert chosen == ("O-up" if is_dark else None)
    assert upcoming in (("O-up",) if is_dark else ("O-up", ""))
    assert asked(driver, latitude_deg=latitude_deg, utc=utc + timedelta(hours=5)) == (None, "")
