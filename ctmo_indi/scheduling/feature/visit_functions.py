"""Basis functions of what was visited: revisits, gaps, cadence, balance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ctmo_indi.scheduling import settings
from ctmo_indi.scheduling.feature.basis_function import BasisFunction, Value, mask
from ctmo_indi.scheduling.feature.features import Features
from ctmo_indi.scheduling.feature.place_conditions import PlaceConditions

_DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class FastRevisit(BasisFunction):
    """Mask: not again within ``least_s`` of the last visit, in this or in any filter."""

    name: ClassVar[str] = "fast_revisit"
    is_mask: ClassVar[bool] = True
    needs: ClassVar[str] = "visits"
    by_filter: ClassVar[bool] = True

    least_s: float = settings.number(0.0, 1e9, 1800.0)
    any_filter: bool = settings.flag(True)

    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return 0 or -infinity."""
        since_s = features.since_any_s if self.any_filter else features.since_s
        return mask(since_s >= self.least_s)


@dataclass(frozen=True, slots=True)
class VisitGap(BasisFunction):
    """1 for a field that waits for its next visit of the night, 0 for all others.

    A field that was visited tonight, less than ``visits`` times, ``gap_s`` [least, most] ago: the
    second half of a pair.
    """

    name: ClassVar[str] = "visit_gap"
    needs: ClassVar[str] = "visits"

    gap_s: tuple[float, float] = settings.span(0.0, 86400.0, (1200.0, 3600.0))
    visits: int = settings.number(2, 1000, 2, whole=True)

    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return 0 or 1."""
        least_s, most_s = self.gap_s
        since_s, tonight = features.since_any_s, features.tonight
        is_due = (since_s >= least_s) & (since_s <= most_s)
        is_due &= (tonight > 0) & (tonight < self.visits)
        return is_due.astype(np.float32)


@dataclass(frozen=True, slots=True)
class Cadence(BasisFunction):
    """How much a field is due: (time since the last visit) / ``interval_d`` - 1.

    From ``least`` - 1 (nothing before that part of the interval has gone) to ``most`` - 1, which a
    field never visited has, too.
    """

    name: ClassVar[str] = "cadence"
    needs: ClassVar[str] = "visits"
    by_filter: ClassVar[bool] = True

    interval_d: float = settings.number(1e-4, 36500.0, 3.0)
    least: float = settings.number(0.0, 10.0, 0.0)
    most: float = settings.number(1.0, 100.0, 3.0)
    any_filter: bool = settings.flag(False)

    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return the part of the interval that has gone, less 1."""
        since_s = features.since_any_s if self.any_filter else features.since_s
        gone = np.minimum(since_s / (self.interval_d * _DAY_S), self.most)
        return np.where(gone >= self.least, gone - 1.0, -np.inf)


@dataclass(frozen=True, slots=True)
class Footprint(BasisFunction):
    """What a field lacks of its share: (visits of all * share - its own visits) / ``norm``.

    Shares are the fields' goals over their sum; visits are those in the filter. Fields without a
    share (goal 0) are excluded.
    """

    name: ClassVar[str] = "footprint"
    needs: ClassVar[str] = "visits"
    by_filter: ClassVar[bool] = True

    norm: float = settings.number(0.01, 1e6, 1.0)

    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return the visits a field lacks."""
        total = float(features.known_visits.total[features.filter_code])
        goal = features.goal
        lacks = goal * (total / features.known_visits.sum_of_goals) - features.count
        return np.where(goal > 0.0, lacks / self.norm, -np.inf)


@dataclass(frozen=True, slots=True)
class VisitsTonight(BasisFunction):
    """Mask: at most ``most`` visits in a night, of any filter."""

    name: ClassVar[str] = "visits_tonight"
    is_mask: ClassVar[bool] = True
    needs: ClassVar[str] = "visits"

    most: int = settings.number(1, 10_000, 2, whole=True)

    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return 0 or -infinity."""
        return mask(features.tonight < self.most)


@dataclass(frozen=True, slots=True)
class Completion(BasisFunction):
    """The part of ``visits`` in the filter that is still to come; nothing once all are made."""

    name: ClassVar[str] = "completion"
    needs: ClassVar[str] = "visits"
    by_filter: ClassVar[bool] = True

    visits: int = settings.number(1, 10**6, 1, whole=True)

    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return 1 for none made, down to 0."""
        count = features.count
        return np.where(count < self.visits, 1.0 - count / self.visits, -np.inf)
