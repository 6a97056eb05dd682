"""Surveys: who proposes candidates, the best first.

A survey sums up its basis functions for all of its candidates that the site's limits allow, and
proposes them in the order of their rewards; equal ones in the order of their rows. Whoever asks
checks each exactly and takes the first that passes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.scheduling.feature import reward
from ctmo_indi.scheduling.feature.basis_function import BasisFunction
from ctmo_indi.scheduling.feature.place_conditions import PlaceConditions
from ctmo_indi.scheduling.feature.situation import Situation

Float64s = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A candidate and what it would become.

    Parameters
    ----------
    row, filter_code
        Of the fields (or orders), and of the filter.
    is_running
        Whether it goes on with a block that has begun.
    of
        How many candidates it was chosen from.
    receipt
        Of the order; "" for a field.
    """

    survey: str
    row: int
    filter_code: int
    reward: float
    request: ObservationRequest
    count: int
    target_id: str
    priority: float
    of: int
    receipt: str = ""
    program: str = ""
    is_running: bool = False
    notes: tuple[str, ...] = ()


class Survey(ABC):
    """Something that proposes."""

    def __init__(self, name: str, functions: Sequence[BasisFunction]) -> None:
        self.name = name
        self.functions = tuple(functions)

    @abstractmethod
    def proposals(self, situation: Situation) -> Iterator[Proposal]:
        """Yield what could be begun now, the best first. Changes nothing."""

    @abstractmethod
    def table(
        self, situation: Situation, row: int, filter_code: int
    ) -> tuple[reward.RewardRow, ...]:
        """Return what each basis function says about one candidate."""

    @abstractmethod
    def plain(self, situation: Situation, row: int, filter_code: int) -> Proposal:
        """Return the proposal of one candidate, whether it may be observed or not."""

    @abstractmethod
    def named(self, name: str, situation: Situation) -> list[tuple[int, int, str]]:
        """Return row, filter code and target of the candidates that a name means.

        A name is a receipt, a field, or a target's name.
        """


@dataclass(frozen=True, slots=True)
class Scored:
    """Rewards of the candidates that are left.

    Parameters
    ----------
    codes
        Filters, by row of ``totals``.
    totals
        Shape (n_codes, n); -infinity: excluded.
    """

    conditions: PlaceConditions
    codes: tuple[int, ...]
    totals: Float64s

    @property
    def feasible(self) -> int:
        """How many are not excluded."""
        return int(np.count_nonzero(self.totals > -np.inf))

    def best_first(self) -> Iterator[tuple[int, int, float]]:
        """Yield row, filter code and reward; equal rewards by filter, then by row."""
        left = self.totals.reshape(-1).copy()
        size = self.conditions.size
        while left.size:
            best = int(np.argmax(left))
            found = float(left[best])
            if found == -np.inf:
                return
            left[best] = -np.inf
            index, position = divmod(best, size)
            yield int(self.conditions.rows[position]), self.codes[index], found


def running(proposal: Proposal) -> Proposal:
    """Return the proposal as one that goes on with a block."""
    return replace(proposal, is_running=True)
