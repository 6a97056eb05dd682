"""Groups through the plan driver: one with a member that cannot be tonight is in no plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ctmo_indi.models.coordinates import sidereal_time_h
from ctmo_indi.models.orders import Constraints, Window
from ctmo_indi.scheduling.target import PendingOrder

from .plan_world import DUSK, NIGHT, SKY, conditions, drawn, driver_of

EVENING_S = NIGHT.evening.timestamp()
SOUTH_DEG = 15.0 * sidereal_time_h(SKY.site, EVENING_S + 7200.0)


def member(name: str, **changes: object) -> PendingOrder:
    """In the south two hours after the evening."""
    request = replace(
        drawn(1)[0].request, order_id=name, exposure_s=60.0, count=5, ra_deg=SOUTH_DEG,
        dec_deg=20.0, windows=(), constraints=Constraints(), group="pair",
    )  # fmt: skip
    request = replace(request, **changes)  # type: ignore[arg-type]  # the tests' own names
    return PendingOrder(name, request, 5.0, 0.0, request.count)


UP = member("second", ra_deg=(SOUTH_DEG + 10.0) % 360.0)
NEVER_UP = member("second", dec_deg=-80.0)
TOMORROW = member("second", windows=(Window(EVENING_S + 86400.0, EVENING_S + 90000.0),))
RESTS = replace(UP, not_before_utc_s=NIGHT.morning.timestamp() + 60.0)


@pytest.mark.parametrize(
    ("second", "planned"),
    [(UP, {"first", "second"}), (NEVER_UP, set()), (TOMORROW, set()), (RESTS, set())],
    ids=["up", "never up", "tomorrow", "rests"],
)
def test_a_group_is_planned_whole_or_not_at_all(second: PendingOrder, planned: set[str]) -> None:
    driver = driver_of()
    pending = [*drawn(30), member("first"), second]
    new = replace(member("new", group=""), priority=5.0)
    for known in (conditions(pending), conditions([*pending, new], DUSK + timedelta(seconds=900))):
        driver.update_conditions(known)
        assert driver._plan is not None
        assert driver._plan.visits
        assert driver._plan.keys & {"first", "second"} == planned
