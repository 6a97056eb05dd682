"""The plan of a night: which requests are observed when, and how good that is for certain."""

from __future__ import annotations

from dataclasses import dataclass

from ctmo_indi.errors import CtmoError


class Infeasible(CtmoError):
    """A plan breaks a constraint; its message names the first visits and limits."""


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """One request in a plan.

    Parameters
    ----------
    row
        Of the request table.
    start_utc_s, end_utc_s
        Unix seconds: first exposure begins, last readout ends.
    setup_s
        Slew, dome, filter and settling that end with the start.
    value
        (1 + priority) x exposure seconds x sin(altitude in the middle)^0.75.
    """

    key: str
    row: int
    start_utc_s: float
    end_utc_s: float
    setup_s: float
    value: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Visits in the order of their starts.

    Parameters
    ----------
    bound
        No plan of these requests, this night and this start is worth more.
    begin_utc_s, end_utc_s
        What was planned: from the first moment that is free to the end of the night.
    kept
        Requests that the search looked at; ``bound`` is of all.
    requests
        How many were asked for.
    price
        Value of a second in each slot of ``price_step_s`` from the night's begin on.
    time_critical_cost
        What it costs to put first what is time-critical: the value of the best plan found without
        that rule, less this one's. It is part of the gap; ``bound`` knows nothing of the rule.
    """

    visits: tuple[PlannedVisit, ...]
    bound: float
    begin_utc_s: float
    end_utc_s: float
    requests: int
    kept: int
    price: tuple[float, ...]
    price_step_s: float
    time_critical_cost: float = 0.0

    @property
    def value(self) -> float:
        """Sum of the visits' values."""
        return float(sum(visit.value for visit in self.visits))

    @property
    def gap(self) -> float:
        """How far below the best possible it may be, at most: (bound - value) / bound."""
        return (self.bound - self.value) / self.bound if self.bound > 0.0 else 0.0

    @property
    def filled(self) -> float:
        """Part of the time that is exposed or read out."""
        length_s = self.end_utc_s - self.begin_utc_s
        took_s = sum(visit.end_utc_s - visit.start_utc_s for visit in self.visits)
        return took_s / length_s if length_s > 0.0 else 0.0
