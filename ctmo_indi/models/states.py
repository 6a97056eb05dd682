"""The words for every state an outsider sees; one enum a machine, kept apart.

The transition tables stand in ``work_orders/lifecycle.py`` (order, attempt),
``scheduler/states.py`` (component) and ``devices/observatory_state.py`` (observatory).
"""

from __future__ import annotations

from enum import StrEnum


class OrderState(StrEnum):
    """Life of a Work Order."""

    RECEIVED = "RECEIVED"
    REJECTED = "REJECTED"
    PENDING = "PENDING"
    HELD = "HELD"
    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"
    WINDOW_EXPIRED = "WINDOW_EXPIRED"
    FAILURE_LIMIT_REACHED = "FAILURE_LIMIT_REACHED"


class AttemptState(StrEnum):
    """Life of one attempt at an order (Rubin: an observation)."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    INTERRUPTED = "INTERRUPTED"  # weather, safety, pre-emption, restart: not a failure
    FAILED = "FAILED"
    ABORTED = "ABORTED"  # by a human
    NOT_ATTEMPTED = "NOT_ATTEMPTED"
    CANCELED = "CANCELED"
    BAD_DATA = "BAD_DATA"


class SummaryState(StrEnum):
    """Component states of the CSC, in Rubin's words."""

    OFFLINE = "OFFLINE"
    STANDBY = "STANDBY"
    DISABLED = "DISABLED"
    ENABLED = "ENABLED"
    FAULT = "FAULT"


class ObservatoryState(StrEnum):
    """What dome and mount are together; lock and latch are flags beside it."""

    CLOSED = "CLOSED"
    OPENING = "OPENING"
    OPEN = "OPEN"
    CLOSING = "CLOSING"
    UNKNOWN = "UNKNOWN"
    ALARM = "ALARM"


class FrameType(StrEnum):
    """Kind of exposure; the words of the order key "Frame Type"."""

    LIGHT = "Light"
    BIAS = "Bias"
    DARK = "Dark"
    FLAT = "Flat"

    @property
    def needs_sky(self) -> bool:
        """True when dome and mount take part; flats are taken on the light panel."""
        return self is FrameType.LIGHT
