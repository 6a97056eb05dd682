"""The exact planner's real nights: the checker finds nothing wrong with their best plans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.orders import Constraints, Window
from ctmo_indi.planner import checker
from ctmo_indi.planner.plan import Plan, PlannedVisit
from ctmo_indi.planner.plan_request import PlanRequest
from ctmo_indi.profiles import Kinematics, Limits, MountKind, NightPolicy, Site

from .oracle_exact import SmallNight, Start, exhaustive, programme
from .oracle_small_night import small_night

SITE = Site("CTMO", 25.995, -97.569, 12.0)
BEGIN_S = 1795309200.0  # 2026-11-22 01:00 UTC
END_S = BEGIN_S + 3.0 * 3600.0
LIMITS = Limits(horizon_deg=25.0)
NIGHT = NightPolicy(sun_max_altitude_deg=-18.0)
MODEL = ObservatoryModel(
    SITE,
    Kinematics(mount=MountKind.FORK, hour_angle_rate_deg_s=0.5, declination_rate_deg_s=0.5),
)
START = ObservatoryModelState(
    BEGIN_S, ra_deg=340.0, dec_deg=20.0, is_tracking=True, is_parked=False, is_open=True
)


def a_plan(visits: Sequence[PlannedVisit], bound: float) -> Plan:
    return Plan(tuple(visits), bound, BEGIN_S, END_S, len(visits), len(visits), (), 60.0)


def requests(count: int, seed: int) -> list[PlanRequest]:
    drawn = np.random.Generator(np.random.PCG64(seed))
    return [
        PlanRequest(
            key=f"{number:02d}",
            ra_deg=float(drawn.uniform(290.0, 60.0 + 360.0) % 360.0),
            dec_deg=float(drawn.uniform(-20.0, 70.0)),
            exposure_s=float(drawn.uniform(100.0, 500.0)),
            count=int(drawn.integers(1, 5)),
            filter_name=str(drawn.choice(["B", "V", ""])),
            priority=float(drawn.integers(0, 10)),
            windows=(Window(BEGIN_S + 3000.0, END_S - 1000.0),) * int(drawn.integers(0, 2)),
            constraints=Constraints(max_airmass=1.8, min_moon_separation_deg=25.0),
        )
        for number in range(count)
    ]


def of_night(wanted: list[PlanRequest], step_s: float = 60.0) -> SmallNight:
    return small_night(wanted, SITE, LIMITS, NIGHT, MODEL, START, END_S, step_s)


def as_plan(night: SmallNight, wanted: list[PlanRequest], starts: list[Start]) -> Plan:
    visits = []
    for place, (row, instant) in enumerate(starts):
        start_s = BEGIN_S + instant * night.step_s
        setup_s = night.setup_s[starts[place - 1][0], row] if place else night.first_s[row]
        end_s = start_s + night.duration_s[row]
        value = float(night.value[row, instant])
        visits.append(PlannedVisit(wanted[row].key, row, start_s, end_s, float(setup_s), value))
    return a_plan(visits, sum(one.value for one in visits))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_best_plan_of_all_orders_is_sound_and_that_of_the_programme(seed: int) -> None:
    wanted = requests(7, seed)
    night = of_night(wanted)
    best, starts = exhaustive(night)
    assert programme(night)[0] == pytest.approx(best, rel=1e-9)
    assert len(starts) >= 3
    plan = as_plan(night, wanted, starts)
    assert checker.check(plan, wanted, SITE, LIMITS, NIGHT, MODEL, START) == ()


def test_the_best_plan_of_a_dozen_requests_is_sound() -> None:
    wanted = requests(12, 3)
    night = of_night(wanted)
    best, starts = programme(night, time_limit_s=10.0)
    plan = as_plan(night, wanted, starts)
    assert checker.check(plan, wanted, SITE, LIMITS, NIGHT, MODEL, START) == ()
    assert len(starts) >= 7
    assert best == pytest.approx(plan.value)


def test_a_finer_grid_of_starts_is_never_worth_less() -> None:
    wanted = requests(5, 4)
    coarse, fine = (exhaustive(of_night(wanted, step_s))[0] for step_s in (60.0, 20.0))
    assert coarse <= fine <= 1.05 * coarse


def test_every_start_it_allows_is_sound_and_the_minute_before_and_after_is_not() -> None:
    wanted = PlanRequest("east", 20.0, 10.0, 300.0, 3, constraints=Constraints(max_airmass=1.2))
    wanted = replace(wanted, windows=(Window(BEGIN_S, END_S - 630.0),))
    night = of_night([wanted])
    allowed = np.flatnonzero(~np.isnan(night.value[0]))
    assert 0 < allowed[0] < allowed[-1] < night.value.shape[1] - 1

    def found(instant: int) -> set[str]:
        start_s = BEGIN_S + 60.0 * instant
        end_s = start_s + night.duration_s[0]
        (value,), _ = checker.scores([wanted], [(start_s + end_s) / 2.0], SITE)
        visit = PlannedVisit(wanted.key, 0, start_s, end_s, float(night.first_s[0]), float(value))
        plan = a_plan([visit], float(value))
        judged = (SITE, LIMITS, NIGHT, MODEL, START)
        return {one.constraint for one in checker.check(plan, [wanted], *judged)}

    assert [found(int(allowed[place])) for place in (0, -1)] == [set(), set()]
    assert found(int(allowed[0]) - 1)
    assert found(int(allowed[-1]) + 1)
