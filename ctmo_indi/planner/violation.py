"""What the checker of plans answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from ctmo_indi.planner.plan import PlannedVisit
from ctmo_indi.planner.plan_request import PlanRequest

THE_PLAN = ""
"""``Violation.key`` of what is wrong with the plan as a whole."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule a plan breaks.

    Parameters
    ----------
    key
        Of the request; THE_PLAN for the plan as a whole.
    value, limit
        In the constraint's unit: degrees, hours, seconds, Unix seconds or score.
    utc_s
        When it is broken worst; NaN where there is no such instant.
    """

    key: str
    constraint: str
    value: float
    limit: float
    utc_s: float

    def __str__(self) -> str:
        when = ""
        if np.isfinite(self.utc_s):
            when = f" at {datetime.fromtimestamp(self.utc_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
        who = f"request {self.key}" if self.key != THE_PLAN else "plan"
        return f"{who}: {self.constraint} {_text(self.value)}, limit {_text(self.limit)}{when}"


def _text(number: float) -> str:
    return f"{number:.4f}".rstrip("0").rstrip(".")


@dataclass(frozen=True, slots=True)
class Planned:
    """A visit with what was asked."""

    visit: PlannedVisit
    request: PlanRequest

    @property
    def middle_utc_s(self) -> float:
        """When the visit is half over."""
        return 0.5 * (self.visit.start_utc_s + self.visit.end_utc_s)
