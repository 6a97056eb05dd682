"""Statistics of planes: no column of the sensor stands for all."""

from __future__ import annotations

import numpy as np

from ctmo_indi.preprocessor.product_statistics import plane_statistics

SIDE = 2048  # its width has divisors that a sample could follow


def test_a_hot_column_counts_as_what_it_is() -> None:
    data = np.random.default_rng(3).normal(100.0, 1.0, (SIDE, SIDE)).astype(np.float32)
    data[:, 64] = 1000.0
    found = plane_statistics(data, np.zeros((SIDE, SIDE), np.uint8))
    assert abs(found["hot_share"] - 1.0 / SIDE) < 2e-4
    assert abs(found["median"] - 100.0) < 0.02


def test_without_a_good_pixel_there_are_only_shares() -> None:
    found = plane_statistics(np.full((4, 5), np.nan, np.float32), np.full((4, 5), 2, np.uint8))
    assert found == {"bad_share": 1.0, "saturated_share": 1.0, "cosmic_share": 0.0}
