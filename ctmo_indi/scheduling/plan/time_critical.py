"""Which orders are time-critical: submitted to be made at a time, and of no use at another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.scheduling.conditions import Night
from ctmo_indi.scheduling.plan.night_plan import PlannedOrder

SHORT_SLACK_S = 900.0
"""Windows that leave a start so little choice make an order time-critical."""

SHORT_SLACK = 0.1
"""The same, in lengths of the order."""

GOES_FIRST = (
    "It is time-critical: a plan has it before all that is not. Only an alert, or what is"
    " time-critical too and of no smaller priority, can take its time."
)


def is_time_critical(request: ObservationRequest, length_s: float, night: Night) -> bool:
    """Whether an order must be made at its time: it has a Start, or little choice in its windows.

    One of a series comes again, and one of a group is planned with the group, by its value: neither
    is time-critical.

    Parameters
    ----------
    length_s
        Of all its frames, with readouts. A window they do not fit into asks for no time.
    """
    if request.cadence is not None or request.group:
        return False
    if request.latest_start_utc_s is not None:
        return True
    evening_s, morning_s = night.evening.timestamp(), night.morning.timestamp()
    slacks_s = [
        one.end_utc_s - one.start_utc_s - length_s
        for one in request.windows
        if one.end_utc_s > evening_s and one.start_utc_s < morning_s
    ]
    if not slacks_s or max(slacks_s) < 0.0:
        return False
    slack_s = sum(one for one in slacks_s if one > 0.0)
    return slack_s <= max(SHORT_SLACK_S, SHORT_SLACK * length_s)


def critical_start_s(
    request: ObservationRequest, visit: PlannedOrder, night: Night
) -> float | None:
    """Return when a time-critical visit has to begin at the latest, Unix seconds; None: it is none.

    Infinity: at any time.
    """
    length_s = visit.end_utc_s - visit.start_utc_s
    if not is_time_critical(request, length_s, night):
        return None
    latest_s = math.inf if request.latest_start_utc_s is None else request.latest_start_utc_s
    for window in request.windows:
        if window.start_utc_s <= visit.start_utc_s <= window.end_utc_s:
            return min(latest_s, window.end_utc_s - length_s)
    return latest_s


def time_critical_explained(
    told: Mapping[str, object],
    request: ObservationRequest,
    length_s: float,
    night: Night,
    *,
    is_planned: bool,
) -> dict[str, object]:
    """Return an explanation that says so of a time-critical order.

    Parameters
    ----------
    told
        By the keys of an Explain reply; ``Plan`` may be missing.
    """
    if not is_time_critical(request, length_s, night):
        return dict(told)
    of_plan = told.get("Plan")
    known = dict(of_plan) if isinstance(of_plan, Mapping) else {"Planned": is_planned}
    before = known.get("Words")
    known["Words"] = [GOES_FIRST, *(before if isinstance(before, list) else [])]
    return {**told, "Plan": known}


def missed(
    visits: Sequence[PlannedOrder], latest_s: Sequence[float | None], late_s: float
) -> PlannedOrder | None:
    """Return the first time-critical visit of a plan that is missed when all is so much late.

    Parameters
    ----------
    latest_s
        When each has to begin at the latest, Unix seconds; None: it is not time-critical.
    """
    for place, (one, limit_s) in enumerate(zip(visits, latest_s, strict=True)):
        if place:
            late_s -= one.idle_s
        if late_s <= 0.0:
            return None
        if limit_s is not None and one.start_utc_s + late_s > limit_s:
            return one
    return None
