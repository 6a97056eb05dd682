"""What may start within seconds only: no slot of the planner's grid begins there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ctmo_indi.models.orders import Window
from ctmo_indi.planner.checker import check
from ctmo_indi.planner.plan_request import PlanRequest

from .test_plan_night import FORK, LIMITS, NIGHT, POLICY, QUICK, SITE, START, planned, some

LASTS_S = 605.0


def starting_at(start_s: float, tolerance_s: float) -> PlanRequest:
    start_utc_s = NIGHT.begin_utc_s + start_s
    window = Window(start_utc_s, start_utc_s + tolerance_s + LASTS_S)
    return PlanRequest("short", 0.0, 30.0, LASTS_S - 5.0, priority=9.0, windows=(window,))


@pytest.mark.parametrize("start_s", [3601.0, 3630.0, 3659.5])
@pytest.mark.parametrize("tolerance_s", [0.001, 3.0, 40.0])
def test_alone_it_is_planned(start_s: float, tolerance_s: float) -> None:
    request = starting_at(start_s, tolerance_s)
    for settings in (QUICK, replace(QUICK, tries=0)):
        plan = planned([request], settings=settings)
        assert [one.key for one in plan.visits] == ["short"]
        assert check(plan, [request], SITE, LIMITS, POLICY, FORK, START) == ()


def test_among_others_it_is_planned() -> None:
    requests = [*some(120), replace(starting_at(7215.0, 5.0), priority=10.0, exposure_s=600.0)]
    plan = planned(requests)
    assert "short" in {one.key for one in plan.visits}
    assert check(plan, requests, SITE, LIMITS, POLICY, FORK, START) == ()
