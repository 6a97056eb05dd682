"""Plans and bounds of small nights against the true optimum: all orders tried, or milp's proof.

The optimum is that over starts on whole minutes, by astropy's sky (``oracle_small_night``); a plan,
with any start, may be worth more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ctmo_indi.planner import checker
from ctmo_indi.planner.night_grid import NightGrid
from ctmo_indi.planner.pipeline import PlanStart, plan_night
from ctmo_indi.planner.plan import Plan
from ctmo_indi.planner.plan_request import PlanRequest
from ctmo_indi.planner.request_table import RequestTable

from .oracle_exact import SmallNight, Start, exhaustive, programme
from .test_oracle_small_night import (
    BEGIN_S,
    END_S,
    LIMITS,
    MODEL,
    NIGHT,
    SITE,
    START,
    of_night,
    requests,
)

GRID = NightGrid.of(SITE, LIMITS, NIGHT, BEGIN_S, END_S)
LEAST = 0.99
"""Of the optimum."""

TWO_SKIES = 1e-6
"""Part by which values may differ between astropy's altitudes and the planner's."""

Exact = Callable[[SmallNight], tuple[float, list[Start]]]


def planned(wanted: list[PlanRequest]) -> Plan:
    table = RequestTable.of(wanted, LIMITS, NIGHT, readout_s=MODEL.kinematics.readout_s)
    return plan_night(table, GRID, MODEL, PlanStart(BEGIN_S, START))


def compare(wanted: list[PlanRequest], exact: Exact) -> None:
    best, _ = exact(of_night(wanted))
    plan = planned(wanted)
    assert best > 0.0
    assert plan.value >= LEAST * best
    assert plan.bound >= (1.0 - TWO_SKIES) * best
    assert checker.check(plan, wanted, SITE, LIMITS, NIGHT, MODEL, START) == ()


@pytest.mark.parametrize(
    ("count", "seed"),
    [*((count, seed) for count in (5, 6) for seed in range(1, 11)), (7, 5)],
)
def test_no_plan_is_a_hundredth_below_the_best_of_all_orders(count: int, seed: int) -> None:
    compare(requests(count, seed), exhaustive)


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5, 6, 7, 8])
def test_the_same_where_long_visits_want_the_same_hours(seed: int) -> None:
    others = [
        replace(one, count=3 * one.count, priority=9.0, windows=()) for one in requests(5, seed)
    ]
    compare(others[1:], exhaustive)


@pytest.mark.parametrize("seed", [2, 3])
def test_no_plan_of_a_dozen_is_a_hundredth_below_the_optimum_of_milp(seed: int) -> None:
    compare(requests(12, seed), lambda night: programme(night, time_limit_s=30.0))


def in_pairs(count: int, seed: int) -> list[PlanRequest]:
    """The first four are two groups."""
    return [
        replace(one, group=f"G{number // 2}") if number < 4 else one
        for number, one in enumerate(requests(count, seed))
    ]


@pytest.mark.parametrize("seed", range(1, 7))
def test_the_same_of_nights_with_groups(seed: int) -> None:
    compare(in_pairs(6, seed), exhaustive)
