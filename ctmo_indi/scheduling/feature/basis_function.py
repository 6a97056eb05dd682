"""What a basis function is: a small frozen class that gives every candidate a value.

A reward is the sum of weight times value. A value of -infinity or NaN excludes a candidate, with
any weight: that is how masks are made. The idea is that of the Rubin Scheduler's feature based
driver (Naghib, Yoachim, Vanderbei, Connolly and Jones 2019, AJ 157, 151).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.scheduling import settings
from ctmo_indi.scheduling.feature.features import Features
from ctmo_indi.scheduling.feature.place_conditions import PlaceConditions

EXCLUDED = np.float32(-np.inf)
Value = float | NDArray[Any]
"""One for all candidates, or one for each, shape (n,)."""


@dataclass(frozen=True, slots=True)
class BasisFunction(ABC):
    """One wish, or one limit.

    Parameters
    ----------
    weight
        Of the value in the sum.
    """

    name: ClassVar[str]
    is_mask: ClassVar[bool] = False
    """Whether it only excludes: its values are 0 and -infinity."""
    needs: ClassVar[str] = ""
    """"visits" or "orders" when it asks for what only fields, or only orders, have."""
    by_filter: ClassVar[bool] = False
    """Whether it depends on the filter."""

    weight: float = settings.number(-1e6, 1e6, 1.0)

    @abstractmethod
    def value(self, conditions: PlaceConditions, features: Features) -> Value:
        """Return the values. Pure."""


def mask(is_allowed: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return 0 where something is allowed, -infinity elsewhere."""
    return np.where(is_allowed, np.float32(0.0), EXCLUDED)
