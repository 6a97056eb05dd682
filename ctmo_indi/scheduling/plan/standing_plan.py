"""From what the planner found to the plan that is followed: held where it pays, in orders' keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ctmo_indi.planner.pipeline import REPLAN_TRIES, NightPlanner, PlanStart
from ctmo_indi.planner.plan import Plan, PlannedVisit
from ctmo_indi.planner.plan_request import PlanRequest
from ctmo_indi.planner.request_table import RequestTable
from ctmo_indi.scheduling.plan.night_plan import NightPlan, PlannedOrder, numbered
from ctmo_indi.scheduling.plan.visit_keys import key_and_visit, visit_key


def stable(
    planner: NightPlanner,
    fresh: Plan,
    standing: NightPlan,
    start: PlanStart,
    table: RequestTable,
    stability: float,
) -> Plan:
    """Return the standing plan, repaired, unless the fresh one is worth so much more.

    Something of a larger priority than the next visit's is never held back.
    """
    row_of = {key: row for row, key in enumerate(table.key)}
    left = [one for one in standing.visits if one.name in row_of]
    if not left or left[0].name == fresh.visits[0].key:
        return fresh
    if table.weight[fresh.visits[0].row] > table.weight[row_of[left[0].name]]:
        stability = 0.0
    old = replace(
        fresh,
        visits=tuple(
            PlannedVisit(
                one.name, row_of[one.name], one.start_utc_s, one.end_utc_s, one.setup_s, one.value
            )
            for one in left
        ),
    )
    for tries in (REPLAN_TRIES, 0):
        held = planner.replan(old, start, tries=tries)
        if held.visits and held.visits[0].key == left[0].name:
            least = held.value + stability * held.visits[0].value
            return fresh if fresh.value > least else held
    return fresh


def orders_of(plan: Plan, asked: Mapping[str, PlanRequest]) -> tuple[PlannedOrder, ...]:
    """Return the visits as the driver follows them."""
    found = []
    free_s = plan.begin_utc_s
    for one in plan.visits:
        key, visit = key_and_visit(one.key)
        found.append(
            PlannedOrder(
                key=key,
                start_utc_s=one.start_utc_s,
                end_utc_s=one.end_utc_s,
                setup_s=one.setup_s,
                idle_s=max(one.start_utc_s - one.setup_s - free_s, 0.0),
                value=one.value,
                count=asked[one.key].count,
                ra_deg=asked[one.key].ra_deg,
                dec_deg=asked[one.key].dec_deg,
                exposure_s=asked[one.key].exposure_s,
                priority=asked[one.key].priority,
                filter_name=asked[one.key].filter_name,
                visit=visit if visit_key(key, 2) in asked else 0,
            )
        )
        free_s = one.end_utc_s
    return numbered(found)
