"""The plan as it is shown: what goes over the wire.

A visit's place, filter, exposures and priority are those that it was planned with, so they are
there when its order does not wait any more: while it is under way, or is the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.scheduling.candidates import Candidate
from ctmo_indi.scheduling.order_groups import group_of
from ctmo_indi.scheduling.plan.night_plan import NightPlan, PlannedOrder
from ctmo_indi.work_orders.limit_names import LIMIT_NAMES

PlaceAt = Callable[[ObservationRequest, datetime], tuple[float, float] | None]


def view_of(
    plan: NightPlan, candidates: Mapping[str, Candidate], place_deg: PlaceAt
) -> dict[str, object]:
    """Return a plan as JSON values; its figures are of when it was made, visits those to come.

    Parameters
    ----------
    place_deg
        Where a target is at an instant, ICRS; of one that moves asked at the middle of its visit.
    """
    members: Counter[str] = Counter(group_of(one.request) for one in candidates.values())
    told: dict[str, object] = {
        "Night": plan.night,
        "Made": _iso(plan.made_utc_s),
        "Begin": _iso(plan.begin_utc_s),
        "End": _iso(plan.end_utc_s),
        "Value": round(plan.value, 1),
        "Bound": round(plan.bound, 1),
        "Gap": round(plan.gap, 5),
        "Filled": round(plan.filled, 4),
        "Time Critical Cost": round(plan.time_critical_cost, 1),
        "Requests": plan.requests,
        "Kept": plan.kept,
        "Visits": [
            _visit(one) | _asked(one, candidates[one.key], members, place_deg)
            if one.key in candidates
            else _visit(one) | {"Waits": False}
            for one in plan.visits
        ],
        "Kinematics": dict(plan.kinematics),
    }
    return told | ({"Refused": plan.refusal} if plan.refusal else {})


def _visit(one: PlannedOrder) -> dict[str, object]:
    return {
        "Receipt": one.key,
        "Start": _exact(one.start_utc_s),
        "End": _exact(one.end_utc_s),
        "Setup s": round(one.setup_s, 2),
        "Value": round(one.value, 3),
        "Count": one.count,
        "Exposure Time": one.exposure_s,
        "Priority": one.priority,
        "RA": one.ra_deg,
        "Dec": one.dec_deg,
        "Filter": one.filter_name,
    } | ({"Visit": one.visit} if one.visit else {})


def _asked(
    one: PlannedOrder, candidate: Candidate, members: Mapping[str, int], place_deg: PlaceAt
) -> dict[str, object]:
    """Return what is known of a visit while its order waits: what it asks for."""
    request = candidate.request
    told: dict[str, object] = {}
    if request.motion is not None:
        middle_s = 0.5 * (one.start_utc_s + one.end_utc_s)
        place = place_deg(request, datetime.fromtimestamp(middle_s, UTC))
        if place is not None:
            told |= {"RA": place[0], "Dec": place[1]}
            told |= {"Planned RA": one.ra_deg, "Planned Dec": one.dec_deg}
    if candidate.count > one.count:
        told["Missing"] = candidate.count
    if request.windows:
        told["Windows"] = [
            {"From": _exact(span.start_utc_s), "To": _exact(span.end_utc_s)}
            for span in request.windows
        ]
    if request.latest_start_utc_s is not None:
        told["Latest Start"] = _exact(request.latest_start_utc_s)
    wants = request.constraints
    limits = {
        name: getattr(wants, field)
        for field, name in LIMIT_NAMES.items()
        if getattr(wants, field) is not None
    }
    if limits:
        told["Constraints"] = limits
    if request.group:
        group = group_of(request)
        told |= {"Group": group, "Group Of": members[group]}
    return told


def _iso(utc_s: float) -> str:
    return f"{datetime.fromtimestamp(utc_s, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _exact(utc_s: float) -> str:
    """Return an instant to a millisecond: values and setups can be recomputed by it."""
    return f"{datetime.fromtimestamp(utc_s, UTC).isoformat(timespec='milliseconds')[:-6]}Z"
