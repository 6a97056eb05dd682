"""What is known when a scheduling driver decides: one frozen value a decision.

Unknown is unsafe: a verdict that never came or is too old forbids the sky as an UNSAFE one does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import Verdict
from ctmo_indi.scheduling.target import PendingOrder

if TYPE_CHECKING:
    from ctmo_indi.models.visibility import Spans

VERDICT_MAX_AGE_S = 10.0
"""Machine seconds after which the last verdict says nothing any more."""


@dataclass(frozen=True, slots=True)
class Night:
    """The night that lasts or comes next; bounds at the profile's Sun altitude for sky frames."""

    label: str
    evening: datetime
    morning: datetime

    def lasts_at(self, utc: datetime) -> bool:
        """Whether ``utc`` lies in the night."""
        return self.evening <= utc < self.morning


class Observability(Protocol):
    """What a driver asks about the sky; see ``scheduling/sky.py`` for the real one."""

    def night(self, utc: datetime, sun_max_altitude_deg: float | None = None) -> Night:
        """Return the night that lasts at ``utc``, else the next one.

        ``sun_max_altitude_deg`` asks for a darker night than the profile's; never for a longer one.
        """
        ...

    def obstacles(self, request: ObservationRequest, utc: datetime) -> tuple[str, ...]:
        """Why the request cannot be observed at ``utc``; empty when it can.

        For frames that need no sky only their own windows count.
        """
        ...

    def flips_within(
        self, request: ObservationRequest, begin: datetime, end: datetime
    ) -> tuple[str, ...]:
        """Why an exposure cannot be though both its ends can: the mount would flip in it."""
        ...

    def next_observable(
        self, request: ObservationRequest, utc: datetime, until: datetime
    ) -> datetime | None:
        """Return the first instant from ``utc`` to ``until`` without obstacles."""
        ...

    def spans(self, requests: Sequence[ObservationRequest], night: Night) -> Spans:
        """Return when sky frames are up in a night: never too short, a little too long at most.

        The cheap first question among thousands of orders; what it lets through is asked exactly.
        """
        ...

    def place_deg(self, request: ObservationRequest, utc: datetime) -> tuple[float, float] | None:
        """Return where a request's target is, ICRS; None without a place."""
        ...

    def airmass(self, request: ObservationRequest, utc: datetime) -> float | None:
        """Return the air mass of a request's place; None without a place or below the horizon."""
        ...


@dataclass(frozen=True, slots=True)
class Conditions:
    """Telemetry, verdict and orders at one instant.

    Parameters
    ----------
    observatory
        As the telescope says; UNKNOWN when it did not answer.
    verdict_age_s
        Machine seconds since the verdict was received.
    pending
        Orders that wait, in no particular order.
    takeover
        Why the telescope keeps its hands off after another INDI client; empty: it does not.
    state
        Where mount, dome and filter are, or will be when the next target begins; None: not known.
    telemetry
        Value of each stream by name; NaN where it is not known.
    not_before_utc_s
        Targets of the driver's own whose last attempt ended short: ``target_id`` -> Unix seconds
        before which it is not tried again, as ``PendingOrder.not_before_utc_s`` for orders.
    queued
        Receipts of orders, and ``target_id`` of others, that stand on the script queue, begun or
        not, and stay there; None: not known.
    """

    utc: datetime
    observatory: ObservatoryState
    verdict: Verdict | None
    verdict_age_s: float
    telescope_answers: bool
    pending: tuple[PendingOrder, ...]
    telescope_trouble: str = ""
    takeover: str = ""
    state: ObservatoryModelState | None = None
    telemetry: Mapping[str, float | tuple[float, ...]] = field(default_factory=dict)
    not_before_utc_s: Mapping[str, float] = field(default_factory=dict)
    queued: frozenset[str] | None = None

    @property
    def blocked(self) -> tuple[str, ...]:
        """Why nothing at all may be done; empty when something may."""
        reasons: list[str] = []
        if not self.telescope_answers:
            reasons.append(f"the telescope does not answer: {self.telescope_trouble or 'no reply'}")
        if self.verdict is not None and self.verdict.lock is not None:
            lock = self.verdict.lock
            reasons.append(f"{lock.kind} lock of {lock.owner}: {lock.reason}")
        if self.verdict is not None and self.verdict.latch is not None:
            latch = self.verdict.latch
            reasons.append(f"stopped by {latch.owner}: {latch.reason}")
        if self.takeover:
            reasons.append(f"held: {self.takeover}")
        return tuple(reasons)

    @property
    def sky_forbidden(self) -> tuple[str, ...]:
        """Why no frame of the sky may be taken; empty when it may."""
        reasons = list(self.blocked)
        if self.verdict is None:
            reasons.append("no verdict of safety yet")
        elif self.verdict_age_s > VERDICT_MAX_AGE_S:
            reasons.append(f"the verdict is {self.verdict_age_s:.0f} s old")
        elif not self.verdict.is_safe:
            why = "; ".join(self.verdict.reasons) or "no reason given"
            reasons.append(f"{self.verdict.level.lower()}: {why}")
        if self.observatory not in (ObservatoryState.OPEN, ObservatoryState.CLOSED):
            reasons.append(f"the observatory is {self.observatory}")
        return tuple(reasons)

    @property
    def closed_dome_forbidden(self) -> tuple[str, ...]:
        """Why no bias, dark or panel flat may be taken; empty when it may."""
        reasons = list(self.blocked)
        if self.observatory is not ObservatoryState.CLOSED:
            reasons.append(
                f"calibration frames wait for a closed dome, the observatory is {self.observatory}"
            )
        return tuple(reasons)
