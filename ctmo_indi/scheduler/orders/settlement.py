"""What an ended attempt means for itself and for its order. Pure; the rules of the life cycle.

COMPLETED when the acceptable fraction of its frames is good, over all attempts. Frames are counted
and not their seconds: those of an order are to be equally long, and a camera rounds what it is
asked for, up to its shortest exposure for instance.
Weather, safety, pre-emption and restart are no failure. A human's abort sends the order back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import AttemptState, OrderState
from ctmo_indi.profiles import NightPolicy

RETRY_AFTER_S: dict[AttemptState, float] = {
    AttemptState.FAILED: 120.0,
    AttemptState.ABORTED: 600.0,
    AttemptState.INTERRUPTED: 30.0,
    AttemptState.NOT_ATTEMPTED: 600.0,  # taken from the queue by hand
    AttemptState.CANCELED: 600.0,
}
"""Sky seconds until an order is tried again after an attempt that ended so; others go first."""

RETRY_AFTER_LONGEST_S = 1800.0


def retry_after_s(ended: AttemptState, in_a_row: int) -> float:
    """Sky seconds to leave an order alone; doubled with every further attempt without a frame.

    Parameters
    ----------
    in_a_row
        Attempts of this order without a new frame, this one included.
    """
    first_s = RETRY_AFTER_S.get(ended, 0.0)
    return min(RETRY_AFTER_LONGEST_S, first_s * 2.0 ** min(20, max(0, in_a_row - 1)))


class Cause(StrEnum):
    """Who made the attempt end."""

    ITSELF = "ITSELF"
    ORDER_CANCELED = "ORDER_CANCELED"
    SCHEDULER_STOPPED = "SCHEDULER_STOPPED"
    OVERRUN = "OVERRUN"
    NEVER_BEGAN = "NEVER_BEGAN"  # after a restart: it had not been handed to the telescope
    REPLANNED = "REPLANNED"  # withdrawn before it began, since the plan was made anew


_BLAMELESS: dict[Cause, AttemptState] = {
    Cause.REPLANNED: AttemptState.CANCELED,
    Cause.SCHEDULER_STOPPED: AttemptState.NOT_ATTEMPTED,
    Cause.NEVER_BEGAN: AttemptState.NOT_ATTEMPTED,
}


def is_blameless(ended: AttemptState, cause: Cause) -> bool:
    """Whether an attempt ended so that its order waits at once, as if it had not been chosen."""
    return _BLAMELESS.get(cause) is ended


_CUT_SHORT = frozenset({AttemptState.CANCELED, AttemptState.ABORTED, AttemptState.INTERRUPTED})

_AFTER_START = {
    AttemptState.NOT_ATTEMPTED: AttemptState.INTERRUPTED,
    AttemptState.CANCELED: AttemptState.ABORTED,
}


def attempt_state(
    before: AttemptState, told: AttemptState, cause: Cause, frames: int
) -> AttemptState:
    """State to note for an attempt, from what the telescope told and why it ended.

    Parameters
    ----------
    before
        PENDING or IN_PROGRESS, as noted so far.
    frames
        Good frames of this attempt; one "completed" without any is a failure, or the order would be
        tried for ever.
    """
    is_unbegun = before is AttemptState.PENDING and told is AttemptState.NOT_ATTEMPTED
    if is_unbegun and cause in (Cause.REPLANNED, Cause.ORDER_CANCELED):
        return AttemptState.CANCELED
    if told in _CUT_SHORT and cause is Cause.OVERRUN:
        return AttemptState.FAILED
    if told is AttemptState.ABORTED and cause is Cause.SCHEDULER_STOPPED:
        return AttemptState.INTERRUPTED
    if told is AttemptState.COMPLETED and frames == 0:
        return AttemptState.FAILED
    if before is AttemptState.IN_PROGRESS:
        return _AFTER_START.get(told, told)
    return told


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What decides about an order.

    Parameters
    ----------
    fraction
        Of the frames it wants, of all visits, the good part.
    visits_done
        Whole ones; each gives an order with a cadence its failures anew.
    last_attempt
        How its last attempt ended; None when there was none.
    """

    fraction: float
    failures: int
    visits_done: int
    is_cancel_requested: bool
    now_utc_s: float
    last_attempt: AttemptState | None = None
    last_failure: str = ""


def windows_passed(request: ObservationRequest, now_utc_s: float) -> bool:
    """Whether every window of the order is over, or its fixed start is missed.

    False for an order without either.
    """
    if request.latest_start_utc_s is not None and now_utc_s > request.latest_start_utc_s:
        return True
    return bool(request.windows) and all(
        window.end_utc_s <= now_utc_s for window in request.windows
    )


def missing(request: ObservationRequest, good_count: int) -> int:
    """Frames that the present visit of an order still wants, at least 1."""
    if request.visits == 1:
        return max(1, request.count - good_count)
    return request.count - good_count % request.count


def visits_done(request: ObservationRequest, good_count: int) -> int:
    """How many visits of an order are whole."""
    return min(request.visits, good_count // request.count)


def _acceptable(request: ObservationRequest, policy: NightPolicy) -> float:
    """The good share that completes an order; of many visits only the last may lack something."""
    return 1.0 - (1.0 - policy.acceptable_fraction) / request.visits


def why_passed(request: ObservationRequest) -> str:
    """Say what :func:`windows_passed` found."""
    if request.latest_start_utc_s is not None:
        return "its start was missed"
    return "the last window is over"


def order_state(
    request: ObservationRequest, facts: OrderFacts, policy: NightPolicy
) -> tuple[OrderState, str]:
    """State and reason of an order after an attempt, or when its windows are looked at."""
    if facts.fraction >= _acceptable(request, policy):
        return OrderState.COMPLETED, f"{facts.fraction:.0%} of its frames are good"
    if facts.is_cancel_requested:
        return OrderState.CANCELED, facts.last_failure or "canceled"
    if facts.failures >= policy.failure_limit * (1 + facts.visits_done):
        return (
            OrderState.FAILURE_LIMIT_REACHED,
            f"{facts.failures} attempts failed, the last one: {facts.last_failure}",
        )
    if windows_passed(request, facts.now_utc_s):
        return OrderState.WINDOW_EXPIRED, why_passed(request)
    if facts.last_attempt is None:
        return OrderState.PENDING, ""
    if facts.last_attempt is AttemptState.COMPLETED and request.cadence is not None:
        return OrderState.PENDING, f"visit {facts.visits_done} of {request.visits} is made"
    return OrderState.PENDING, f"attempt {facts.last_attempt}: {facts.last_failure or 'incomplete'}"
