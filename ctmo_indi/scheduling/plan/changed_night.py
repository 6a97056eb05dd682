"""A night's plan changed for what has happened, as the driver follows it. Heavy to import (numba).

A pure function of what is given, as whole plans are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.planner.changed_plan import ChangedPlan, Changes, PlanChange
from ctmo_indi.planner.kept import setup_of
from ctmo_indi.planner.night_grid import NightGrid
from ctmo_indi.planner.problem import STEP_S, PlanSettings
from ctmo_indi.planner.row_arrays import cut, sky_of
from ctmo_indi.planner.setup_kernels import value
from ctmo_indi.scheduling.candidates import Candidate
from ctmo_indi.scheduling.plan.night_plan import NightPlan, PlannedOrder, numbered
from ctmo_indi.scheduling.plan.night_rows import PresentRows
from ctmo_indi.scheduling.plan.plan_parameters import PREEMPT, PlanParameters
from ctmo_indi.scheduling.plan.planners_model import planned_kinematics
from ctmo_indi.scheduling.plan.visit_keys import key_and_visit, visit_key


@dataclass(frozen=True, slots=True)
class NightNow:
    """What a change begins from.

    Parameters
    ----------
    begin_utc_s
        Unix seconds: the first free moment in the night.
    state
        Of the observatory then.
    filter_names
        In the order of the rows' codes.
    """

    grid: NightGrid
    model: ObservatoryModel
    begin_utc_s: float
    state: ObservatoryModelState
    filter_names: tuple[str, ...]
    parameters: PlanParameters

    @property
    def begin_s(self) -> float:
        """Of the night's seconds."""
        return self.begin_utc_s - self.grid.begin_utc_s


def alerts_of(candidates: Iterable[Candidate], parameters: PlanParameters) -> list[Candidate]:
    """Return the alerts, the most urgent first: by priority, then age.

    An order of a group is none: a group is planned as one, by its value.
    """
    kinds = parameters.alerts
    found = [one for one in candidates if kinds.takes(one.request) and not one.request.group]
    return sorted(found, key=lambda one: one.sort_key)


def changed_plan(
    now: NightNow,
    present: PresentRows,
    standing: NightPlan,
    alerts: Sequence[str],
    tries: int,
    added: Sequence[str] = (),
) -> NightPlan:
    """Return a standing plan without what cannot be any more, and with the alerts.

    Parameters
    ----------
    alerts
        Keys, the most urgent first.
    tries
        Of the search that fills what became free; 0: it is not filled.
    added
        Keys of what is new and no alert. For them another visit is the next one only when the plan
        gains enough by it, by ``stability``, or its priority is larger.
    """
    found = ChangedPlan(np.empty(0, dtype=np.intp), np.empty(0), np.empty(0), ())
    begin_s = max(now.begin_s, 0.0)
    every = cut(present.every, np.array([[-np.inf, begin_s]]))
    if begin_s < now.grid.end_utc_s - now.grid.begin_utc_s and present.requests:
        row_of = present.row_of
        changes = Changes(
            standing=_rows(row_of[one.name] for one in standing.visits if one.name in row_of),
            alerts=_rows(row_of[key] for key in alerts if key in row_of),
            is_preempting=now.parameters.alert_policy == PREEMPT,
            tries=tries,
            critical=_critical(present, [*(one.name for one in standing.visits), *added], alerts),
            added=_rows(row_of[key] for key in added if key in row_of),
        )
        sky = sky_of(now.grid, now.grid.begin_utc_s)._replace(begin_s=begin_s)
        change = PlanChange(
            sky,
            every,
            setup_of(now.model, now.filter_names),
            present.group,
            _capacity_s(sky.length_s, begin_s),
            PlanSettings(seed=now.parameters.seed),
        )
        new = np.concatenate([changes.alerts, changes.added])
        if not tries and not np.diff(every.first)[new].any():
            return standing  # nothing to put in, nothing to fill
        rows = change.kept_rows(changes)
        names = [present.requests[row].filter_name or None for row in rows.tolist()]
        first_s = begin_s + now.model.delays_s(
            now.state, present.ra_deg[rows], present.dec_deg[rows], names
        )
        found = change.changed(rows, first_s, changes)
        visits = _visits(now, present, found, begin_s)
        if changes.added.size and _is_held_back(visits, standing, now.parameters.stability):
            held = change.changed(rows, first_s, replace(changes, is_first_held=True))
            others = _visits(now, present, held, begin_s)
            if others and others[0].name == standing.visits[0].name:
                least = _worth(others) + now.parameters.stability * others[0].value
                if _worth(visits) <= least:
                    found, visits = held, others
    else:
        visits = ()
    requests = present.requests
    lost = {key: alert for key, alert in standing.lost if alert in alerts}
    for row, alert in found.lost:
        lost[key_and_visit(requests[row].key)[0]] = key_and_visit(requests[alert].key)[0]
    planned = {one.key for one in visits}
    return replace(
        standing,
        visits=visits,
        lost=tuple((key, alert) for key, alert in sorted(lost.items()) if key not in planned),
        kinematics=planned_kinematics(now.model),
    )


def _critical(present: PresentRows, names: Sequence[str], alerts: Sequence[str]) -> np.ndarray:
    """Return the rows of what is time-critical, the larger priority first; no alerts."""
    row_of = present.row_of
    rows = _rows({row_of[one]: 0 for one in names if one in row_of and one not in alerts})
    asked = [present.requests[row] for row in rows.tolist()]
    rows = rows[[one.is_time_critical for one in asked]] if asked else rows
    return np.array(
        sorted(rows.tolist(), key=lambda row: (-present.requests[row].priority, row)), dtype=np.intp
    )


def _is_held_back(visits: Sequence[PlannedOrder], standing: NightPlan, stability: float) -> bool:
    """Whether another visit would be the next one, and is not urgent."""
    if not (visits and standing.visits and stability):
        return False
    first, before = visits[0], standing.visits[0]
    return first.name != before.name and first.priority <= before.priority


def _worth(visits: Sequence[PlannedOrder]) -> float:
    return sum(one.value for one in visits)


def _visits(
    now: NightNow, present: PresentRows, found: ChangedPlan, begin_s: float
) -> tuple[PlannedOrder, ...]:
    """Return the visits as the driver follows them."""
    sky = sky_of(now.grid, now.grid.begin_utc_s)
    origin_s, every = now.grid.begin_utc_s, present.every
    visits, free_s = [], begin_s
    starts = zip(found.rows.tolist(), found.start_s, found.setup_s, strict=True)
    for index, (row, start_s, took_s) in enumerate(starts):
        setup_s = float(took_s) - (begin_s if index == 0 else 0.0)
        end_s = float(start_s + every.duration_s[row])
        key, visit = key_and_visit(present.requests[row].key)
        is_series = visit_key(key, 2) in present.row_of
        visits.append(
            PlannedOrder(
                key=key,
                start_utc_s=origin_s + float(start_s),
                end_utc_s=origin_s + end_s,
                setup_s=setup_s,
                idle_s=max(float(start_s) - setup_s - free_s, 0.0),
                value=float(value(sky, every, row, start_s)),
                count=present.requests[row].count,
                ra_deg=present.requests[row].ra_deg,
                dec_deg=present.requests[row].dec_deg,
                exposure_s=present.requests[row].exposure_s,
                priority=present.requests[row].priority,
                filter_name=present.requests[row].filter_name,
                visit=visit if is_series else 0,
            )
        )
        free_s = end_s
    return numbered(visits)


def _capacity_s(length_s: float, begin_s: float) -> np.ndarray:
    slots = math.ceil(length_s / STEP_S)
    ends_s = STEP_S * np.arange(1, slots + 1)
    return np.where(np.minimum(ends_s, length_s) > begin_s, STEP_S, 0.0)


def _rows(rows: Iterable[int]) -> np.ndarray:
    return np.fromiter(rows, dtype=np.intp)
