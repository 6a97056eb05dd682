"""A quick look: what is refused, and what must not be."""

from __future__ import annotations

import numpy as np
import pytest

from ctmo_indi.pixels.look import look

SATURATION = 60000.0


@pytest.fixture
def frame():
    return np.random.default_rng(1).normal(500.0, 8.0, (100, 120)).astype(np.uint16)


def test_an_ordinary_frame_is_good(frame):
    assert look(frame, saturation_adu=SATURATION, expected_shape=(100, 120)) == ""


def test_some_saturated_stars_are_good(frame):
    frame[:, :10] = 65535
    assert look(frame, saturation_adu=SATURATION) == ""


def test_a_saturated_frame_is_refused_with_the_share(frame):
    frame[:, :60] = 60000
    assert look(frame, saturation_adu=SATURATION) == "50% saturated (at 60000 adu), at most 10%"
    assert look(frame, saturation_adu=SATURATION, most_saturated=0.5) == ""


@pytest.mark.parametrize("value", [0, 700])
def test_a_constant_frame_is_refused(value):
    frame = np.full((100, 120), value, np.uint16)
    assert look(frame, saturation_adu=SATURATION) == f"constant: every pixel is {value} adu"


def test_the_simulators_flat_is_called_saturated():
    assert look(np.full((9, 9), 65000, np.uint16), saturation_adu=SATURATION).startswith("100% sat")


@pytest.mark.parametrize("rows", [slice(70, None), slice(None, 30)], ids=["end", "turned"])
def test_a_download_that_broke_off_is_refused(frame, rows):
    frame[rows] = 0
    told = look(frame, saturation_adu=SATURATION)
    assert told == "truncated: 30 of 100 rows at one end have one value"


def test_a_dead_row_and_a_dead_column_are_good(frame):
    frame[-1] = 0
    frame[:, 7] = 0
    assert look(frame, saturation_adu=SATURATION) == ""
    assert look(frame[-9:], saturation_adu=SATURATION) == ""


def test_another_size_is_refused_as_width_times_height(frame):
    told = look(frame, saturation_adu=SATURATION, expected_shape=(100, 121))
    assert told == "120 x 100 pixels, expected 121 x 100"


def test_no_image_at_all_is_refused():
    assert look(np.empty((0, 0)), saturation_adu=1.0) == "no image: shape (0, 0), type float64"
    assert look(np.zeros(5), saturation_adu=1.0).startswith("no image")
    assert look(np.zeros((5, 5), complex), saturation_adu=1.0).startswith("no image")
    assert look(np.full((5, 5), np.nan), saturation_adu=1.0) == "no finite pixel"


def test_some_pixels_that_are_not_finite_are_good(frame):
    floats = frame.astype(np.float32)
    floats[5:9, 5] = np.nan
    floats[0, 0] = np.nan
    assert look(floats, saturation_adu=SATURATION) == ""
