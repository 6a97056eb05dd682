"""From what the search found, in arrays and seconds, to a plan in keys and Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ctmo_indi.planner.certify import certified_bound
from ctmo_indi.planner.kept import Kept
from ctmo_indi.planner.night_requests import NightRequests
from ctmo_indi.planner.plan import Plan, PlannedVisit
from ctmo_indi.planner.problem import STEP_S, Found, Priced, Problem
from ctmo_indi.planner.request_table import NO_GROUP
from ctmo_indi.planner.row_arrays import Rows
from ctmo_indi.planner.settling import settled
from ctmo_indi.planner.setup_kernels import value
from ctmo_indi.planner.start_times import at_best_starts


@dataclass(frozen=True, slots=True)
class Worked:
    """What a plan was made with: what a change of it begins from.

    Parameters
    ----------
    rows, places
        Of the kept requests, shape (k,): in the table, and among the night's.
    """

    rows: Rows
    places: Rows
    problem: Problem
    priced: Priced


def bound_of(night: NightRequests, worked: Worked, every: Kept) -> float:
    """Return the certified bound of the plans of ``every`` (all the night's that may start)."""
    prices, capacity_s = worked.priced.prices, worked.problem.capacity_s
    return certified_bound(night.sky, every, night.setup, prices, capacity_s)


def plan_of(
    night: NightRequests,
    worked: Worked,
    found: Found,
    bound: float,
    begin_s: float,
    new_key: str = "",
) -> Plan:
    """Return what was found as a plan, its setups those of its starts.

    Parameters
    ----------
    begin_s
        When the plan begins, seconds since the night's begin.
    new_key
        Of the row that is not in the table: its row is the table's length.
    """
    table, origin_utc_s = night.table, night.night.begin_utc_s
    is_new = worked.rows == len(table)
    known = np.where(is_new, 0, worked.rows)
    must = is_new | table.is_time_critical[known]
    group = np.where(is_new, NO_GROUP, table.group[known]).astype(np.int32)
    better = at_best_starts(worked.problem, found)
    found = settled(worked.problem, better, must, group)
    duration_s = worked.problem.kept.duration_s
    visits: list[PlannedVisit] = []
    for place, start_s, setup_s in zip(
        found.order.tolist(), found.start_s.tolist(), found.setup_s.tolist(), strict=True
    ):
        row = int(worked.rows[place])
        visits.append(
            PlannedVisit(
                key=table.key[row] if row < len(table) else new_key,
                row=row,
                start_utc_s=origin_utc_s + start_s,
                end_utc_s=origin_utc_s + float(start_s + duration_s[place]),
                # The first one's counts from the night's begin, as the plan's time does.
                setup_s=setup_s - (0.0 if visits else begin_s),
                value=float(value(night.sky, worked.problem.kept, place, start_s)),
            )
        )
    return Plan(
        visits=tuple(visits),
        bound=bound,
        begin_utc_s=origin_utc_s + begin_s,
        end_utc_s=night.night.end_utc_s,
        requests=len(table),
        kept=int(worked.rows.size),
        price=tuple(worked.priced.prices.price.tolist()),
        price_step_s=STEP_S,
    )


def empty_plan(night: NightRequests, begin_s: float) -> Plan:
    """Return the plan of a night in which nothing can be observed any more."""
    return Plan(
        visits=(),
        bound=0.0,
        begin_utc_s=night.night.begin_utc_s + begin_s,
        end_utc_s=night.night.end_utc_s,
        requests=len(night.table),
        kept=0,
        price=(),
        price_step_s=STEP_S,
    )
