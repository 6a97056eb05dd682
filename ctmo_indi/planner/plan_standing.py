"""Where an order stands in a plan, and if nowhere, what it lost to and by how much.

The price of time is the plan's (see ``bound``): what a second of the night is worth to all requests
together. A visit that is worth less than its time costs is rightly left out; of one that is worth
more, the plan's certified gap says how much the search may have missed at most.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ctmo_indi.models.coordinates import Array, horizontal_deg
from ctmo_indi.models.orders import Window
from ctmo_indi.planner.night_grid import NightGrid
from ctmo_indi.planner.plan import Plan, PlannedVisit
from ctmo_indi.planner.request_table import NO_GROUP, RequestTable
from ctmo_indi.planner.standing import AtMinute, InPlan, LeftOut, NoTime

_STEP_S = 30.0


class Exchanges(Protocol):
    """What changes of a plan are worth, by the planner's own timing."""

    def losses(self, key: str) -> Mapping[int, float]:
        """Return how much less the plan is worth with an order in the place of each visit.

        By the visit's place, from 0. The other visits keep their order and are timed anew. Visits
        that the order cannot stand in the place of are left out; less than nothing is a gain.
        """
        ...


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan with what it was made from.

    Parameters
    ----------
    plan
        Without prices where they are not known.
    table, night
        Those of the ``NightPlanner``.
    now_utc_s
        Unix seconds before which nothing starts any more.
    exchanges
        None: what they are worth is estimated.
    """

    plan: Plan
    table: RequestTable
    night: NightGrid
    now_utc_s: float = -math.inf
    exchanges: Exchanges | None = None

    def row_of(self, key: str) -> int | None:
        """Return the row of a request; None when the plan was made without it."""
        return self.table.key.index(key) if key in self.table.key else None

    def visit_of(self, key: str) -> int | None:
        """Return the place of an order's visit, from 0; None when it is not planned."""
        keys = [visit.key for visit in self.plan.visits]
        return keys.index(key) if key in keys else None

    def standing(
        self,
        key: str,
        starts: Sequence[Window],
        setup_s: float | None = None,
        at_utc_s: float | None = None,
    ) -> InPlan | LeftOut | NoTime | None:
        """Return where an order stands.

        Parameters
        ----------
        starts
            Spans of the plan's night in which a visit of the table's duration can start.
        setup_s
            Before its visit; None: the mean of the plan's visits.
        at_utc_s
            The minute that is asked about; who has it is told. None: none.

        Returns
        -------
        InPlan, LeftOut, NoTime or None
            None: the plan was made without it.
        """
        losses = {} if self.exchanges is None else dict(self.exchanges.losses(key))
        minute = None if at_utc_s is None else self._at_minute(at_utc_s, losses)
        place = self.visit_of(key)
        if place is not None:
            visit = self.plan.visits[place]
            is_own = minute is None or minute.visit is None or minute.visit.key == key
            return InPlan(visit, place + 1, len(self.plan.visits), None if is_own else minute)
        row = self.row_of(key)
        duration_s = 0.0 if row is None else float(self.table.duration_s[row])
        times_s = self._candidates(starts, duration_s)
        if times_s.size == 0:
            return NoTime()
        if row is None:
            return None
        if setup_s is None:
            setups_s = [visit.setup_s for visit in self.plan.visits]
            setup_s = float(np.mean(setups_s)) if setups_s else 0.0
        values = self.values(row, times_s)
        prices = self._price_until(times_s + duration_s) - self._price_until(times_s - setup_s)
        best = int(np.argmax(values - prices))
        start_s = float(times_s[best])
        group = self._group_of(row)
        return LeftOut(
            start_utc_s=start_s,
            end_utc_s=start_s + duration_s,
            value=float(values[best]),
            price=float(prices[best]) if self.plan.price else None,
            setup_s=setup_s,
            rate=float(values[best]) / (duration_s + setup_s),
            rivals=self._standing_between(start_s - setup_s, start_s + duration_s),
            gap=self.plan.gap,
            exchange=None if group else self._exchange(row, starts, setup_s, losses),
            is_timed=self.exchanges is not None,
            group=group,
            minute=minute,
        )

    def values(self, row: int, starts_utc_s: Array) -> Array:
        """Return what visits of a request are worth that start then, shape (n,)."""
        table, night = self.table, self.night
        middle_s = starts_utc_s + 0.5 * float(table.duration_s[row])
        ra_rad, dec_rad = night.frame.place_rad(table.ra_deg[row], table.dec_deg[row])
        ha_rad = night.local_rotation_rad(middle_s) - ra_rad
        altitude_deg, _ = horizontal_deg(ha_rad, dec_rad, night.site)
        sines = np.maximum(np.sin(np.radians(altitude_deg)), 0.0)
        found: Array = float(table.weight[row] * table.exposure_s[row]) * sines**0.75
        return found

    def _at_minute(self, utc_s: float, losses: Mapping[int, float]) -> AtMinute | None:
        """Return who has a minute of the plan; None outside of it, and of what is over."""
        plan = self.plan
        for place, visit in enumerate(plan.visits):
            if visit.start_utc_s - visit.setup_s <= utc_s < visit.end_utc_s:
                return AtMinute(utc_s, visit, losses.get(place))
        first_s = max(plan.begin_utc_s, self.now_utc_s)
        return AtMinute(utc_s, None) if first_s <= utc_s < plan.end_utc_s else None

    def _candidates(self, starts: Sequence[Window], duration_s: float) -> Array:
        """Return starts to compare: every half minute of the spans, and their ends."""
        first_s = max(self.plan.begin_utc_s, self.now_utc_s)
        last_s = self.plan.end_utc_s - duration_s
        found = [np.empty(0)]
        for span in starts:
            low_s, high_s = max(span.start_utc_s, first_s), min(span.end_utc_s, last_s)
            if low_s <= high_s:
                found.append(np.append(np.arange(low_s, high_s, _STEP_S), high_s))
        return np.concatenate(found)

    def _price_until(self, times_s: Array) -> Array:
        """Return the price of the time until instants; its slots count from the night's begin."""
        price = np.asarray(self.plan.price, dtype=np.float64)
        step_s = self.plan.price_step_s
        edges_s = self.night.begin_utc_s + step_s * np.arange(price.size + 1)
        total = np.concatenate([[0.0], np.cumsum(price * step_s)])
        found: Array = np.interp(times_s, edges_s, total)
        return found

    def _exchange(
        self, row: int, starts: Sequence[Window], setup_s: float, losses: Mapping[int, float]
    ) -> tuple[PlannedVisit, float] | None:
        """Return the visit that could be exchanged for it at the least loss, and the loss."""
        if self.exchanges is not None:
            if not losses:
                return None
            place = min(losses, key=lambda at: (losses[at], at))
            return self.plan.visits[place], losses[place]
        plan, duration_s = self.plan, float(self.table.duration_s[row])
        visits, best = plan.visits, None
        for number, visit in enumerate(visits):
            after = visits[number + 1] if number + 1 < len(visits) else None
            free_s = visits[number - 1].end_utc_s if number else plan.begin_utc_s
            until_s = after.start_utc_s - after.setup_s if after else plan.end_utc_s
            low_s, high_s = free_s + setup_s, until_s - duration_s
            inside = [
                Window(max(one.start_utc_s, low_s), min(one.end_utc_s, high_s)) for one in starts
            ]
            times_s = self._candidates(
                [one for one in inside if one.start_utc_s <= one.end_utc_s], duration_s
            )
            if times_s.size:
                loss = visit.value - float(self.values(row, times_s).max())
                if best is None or loss < best[1]:
                    best = visit, loss
        return best

    def _group_of(self, row: int) -> tuple[str, ...]:
        number = self.table.group[row]
        if number == NO_GROUP:
            return ()
        return tuple(self.table.key[one] for one in np.flatnonzero(self.table.group == number))

    def _standing_between(
        self, begin_s: float, end_s: float
    ) -> tuple[tuple[PlannedVisit, float], ...]:
        return tuple(
            (visit, visit.value / (visit.end_utc_s - visit.start_utc_s + visit.setup_s))
            for visit in self.plan.visits
            if visit.start_utc_s - visit.setup_s < end_s and visit.end_utc_s > begin_s
        )
