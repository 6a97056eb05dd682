"""A standing plan changed for what has happened, in milliseconds, by what is given alone.

What is left of it stays in its order, alerts are put in by policy, and what became free is filled.
Kept for that are the plan's own visits and the best of the others, as they are now: so the change
is a pure function of the rows, the standing order and the start, whatever was planned before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ctmo_indi.planner.added_visits import with_added
from ctmo_indi.planner.bound import find_prices
from ctmo_indi.planner.bound_kernels import value_grid
from ctmo_indi.planner.insertion_kernels import best_insertion
from ctmo_indi.planner.kept import Floats, Ints, Kept, Setup, Sky
from ctmo_indi.planner.neighbours import least_setups_s, nearest
from ctmo_indi.planner.pools import pools_of, worth_keeping
from ctmo_indi.planner.problem import (
    BIN_SLOTS,
    STEP_S,
    Found,
    PlanSettings,
    Priced,
    Problem,
    searched,
    timed,
    wanted,
)
from ctmo_indi.planner.request_table import NO_GROUP
from ctmo_indi.planner.row_arrays import Rows, chosen
from ctmo_indi.planner.sequence_kernels import earliest_starts
from ctmo_indi.planner.settling import settled
from ctmo_indi.planner.setup_kernels import value

KEPT = 300
"""Requests besides the plan's own that may fill what became free, about."""

_PRICE_STEPS = 12
_FLAT = 0.8
"""Price of time to begin with, in mean values of a second."""

_HOLD = 1e6
"""How much more an alert counts while others are looked for around it."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a plan is changed with.

    Parameters
    ----------
    standing
        Rows of the plan's visits, in its order; those that cannot be any more are left out.
    alerts
        Rows that must be in it, the most urgent first.
    is_preempting
        Alerts start as early as they can; else where they displace what is worth least.
    tries
        Of the search that fills what became free; 0: it is not filled.
    critical
        Rows of the standing plan that are time-critical, the most urgent first: they stay while
        they can be; only an alert that has no other place goes before one.
    added
        Rows that are new: each is looked at, and put in where it makes the plan worth more.
    is_first_held
        The first visit of the standing plan keeps its start, whatever else would be worth more.
    """

    standing: Rows
    alerts: Rows
    is_preempting: bool
    tries: int
    critical: Rows = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    added: Rows = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    is_first_held: bool = False


@dataclass(frozen=True, slots=True)
class ChangedPlan:
    """The plan after it.

    Parameters
    ----------
    rows, start_s, setup_s
        Of the visits in order, shape (n,); seconds from the night's begin. The first setup is
        counted from there, too.
    lost
        Rows that an alert took the place of, and that alert's row; nothing is said of what made
        room for what is time-critical.
    """

    rows: Rows
    start_s: Floats
    setup_s: Floats
    lost: tuple[tuple[int, int], ...]


class PlanChange:
    """Changes plans of one night.

    Parameters
    ----------
    every
        All rows, starts that are over or closed cut away.
    group
        Of each row; NO_GROUP: on its own.
    capacity_s
        Seconds of each slot.
    """

    def __init__(
        self,
        sky: Sky,
        every: Kept,
        setup: Setup,
        group: Ints,
        capacity_s: Floats,
        settings: PlanSettings,
    ) -> None:
        self._sky, self._every, self._setup = sky, every, setup
        self._group, self._capacity_s, self._settings = group, capacity_s, settings

    def kept_rows(self, changes: Changes) -> Rows:
        """Return the rows that the change looks at, ascending."""
        every = self._every
        can = np.diff(every.first) > 0
        own = np.concatenate([changes.standing, changes.alerts, changes.added])
        rows = own[can[own]]
        if changes.tries:
            others = np.flatnonzero(can & (self._group == NO_GROUP))
            best = worth_keeping(self._sky, chosen(every, others), self._setup.mount_settle_s, KEPT)
            rows = np.concatenate([rows, others[best]])
        return np.unique(rows)

    def changed(self, rows: Rows, first_s: Floats, changes: Changes) -> ChangedPlan:
        """Return the plan after the changes.

        Parameters
        ----------
        rows, first_s
            Those of :meth:`kept_rows`, and when each could be begun as the first.
        """
        if not rows.size:
            return ChangedPlan(rows, np.empty(0), np.empty(0), ())
        place = {row: index for index, row in enumerate(rows.tolist())}
        problem = self._problem(rows, first_s, changes.tries > 0)
        alerts = [place[row] for row in changes.alerts.tolist() if row in place]
        critical = [place[row] for row in changes.critical.tolist() if row in place]
        urgent = {*alerts, *critical}
        order = [place[row] for row in changes.standing.tolist() if row in place]
        found = timed(
            problem, np.array([one for one in order if one not in urgent], dtype=np.int32)
        )
        held, lost = problem, []
        kept: list[int] = []
        if changes.is_first_held and found.order.size:
            kept = [int(found.order[0])]
            held = _held(held, kept[0], float(found.start_s[0]))
        for one in [*critical, *alerts]:
            is_alert = one in alerts
            must = [row for row in kept if row in alerts] if is_alert else kept
            is_first = is_alert and changes.is_preempting
            put = _put_in(
                held, found, one, must, self._start_s(held, must, one) if is_first else None
            )
            if put is None:
                lost += [(one, rival) for rival in alerts[:1] if is_alert and rival in kept]
                continue
            after, start_s = put
            lost += [(int(row), one) for row in np.setdiff1d(found.order, after.order)]
            found = after
            held = _held(held, one, start_s)
            kept = [row for row in found.order.tolist() if row in {*kept, one}]
        found = self._refilled(held, found, {row for row, _ in lost})
        found = with_added(
            held, found, [place[one] for one in changes.added.tolist() if one in place]
        )
        if changes.tries:
            found = self._searched(held, problem, found, kept, changes.tries)
        found = self._whole(held, found, rows, changes.standing)
        # At their own starts alerts may still move towards their transits, where there is room.
        free = found if changes.is_preempting else timed(problem, found.order)
        if free.order.size == found.order.size:
            found = free
        last_to_go = np.isin(np.arange(rows.size), kept)
        found = settled(problem, found, last_to_go, self._group[rows])
        inside = set(found.order.tolist())
        return ChangedPlan(
            rows=rows[found.order],
            start_s=found.start_s,
            setup_s=found.setup_s,
            lost=tuple(
                (int(rows[row]), int(rows[alert]))
                for row, alert in lost
                if row not in inside and alert in alerts
            ),
        )

    # -- inside ------------------------------------------------------------------------------------

    def _problem(self, rows: Rows, first_s: Floats, is_searched: bool) -> Problem:
        kept = chosen(self._every, rows)
        count = rows.size
        slots = self._capacity_s.size
        return Problem(
            sky=self._sky,
            kept=kept,
            setup=self._setup,
            first_s=first_s,
            before_s=0.5 * least_setups_s(kept, self._setup, np.arange(count))
            if is_searched
            else np.zeros(count),
            near=nearest(kept, self._setup, np.arange(count), self._settings.near)[0]
            if is_searched
            else np.zeros((count, 0), dtype=np.int32),
            grid=value_grid(self._sky, kept, STEP_S, slots if is_searched else 0),
            capacity_s=self._capacity_s,
        )

    def _start_s(self, problem: Problem, held: Sequence[int], alert: int) -> float | None:
        """Return the earliest start beside the alerts that have theirs; None: there is none."""
        found = math.inf
        for at in range(len(held) + 1):
            order = np.array([*held[:at], alert, *held[at:]], dtype=np.int32)
            early_s = _early_s(problem, order)
            if early_s is not None:
                found = min(found, early_s[at])
        return None if math.isinf(found) else found

    def _refilled(self, problem: Problem, found: Found, lost: set[int]) -> Found:
        """Put displaced visits where there is room, the most valuable first."""
        inside = set(found.order.tolist())
        worth = problem.kept.worth
        for row in sorted(lost - inside, key=lambda one: (-worth[one], one)):
            at, _, _ = best_insertion(
                self._sky, problem.kept, self._setup, problem.first_s, found.order, row, 0
            )
            if at >= 0:
                order = np.insert(found.order, at, row).astype(np.int32)
                more = timed(problem, order)
                if more.order.size == order.size:
                    found = more
        return found

    def _searched(
        self, held: Problem, problem: Problem, found: Found, alerts: Sequence[int], tries: int
    ) -> Found:
        starts_s = dict(zip(found.order.tolist(), found.start_s.tolist(), strict=True))
        worth = sum(
            float(value(self._sky, problem.kept, row, start_s)) for row, start_s in starts_s.items()
        )
        grid, settings, left_s = problem.grid.copy(), self._settings, self._capacity_s.sum()
        grid[list(alerts)] = -1.0  # time is worth what the others make of it
        prices = find_prices(
            grid,
            problem.before_s,
            problem.kept.duration_s + problem.before_s,
            self._capacity_s,
            STEP_S,
            start=np.where(self._capacity_s > 0.0, _FLAT * worth / max(left_s, STEP_S), 0.0),
            target=worth,
            steps=_PRICE_STEPS,
        )
        for row in alerts:
            slot = min(int(starts_s[row] / STEP_S), grid.shape[1] - 1)
            grid[row, slot] = held.kept.worth[row]
        pools = pools_of(
            grid,
            held.kept,
            2.0 * held.before_s,
            held.near,
            prices.price,
            STEP_S,
            slots=BIN_SLOTS,
            most=settings.pool,
        )
        priced = Priced(prices, pools, found)
        calls = wanted(problem, prices, 2 * max(found.order.size, 1))
        better = searched(
            held, priced, replace(found, worth=worth), calls, tries, settings.seed, settings
        )
        better = timed(held, better.order)
        return better if np.all(np.isin(alerts, better.order)) else found

    def _whole(self, problem: Problem, found: Found, rows: Rows, standing: Rows) -> Found:
        """Leave out what is left of groups that are not whole any more."""
        missing = np.setdiff1d(standing, rows[found.order])
        torn = np.setdiff1d(np.unique(self._group[missing]), [NO_GROUP])
        is_torn = np.isin(self._group[rows[found.order]], torn)
        return timed(problem, found.order[~is_torn]) if is_torn.any() else found


def _early_s(problem: Problem, order: Ints) -> Floats | None:
    """Return the earliest starts; None: not all can be."""
    count = order.size
    early_s, took_s = np.zeros(count), np.zeros(count)
    west = np.zeros(count, dtype=np.bool_)
    reached = earliest_starts(
        problem.sky, problem.kept, problem.setup, problem.first_s, order, count, 0,
        early_s, took_s, west,
    )  # fmt: skip
    return early_s if reached == count else None


def _put_in(
    problem: Problem, found: Found, alert: int, held: Sequence[int], start_s: float | None
) -> tuple[Found, float] | None:
    """Return the plan with an alert, and the alert's start; None: beside the others it cannot be.

    Parameters
    ----------
    start_s
        At which it has to start; None: any.
    """
    if start_s is not None:
        problem = _held(problem, alert, start_s)
    at, out, _ = best_insertion(
        problem.sky,
        problem.kept,
        problem.setup,
        problem.first_s,
        found.order,
        alert,
        found.order.size,
    )
    if at < 0:
        return None
    order = np.concatenate([found.order[:at], [alert], found.order[at + out :]]).astype(np.int32)
    after = timed(problem, order)
    if not np.all(np.isin([*held, alert], after.order)):
        return None
    (index,) = np.flatnonzero(after.order == alert)
    return after, float(after.start_s[index])


def _held(problem: Problem, row: int, start_s: float) -> Problem:
    """Return the problem in which a row starts at an instant, and counts more than all others."""
    kept = problem.kept
    first, last = int(kept.first[row]), int(kept.first[row + 1])
    counts = np.diff(kept.first)
    counts[row] = 1
    worth = kept.worth.copy()
    worth[row] *= _HOLD
    return replace(
        problem,
        kept=kept._replace(
            worth=worth,
            first=np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
            earliest_s=np.concatenate([kept.earliest_s[:first], [start_s], kept.earliest_s[last:]]),
            latest_s=np.concatenate([kept.latest_s[:first], [start_s], kept.latest_s[last:]]),
        ),
    )
