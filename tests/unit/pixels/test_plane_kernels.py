"""One pass over a plane finds what numpy finds in several."""

from __future__ import annotations

import numpy as np
import pytest

from ctmo_indi.pixels.plane_kernels import (
    LANES,
    count_flags,
    extremes,
    store_words,
    sum_of_turned,
)

RNG = np.random.default_rng(7)
SIZES = [1, LANES - 1, LANES, 4096, 4097, 100_003]


@pytest.fixture(params=SIZES)
def words(request: pytest.FixtureRequest) -> np.ndarray:
    return RNG.integers(0, 2**32, request.param, dtype=np.uint32)


def test_words_are_stored_big_endian_and_summed(words: np.ndarray) -> None:
    stored = np.empty_like(words)
    assert int(store_words(words, stored)) == sum(map(int, words))
    np.testing.assert_array_equal(stored.view(">u4"), words)


def test_words_of_bytes_are_summed_as_they_lie(words: np.ndarray) -> None:
    assert int(sum_of_turned(words.view("<u4"))) == sum(map(int, words.view(">u4")))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("spoiled", [0.0, 0.3, 1.0])
def test_extremes_and_counts_are_numpys(size: int, spoiled: float) -> None:
    data = RNG.normal(0.0, 100.0, size).astype(np.float32)
    data[RNG.random(size) < spoiled] = np.nan
    mask = RNG.choice([0, 1, 2, 4, 6], size, p=[0.6, 0.1, 0.1, 0.1, 0.1]).astype(np.uint8)
    lowest, highest = np.full(LANES, np.inf, np.float32), np.full(LANES, -np.inf, np.float32)
    extremes(data, lowest, highest)
    numbers = data[np.isfinite(data)]
    assert lowest.min() == numbers.min(initial=np.inf)
    assert highest.max() == numbers.max(initial=-np.inf)
    assert count_flags(data, mask, np.uint8(2), np.uint8(4)) == (
        np.count_nonzero((mask != 0) | ~np.isfinite(data)),
        np.count_nonzero(mask & 2),
        np.count_nonzero(mask & 4),
    )


def test_infinite_pixels_are_of_no_use() -> None:
    data = np.array([1.0, np.inf, -np.inf, np.nan], np.float32)
    assert count_flags(data, np.zeros(4, np.uint8), np.uint8(2), np.uint8(4))[0] == 3
