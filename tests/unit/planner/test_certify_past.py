"""Profits at given prices against starts tried second by second; what is over costs nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ctmo_indi.planner.certify import least_prices, profits_of
from ctmo_indi.planner.night_requests import NightRequests
from ctmo_indi.planner.row_arrays import cut
from ctmo_indi.planner.setup_kernels import value

from .test_plan_night import FORK, NIGHT, some, table_of


@pytest.mark.parametrize("over_s", [0.0, 5000.0, 20_010.0])
def test_profits_are_the_best_of_all_starts(over_s: float) -> None:
    night = NightRequests(table_of(some(40)), NIGHT, FORK)
    every, sky = cut(night.every, np.array([[-np.inf, over_s]])), night.sky
    price = np.random.default_rng(3).uniform(0.2, 6.0, int(np.ceil(sky.length_s / 60.0)))
    price[: int(over_s / 60.0)] = 0.0
    total, edges_s = (
        np.concatenate([[0.0], np.cumsum(60.0 * price)]),
        60.0 * np.arange(price.size + 1),
    )
    rows = np.arange(every.worth.size)
    found = profits_of(
        sky, every, rows, np.full(rows.size, 4.0), total, least_prices(total), 60.0, math.inf
    )
    assert np.count_nonzero(found) > 5
    for row in rows.tolist():
        best = 0.0
        for span in range(every.first[row], every.first[row + 1]):
            starts_s = np.arange(every.earliest_s[span], every.latest_s[span], 5.0)
            cost = np.interp(starts_s + every.duration_s[row] + 4.0, edges_s, total)
            cost -= np.interp(starts_s - 4.0, edges_s, total)
            for start_s, rent in zip(starts_s.tolist(), cost.tolist(), strict=True):
                best = max(best, value(sky, every, row, start_s) - rent)
        assert best - 1e-6 <= found[row] <= best + 30.0 + 1e-3 * every.worth[row]


def test_enough_profit_ends_the_look_at_a_request() -> None:
    night = NightRequests(table_of(some(40)), NIGHT, FORK)
    sky, rows = night.sky, np.arange(night.every.worth.size)
    total = 60.0 * np.linspace(0.0, 1.0, int(np.ceil(sky.length_s / 60.0)) + 1) * 400.0
    given = (sky, night.every, rows, np.full(rows.size, 4.0), total, least_prices(total), 60.0)
    whole, first = profits_of(*given, math.inf), profits_of(*given, 0.0)
    assert np.array_equal(whole > 0.0, first > 0.0)
    assert np.all(first <= whole)
    assert np.any(first < whole)
