"""What to do while there is no target: nothing, stop tracking, or close. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.scheduling.conditions import Conditions, Night
from ctmo_indi.scheduling.target import NextTarget

IDLE_CLOSE_S = 900.0
"""Sky seconds without a target, and none to come this night, before the observatory is closed."""

CALIBRATIONS_GAP = timedelta(minutes=30)
"""Shortest gap before the next target for which the dome is closed to take calibrations."""


class IdleAction(StrEnum):
    """What is to be done."""

    NOTHING = "NOTHING"
    STOP_TRACKING = "STOP_TRACKING"
    PARK = "PARK"


@dataclass(frozen=True, slots=True)
class IdleFacts:
    """What decides.

    Parameters
    ----------
    idle_s
        Sky seconds since the last target.
    is_tracking_stopped
        True when stop_tracking was sent since the last target.
    """

    conditions: Conditions
    night: Night
    next_target: NextTarget
    idle_s: float
    is_tracking_stopped: bool


def idle_action(facts: IdleFacts) -> tuple[IdleAction, str]:
    """Return what to do and why.

    An observatory that is not plainly open is left to the telescope and to safety, and so is one
    that a verdict closes.
    """
    conditions = facts.conditions
    if conditions.observatory is not ObservatoryState.OPEN or conditions.sky_forbidden:
        return IdleAction.NOTHING, ""
    if not facts.night.lasts_at(conditions.utc):
        return IdleAction.PARK, "the night is over"
    upcoming = facts.next_target.utc
    if upcoming is None and facts.idle_s >= IDLE_CLOSE_S:
        return IdleAction.PARK, "nothing left to observe this night"
    if _calibrations_wait(conditions) and (
        upcoming is None or upcoming - conditions.utc > CALIBRATIONS_GAP
    ):
        return IdleAction.PARK, "calibration frames need the dome closed"
    if not facts.is_tracking_stopped:
        return IdleAction.STOP_TRACKING, "no target"
    return IdleAction.NOTHING, ""


def _calibrations_wait(conditions: Conditions) -> bool:
    now_utc_s = conditions.utc.timestamp()
    return any(
        not order.request.frame_type.needs_sky
        and max(order.not_before_utc_s, order.due_utc_s) <= now_utc_s
        and _has_room_now(order.request, now_utc_s)
        for order in conditions.pending
    )


def _has_room_now(request: ObservationRequest, now_utc_s: float) -> bool:
    """Whether one exposure that begins now lies within what an order allows."""
    latest_s = request.latest_start_utc_s
    if latest_s is not None and now_utc_s > latest_s:
        return False
    return not request.windows or any(
        one.start_utc_s <= now_utc_s and now_utc_s + request.exposure_s <= one.end_utc_s
        for one in request.windows
    )
