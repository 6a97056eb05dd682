"""The exact check before an answer is given, and the answer.

The questions are those of the sequential driver: the sky's own rules now and at the end of one
exposure, the way to it included.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.scheduling.conditions import Conditions, Night
from ctmo_indi.scheduling.feature.survey import Proposal
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.order_groups import OrderGroups
from ctmo_indi.scheduling.target import DriverTarget

_MORNING_SLACK = timedelta(minutes=1)
"""The night's end and the rule on the Sun's altitude differ by seconds."""


@dataclass(frozen=True, slots=True)
class ExactRules:
    """Asks the models about one proposal.

    Parameters
    ----------
    night
        The driver's own; targets stay in it when ``boundary_deg`` is given.
    boundary_deg
        Sun altitude that the driver wants at most; None: the profile's limit does.
    """

    models: Models
    night: Night
    boundary_deg: float | None
    groups: OrderGroups = field(default_factory=OrderGroups)

    def obstacles(self, proposal: Proposal, conditions: Conditions) -> Iterator[str]:
        """Yield everything against a proposal, the cheap questions first, its group last."""
        yield from self.alone(proposal, conditions)
        if not self.models.sky.obstacles(proposal.request, conditions.utc):
            yield from self.of_group(proposal, conditions)

    def of_group(self, proposal: Proposal, conditions: Conditions) -> Iterator[str]:
        """Yield what stands against a proposal's group, if it has one."""
        yield from self.groups.obstacles(
            proposal.request,
            proposal.receipt,
            conditions.pending,
            self.models,
            self.night,
            conditions.utc,
        )

    def alone(self, proposal: Proposal, conditions: Conditions) -> Iterator[str]:
        """Yield what stands against a proposal, were it in no group."""
        request, sky, utc = proposal.request, self.models.sky, conditions.utc
        if conditions.not_before_utc_s.get(proposal.target_id, 0.0) > utc.timestamp():
            yield "the last attempt ended short, it rests"
        slew_s = self.slew_s(proposal, conditions)
        latest_s = request.latest_start_utc_s
        if latest_s is not None and utc.timestamp() + slew_s > latest_s:
            latest = datetime.fromtimestamp(latest_s, UTC)
            yield f"its start is missed: expected by {latest:%Y-%m-%dT%H:%M:%SZ}"
        end = utc + timedelta(seconds=slew_s + request.exposure_s)
        night = self.night
        if self.boundary_deg is not None and not night.evening <= utc < end <= night.morning:
            yield f"outside the night of night_boundary {self.boundary_deg:g} deg"
        if request.frame_type.needs_sky and end > night.morning + _MORNING_SLACK:
            yield f"one exposure ends at {end:%Y-%m-%dT%H:%M:%SZ}, after the night"
        against = sky.obstacles(request, utc)
        yield from against
        if not against:
            for reason in sky.obstacles(request, end):
                yield f"at the end of one exposure: {reason}"
            yield from sky.flips_within(request, utc, end)

    def slew_s(self, proposal: Proposal, conditions: Conditions) -> float:
        """Return the sky seconds until the first exposure; 0 where it is not known."""
        request, state = proposal.request, conditions.state
        place = None if state is None else self._place_of(request, conditions.utc)
        if state is None or place is None:
            return 0.0
        state = replace(state, utc_s=conditions.utc.timestamp())
        return self.models.observatory.delay_s(state, *place, request.filter_name)

    def _place_of(self, request: ObservationRequest, utc: datetime) -> tuple[float, float] | None:
        return request.fixed_place_deg or self.models.sky.place_deg(request, utc)

    def target(self, proposal: Proposal, conditions: Conditions) -> DriverTarget:
        """Make the target of a proposal."""
        request, utc = proposal.request, conditions.utc
        words = f"survey {proposal.survey}: reward {proposal.reward:.4g}, best of {proposal.of}"
        if proposal.is_running:
            words = f"survey {proposal.survey}: goes on with its block, one of {proposal.of}"
        ra_deg, dec_deg = self._place_of(request, utc) or (None, None)
        return DriverTarget(
            request=request,
            obs_time=utc,
            duration_s=self.models.observatory.exposures_s(request, proposal.count),
            count=proposal.count,
            receipt=proposal.receipt,
            target_id=proposal.target_id,
            priority=proposal.priority,
            note="; ".join((words, *proposal.notes)),
            slew_time_s=self.slew_s(proposal, conditions),
            airmass=self.models.sky.airmass(request, utc),
            program=proposal.program,
            ra_deg=ra_deg,
            dec_deg=dec_deg,
        )
