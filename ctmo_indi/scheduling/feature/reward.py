"""The reward of every candidate: the sum of weight times value, and the same sum in rows.

What is not finite is excluded: the sum is then -infinity.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.scheduling.feature.basis_function import BasisFunction
from ctmo_indi.scheduling.feature.features import Features
from ctmo_indi.scheduling.feature.place_conditions import PlaceConditions

Float64s = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RewardRow:
    """What one basis function says about one candidate.

    Parameters
    ----------
    contribution
        Weight times value; -infinity when it excludes the candidate.
    """

    function: str
    value: float
    weight: float
    contribution: float

    @property
    def excludes(self) -> bool:
        """Whether it is this one that excludes the candidate."""
        return not math.isfinite(self.value)


def rewards(
    functions: Sequence[BasisFunction], conditions: PlaceConditions, features: Features
) -> Float64s:
    """Return the sums, shape (n,)."""
    total = np.zeros(conditions.size)
    for one in functions:
        if not _add(total, one.weight, one.value(conditions, features)):
            total[:] = -np.inf
            break
    return np.fmax(total, -np.inf)  # NaN is excluded, too


def rewards_by_filter(
    functions: Sequence[BasisFunction],
    conditions: PlaceConditions,
    features: Features,
    codes: Sequence[int],
) -> Float64s:
    """Return the sums for some filters, shape (n_codes, n).

    What does not depend on the filter is worked out once.
    """
    common = rewards([one for one in functions if not one.by_filter], conditions, features)
    differing = [one for one in functions if one.by_filter]
    found = np.empty((len(codes), conditions.size))
    for index, code in enumerate(codes):
        ours, remembered = conditions.of_filter(code), features.of_filter(code)
        np.add(common, rewards(differing, ours, remembered), out=found[index])
    return found


def rows(
    functions: Sequence[BasisFunction], conditions: PlaceConditions, features: Features
) -> tuple[RewardRow, ...]:
    """Return what each function says about the one place of the conditions."""
    found = []
    for one in functions:
        value = float(np.ravel(one.value(conditions, features))[0])
        contribution = one.weight * value if math.isfinite(value) else -math.inf
        found.append(RewardRow(one.name, value, one.weight, contribution))
    return tuple(found)


def sum_of(table: Sequence[RewardRow]) -> float:
    """Return the reward that a table of rows adds up to."""
    if any(one.excludes for one in table):
        return -math.inf
    return math.fsum(one.contribution for one in table)


def _add(total: Float64s, weight: float, value: Any) -> bool:
    """Add a value to the sums; False when it excludes all."""
    if np.ndim(value) == 0:
        if not math.isfinite(value):
            return False
        total += weight * float(value)
    elif weight > 0.0:
        total += value if weight == 1.0 else np.multiply(value, weight, dtype=value.dtype)
    else:
        is_finite = np.isfinite(value)
        total += np.where(is_finite, weight * np.where(is_finite, value, 0.0), -np.inf)
    return True
