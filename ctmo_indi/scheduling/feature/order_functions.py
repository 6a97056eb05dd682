"""Basis functions of orders, and of priorities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ctmo_indi.scheduling import settings
from ctmo_indi.scheduling.alerts import ALERT_JOB_TYPES, AlertKinds
from ctmo_indi.scheduling.feature.basis_function import BasisFunction, Value
from ctmo_indi.scheduling.feature.features import Features
from ctmo_indi.scheduling.feature.place_conditions import PlaceConditions

_DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Priority(BasisFunction):
    """The priority of an order or of a field over 10, 0 to 1."""

    name: ClassVar[str] = "priority"

    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return priority / 10."""
        return features.priority * np.float32(0.1)


@dataclass(frozen=True, slots=True)
class Age(BasisFunction):
    """How long an order has waited, over ``norm_d`` days; at most 1."""

    name: ClassVar[str] = "age"
    needs: ClassVar[str] = "orders"

    norm_d: float = settings.number(0.001, 3650.0, 7.0)

    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return the age, 0 to 1."""
        created_s = features.known_orders.created_utc_s[features.rows]
        return np.clip((features.utc_s - created_s) / (self.norm_d * _DAY_S), 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class TargetOfOpportunity(BasisFunction):
    """From 1 for an alert handed in now to 0 after ``fades_s``; other orders are excluded.

    An alert is an order whose type of job or of object is listed.
    """

    name: ClassVar[str] = "target_of_opportunity"
    needs: ClassVar[str] = "orders"

    job_types: tuple[str, ...] = settings.texts(ALERT_JOB_TYPES)
    object_types: tuple[str, ...] = settings.texts(())
    fades_s: float = settings.number(1.0, 1e9, 86400.0)

    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return 1 for a new one, 0 for an old one, -infinity for other orders."""
        orders = features.known_orders
        kinds = AlertKinds(self.job_types, self.object_types)
        is_alert = orders.is_alert(kinds)[features.rows]
        age_s = features.utc_s - orders.created_utc_s[features.rows]
        fresh = 1.0 - np.clip(age_s / self.fades_s, 0.0, 1.0)
        return np.where(is_alert, fresh, -np.inf)
