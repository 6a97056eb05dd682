"""Which visits of series go before all else: those of more priority than what fills the night.

A visit of a series is short beside its way, so by value for time a night that is full leaves it
out as soon as others wait, though it cannot be made up for. So a series goes first where its
priority is larger than that down to which the night is filled by all that waits, the largest first;
the sequential driver would do the same. A series of less priority is planned by its value, and so
is every one in a night with room to spare.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ctmo_indi.planner.plan_request import PlanRequest
from ctmo_indi.scheduling.plan.visit_keys import key_and_visit, visit_key

FULL = 0.8
"""Part of the night in visits; what is between them fills the rest."""


def series_first(
    requests: Sequence[PlanRequest], readout_s: float, room_s: float
) -> list[PlanRequest]:
    """Return requests, visits of such series marked as time-critical.

    Parameters
    ----------
    readout_s
        After each frame.
    room_s
        What is left of the night.
    """
    keys = {one.key for one in requests}
    is_series = [visit_key(key_and_visit(one.key)[0], 2) in keys for one in requests]
    if not any(is_series):
        return list(requests)
    least, filled_s = math.inf, 0.0
    for one in sorted(requests, key=lambda one: -one.priority):
        filled_s += one.count * (one.exposure_s + readout_s)
        if filled_s >= FULL * room_s:
            least = one.priority
            break
    return [
        replace(one, is_time_critical=True)
        if yes and not one.group and one.priority > least
        else one
        for one, yes in zip(requests, is_series, strict=True)
    ]
