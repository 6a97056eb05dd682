"""Windows of a series' visits: whichever start of each is chosen, the gap is kept."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ctmo_indi.models.orders import Window
from ctmo_indi.scheduling.plan.visit_chain import (
    LEAST_WIDTH_S,
    MOST_VISITS,
    WIDEST_PERIODS,
    Pace,
    chain_windows,
    windows_around,
)
from ctmo_indi.scheduling.plan.visit_keys import key_and_visit, visit_key

HOUR_S = 3600.0
NIGHT_S = 36_000.0
PLAIN = Pace(gap_s=0.9 * HOUR_S, period_s=HOUR_S, visits=8, is_begun=True)


def spans_of(edges: list[float]) -> list[Window]:
    pairs = zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False)
    return [Window(begin, end) for begin, end in pairs if end > begin]


def as_soon_as_possible(starts: list[Window], pace: Pace) -> int:
    """Count what fits when each visit is begun as early as can be: nothing beats that."""
    count, earliest_s = 0, -np.inf
    while count < min(pace.visits, MOST_VISITS):
        later = [max(one.start_utc_s, earliest_s) for one in starts if one.end_utc_s >= earliest_s]
        if not later:
            break
        count, earliest_s = count + 1, min(later) + pace.gap_s
    return count


@settings(max_examples=200, deadline=None)
@given(
    edges=st.lists(st.floats(0.0, NIGHT_S), min_size=2, max_size=8, unique=True),
    gap_s=st.floats(60.0, 12_000.0),
    tolerance_s=st.floats(0.0, 3000.0),
    visits=st.integers(2, 12),
    is_begun=st.booleans(),
)
def test_windows_lie_a_gap_apart_and_each_has_a_start(
    edges: list[float], gap_s: float, tolerance_s: float, visits: int, is_begun: bool
) -> None:
    starts = spans_of(edges)
    pace = Pace(gap_s, gap_s + tolerance_s, visits, is_begun)
    found = chain_windows(starts, pace, np.zeros_like)
    for one, after in itertools.pairwise(found):
        assert after.start_utc_s - one.end_utc_s >= gap_s - 1e-3
        assert one.end_utc_s >= one.start_utc_s
    for one in found:
        assert any(
            span.start_utc_s - 1e-3 <= one.start_utc_s <= span.end_utc_s + 1e-3 for span in starts
        )
        assert one.end_utc_s <= starts[-1].end_utc_s + 1e-3
    most = as_soon_as_possible(starts, pace)
    assert len(found) <= most
    if len(starts) == 1:  # fewer only where the last would have to be hit to the minute
        long_s = starts[0].end_utc_s - starts[0].start_utc_s
        while most > 1 and long_s - (most - 1) * gap_s < LEAST_WIDTH_S * most:
            most -= 1
        assert len(found) == most


def test_what_the_night_leaves_is_shared_out() -> None:
    begun = chain_windows([Window(0.0, 7 * 0.9 * HOUR_S + 800.0)], PLAIN, None)
    assert [one.end_utc_s - one.start_utc_s for one in begun] == pytest.approx([100.0] * 8)
    assert begun[0].start_utc_s == 0.0
    wide = chain_windows([Window(0.0, NIGHT_S)], PLAIN, None)
    widths_s = [one.end_utc_s - one.start_utc_s for one in wide]
    assert widths_s == pytest.approx([min(WIDEST_PERIODS * HOUR_S, (NIGHT_S - 22680.0) / 8)] * 8)


def test_a_series_that_is_not_begun_stands_where_it_is_worth_most() -> None:
    def best_at_noon(times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = -((times_s - 18_000.0) ** 2)
        return found

    three = Pace(0.9 * HOUR_S, HOUR_S, 3, is_begun=False)
    found = chain_windows([Window(0.0, NIGHT_S)], three, best_at_noon)
    assert abs(found[1].start_utc_s - 18_000.0) < 1200.0
    begun = Pace(0.9 * HOUR_S, HOUR_S, 3, is_begun=True)
    assert chain_windows([Window(0.0, NIGHT_S)], begun, best_at_noon)[0].start_utc_s == 0.0


def test_no_more_than_can_be_followed() -> None:
    endless = Pace(60.0, 66.0, 100_000, is_begun=True)
    assert len(chain_windows([Window(0.0, NIGHT_S)], endless, None)) == MOST_VISITS
    assert chain_windows([], endless, None) == []


def test_names_of_visits() -> None:
    assert [visit_key("R", visit) for visit in (0, 1)] == ["R", "R"]
    for visit in (1, 2, 30):
        assert key_and_visit(visit_key("R visit 2", visit)) == ("R visit 2", visit)


@settings(max_examples=200, deadline=None)
@given(
    edges=st.lists(st.floats(0.0, NIGHT_S), min_size=2, max_size=8, unique=True),
    gap_s=st.floats(60.0, 12_000.0),
    visits=st.integers(1, 8),
    parts=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8),
)
def test_windows_around_what_is_planned_keep_it_and_the_gap(
    edges: list[float], gap_s: float, visits: int, parts: list[float]
) -> None:
    starts = spans_of(edges)
    pace = Pace(gap_s, 1.1 * gap_s, visits, is_begun=False)
    chain = chain_windows(starts, pace, np.zeros_like)
    planned = [
        one.start_utc_s + part * (one.end_utc_s - one.start_utc_s)
        for one, part in zip(chain, parts, strict=False)
    ]
    planned = [
        at_s for at_s in planned if any(one.start_utc_s <= at_s <= one.end_utc_s for one in starts)
    ]
    if not planned:
        return
    found = windows_around(starts, pace, planned)
    assert len(planned) <= len(found) <= visits
    for at_s, one in zip(planned, found, strict=False):
        assert one.start_utc_s - 1e-3 <= at_s <= one.end_utc_s + 1e-3
    for one, after in itertools.pairwise(found):
        assert after.start_utc_s - one.end_utc_s >= gap_s - 1e-3
        assert one.end_utc_s >= one.start_utc_s


def test_what_is_planned_moves_on_when_it_cannot_be_any_more() -> None:
    planned = [0.0, 4000.0, 8000.0]
    late = windows_around([Window(3000.0, NIGHT_S)], PLAIN, planned)
    assert late[0].start_utc_s == 3000.0
    assert all(one.end_utc_s >= one.start_utc_s for one in late)
    assert late[1].start_utc_s >= late[0].end_utc_s + PLAIN.gap_s - 1e-3
    assert len(late) == 8
    short = windows_around([Window(3000.0, 7000.0)], PLAIN, planned)
    assert len(short) == 2
    assert windows_around([Window(0.0, NIGHT_S)], replace(PLAIN, visits=2), planned)[2:] == []
