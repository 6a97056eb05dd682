"""What is known when a scheduling driver decides: one frozen value a decision.

Unknown is unsafe: a verdict that never came or is too old forbids the sky as an UNSAFE one does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import Verdict
from ctmo_indi.scheduling.target import PendingOrder

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

    def night(self, utc: datetime) -> Night:
        """Return the night that lasts at ``utc``, else the next one."""
        ...

    def obstacles(self, request: ObservationRequest, utc: datetime) -> tuple[str, ...]:
        """Why the request cannot be observed at ``utc``; empty when it can."""
        ...

    def next_observable(
        self, request: ObservationRequest, utc: datetime, until: datetime
    ) -> datetime | None:
        """Return the first instant from ``utc`` to ``until`` without obstacles."""
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
    state
        Where mount, dome and filter are, or will be when the next target begins; None: not known.
    telemetry
        Value of each stream by name; NaN where it is not known.
    """

    utc: datetime
    observatory: ObservatoryState
    verdict: Verdict | None
    verdict_age_s: float
    telescope_answers: bool
    pending: tuple[PendingOrder, ...]
    telescope_trouble: str = ""
    state: ObservatoryModelState | None = None
    telemetry: Mapping[str, float | tuple[float, ...]] = field(default_factory=dict)

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
            reasons.append("unsafe: " + ("; ".join(self.verdict.reasons) or "no reason given"))
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
