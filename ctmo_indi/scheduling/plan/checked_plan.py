"""The driver's own look at a night's first plan: whether every visit is possible.

What the planner's compiled code has put together is gone through with the observatory's model and
the rules of ``models/observing_rules.py``, which share nothing with it. The checker that recomputes
the sky, too, with astropy, is ``planner/checker.py`` (``ctmo-indi plan --check``): it would cost
this service 60 MB. Pure; 0.25 ms a visit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.observing_rules import Skies, rules
from ctmo_indi.models.orders import Window
from ctmo_indi.planner.checked_list import listed_wrongly, torn_groups, wrong_setups, wrong_spans
from ctmo_indi.planner.plan import Plan, PlannedVisit
from ctmo_indi.planner.plan_request import PlanRequest
from ctmo_indi.planner.violation import Planned, Violation
from ctmo_indi.scheduling.candidates import Candidate
from ctmo_indi.scheduling.feature.site_now import SitedSky
from ctmo_indi.scheduling.order_groups import group_of
from ctmo_indi.scheduling.plan.night_plan import NightPlan, PlannedOrder

EDGE_S = 5.0
"""So far inside its begin and end a visit is looked at: spans are good to 0.1 s."""

LOOKED_AT_EVERY_S = 600.0

ALLOWED_DEG = 0.03
"""The rules' Sun is good to 0.02 deg."""

ALLOWED = 0.005
"""Of each other rule's unit."""


MOST_TOLD = 5
"""Violations that a refusal names."""


def refused_if_broken(
    plan: NightPlan,
    candidates: Sequence[Candidate],
    sky: SitedSky,
    model: ObservatoryModel,
    start: ObservatoryModelState,
    readout_s: float,
) -> NightPlan:
    """Return a plan as it is, or without visits and with the rules that it breaks.

    Parameters are those of :func:`plan_violations`.
    """
    found = plan_violations(plan, candidates, sky, model, start, readout_s)
    if not found:
        return plan
    more = f"; and {len(found) - MOST_TOLD} more" if len(found) > MOST_TOLD else ""
    why = "; ".join(str(one) for one in found[:MOST_TOLD]) + more
    return replace(plan, visits=(), refusal=why)


def plan_violations(
    plan: NightPlan,
    candidates: Sequence[Candidate],
    sky: SitedSky,
    model: ObservatoryModel,
    start: ObservatoryModelState,
    readout_s: float,
) -> list[Violation]:
    """Return every rule that a plan breaks.

    Parameters
    ----------
    candidates
        All that the plan was made of.
    model
        That it was planned with.
    start
        Of the observatory when the plan begins.
    readout_s
        After each frame.
    """
    by_key = {one.key: one for one in candidates}
    visits = [one for one in plan.visits if one.key in by_key]
    wanted = {one.name: _request(one, by_key[one.key]) for one in visits}
    named = [
        PlannedVisit(one.name, -1, one.start_utc_s, one.end_utc_s, one.setup_s, one.value)
        for one in plan.visits
    ]
    groups = {wanted[one.name].group for one in visits} - {""}
    for one in candidates:
        if one.key not in plan.keys and group_of(one.request) in groups:
            wanted[one.key] = _missing(one)
    told = Plan(
        visits=tuple(named),
        bound=plan.bound,
        begin_utc_s=plan.begin_utc_s,
        end_utc_s=plan.end_utc_s,
        requests=plan.requests,
        kept=plan.kept,
        price=(),
        price_step_s=1.0,
    )
    planned = [Planned(visit, wanted[visit.key]) for visit in named if visit.key in wanted]
    return [
        *listed_wrongly(named, wanted),
        *torn_groups(named, wanted),
        *wrong_spans(told, planned, readout_s),
        *wrong_setups(told, planned, model, start),
        *(wrong for one in visits for wrong in _against(one, by_key[one.key], sky)),
    ]


def _request(one: PlannedOrder, candidate: Candidate) -> PlanRequest:
    """Return what a visit has to keep, from its order; place and frames are those planned."""
    request = candidate.request
    lasts_s = one.end_utc_s - one.start_utc_s
    latest_s = request.latest_start_utc_s
    last_s = np.inf if latest_s is None else latest_s + lasts_s
    windows = request.windows or (Window(-np.inf, np.inf),)
    return PlanRequest(
        key=one.name,
        ra_deg=one.ra_deg,
        dec_deg=one.dec_deg,
        exposure_s=request.exposure_s,
        count=one.count,
        filter_name=request.filter_name or "",
        windows=tuple(
            Window(max(span.start_utc_s, candidate.not_before_utc_s), min(span.end_utc_s, last_s))
            for span in windows
        ),
        group=group_of(request),
    )


def _missing(one: Candidate) -> PlanRequest:
    """Return a member of a group that is not planned."""
    return PlanRequest(one.key, 0.0, 0.0, one.request.exposure_s, group=group_of(one.request))


def _against(one: PlannedOrder, candidate: Candidate, sky: SitedSky) -> Iterator[Violation]:
    """Yield the limits that a visit breaks anywhere between its begin and its end."""
    begin_s, end_s = one.start_utc_s + EDGE_S, one.end_utc_s - EDGE_S
    if not begin_s < end_s:
        return
    between = np.arange(begin_s, end_s, LOOKED_AT_EVERY_S)
    skies = Skies.over(sky.site, np.append(between, end_s))
    request = replace(candidate.request, ra_deg=one.ra_deg, dec_deg=one.dec_deg, motion=None)
    for rule in rules(request, skies, sky.limits, sky.policy):
        worst = int(np.argmin(rule.slack))
        allowed = ALLOWED_DEG if "deg" in rule.unit else ALLOWED
        if not rule.slack[worst] >= -allowed:
            value, bound = float(rule.values[worst]), float(rule.bounds[worst])
            yield Violation(one.name, rule.name, value, bound, float(skies.times_s[worst]))
