"""What the checker asks of the list of visits itself: who, how often, when, in what order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ctmo_indi.models.coordinates import Array
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.orders import ObservationRequest, Window
from ctmo_indi.models.states import FrameType
from ctmo_indi.planner.plan import Plan, PlannedVisit
from ctmo_indi.planner.plan_request import PlanRequest
from ctmo_indi.planner.violation import Planned, Violation

TIME_S = 1.0
SETUP_S = 0.5
_SAME_S = 1e-3


def numbers(visit: PlannedVisit) -> tuple[float, ...]:
    """Return all numbers of a visit."""
    return (visit.start_utc_s, visit.end_utc_s, visit.setup_s, visit.value)


def listed_wrongly(
    visits: Sequence[PlannedVisit], wanted: Mapping[str, PlanRequest]
) -> Iterator[Violation]:
    """Yield what is not asked for, there twice, no number, or out of order."""
    times = Counter(visit.key for visit in visits)
    last_s = -np.inf
    for visit in visits:
        start_s = visit.start_utc_s
        if visit.key not in wanted:
            yield Violation(visit.key, "unknown request", times[visit.key], 0.0, start_s)
        if times[visit.key] > 1:
            yield Violation(visit.key, "once", times[visit.key], 1.0, start_s)
            times[visit.key] = 0
        wrong = [value for value in numbers(visit) if not np.isfinite(value)]
        if wrong:
            yield Violation(visit.key, "finite", wrong[0], 0.0, start_s)
        elif start_s < last_s:
            yield Violation(visit.key, "order", start_s, last_s, start_s)
        else:
            last_s = start_s


def torn_groups(
    visits: Sequence[PlannedVisit], wanted: Mapping[str, PlanRequest]
) -> Iterator[Violation]:
    """Yield the members that a plan left out of the groups it has."""
    there = {visit.key for visit in visits}
    members = Counter(one.group for one in wanted.values() if one.group)
    planned = Counter(one.group for one in wanted.values() if one.group and one.key in there)
    for key, request in wanted.items():
        if key not in there and planned[request.group]:
            of_group = planned[request.group], members[request.group]
            yield Violation(key, "group", *of_group, float("nan"))


def wrong_spans(plan: Plan, planned: Sequence[Planned], readout_s: float) -> Iterator[Violation]:
    """Yield visits of another length, or outside the plan or their windows."""
    for one in planned:
        key, start_s, end_s = one.request.key, one.visit.start_utc_s, one.visit.end_utc_s
        lasts_s = one.request.count * (one.request.exposure_s + readout_s)
        if not abs(end_s - start_s - lasts_s) <= TIME_S:
            yield Violation(key, "duration", end_s - start_s, lasts_s, start_s)
        if not start_s >= plan.begin_utc_s - TIME_S:
            yield Violation(key, "begin", start_s, plan.begin_utc_s, start_s)
        if not end_s <= plan.end_utc_s + TIME_S:
            yield Violation(key, "end", end_s, plan.end_utc_s, end_s)
        yield from _outside_windows(one)


def in_closed_spans(planned: Sequence[Planned], closed_utc_s: Array) -> Iterator[Violation]:
    """Yield visits that go on while nothing can be observed."""
    for one in planned:
        for begin_s, end_s in closed_utc_s:
            inside_s = min(one.visit.end_utc_s, end_s) - max(one.visit.start_utc_s, begin_s)
            if inside_s > TIME_S:
                yield Violation(one.request.key, "closed", inside_s, 0.0, float(begin_s))


def _outside_windows(one: Planned) -> Iterator[Violation]:
    """Yield by how much a visit misses the window that fits it best, if it misses all."""
    start_s, end_s = one.visit.start_utc_s, one.visit.end_utc_s
    misses = []
    for window in _joined(one.request.windows):
        early_s, late_s = window.start_utc_s - start_s, end_s - window.end_utc_s
        if max(early_s, late_s) <= TIME_S:
            return
        edge = (start_s, window.start_utc_s) if early_s > late_s else (end_s, window.end_utc_s)
        misses.append((max(early_s, late_s), *edge))
    if misses:
        _, value_s, limit_s = min(misses)
        yield Violation(one.request.key, "windows", value_s, limit_s, value_s)


def _joined(windows: Sequence[Window]) -> list[Window]:
    """Return windows with those made one that touch or overlap."""
    found: list[Window] = []
    for window in sorted(windows, key=lambda each: (each.start_utc_s, each.end_utc_s)):
        if found and window.start_utc_s <= found[-1].end_utc_s:
            last = found.pop()
            window = replace(last, end_utc_s=max(last.end_utc_s, window.end_utc_s))
        found.append(window)
    return found


def wrong_setups(
    plan: Plan, planned: Sequence[Planned], model: ObservatoryModel, start: ObservatoryModelState
) -> Iterator[Violation]:
    """Yield visits for which the observatory is not ready, by its model.

    The setup begins where and when the visit before ended, the first one's when the plan begins.
    """
    state = model.idle(start, plan.begin_utc_s)
    for number, one in enumerate(planned):
        request, visit = one.request, one.visit
        key, start_s = request.key, visit.start_utc_s
        wish = _as_order(request)
        delay_s = model.delay_s(state, request.ra_deg, request.dec_deg, wish.filter_name)
        there_is_s = start_s - state.utc_s
        if number and there_is_s < -_SAME_S:
            yield Violation(key, "overlap", start_s, state.utc_s, start_s)
        elif not there_is_s >= delay_s - SETUP_S:
            yield Violation(key, "setup", there_is_s, delay_s, start_s)
        elif not delay_s - SETUP_S <= visit.setup_s <= there_is_s + SETUP_S:
            yield Violation(key, "stated setup", visit.setup_s, delay_s, start_s)
        after = model.observe(state, wish, request.count).after
        if after.utc_s > visit.end_utc_s:
            state = replace(after, utc_s=visit.end_utc_s)
        else:
            state = model.idle(after, visit.end_utc_s)


def _as_order(request: PlanRequest) -> ObservationRequest:
    return ObservationRequest(
        order_id=request.key,
        user="",
        frame_type=FrameType.LIGHT,
        exposure_s=request.exposure_s,
        count=request.count,
        ra_deg=request.ra_deg,
        dec_deg=request.dec_deg,
        filter_name=request.filter_name or None,
    )
