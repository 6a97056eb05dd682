"""Starts of a given order against all starts of a grid."""

from __future__ import annotations

import numpy as np
import pytest

from ctmo_indi.planner.kept import Kept
from ctmo_indi.planner.night_requests import NightRequests
from ctmo_indi.planner.problem import Found, Problem, timed
from ctmo_indi.planner.setup_kernels import value
from ctmo_indi.planner.start_times import at_best_starts

from .test_plan_night import FORK, NIGHT, some, table_of

STEP_S = 30.0


def drawn(seed: int) -> tuple[Problem, Found]:
    """A dozen requests in the order of their best hours, some windows among them."""
    night = NightRequests(table_of(some(30, seed)), NIGHT, FORK)
    count = len(night.keys)
    nothing = np.zeros((count, 0))
    first_s = np.full(count, 40.0)
    problem = Problem(
        sky=night.sky,
        kept=night.every,
        setup=night.setup,
        first_s=first_s,
        before_s=np.zeros(count),
        near=nothing.astype(np.int32),
        grid=nothing.astype(np.float32),
        capacity_s=np.zeros(0),
    )
    middle_s = 0.5 * (night.every.earliest_s[night.every.first[:-1]])
    middle_s += 0.5 * night.every.latest_s[night.every.first[1:] - 1]
    chosen = np.random.default_rng(seed).permutation(count)[:14]
    order = chosen[np.argsort(middle_s[chosen], kind="stable")].astype(np.int32)
    return problem, timed(problem, order)


def best_of_grid(problem: Problem, found: Found) -> float:
    """The most that the order is worth with starts on a grid, in the spans and setups it has."""
    kept: Kept = problem.kept
    times = np.arange(0.0, problem.sky.length_s, STEP_S)
    rest = np.zeros(times.size + 1)
    for place in range(found.order.size - 1, -1, -1):
        row = int(found.order[place])
        span = slice(kept.first[row], kept.first[row + 1])
        early_s, late_s = kept.earliest_s[span], kept.latest_s[span]
        own_span = np.searchsorted(early_s, found.start_s[place] + 1e-6) - 1
        is_free = (times >= early_s[own_span]) & (times <= late_s[own_span])
        if place == 0:
            is_free &= times >= problem.first_s[row]
        worth = np.array([value(problem.sky, kept, row, at_s) for at_s in times.tolist()])
        own = np.where(is_free, worth, -np.inf)
        if place + 1 < found.order.size:
            ready_s = times + kept.duration_s[row] + found.setup_s[place + 1]
            after = np.ceil(ready_s / STEP_S - 1e-9).astype(np.intp)
            own = own + rest[np.minimum(after, times.size)]
        rest = np.append(np.maximum.accumulate(own[::-1])[::-1], -np.inf)
    return float(rest[0])


@pytest.mark.parametrize("seed", range(1, 13))
def test_no_starts_of_a_grid_are_worth_more(seed: int) -> None:
    problem, found = drawn(seed)
    better = at_best_starts(problem, found)
    assert found.order.size >= 8
    assert better.worth >= max(best_of_grid(problem, found), found.worth)
    total, end_s = 0.0, 0.0
    visits = zip(better.order.tolist(), better.start_s.tolist(), strict=True)
    for place, (row, start_s) in enumerate(visits):
        took_s = better.setup_s[place] if place else problem.first_s[row]
        assert start_s >= end_s + took_s - 1e-5
        spans = slice(problem.kept.first[row], problem.kept.first[row + 1])
        early_s, late_s = problem.kept.earliest_s[spans], problem.kept.latest_s[spans]
        assert np.any((early_s - 1e-5 <= start_s) & (start_s <= late_s + 1e-5))
        end_s = start_s + problem.kept.duration_s[row]
        total += float(value(problem.sky, problem.kept, row, start_s))
    assert better.worth == pytest.approx(total)


def test_nothing_has_no_starts() -> None:
    problem, _ = drawn(1)
    nothing = timed(problem, np.empty(0, dtype=np.int32))
    assert at_best_starts(problem, nothing) is nothing
