"""Have the planner compiled before the night needs it. Heavy to import (numba).

``python -m ctmo_indi.scheduling.plan.warming_up`` does it in a process of its own.
"""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np

from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.planner.changed_plan import Changes, PlanChange
from ctmo_indi.planner.kept import setup_of
from ctmo_indi.planner.night_grid import NightGrid
from ctmo_indi.planner.pipeline import NightPlanner, PlanStart
from ctmo_indi.planner.plan_request import PlanRequest
from ctmo_indi.planner.problem import PlanSettings
from ctmo_indi.planner.request_table import RequestTable
from ctmo_indi.planner.row_arrays import arrays_of, sky_of
from ctmo_indi.planner.visibility import intervals
from ctmo_indi.profiles import Limits, NightPolicy, Site

_ANY_UTC_S = 1.8e9
_ANY_SITE = Site("any", 26.0, -97.6, 12.0)


@functools.cache
def warm_up() -> None:
    """Have the planner compiled: half a minute the first time on a machine, else a second.

    Plans and re-plans an hour of three requests that are up all the time, inserts a fourth, changes
    a plan for an alert, and plans with fewer kept than there are. In one process it is done once.
    """
    limits, policy = Limits(horizon_deg=-90.0, sun_separation_deg=0.0), NightPolicy(90.0)
    requests = [PlanRequest(f"{row}", 120.0 * row, 10.0 * row, 60.0) for row in range(3)]
    night = NightGrid.of(_ANY_SITE, limits, policy, _ANY_UTC_S, _ANY_UTC_S + 3600.0)
    planner = NightPlanner(
        RequestTable.of(requests, limits, policy),
        night,
        ObservatoryModel(_ANY_SITE),
        PlanSettings(tries=20),
    )
    start = PlanStart(_ANY_UTC_S, ObservatoryModelState(_ANY_UTC_S))
    plan = planner.replan(planner.plan(start), start, tries=20)
    NightPlanner(planner.table, night, planner.observatory, PlanSettings(tries=0, keep=2)).plan(
        start
    )
    planner.insert(plan, replace(requests[0], key="urgent"), start)
    table = RequestTable.of(requests, limits, policy)
    change = PlanChange(
        sky_of(night, _ANY_UTC_S),
        arrays_of(table, night, intervals(table, night), _ANY_UTC_S),
        setup_of(ObservatoryModel(_ANY_SITE), table.filter_names),
        table.group,
        np.full(60, 60.0),
        PlanSettings(tries=20),
    )
    changes = Changes(np.arange(2), np.array([2]), is_preempting=True, tries=20)
    change.changed(change.kept_rows(changes), np.zeros(3), changes)


if __name__ == "__main__":
    warm_up()
