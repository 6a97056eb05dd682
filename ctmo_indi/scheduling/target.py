"""What goes into a scheduling driver and what comes out of it.

A :class:`PendingOrder` is an order as the driver sees it; a :class:`DriverTarget` is the driver's
answer; an :class:`Observation` is a target that was observed with success and is registered. Names
follow the Rubin Scheduler's developer guide where it gives one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ctmo_indi.models.orders import ObservationRequest


@dataclass(frozen=True, slots=True)
class PendingOrder:
    """An order that waits for an attempt.

    Parameters
    ----------
    priority
        0-10, larger first.
    created_utc_s
        Unix seconds of its receipt; the older of two equals goes first.
    missing_count
        Frames still wanted.
    not_before_utc_s
        Unix seconds before which it is not tried again after an attempt that ended short.
    """

    receipt: str
    request: ObservationRequest
    priority: float
    created_utc_s: float
    missing_count: int
    not_before_utc_s: float = 0.0


@dataclass(frozen=True, slots=True)
class DriverTarget:
    """One target a driver wants observed now.

    Parameters
    ----------
    order
        What it is chosen from.
    obs_time
        UTC of the decision.
    duration_s
        Estimated sky seconds of exposures and readouts, without slew and opening.
    note
        Why this one, for the log and for people.
    """

    order: PendingOrder
    obs_time: datetime
    duration_s: float
    note: str = ""

    @property
    def receipt(self) -> str:
        """Receipt of the order."""
        return self.order.receipt


@dataclass(frozen=True, slots=True)
class Observation:
    """An attempt that succeeded, as registered with the driver.

    Parameters
    ----------
    attempt_id
        Registered once only: a repeated one changes nothing.
    mjd
        Start of the first exposure, MJD (UTC).
    frames
        Good frames the attempt added.
    """

    attempt_id: str
    receipt: str
    target_name: str
    ra_deg: float | None
    dec_deg: float | None
    mjd: float
    exposure_s: float
    frames: int
    filter_name: str | None = None


@dataclass(frozen=True, slots=True)
class NextTarget:
    """When a target is to be expected, if there is none now.

    Parameters
    ----------
    utc
        Earliest instant known to suit an order; None when nothing suits before ``until_utc``.
    receipt
        That order; "" when there is none.
    reasons
        Receipt -> why it cannot be observed now, one line each.
    """

    utc: datetime | None
    until_utc: datetime
    receipt: str
    reasons: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class SurveyTopology:
    """What a driver says about itself after ``configure_scheduler``."""

    driver: str
    general_propos: tuple[str, ...] = ()
    sequence_propos: tuple[str, ...] = ()
