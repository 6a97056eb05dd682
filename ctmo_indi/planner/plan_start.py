"""Where a plan begins, and what of the time from then on is open."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ctmo_indi.models.coordinates import Array
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.planner.kept import Floats

_LEAST_OPEN_S = 1e-6  # what rounding leaves of a slot that is closed as a whole


@dataclass(frozen=True, slots=True)
class PlanStart:
    """When and where a plan begins.

    Parameters
    ----------
    utc_s
        Unix seconds: the first moment that is free; behind the observation under way.
    state
        Of the observatory then.
    closed_utc_s
        Spans in which nothing can be observed (weather), Unix seconds, shape (c, 2), ascending.
    """

    utc_s: float
    state: ObservatoryModelState
    closed_utc_s: Array = field(default_factory=lambda: np.empty((0, 2)))

    def begin_s(self, night_utc_s: float) -> float:
        """Return when the plan begins, seconds since the night's begin; never before it."""
        return max(self.utc_s - night_utc_s, 0.0)

    def closed_s(self, night_utc_s: float) -> Floats:
        """Return the spans that are closed, seconds since the night's begin, shape (c + 1, 2).

        The first of them is what is over.
        """
        over = np.array([[-np.inf, self.begin_s(night_utc_s)]])
        closed_s = np.asarray(self.closed_utc_s, dtype=np.float64).reshape(-1, 2)
        return np.concatenate([over, closed_s - night_utc_s])


def capacity_s(length_s: float, step_s: float, slots: int, closed_s: Floats) -> Floats:
    """Return the seconds of each slot, shape (slots,); 0 where it is closed as a whole.

    Setups may lie in closed time, so that a slot that is open in part can be taken as a whole.

    Parameters
    ----------
    length_s
        Of the night, from where the slots are counted.
    closed_s
        Spans, shape (c, 2).
    """
    edges = np.minimum(np.arange(slots + 1) * step_s, length_s)
    open_s = np.diff(edges)
    for begin_s, end_s in closed_s:
        low, high = np.maximum(edges[:-1], begin_s), np.minimum(edges[1:], end_s)
        open_s -= np.maximum(high - low, 0.0)
    return np.where(open_s > _LEAST_OPEN_S, step_s, 0.0)
