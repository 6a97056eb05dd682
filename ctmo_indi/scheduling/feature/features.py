"""Features: what a basis function asks about the past and about the orders.

One object for the places of one :class:`PlaceConditions`, in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.scheduling.alerts import AlertKinds
from ctmo_indi.scheduling.feature.visits import Visits

Float64s = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class OrderColumns:
    """Pending orders as arrays, shape (n,) each.

    Parameters
    ----------
    requests
        Length n.
    window_row, window_start_utc_s, window_end_utc_s, has_windows
        The orders' windows, one after the other; rows without any are always open.
    latest_start_utc_s
        After which no attempt begins; infinite where nothing is said.
    """

    requests: tuple[ObservationRequest, ...]
    priority: NDArray[np.float32]
    created_utc_s: Float64s
    window_row: Rows
    window_start_utc_s: Float64s
    window_end_utc_s: Float64s
    has_windows: NDArray[np.bool_]
    latest_start_utc_s: Float64s

    def is_alert(self, kinds: AlertKinds) -> NDArray[np.bool_]:
        """Whether each order is an alert, shape (n,)."""
        return np.array([kinds.takes(one) for one in self.requests], dtype=np.bool_)

    def is_open(self, begin_utc_s: float, end_utc_s: Any) -> NDArray[np.bool_]:
        """Whether one window of each order holds from an instant to another, shape (n,).

        And whether it is not too late to begin.
        """
        found = ~self.has_windows
        if self.window_row.size:
            ends = np.broadcast_to(end_utc_s, found.shape)[self.window_row]
            holds = (self.window_start_utc_s <= begin_utc_s) & (ends <= self.window_end_utc_s)
            found[self.window_row[holds]] = True
        return found & (begin_utc_s <= self.latest_start_utc_s)


@dataclass(frozen=True)
class Features:
    """What is remembered, and what the orders say.

    Parameters
    ----------
    utc_s, night
        Now; label of the night.
    rows
        Which rows of the fields or of the orders, shape (n,).
    visits
        Of the fields; None: these are orders.
    orders
        None: these are fields.
    filter_code
        Which of the visits' filters.
    filter_since_utc_s
        When the filter was changed last; 0: not known.
    """

    utc_s: float
    night: str
    rows: Rows
    visits: Visits | None
    orders: OrderColumns | None
    filter_code: int
    filter_since_utc_s: float

    @property
    def known_visits(self) -> Visits:
        """The visits; only functions that need them ask, and they are refused for orders."""
        assert self.visits is not None
        return self.visits

    @property
    def known_orders(self) -> OrderColumns:
        """The orders; only functions that need them ask, and they are refused for fields."""
        assert self.orders is not None
        return self.orders

    @cached_property
    def since_any_s(self) -> Float64s:
        """Seconds since the last visit in any filter; infinite when there was none."""
        return self._since(self.known_visits.last_any_s[self.rows])

    @cached_property
    def since_s(self) -> Float64s:
        """Seconds since the last visit in this filter; infinite when there was none."""
        return self._since(self.known_visits.last_s[self.filter_code, self.rows])

    @cached_property
    def count(self) -> NDArray[np.uint32]:
        """Visits in this filter."""
        found: NDArray[np.uint32] = self.known_visits.count[self.filter_code, self.rows]
        return found

    @cached_property
    def tonight(self) -> NDArray[np.uint16]:
        """Visits in this night, of any filter."""
        return self.known_visits.tonight_of(self.night)[self.rows]

    @cached_property
    def priority(self) -> NDArray[np.float32]:
        """0-10, of fields or orders."""
        if self.orders is not None:
            return self.orders.priority[self.rows]
        return self.known_visits.fields.priority[self.rows]

    @cached_property
    def goal(self) -> NDArray[np.float32]:
        """Share of visits that a field is to get."""
        return self.known_visits.fields.goal[self.rows]

    def of_filter(self, code: int) -> Features:
        """Return the same for another filter; what does not depend on it is not done again."""
        other = Features(
            self.utc_s,
            self.night,
            self.rows,
            self.visits,
            self.orders,
            code,
            self.filter_since_utc_s,
        )
        own = ("since_s", "count", "filter_code")
        other.__dict__.update({k: v for k, v in self.__dict__.items() if k not in own})
        return other

    def _since(self, last_s: NDArray[np.uint32]) -> Float64s:
        return np.where(last_s > 0, self.utc_s - last_s, np.inf)
