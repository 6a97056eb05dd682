from __future__ import annotations

import itertools

import numpy as np
import pytest

from ctmo_indi.pixels.sorting_network import odd_even_merge_sort


def apply(comparisons, values):
    for i, j in comparisons:
        values[i], values[j] = np.minimum(values[i], values[j]), np.maximum(values[i], values[j])
    return values


@pytest.mark.parametrize("count", range(1, 13))
def test_it_sorts_all_zeros_and_ones_and_so_anything(count):
    # Knuth, TAOCP 3, 5.3.4, theorem Z: a network that sorts all 0-1 sequences sorts all sequences.
    values = np.array(list(itertools.product((0, 1), repeat=count))).T.copy()
    assert (np.diff(apply(odd_even_merge_sort(count), values), axis=0) >= 0).all()


@pytest.mark.parametrize("count", [13, 20, 31, 60, 100, 255])
def test_it_sorts_random_values(count):
    values = np.random.default_rng(count).integers(0, 50, (count, 500))
    expected = np.sort(values, axis=0)
    np.testing.assert_array_equal(apply(odd_even_merge_sort(count), values), expected)


@pytest.mark.parametrize(("count", "comparisons"), [(4, 5), (8, 19), (16, 63), (20, 103)])
def test_it_is_as_short_as_batchers(count, comparisons):
    assert len(odd_even_merge_sort(count)) == comparisons


def test_nothing_cannot_be_sorted():
    with pytest.raises(ValueError, match="0 values to sort, expected at least 1"):
        odd_even_merge_sort(0)
