"""The model's word on the way between two observations."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ctmo_indi.models.observation import Observation
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType
from ctmo_indi.scheduling.models import Observatory
from ctmo_indi.scheduling.plan.overheads import ModelledSteps

_UNIX_EPOCH_MJD = 40587.0
_DAY_S = 86400.0

_MOVES_S = 0.5
"""A way that takes less by the model may as well be none."""


@dataclass(frozen=True, slots=True)
class ModelledWay:
    """As ``Overheads`` asks for it.

    Parameters
    ----------
    observatory
        The driver's model.
    planners
        What the planner computes with, not corrected: the factors learned are of its motions.
    """

    observatory: Observatory
    planners: ObservatoryModel

    def exposures_s(self, observation: Observation) -> float:
        """Return the sky seconds of its frames with their readouts."""
        return self.observatory.exposures_s(_request(observation), observation.frames)

    def way_s(self, before: Observation, end_utc_s: float, after: Observation) -> float:
        """Return the sky seconds from the end of one to the first exposure of the other."""
        if after.ra_deg is None or after.dec_deg is None:
            return 0.0
        state = replace(_on_target(before, end_utc_s - 1.0), utc_s=end_utc_s - 1.0)
        state = self.observatory.idle(state, end_utc_s)  # puts the dome where it follows to
        return self.observatory.delay_s(state, after.ra_deg, after.dec_deg, after.filter_name)

    def steps(self, before: Observation, begin_utc_s: float, after: Observation) -> ModelledSteps:
        """Return what moves from one to the other when it begins at an instant."""
        model = self.planners
        start_s = (before.mjd - _UNIX_EPOCH_MJD) * _DAY_S
        # The tube is on the side that the slew had chosen then.
        state = model.observe(_on_target(before, start_s), _request(before), 1).after
        state = model.idle(replace(state, utc_s=begin_utc_s - 1.0), begin_utc_s)
        said = model.activities_s(state, _request(after))
        mount_s = max(said["hour angle"], said["declination"]) + said["flip"]
        changes = after.filter_name is not None and after.filter_name != before.filter_name
        change_s = model.kinematics.filter_change_s
        return ModelledSteps(
            mount_s if mount_s >= _MOVES_S else None,
            said["dome"] if said["dome"] >= _MOVES_S else None,
            max(said["filter"] - change_s, 0.0) if changes and before.filter_name else None,
        )


def _on_target(observation: Observation, utc_s: float) -> ObservatoryModelState:
    return ObservatoryModelState(
        utc_s,
        observation.ra_deg,
        observation.dec_deg,
        is_tracking=True,
        is_parked=False,
        filter_name=observation.filter_name,
        is_open=True,
    )


def _request(observation: Observation) -> ObservationRequest:
    return ObservationRequest(
        "",
        "",
        FrameType.LIGHT,
        observation.exposure_s,
        max(observation.frames, 1),
        ra_deg=observation.ra_deg,
        dec_deg=observation.dec_deg,
        filter_name=observation.filter_name,
    )
