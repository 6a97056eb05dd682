"""A survey whose candidates are the pending Work Orders, all or some of them.

Each order brings its own filter, exposure, windows and limits; what it asks for is what is
proposed, nothing is added to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.scheduling.feature import reward
from ctmo_indi.scheduling.feature.basis_function import BasisFunction
from ctmo_indi.scheduling.feature.features import Features
from ctmo_indi.scheduling.feature.place_conditions import PlaceConditions
from ctmo_indi.scheduling.feature.situation import Situation
from ctmo_indi.scheduling.feature.survey import Proposal, Scored, Survey

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which orders a survey takes; an empty list takes any.

    Parameters
    ----------
    least_priority
        Orders of a smaller one are left to other surveys.
    """

    users: tuple[str, ...] = ()
    job_types: tuple[str, ...] = ()
    object_types: tuple[str, ...] = ()
    least_priority: float = 0.0

    def takes(self, request: ObservationRequest) -> bool:
        """Whether an order is one of them, but for its priority."""
        return all(
            not wanted or value in wanted
            for wanted, value in (
                (self.users, request.user),
                (self.job_types, request.job_type),
                (self.object_types, request.object_type),
            )
        )


class OrdersSurvey(Survey):
    """Proposes the order with the largest reward."""

    def __init__(self, name: str, functions: Sequence[BasisFunction], chosen: Chosen) -> None:
        super().__init__(name, functions)
        self.chosen = chosen

    def proposals(self, situation: Situation) -> Iterator[Proposal]:
        """Yield orders, the largest reward first."""
        if not situation.rules.is_dark(situation.now):
            return
        table = situation.orders
        conditions = self._conditions(situation, self._open(situation))
        own = table.rows.own.take(conditions.rows)
        is_allowed = situation.rules.allowed(conditions, own)
        conditions = conditions.take(np.flatnonzero(is_allowed))
        features = self._features(situation, conditions.rows)
        totals = reward.rewards(self.functions, conditions, features)
        scored = Scored(conditions, (0,), totals[np.newaxis])
        of = scored.feasible
        for row, _, value in scored.best_first():
            yield self._proposal(situation, row, value, of)

    def plain(self, situation: Situation, row: int, filter_code: int) -> Proposal:
        """Return the proposal of one order."""
        return self._proposal(situation, row, 0.0, 1)

    def _proposal(self, situation: Situation, row: int, value: float, of: int) -> Proposal:
        order = situation.orders.order(row)
        return Proposal(
            survey=self.name,
            row=row,
            filter_code=int(situation.orders.rows.filter_code[row]),
            reward=value,
            request=order.request,
            count=order.missing_count,
            target_id=order.receipt,
            priority=order.priority,
            of=of,
            receipt=order.receipt,
        )

    def table(
        self, situation: Situation, row: int, filter_code: int
    ) -> tuple[reward.RewardRow, ...]:
        """Return what each basis function says about one order."""
        rows = np.array([row], dtype=np.intp)
        conditions = self._conditions(situation, rows)
        return reward.rows(self.functions, conditions, self._features(situation, rows))

    def named(self, name: str, situation: Situation) -> list[tuple[int, int, str]]:
        """Return the order of a receipt, if it waits and this survey takes it."""
        rows = situation.orders.rows
        row = rows.row_of.get(name)
        if row is None or not situation.orders.is_there[row] or not self._is_mine(situation)[row]:
            return []
        return [(row, int(rows.filter_code[row]), name)]

    def _open(self, situation: Situation) -> Rows:
        """Return orders of this survey that may be tried now and whose windows are open."""
        table = situation.orders
        is_open = table.is_there & (table.not_before_utc_s <= situation.utc_s)
        is_open &= self._is_mine(situation)
        end_s = situation.utc_s + table.rows.exposure_s.astype(np.float64)
        is_open &= table.rows.columns.is_open(situation.utc_s, end_s)
        places = situation.order_places()
        up = situation.rules.up_now(places, situation.now)
        return up[is_open[up]]

    def _is_mine(self, situation: Situation) -> NDArray[np.bool_]:
        orders, chosen = situation.orders, self.chosen
        is_important = orders.rows.columns.priority >= np.float32(chosen.least_priority)
        return is_important & orders.chosen(chosen, chosen.takes)

    def _conditions(self, situation: Situation, rows: Rows) -> PlaceConditions:
        table = situation.orders
        return PlaceConditions(
            situation.now,
            situation.order_places().take(rows),
            rows,
            table.rows.filters,
            table.rows.filter_code[rows],
            table.rows.exposure_s[rows],
            situation.conditions.state,
            situation.slews,
        )

    def _features(self, situation: Situation, rows: Rows) -> Features:
        return Features(
            situation.utc_s,
            situation.night.label,
            rows,
            None,
            situation.orders.rows.columns,
            0,
            float(situation.memory.filter_since_s),
        )
