"""Hot pixels are told from stars, and stars are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from ctmo_indi.pixels.lone_pixels import lone_pixels
from ctmo_indi.pixels.mask import Mask
from ctmo_indi.pixels.quality import measure

SKY, NOISE = 1000.0, 12.0


def star_frame(fwhm_px: float, *, hot: int, seed: int = 1, size: int = 512) -> tuple:
    """Gaussian stars on a noisy sky, and single pixels far above it."""
    rng = np.random.default_rng(seed)
    light = rng.normal(SKY, NOISE, (size, size))
    sigma = fwhm_px / 2.3548200450309493  # of the definition: 2 sqrt(2 ln 2)
    offsets = np.arange(-20, 21)
    for x, y in rng.uniform(25, size - 25, (60, 2)):
        column, row = round(x), round(y)
        dx, dy = offsets + column - x, offsets + row - y
        profile = np.exp(-0.5 * (dx[None, :] ** 2 + dy[:, None] ** 2) / sigma**2)
        flux = 10 ** rng.uniform(3.7, 5.2)
        light[row - 20 : row + 21, column - 20 : column + 21] += (
            flux * profile / (2 * np.pi * sigma**2)
        )
    clean = np.clip(light, 0, 65535).astype(np.uint16)
    frame = clean.copy()
    y, x = rng.integers(1, size - 1, (2, hot))
    frame[y, x] = rng.integers(2000, 60000, hot)
    return frame, clean


@pytest.mark.parametrize("fwhm_px", [2.0, 3.0, 5.0])
def test_stars_are_counted_and_measured_right_among_ten_times_as_many_hot_pixels(fwhm_px):
    frame, clean = star_frame(fwhm_px, hot=600)
    quality = measure(frame, mask=lone_pixels(frame) * np.uint8(Mask.BAD))
    assert quality.star_count == pytest.approx(measure(clean).star_count, abs=3)
    assert quality.fwhm_px == pytest.approx(fwhm_px, rel=0.02)  # as in test_quality
    assert measure(frame).star_count > 500  # what they would be taken for


@pytest.mark.parametrize("fwhm_px", [1.5, 2.0, 4.0, 8.0])
def test_no_pixel_of_a_star_is_taken_for_a_hot_one(fwhm_px):
    _, clean = star_frame(fwhm_px, hot=0)
    assert np.count_nonzero(lone_pixels(clean)) == 0


def test_nothing_is_lone_where_there_is_nothing():
    assert not lone_pixels(np.full((5, 7), 300, np.uint16)).any()
    assert not lone_pixels(np.full((5, 7), np.nan, np.float32)).any()
    assert not lone_pixels(np.array([[7]], np.uint16)).any()


def test_a_lone_pixel_in_a_corner_and_in_floats_is_found():
    rng = np.random.default_rng(3)
    frame = rng.normal(100.0, 3.0, (64, 64)).astype(np.float32)
    frame[0, 0] = frame[63, 63] = 5000.0
    frame[20, 20] = np.nan
    assert np.argwhere(lone_pixels(frame)).tolist() == [[0, 0], [63, 63]]
