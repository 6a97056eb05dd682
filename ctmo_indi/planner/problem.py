"""A night's problem in arrays, and the two steps to a plan: construct with prices, then improve.

Constructed are plans by value for time and by value after the price of time; none is the best
everywhere, and all together cost milliseconds. The first is made with one price for the whole
night, so that the bound has a value to step towards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ctmo_indi.planner.bound import Prices, find_prices
from ctmo_indi.planner.bound_kernels import Floats32, best_starts
from ctmo_indi.planner.fill_kernels import FREE, Gap, fill
from ctmo_indi.planner.kept import Floats, Ints, Kept, Pools, Setup, Sky
from ctmo_indi.planner.pools import pools_of
from ctmo_indi.planner.search_kernels import improve
from ctmo_indi.planner.sequence_kernels import chosen_starts, earliest_starts
from ctmo_indi.planner.setup_kernels import NEVER_S

STEP_S = 60.0
BIN_SLOTS = 5
_MOST_VISITS = 4096
TRIES_A_VISIT = 250
LEAST_TRIES = 40_000
_SHORT_VISIT_S = 180.0
"""Mean duration below which five slots have one price."""


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """How much is done for a plan; numbers of steps, so that the same input gives the same plan.

    Parameters
    ----------
    tries
        Of the search; 0: the best of the constructed plans. None: ``TRIES_A_VISIT`` for each visit
        of that, ``LEAST_TRIES`` at least.
    good_gap
        Below this gap the search ends after a quarter of its tries.
    price_steps
        Of the bound.
    keep
        Requests that the search looks at, at least.
    pool, near
        Requests that are looked at in one stretch of five minutes, and around another.
    warmth
        What a try may lose at first, in mean visits.
    setup_price
        What a second of setup counts in the search, in prices of time.
    """

    tries: int | None = None
    good_gap: float = 0.01
    price_steps: int = 150
    keep: int = 2000
    pool: int = 64
    near: int = 10
    warmth: float = 0.25
    setup_price: float = 0.5
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """What is kept of the requests, and the night.

    Parameters
    ----------
    first_s
        When each row could be begun as the plan's first visit, shape (k,).
    before_s
        Half of the least setup: what a visit takes at either side of itself, shape (k,).
    near
        Shape (k, q).
    grid
        Values of starts at the slots, shape (k, slots).
    capacity_s
        Seconds of each slot.
    """

    sky: Sky
    kept: Kept
    setup: Setup
    first_s: Floats
    before_s: Floats
    near: Ints
    grid: Floats32
    capacity_s: Floats


@dataclass(frozen=True, slots=True)
class Found:
    """A possible plan: rows, starts and setups in seconds, and the sum of values."""

    order: Ints
    start_s: Floats
    setup_s: Floats
    worth: float


@dataclass(frozen=True, slots=True)
class Priced:
    """Prices, the lists made with them, and the best plan constructed."""

    prices: Prices
    pools: Pools
    best: Found


def constructed(problem: Problem, settings: PlanSettings) -> Priced:
    """Find the prices, and construct plans before and after."""
    flat = np.where(problem.capacity_s > 0.0, _knapsack_price(problem), 0.0)
    first = _greedy(problem, _pools(problem, flat, settings))
    mean_s = float(np.mean(problem.kept.duration_s)) if problem.kept.worth.size else 0.0
    prices = find_prices(
        problem.grid,
        problem.before_s,
        problem.kept.duration_s + problem.before_s,
        problem.capacity_s,
        STEP_S,
        start=flat,
        target=first.worth,
        steps=settings.price_steps,
        together=BIN_SLOTS if mean_s < _SHORT_VISIT_S else 1,
    )
    pools = _pools(problem, prices.price, settings)
    second = _greedy(problem, pools)
    return Priced(prices, pools, second if second.worth > first.worth else first)


def improved(problem: Problem, priced: Priced, settings: PlanSettings) -> Found:
    """Search from the best constructed plan on."""
    best = priced.best
    tries = settings.tries
    if tries is None:
        tries = max(LEAST_TRIES, TRIES_A_VISIT * best.order.size)
    calls = wanted(problem, priced.prices, 2 * max(best.order.size, 1))
    first = tries // 4
    for part, seed in ((first, settings.seed), (tries - first, settings.seed + 1)):
        best = searched(problem, priced, best, calls, part, seed, settings)
        if best.worth >= (1.0 - settings.good_gap) * priced.prices.bound:
            break
    return best


def searched(
    problem: Problem,
    priced: Priced,
    begin: Found,
    calls: tuple[Ints, Floats],
    tries: int,
    seed: int,
    settings: PlanSettings,
) -> Found:
    """Search from a plan on, for so many tries; some 10 us each.

    Parameters
    ----------
    calls
        Of :func:`wanted`: rows worth forcing in, shape (w,), and the best start of each row in
        seconds since the night's begin, shape (k,).
    """
    if not tries or not problem.kept.worth.size:
        return begin
    count = max(begin.order.size, 1)
    order, start_s, setup_s, worth = improve(
        problem.sky,
        problem.kept,
        problem.setup,
        problem.first_s,
        priced.pools,
        *calls,
        begin.order,
        begin.order.size,
        tries,
        settings.warmth * begin.worth / count,
        settings.setup_price * float(priced.prices.price.mean()),
        seed,
    )
    return Found(order, start_s, setup_s, worth)


def _pools(problem: Problem, price: Floats, settings: PlanSettings) -> Pools:
    return pools_of(
        problem.grid,
        problem.kept,
        2.0 * problem.before_s,
        problem.near,
        price,
        STEP_S,
        slots=BIN_SLOTS,
        most=settings.pool,
    )


def _greedy(problem: Problem, pools: Pools) -> Found:
    """Construct from the night's begin to its end, by rate and by price; return the better."""
    found = []
    for is_by_price in (False, True):
        where = np.full(problem.kept.worth.size, FREE, dtype=np.int32)
        made = np.zeros(_MOST_VISITS, dtype=np.int32)
        count = fill(
            problem.sky, problem.kept, problem.setup, problem.first_s, pools, is_by_price, 0.0,
            where, Gap(-1, False, 0.0, -1, NEVER_S), -1, made, np.zeros(1, dtype=np.uint64),
        )  # fmt: skip
        found.append(timed(problem, made[:count].copy()))
    return max(found, key=lambda one: one.worth)


def timed(problem: Problem, order: Ints) -> Found:
    """Return the starts of an order; visits that cannot be are left out.

    Parameters
    ----------
    order
        Rows, shape (v,).
    """
    early_s, setup_s, start_s = (np.zeros(order.size) for _ in range(3))
    west = np.zeros(order.size, dtype=np.bool_)
    known = problem.sky, problem.kept
    begin = 0
    while True:
        begin = earliest_starts(
            *known, problem.setup, problem.first_s, order, order.size, begin, early_s, setup_s, west
        )
        if begin == order.size:
            break
        order = np.delete(order, begin)
    count = order.size
    worth = chosen_starts(*known, order, count, early_s, setup_s, start_s)
    return Found(order, start_s[:count], setup_s[:count], worth)


def _knapsack_price(problem: Problem) -> float:
    """Return the rate of the visit with which the night is full; 0 when all find a place."""
    most = problem.grid.max(axis=1, initial=0.0).astype(np.float64)
    took_s = problem.kept.duration_s + 2.0 * problem.before_s
    best_first = np.argsort(-most / took_s, kind="stable")
    full = int(np.searchsorted(np.cumsum(took_s[best_first]), problem.capacity_s.sum()))
    return float(most[best_first[full]] / took_s[best_first[full]]) if full < most.size else 0.0


def wanted(problem: Problem, prices: Prices, most: int) -> tuple[Ints, Floats]:
    """Return the rows that the prices call for most, and when each would best start.

    Returns
    -------
    rows : shape (w,), at most ``most``
    start_s : shape (k,)
        Of every row, seconds since the night's begin.
    """
    count = problem.kept.worth.size
    profit, slot_of = np.empty(count), np.empty(count, dtype=np.int32)
    best_starts(
        problem.grid,
        prices.price,
        problem.before_s,
        problem.kept.duration_s + problem.before_s,
        STEP_S,
        -np.inf,
        profit,
        slot_of,
    )
    best_first = np.argsort(-profit, kind="stable")[:most]
    return best_first[slot_of[best_first] >= 0].astype(np.int32), slot_of.astype(
        np.float64
    ) * STEP_S
