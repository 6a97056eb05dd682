"""The decision of a moment is that of a full look, and a changed plan keeps what is possible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.orders import Window
from ctmo_indi.planner import dispatch
from ctmo_indi.planner.checker import check
from ctmo_indi.planner.pipeline import NightPlanner, PlanStart
from ctmo_indi.planner.plan_request import PlanRequest

from .test_plan_night import FORK, GERMAN, LIMITS, NIGHT, POLICY, QUICK, SITE, START, some, table_of


def state_at(
    utc_s: float, ra_deg: float, dec_deg: float, filter_name: str
) -> ObservatoryModelState:
    return replace(START, utc_s=utc_s, ra_deg=ra_deg, dec_deg=dec_deg, filter_name=filter_name)


@pytest.mark.parametrize("listed", [8, 4096], ids=["short lists", "long lists"])
@pytest.mark.parametrize("model", [FORK, GERMAN], ids=["fork", "german with a dome"])
def test_a_decision_is_that_of_a_full_look(
    model: ObservatoryModel, listed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "LISTED", listed)
    requests = some(200, seed=9)
    dispatcher = NightPlanner(table_of(requests), NIGHT, model).dispatcher()
    generator = np.random.default_rng(2)
    by_key = {one.key: one for one in requests}
    for _ in range(12):
        utc_s = float(generator.uniform(NIGHT.begin_utc_s, NIGHT.end_utc_s))
        state = state_at(
            utc_s, float(generator.uniform(0.0, 360.0)), float(generator.uniform(-20.0, 70.0)), "V"
        )
        found = dispatcher.decide(state)
        best = 0.0
        for one in by_key.values():
            alone = NightPlanner(table_of([one]), NIGHT, model).dispatcher().decide(state)
            best = max(best, alone.rate if alone else 0.0)
        assert (found.rate if found else 0.0) == pytest.approx(best, rel=1e-12)
        if found:
            dispatcher.drop(found.key)
            del by_key[found.key]


def test_a_changed_plan_is_possible_and_leaves_out_what_is_done() -> None:
    requests = some(200, seed=3)
    planner = NightPlanner(table_of(requests), NIGHT, FORK, QUICK)
    first = planner.plan(PlanStart(START.utc_s, START))
    last = first.visits[5]
    done = {one.key for one in first.visits[:6]}
    row = requests[last.row]
    state = state_at(last.end_utc_s, row.ra_deg, row.dec_deg, row.filter_name or "V")
    closed = np.array([[last.end_utc_s + 3600.0, last.end_utc_s + 7200.0]])
    plan = planner.replan(first, PlanStart(last.end_utc_s, state, closed), without=done)
    assert not done & {one.key for one in plan.visits}
    assert check(plan, requests, SITE, LIMITS, POLICY, FORK, state) == ()
    for visit in plan.visits:
        assert visit.end_utc_s <= closed[0, 0] + 1e-3 or visit.start_utc_s >= closed[0, 1] - 1e-3
    stays = {one.key for one in first.visits} & {one.key for one in plan.visits}
    assert len(stays) >= 0.5 * len(plan.visits)
    assert plan.gap < 0.1


def test_a_change_without_a_plan_is_a_plan() -> None:
    requests = some(50)
    one, other = (NightPlanner(table_of(requests), NIGHT, FORK, QUICK) for _ in range(2))
    start = PlanStart(START.utc_s, START)
    whole = one.plan(start)
    assert other.replan(whole, start) == whole


def test_a_target_of_opportunity_is_put_in_where_it_costs_least() -> None:
    requests = some(150, seed=8)
    planner = NightPlanner(table_of(requests), NIGHT, FORK, QUICK)
    start = PlanStart(START.utc_s, START)
    standing = planner.plan(start)
    begin_s = NIGHT.begin_utc_s + 9000.0
    alert = PlanRequest(
        key="GRB", ra_deg=60.0, dec_deg=20.0, exposure_s=120.0, count=5, filter_name="R",
        priority=10.0, windows=(Window(begin_s, begin_s + 5400.0),),
    )  # fmt: skip
    plan = planner.insert(standing, alert, start)
    assert plan is not None
    (visit,) = [one for one in plan.visits if one.key == "GRB"]
    assert begin_s <= visit.start_utc_s <= visit.end_utc_s <= begin_s + 5400.0
    assert check(plan, [*requests, alert], SITE, LIMITS, POLICY, FORK, START) == ()
    gone = {one.key for one in standing.visits} - {one.key for one in plan.visits}
    assert len(gone) <= 4
    # A whole plan with it is hardly better.
    whole = NightPlanner(table_of([*requests, alert]), NIGHT, FORK, QUICK).plan(start)
    assert plan.value > 0.93 * whole.value


def test_an_alert_that_cannot_be_observed_leaves_the_plan() -> None:
    requests = some(30)
    planner = NightPlanner(table_of(requests), NIGHT, FORK, QUICK)
    start = PlanStart(START.utc_s, START)
    standing = planner.plan(start)
    for alert in (
        PlanRequest(key="S", ra_deg=60.0, dec_deg=-85.0, exposure_s=60.0),
        PlanRequest(
            key="P", ra_deg=60.0, dec_deg=20.0, exposure_s=60.0, windows=(Window(0.0, 1.0),)
        ),
    ):
        assert planner.insert(standing, alert, start) is None
