"""The short way: never longer than the given order, never shorter than the shortest."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctmo_indi.scheduling.feature.tour import path_length, short_path


def ways(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    places = np.random.default_rng(seed).uniform(0.0, 10.0, (count + 1, 2))
    apart = np.linalg.norm(places[:, np.newaxis] - places, axis=2)
    return apart[0, 1:], apart[1:, 1:]


@settings(max_examples=60, deadline=None)
@given(count=st.integers(0, 40), seed=st.integers(0, 10**6))
def test_it_is_never_longer_than_the_given_order(count: int, seed: int) -> None:
    start, between = ways(count, seed)
    order = short_path(start, between)
    assert sorted(order) == list(range(count))
    given_order = path_length(list(range(count)), start, between)
    assert path_length(order, start, between) <= given_order + 1e-9
    assert short_path(start, between) == order


@settings(max_examples=40, deadline=None)
@given(count=st.integers(3, 30), seed=st.integers(0, 10**6))
def test_no_part_of_it_is_better_turned_round_the_end_included(count: int, seed: int) -> None:
    start, between = ways(count, seed)
    order = short_path(start, between)
    length = path_length(order, start, between)
    for i, j in itertools.combinations(range(count + 1), 2):
        turned = [*order[:i], *order[i:j][::-1], *order[j:]]
        assert path_length(turned, start, between) >= length - 1e-6
    # Given its own answer it finds nothing longer.
    again = short_path(start[order], between[np.ix_(order, order)])
    assert path_length([order[place] for place in again], start, between) <= length + 1e-9


@pytest.mark.parametrize("seed", range(12))
def test_small_ones_are_nearly_as_short_as_the_shortest_of_all_orders(seed: int) -> None:
    start, between = ways(6, seed)
    shortest = min(
        path_length(list(order), start, between) for order in itertools.permutations(range(6))
    )
    found = path_length(short_path(start, between), start, between)
    assert shortest - 1e-9 <= found <= 1.15 * shortest


def test_places_on_a_line_are_visited_along_it() -> None:
    at = np.array([5.0, 1.0, 4.0, 2.0, 3.0])
    assert short_path(at, np.abs(at[:, np.newaxis] - at)) == [1, 3, 4, 2, 0]


def test_equal_ways_have_one_answer() -> None:
    same = np.ones((5, 5)) - np.eye(5)
    assert short_path(np.ones(5), same) == [0, 1, 2, 3, 4]
