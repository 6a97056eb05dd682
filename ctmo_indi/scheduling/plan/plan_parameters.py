"""What the plan driver can be told, and the check of its configuration's keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ctmo_indi.scheduling import settings
from ctmo_indi.scheduling.alerts import ALERT_JOB_TYPES, AlertKinds
from ctmo_indi.scheduling.sequential_parameters import SequentialParameters

INSERT, PREEMPT = "insert", "preempt"


@dataclass(frozen=True, slots=True)
class PlanParameters(SequentialParameters):
    """What the plan driver can be told besides what the sequential one can.

    Parameters
    ----------
    replan_after_s
        Sky seconds by which the plan's next visit may be late, or could be begun earlier than the
        plan had reason to, before a new plan is made.
    stability
        A new plan that begins with another visit has to be worth more than the old one, repaired,
        by this part of the next visit's value; else the old one stays. Something of a larger
        priority is not held back.
    wait_risk_per_hour
        Part of a visit's value that each hour of waiting for its planned start is expected to cost
        (weather, faults): the telescope waits only where it gains more.
    alert_policy
        INSERT: an alert has a place in the plan while it can be observed, where it displaces what
        is worth least. PREEMPT: it is the next visit as soon as it can be observed.
    alert_job_types, alert_object_types
        An order whose type of job, or of object, is one of these is an alert.
    seed
        Of the search.
    tries
        Steps of the search; -1: as many as the planner thinks good.
    keep
        Requests that the search looks at, at least.
    """

    replan_after_s: float = settings.number(10.0, 7200.0, 120.0)
    stability: float = settings.number(0.0, 100.0, 0.25)
    wait_risk_per_hour: float = settings.number(0.0, 10.0, 0.3)
    alert_policy: str = settings.choice((INSERT, PREEMPT), INSERT)
    alert_job_types: tuple[str, ...] = settings.texts(ALERT_JOB_TYPES)
    alert_object_types: tuple[str, ...] = settings.texts(())
    seed: int = settings.number(0, 2**31 - 1, 1, whole=True)
    tries: int = settings.number(-1, 10_000_000, -1, whole=True)
    keep: int = settings.number(1, 1_000_000, 2000, whole=True)

    @property
    def alerts(self) -> AlertKinds:
        """Which orders are alerts."""
        return AlertKinds(self.alert_job_types, self.alert_object_types)


def read_plan_parameters(
    configuration: Mapping[str, object], defaults: PlanParameters
) -> PlanParameters:
    """Check the keys; those that are missing keep their defaults.

    Raises
    ------
    ConfigError
        Every key that is wrong or unknown.
    """
    return settings.changed(defaults, configuration, "plan driver")
