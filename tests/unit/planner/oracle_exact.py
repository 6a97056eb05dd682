"""The best plan there is, for few requests: a mixed-integer programme, and a search of all orders.

Both work on a :class:`SmallNight`: visits begin at the instants of a grid, and **only that is
rounded**. Durations and setups keep their seconds, a visit's value is that of its own start, and a
setup depends on the pair alone. So the optimum is what a real plan is worth whose visits begin on
the grid, and the optimum over all instants is at least that; a plan with free starts may be worth
more.

:func:`exhaustive` tries every order of every choice, and for each order all starts (7 requests and
633 instants: 1 s). :func:`programme` gives scipy's ``milp`` (HiGHS) one binary for each start:

* no two visits take the same instant, when each takes its duration and the least setup that can
  follow it (a relaxation);
* where a solution has two visits too near for their own setup, that no two of this pair take the
  same instant with it; solved again until there is none.

The second is no relaxation if going by way of a third request is no shorter than going straight,
that request's duration included; else ValueError.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

Array = NDArray[np.float64]
Start = tuple[int, int]  # request, instant of the grid

_ALMOST_S = 1e-6
_ROUNDS = 50


@dataclass(frozen=True)
class SmallNight:
    """A night of n requests and S instants at which a visit may begin.

    Parameters
    ----------
    step_s
        From one instant to the next; the first is 0.
    value
        Shape (n, S); NaN where the visit must not begin.
    duration_s, group
        Shape (n,). Of a group (same number, not below 0) all are planned or none.
    setup_s
        Shape (n, n): from the end of one to the start of another.
    first_s
        Shape (n,): the setup from the night's begin.
    """

    step_s: float
    value: Array
    duration_s: Array
    setup_s: Array
    first_s: Array
    group: NDArray[np.int64]

    def first_instant(self, time_s: float) -> int:
        """Return the first instant of the grid not before a time; S when there is none."""
        return min(max(int(np.ceil((time_s - _ALMOST_S) / self.step_s)), 0), self.value.shape[1])

    def worth(self, starts: list[Start]) -> float:
        """Return the value of a plan; ValueError if it is none."""
        ready_s = 0.0
        for place, (row, instant) in enumerate(starts):
            setup_s = self.setup_s[starts[place - 1][0], row] if place else self.first_s[row]
            if instant * self.step_s < ready_s + setup_s - _ALMOST_S:
                raise ValueError(f"request {row} begins at instant {instant}, too early")
            ready_s = instant * self.step_s + self.duration_s[row]
        rows = {row for row, _ in starts}
        if len(rows) < len(starts):
            raise ValueError(f"a request twice in {starts}")
        if any((self.group[row] >= 0) and not self._members(row) <= rows for row in rows):
            raise ValueError(f"half a group in {starts}")
        total = float(sum(self.value[start] for start in starts))
        if np.isnan(total):
            raise ValueError(f"a start that is not allowed in {starts}")
        return total

    def _members(self, row: int) -> set[int]:
        return set(np.flatnonzero(self.group == self.group[row]).tolist())

    def is_whole(self, rows: tuple[int, ...]) -> bool:
        """Tell whether no group is torn."""
        return all(self.group[row] < 0 or self._members(row) <= set(rows) for row in rows)


# -- every order ----------------------------------------------------------------------------------


def exhaustive(night: SmallNight) -> tuple[float, list[Start]]:
    """Return the best value and its starts; 7 requests at most."""
    count, instants = night.value.shape
    if count > 7:
        raise ValueError(f"came {count} requests, expected 7 at most")
    best: tuple[float, tuple[int, ...]] = (0.0, ())
    after_s = np.arange(instants) * night.step_s
    value = np.where(np.isnan(night.value), -np.inf, night.value)

    def led_by(row: int, order: tuple[int, ...], rest: Array) -> Array:
        """Return the best value of row, then order, when row begins not before each instant."""
        own = value[row].copy()
        if order:
            ready_s = after_s + night.duration_s[row] + night.setup_s[row, order[0]]
            nexts = np.ceil((ready_s - _ALMOST_S) / night.step_s).astype(np.intp)
            own += rest[np.minimum(nexts, instants)]
        return np.append(np.maximum.accumulate(own[::-1])[::-1], -np.inf)

    def extend(order: tuple[int, ...], rest: Array) -> None:
        nonlocal best
        for row in range(count):
            if row in order:
                continue
            longer = (row, *order)
            whole = led_by(row, order, rest)
            total = float(whole[night.first_instant(night.first_s[row])])
            if total > best[0] and night.is_whole(longer):
                best = (total, longer)
            if np.isfinite(whole[0]):
                extend(longer, whole)

    extend((), np.zeros(instants + 1))
    return best[0], _starts_of(night, best[1])


def _starts_of(night: SmallNight, order: tuple[int, ...]) -> list[Start]:
    """Return the best starts of an order, by going through it once more."""
    instants = night.value.shape[1]
    value = np.where(np.isnan(night.value), -np.inf, night.value)
    rests: list[Array] = [np.zeros(instants + 1)]
    for place in range(len(order) - 1, -1, -1):
        own = value[order[place]].copy()
        for instant in range(instants):
            own[instant] += rests[0][_next_instant(night, order, place, instant)]
        rests.insert(0, np.append(np.maximum.accumulate(own[::-1])[::-1], -np.inf))
    starts: list[Start] = []
    least = night.first_instant(night.first_s[order[0]]) if order else 0
    for place, row in enumerate(order):
        for instant in range(least, instants):
            following = _next_instant(night, order, place, instant)
            if value[row, instant] + rests[place + 1][following] >= rests[place][least] - 1e-9:
                starts.append((row, instant))
                least = following
                break
    return starts


def _next_instant(night: SmallNight, order: tuple[int, ...], place: int, instant: int) -> int:
    if place + 1 == len(order):
        return 0
    row = order[place]
    ready_s = instant * night.step_s + night.duration_s[row]
    return night.first_instant(ready_s + night.setup_s[row, order[place + 1]])


# -- the programme --------------------------------------------------------------------------------


def programme(
    night: SmallNight, *, time_limit_s: float = 60.0, relative_gap: float = 1e-9
) -> tuple[float, list[Start]]:
    """Return the best value and its starts.

    Parameters
    ----------
    relative_gap
        The true optimum may be worth so much more.

    Raises
    ------
    ValueError
        Setups for which a detour is shorter.
    TimeoutError
        No proof of the optimum within the time limit (of each round).
    """
    _refuse_detours(night)
    row, instant = np.nonzero(~np.isnan(night.value))
    earliest = np.array([night.first_instant(first_s) for first_s in night.first_s])
    is_late = instant >= earliest[row]
    row, instant = row[is_late], instant[is_late]
    if not row.size:
        return 0.0, []
    worth = night.value[row, instant]
    least_s = np.where(np.eye(len(night.setup_s), dtype=bool), np.inf, night.setup_s).min(axis=1)
    least_s = np.where(np.isfinite(least_s), least_s, 0.0)  # of a request alone
    rules = [
        _each_once(night, row),
        *_whole_groups(night, row),
        _taken(night, row, instant, least_s),
    ]
    pairs: set[tuple[int, int]] = set()
    for _ in range(_ROUNDS):
        found = milp(
            -worth,
            integrality=np.ones(row.size),
            bounds=Bounds(0.0, 1.0),
            constraints=rules,
            options={"time_limit": time_limit_s, "mip_rel_gap": relative_gap},
        )
        if found.status != 0:
            raise TimeoutError(f"no proof of the optimum: {found.message}")
        chosen = np.flatnonzero(found.x > 0.5)
        starts = sorted(
            zip(row[chosen].tolist(), instant[chosen].tolist(), strict=True), key=lambda one: one[1]
        )
        near = _too_near(night, starts) - pairs
        if not near:
            return night.worth(starts), starts
        pairs |= near
        rules += [_apart(night, row, instant, *pair) for pair in sorted(near)]
    raise TimeoutError(f"pairs that are too near after {_ROUNDS} rounds")


def _too_near(night: SmallNight, starts: list[Start]) -> set[tuple[int, int]]:
    found = set()
    for (one, begin), (other, then) in pairwise(starts):
        ready_s = begin * night.step_s + night.duration_s[one] + night.setup_s[one, other]
        if then * night.step_s < ready_s - _ALMOST_S:
            found.add((min(one, other), max(one, other)))
    return found


def _each_once(night: SmallNight, row: NDArray[np.intp]) -> LinearConstraint:
    shape = (night.value.shape[0], row.size)
    once = coo_array((np.ones(row.size), (row, np.arange(row.size))), shape=shape)
    return LinearConstraint(once.tocsc(), -np.inf, 1.0)


def _whole_groups(night: SmallNight, row: NDArray[np.intp]) -> list[LinearConstraint]:
    """All members as often as the first of their group."""
    found = []
    for number in np.unique(night.group[night.group >= 0]):
        first, *others = np.flatnonzero(night.group == number)
        for other in others:
            balance = (row == first).astype(float) - (row == other)
            found.append(LinearConstraint(balance[np.newaxis], 0.0, 0.0))
    return found


def _taken(
    night: SmallNight, row: NDArray[np.intp], instant: NDArray[np.intp], least_s: Array
) -> LinearConstraint:
    """At every instant at most one visit, with its duration and the setup after it."""
    lasts = night.duration_s[row] + least_s[row]
    # Instants k with start <= k * step < start + lasts.
    steps = np.maximum(np.ceil((lasts - _ALMOST_S) / night.step_s).astype(np.intp), 1)
    columns = np.repeat(np.arange(row.size), steps)
    offset = np.arange(steps.sum()) - np.repeat(np.cumsum(steps) - steps, steps)
    taken = instant[columns] + offset
    inside = taken < night.value.shape[1]
    matrix = coo_array(
        (np.ones(int(inside.sum())), (taken[inside], columns[inside])),
        shape=(night.value.shape[1], row.size),
    )
    return LinearConstraint(matrix.tocsc(), -np.inf, 1.0)


def _apart(
    night: SmallNight, row: NDArray[np.intp], instant: NDArray[np.intp], one: int, other: int
) -> LinearConstraint:
    """The same for a pair and its own setups."""
    of_pair = (row == one) | (row == other)
    own_s = np.zeros(night.value.shape[0])
    own_s[one], own_s[other] = night.setup_s[one, other], night.setup_s[other, one]
    whole = _taken(night, row, instant, own_s)
    matrix = (whole.A.multiply(of_pair[np.newaxis])).tocsr()
    return LinearConstraint(matrix[np.unique(matrix.nonzero()[0])], -np.inf, 1.0)


def _refuse_detours(night: SmallNight) -> None:
    count = len(night.duration_s)
    for middle in range(count):
        by_way_s = night.setup_s[:, [middle]] + night.duration_s[middle] + night.setup_s[[middle]]
        is_shorter = by_way_s < night.setup_s - _ALMOST_S
        is_shorter[middle], is_shorter[:, middle] = False, False
        np.fill_diagonal(is_shorter, False)
        if np.any(is_shorter):
            here, there = np.argwhere(is_shorter)[0]
            raise ValueError(f"from request {here} to {there} it is shorter by way of {middle}")
