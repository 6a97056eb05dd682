"""What goes into a scheduling driver and what comes out of it.

A :class:`PendingOrder` is an order as the driver sees it; a :class:`DriverTarget` is the driver's
answer; an :class:`Observation` is a target that was observed with success and is registered. Names
follow the Rubin Scheduler's developer guide where it gives one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from ctmo_indi.models.observation import Observation
from ctmo_indi.models.orders import ObservationRequest

__all__ = ["DriverTarget", "NextTarget", "Observation", "PendingOrder", "SurveyTopology"]


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
    due_utc_s
        Unix seconds before which the next visit of an order with a cadence does not begin.
    visits_left
        This one included.
    """

    receipt: str
    request: ObservationRequest
    priority: float
    created_utc_s: float
    missing_count: int
    not_before_utc_s: float = 0.0
    due_utc_s: float = 0.0
    visits_left: int = 1

    def after(self, frames: int, start_utc_s: float) -> PendingOrder | None:
        """Return what waits after ``frames`` of it, begun then; None when that was all."""
        if self.missing_count > frames:
            return replace(self, missing_count=self.missing_count - frames)
        cadence = self.request.cadence
        if cadence is None or self.visits_left <= 1:
            return None
        return replace(
            self,
            missing_count=self.request.count,
            due_utc_s=cadence.due_utc_s(start_utc_s),
            visits_left=self.visits_left - 1,
        )


@dataclass(frozen=True, slots=True)
class DriverTarget:
    """One target a driver wants observed now; drivers may subclass it.

    Parameters
    ----------
    request
        What is to be observed.
    obs_time
        UTC of the decision.
    duration_s
        Estimated sky seconds of exposures and readouts, without slew and opening.
    count
        Frames to take.
    receipt
        Of the pending order it is made of; "" for a target of the driver's own (an observing list,
        a survey field), for which the scheduler makes an order that it does not repeat by itself.
    target_id
        The driver's own name of it; unique among its targets.
    note
        Why this one, for the log and for people.
    slew_time_s
        Estimated sky seconds until the first exposure; airmass then, None when not worked out.
    block
        Name of the observing block that carries it out; "" for that of its program, or of its kind
        of frame.
    program
        What it is observed for, in the sender's words; an observing block of that name carries it
        out unless ``block`` says otherwise.
    altitude_deg, azimuth_deg, ra_deg, dec_deg
        At the decision, RA and Dec ICRS; the scheduler works them out, no driver has to.
    """

    request: ObservationRequest
    obs_time: datetime
    duration_s: float
    count: int = 1
    receipt: str = ""
    target_id: str = ""
    priority: float = 0.0
    note: str = ""
    slew_time_s: float = 0.0
    airmass: float | None = None
    block: str = ""
    program: str = ""
    altitude_deg: float | None = None
    azimuth_deg: float | None = None
    ra_deg: float | None = None
    dec_deg: float | None = None

    @property
    def place_deg(self) -> tuple[float, float] | None:
        """RA and Dec (ICRS), of a moving target at the decision; None: not worked out."""
        if self.ra_deg is None or self.dec_deg is None:
            return self.request.fixed_place_deg
        return self.ra_deg, self.dec_deg

    @classmethod
    def of_order(
        cls, order: PendingOrder, obs_time: datetime, duration_s: float, note: str = ""
    ) -> Self:
        """Make the target of a pending order: all the frames it still wants."""
        return cls(
            request=order.request,
            obs_time=obs_time,
            duration_s=duration_s,
            count=order.missing_count,
            receipt=order.receipt,
            target_id=order.receipt,
            priority=order.priority,
            note=note,
        )


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
