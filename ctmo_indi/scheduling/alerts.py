"""What an alert is: an order for a target of opportunity, for every scheduling driver the same."""

from __future__ import annotations

from dataclasses import dataclass

from ctmo_indi.models.orders import ObservationRequest

ALERT_JOB_TYPES = ("Alert",)
"""Types of job that are alerts unless a configuration says otherwise."""


@dataclass(frozen=True, slots=True)
class AlertKinds:
    """Which orders are alerts: those whose type of job or of object is listed.

    Parameters
    ----------
    job_types, object_types
        As the Work Order has them in "Type of job" and "Type of object".
    """

    job_types: tuple[str, ...] = ALERT_JOB_TYPES
    object_types: tuple[str, ...] = ()

    def takes(self, request: ObservationRequest) -> bool:
        """Whether the request is an alert's."""
        return request.job_type in self.job_types or request.object_type in self.object_types
