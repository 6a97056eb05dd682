"""Pending orders of the sky as arrays, in one order whatever the order they come in.

Made anew when something new waits; what is only gone is marked. The order is that of age and
receipt, and so is the choice among equal rewards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.coordinates import altitude_of_airmass_deg
from ctmo_indi.models.orders import Constraints, ObservationRequest
from ctmo_indi.scheduling.feature.features import OrderColumns
from ctmo_indi.scheduling.feature.place_conditions import Places, filter_codes
from ctmo_indi.scheduling.feature.site_now import NightFrame, SiteNow, icrs_vectors
from ctmo_indi.scheduling.feature.site_rules import OwnLimits
from ctmo_indi.scheduling.target import PendingOrder

Rows = NDArray[np.intp]
ROWS_TOO_MANY = 1000
"""Rows of gone orders that are tolerated before the table is made anew."""


@dataclass(frozen=True)
class OrderRows:
    """Orders by row; one for each set of orders that waited.

    Parameters
    ----------
    filters, filter_code
        Names, and which of them each order asks for, shape (n,).
    own
        The orders' own limits.
    moving
        Rows of targets that move among the stars; RA and Dec are NaN there.
    """

    row_of: dict[str, int]
    columns: OrderColumns
    ra_deg: NDArray[np.float64]
    dec_deg: NDArray[np.float64]
    exposure_s: NDArray[np.float32]
    filters: tuple[str | None, ...]
    filter_code: Rows
    own: OwnLimits
    moving: tuple[int, ...]

    @classmethod
    def of(cls, listed: Sequence[PendingOrder]) -> OrderRows:
        """Make them of orders of the sky, in this order."""
        requests = tuple(one.request for one in listed)
        places = [one.fixed_place_deg or (math.nan, math.nan) for one in requests]
        windows = [
            (row, window.start_utc_s, window.end_utc_s)
            for row, request in enumerate(requests)
            for window in request.windows
        ]
        window_row, starts, ends = zip(*windows, strict=True) if windows else ((), (), ())
        filters, codes = filter_codes([one.filter_name for one in requests])
        columns = OrderColumns(
            requests,
            np.array([one.priority for one in listed], dtype=np.float32),
            np.array([one.created_utc_s for one in listed], dtype=np.float64),
            np.array(window_row, dtype=np.intp),
            np.array(starts, dtype=np.float64),
            np.array(ends, dtype=np.float64),
            np.array([bool(one.windows) for one in requests], dtype=np.bool_),
            np.array([_or(one.latest_start_utc_s, np.inf) for one in requests], dtype=np.float64),
        )
        return cls(
            row_of={one.receipt: row for row, one in enumerate(listed)},
            columns=columns,
            ra_deg=np.array([place[0] for place in places], dtype=np.float64),
            dec_deg=np.array([place[1] for place in places], dtype=np.float64),
            exposure_s=np.array([one.exposure_s for one in requests], dtype=np.float32),
            filters=filters or (None,),
            filter_code=codes,
            own=_own([one.constraints for one in requests]),
            moving=tuple(row for row, one in enumerate(requests) if one.fixed_place_deg is None),
        )


PlaceOf = Callable[[ObservationRequest, datetime], tuple[float, float] | None]
_NOWHERE = (math.nan, math.nan)


class OrderTable:
    """What waits; changed by :meth:`update` only."""

    def __init__(self) -> None:
        self._pending: tuple[PendingOrder, ...] | None = None
        self._listed: list[PendingOrder] = []
        self._places: Places | None = None
        self._night: NightFrame | None = None
        self.rows = OrderRows.of(())
        self.is_there: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)
        self.not_before_utc_s: NDArray[np.float64] = np.zeros(0)
        self.without_sky: tuple[PendingOrder, ...] = ()
        self._kept: dict[Hashable, NDArray[np.bool_]] = {}

    def update(self, pending: tuple[PendingOrder, ...]) -> None:
        """Take what waits now; cheap while it is what waited before, or a part of it."""
        if pending is self._pending:
            return
        if len(self._listed) > 2 * len(pending) + ROWS_TOO_MANY or not self._mark(pending):
            # Of a receipt that comes twice the last counts.
            each = tuple({one.receipt: one for one in pending}.values())
            self._make([one for one in each if one.request.frame_type.needs_sky])
            self._mark(each)
        self._pending = pending

    def chosen(
        self, key: Hashable, takes: Callable[[ObservationRequest], bool]
    ) -> NDArray[np.bool_]:
        """Return whether each row's request is one that ``takes`` says; asked once for a key."""
        known = self._kept.get(key)
        if known is None:
            requests = self.rows.columns.requests
            known = np.array([takes(one) for one in requests], dtype=np.bool_)
            self._kept[key] = known
        return known

    def order(self, row: int) -> PendingOrder:
        """Return the order of a row."""
        return self._listed[row]

    def places(self, now: SiteNow, place_of: PlaceOf) -> Places:
        """Return the apparent places of all rows now.

        Parameters
        ----------
        place_of
            Asked for the targets that move among the stars, at each instant anew.
        """
        rows, night = self.rows, now.night
        if self._places is None or self._night is not night:
            self._places = _places(night, rows.ra_deg, rows.dec_deg)
            self._night = night
        moving = [row for row in rows.moving if self.is_there[row]]
        if not moving:
            return self._places
        utc = datetime.fromtimestamp(now.utc_s, UTC)
        found = [place_of(rows.columns.requests[row], utc) or _NOWHERE for row in moving]
        ra_deg, dec_deg = np.array(found, dtype=np.float64).T
        return self._places.replaced(np.array(moving), _places(night, ra_deg, dec_deg))

    def _mark(self, pending: Sequence[PendingOrder]) -> bool:
        """Mark what is still there; False when something is new, and the table has to be made."""
        there: list[int] = []
        others: list[PendingOrder] = []
        row_of, listed = self.rows.row_of, self._listed
        for one in pending:
            row = row_of.get(one.receipt)
            if row is None:
                if one.request.frame_type.needs_sky:
                    return False
                others.append(one)
                continue
            if listed[row] is not one and not self._replace(row, one):
                return False
            there.append(row)
        self.is_there = np.zeros(len(listed), dtype=np.bool_)
        self.is_there[there] = True
        others.sort(key=lambda one: (-one.priority, one.created_utc_s, one.receipt))
        self.without_sky = tuple(others)
        return True

    def _replace(self, row: int, new: PendingOrder) -> bool:
        """Put an order in the place of its older self; False when it asks for something else."""
        old = self._listed[row]
        if (old.priority, old.created_utc_s) != (new.priority, new.created_utc_s):
            return False
        if old.request is not new.request and old.request != new.request:
            return False
        self._listed[row] = new
        self.not_before_utc_s[row] = not_before_s(new)
        return True

    def _make(self, orders: Sequence[PendingOrder]) -> None:
        self._listed = sorted(orders, key=lambda one: (one.created_utc_s, one.receipt))
        self.rows = OrderRows.of(self._listed)
        self.not_before_utc_s = np.array(
            [not_before_s(one) for one in self._listed], dtype=np.float64
        )
        self._places = None
        self._kept = {}


def not_before_s(order: PendingOrder) -> float:
    """Return when an order may be tried: after its rest, and when its next visit is due."""
    return max(order.not_before_utc_s, order.due_utc_s)


def _places(night: NightFrame, ra_deg: NDArray[np.float64], dec_deg: NDArray[np.float64]) -> Places:
    """Return apparent places; NaN where nothing is known, which no limit allows."""
    return Places.of(night.apparent(icrs_vectors(ra_deg, dec_deg)), ra_deg, dec_deg)


def _own(wants: Sequence[Constraints]) -> OwnLimits:
    by_mass = {want.max_airmass: altitude_of_airmass_deg(want.max_airmass) for want in wants}
    lowest_deg = np.array(
        [max(_or(want.min_altitude_deg, -90.0), by_mass[want.max_airmass]) for want in wants],
        dtype=np.float64,
    )
    moon_deg = np.array([_or(want.min_moon_separation_deg, -1.0) for want in wants])
    return OwnLimits(
        np.sin(np.radians(lowest_deg)).astype(np.float32),
        np.where(moon_deg < 0.0, 2.0, np.cos(np.radians(moon_deg))).astype(np.float32),
        _column([want.max_sun_altitude_deg for want in wants], 90.0),
        _column([want.min_hour_angle_h for want in wants], -12.0),
        _column([want.max_hour_angle_h for want in wants], 12.0),
        _column([want.max_moon_altitude_deg for want in wants], 90.0),
        _column([want.max_moon_illumination for want in wants], 1.0),
    )


def _column(values: Sequence[float | None], otherwise: float) -> NDArray[np.float32]:
    return np.array([_or(value, otherwise) for value in values], dtype=np.float32)


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
