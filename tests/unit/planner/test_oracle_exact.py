"""The two exact planners agree: neither knows how the other searches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .oracle_exact import SmallNight, exhaustive, programme


def lots(seed: int, count: int, instants: int, *, grouped: bool = False) -> SmallNight:
    """Make a night with gaps, waiting that pays, and setups that decide."""
    drawn = np.random.Generator(np.random.PCG64(seed))
    place = drawn.uniform(0.0, 200.0, (count, 2))
    setup_s = np.hypot(*(place[:, np.newaxis] - place[np.newaxis]).transpose(2, 0, 1))
    time = np.arange(instants)
    middle, width = drawn.uniform(0, instants, (2, count, 1))
    value = drawn.uniform(1.0, 9.0, (count, 1)) * np.exp(-(((time - middle) / (width + 3)) ** 2))
    value[drawn.uniform(size=value.shape) < 0.2] = np.nan
    group = drawn.integers(-1, 2, count) if grouped else np.full(count, -1)
    return SmallNight(
        step_s=60.0,
        value=value,
        duration_s=drawn.uniform(20.0, 400.0, count),
        setup_s=setup_s,
        first_s=drawn.uniform(0.0, 300.0, count),
        group=group,
    )


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.integers(1, 5), st.integers(4, 25), st.booleans())
def test_both_find_the_same_value(seed: int, count: int, instants: int, grouped: bool) -> None:
    night = lots(seed, count, instants, grouped=grouped)
    by_orders, orders_starts = exhaustive(night)
    by_programme, programme_starts = programme(night)
    assert by_programme == pytest.approx(by_orders, rel=1e-6)
    assert night.worth(orders_starts) == pytest.approx(by_orders, rel=1e-9)
    assert night.worth(programme_starts) == by_programme


def test_setups_of_the_pair_decide_where_the_least_ones_do_not() -> None:
    # Three requests of one minute that could begin in three minutes one after the other, were
    # 0 and 1 not three minutes apart: then two of them are left, 2 and the better of the others.
    night = SmallNight(
        step_s=60.0,
        value=np.array([[5.0] * 3, [4.0] * 3, [1.0] * 3]),
        duration_s=np.full(3, 60.0),
        setup_s=np.array([[0.0, 180.0, 0.0], [180.0, 0.0, 120.0], [0.0, 120.0, 0.0]]),
        first_s=np.zeros(3),
        group=np.full(3, -1),
    )
    assert programme(night)[0] == exhaustive(night)[0] == 6.0


def test_waiting_is_paid_for_when_the_best_instant_comes_late() -> None:
    value = np.array([[1.0, 1.0, 1.0, 7.0], [2.0, 2.0, 2.0, np.nan]])
    night = SmallNight(60.0, value, np.full(2, 70.0), np.zeros((2, 2)), np.zeros(2), np.full(2, -1))
    for planner in (exhaustive, programme):
        best, starts = planner(night)
        assert best == 9.0
        assert [row for row, _ in starts] == [1, 0]
        assert starts[1] == (0, 3)


def test_the_begin_of_the_night_needs_a_setup_too() -> None:
    night = SmallNight(
        60.0, np.ones((1, 3)), np.array([60.0]), np.zeros((1, 1)), np.array([130.0]), np.array([-1])
    )
    assert exhaustive(night) == programme(night) == (0.0, [])
    night.first_s[0] = 120.0
    assert exhaustive(night) == programme(night) == (1.0, [(0, 2)])


def test_of_a_group_all_are_planned_or_none() -> None:
    value = np.array([[1.0, 1.0], [9.0, 9.0], [9.0, np.nan]])
    night = SmallNight(
        60.0, value, np.full(3, 60.0), np.zeros((3, 3)), np.zeros(3), np.array([-1, 0, 0])
    )
    assert exhaustive(night)[0] == programme(night)[0] == 18.0
    night.value[1, 1] = np.nan  # now both need the first instant
    assert exhaustive(night)[0] == programme(night)[0] == 1.0


def test_a_detour_that_is_shorter_is_refused() -> None:
    setup_s = np.array([[0.0, 5.0, 300.0], [5.0, 0.0, 5.0], [300.0, 5.0, 0.0]])
    night = SmallNight(
        60.0, np.ones((3, 9)), np.full(3, 60.0), setup_s, np.zeros(3), np.full(3, -1)
    )
    with pytest.raises(ValueError, match="from request 0 to 2 it is shorter by way of 1"):
        programme(night)


def test_too_many_requests_for_all_orders_are_refused() -> None:
    with pytest.raises(ValueError, match="came 8 requests, expected 7 at most"):
        exhaustive(lots(1, 8, 5))


@pytest.mark.parametrize(
    ("starts", "reason"),
    [
        ([(0, 0), (1, 0)], "too early"),
        ([(0, 0), (0, 9)], "twice"),
        ([(0, 1)], "not allowed"),
        ([(2, 5)], "half a group"),
    ],
)
def test_what_is_no_plan_has_no_worth(starts: list[tuple[int, int]], reason: str) -> None:
    value = np.ones((4, 12))
    value[0, 1] = np.nan
    night = SmallNight(
        60.0, value, np.full(4, 60.0), np.zeros((4, 4)), np.zeros(4), np.array([-1, -1, 0, 0])
    )
    with pytest.raises(ValueError, match=reason):
        night.worth(starts)
