"""Among orders that ask for the same, the older one has the earlier visit.

To the planner they are the same, whoever sent them: it may have them in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ctmo_indi.planner.plan import Plan
from ctmo_indi.planner.request_table import PlanRequest


def older_first(plan: Plan, requests: Sequence[PlanRequest]) -> Plan:
    """Return the plan with visits exchanged among requests that differ by their keys only.

    Values, setups and starts stay as they are.

    Parameters
    ----------
    requests
        In the order of choice, by priority and age; rows of the plan's table.
    """
    row_of = {one.key: row for row, one in enumerate(requests)}
    places: dict[PlanRequest, list[int]] = {}
    for place, visit in enumerate(plan.visits):
        places.setdefault(replace(requests[row_of[visit.key]], key=""), []).append(place)
    visits = list(plan.visits)
    for same in places.values():
        rows = sorted(row_of[visits[place].key] for place in same)
        for place, row in zip(same, rows, strict=True):
            visits[place] = replace(visits[place], key=requests[row].key, row=row)
    return replace(plan, visits=tuple(visits))
