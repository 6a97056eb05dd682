"""The preview, read back with the library that writes it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ctmo_indi.pixels.preview import picture, write_preview


def sky(shape=(300, 500), seed=1):
    return np.random.default_rng(seed).normal(1000.0, 10.0, shape).astype(np.float32)


def test_a_large_frame_becomes_small_with_its_proportions(tmp_path):
    path = tmp_path / "light.png"
    write_preview(sky((1500, 2100)), path)
    with Image.open(path) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "L", (700, 500))
    assert [p.name for p in tmp_path.iterdir()] == ["light.png"]


@pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (1024, 1024), (1025, 30), (4096, 4095)])
def test_the_long_side_never_exceeds_its_limit(shape):
    grey = picture(np.zeros(shape, np.uint16))
    assert 1 <= max(grey.shape) <= 1024


def test_sky_is_dark_grey_and_stars_of_different_flux_differ():
    data = sky()
    data[100:103, 100:103] += 150.0
    data[200:203, 400:403] += 900.0
    grey = picture(data)[::-1].astype(int)
    assert 50 < np.median(grey) < 130
    assert np.median(grey) + 40 < grey[101, 101] < grey[201, 401] - 20


def test_the_first_row_of_the_array_is_at_the_bottom_or_where_asked():
    data = sky()
    data[0] = 5000.0
    assert picture(data)[-1].min() == 255
    assert picture(data, first_row="top")[0].min() == 255


def test_blocks_are_averaged_over_what_is_finite():
    data = np.zeros((4, 4), np.float32)
    data[:2, :2] = [[np.nan, 8.0], [8.0, np.nan]]
    data[:2, 2:] = 8.0
    data[2:, 2:] = np.nan
    grey = picture(data, long_side_px=2, first_row="top")
    assert grey[0, 0] == grey[0, 1] > grey[1, 0] == 0
    assert grey[1, 1] == 0


@pytest.mark.parametrize("value", [0.0, 65000.0, np.nan, np.inf])
def test_a_frame_without_contrast_has_a_picture(value):
    grey = picture(np.full((64, 64), value))
    assert grey.shape == (64, 64)
    assert np.ptp(grey) == 0


def test_the_frame_given_is_not_changed():
    data = sky((2000, 2000))
    data[3, 3] = np.nan
    before = data.copy()
    picture(data)
    assert np.array_equal(data, before, equal_nan=True)


def test_no_image_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"shape \(0, 5\), expected two dimensions, not empty"):
        write_preview(np.zeros((0, 5)), tmp_path / "x.png")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_leaves_the_old_picture(tmp_path):
    with pytest.raises(OSError, match="no-such-folder"):
        write_preview(sky(), tmp_path / "no-such-folder" / "x.png")
    (tmp_path / "x.png").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_preview(sky(), tmp_path / "x.png")
    assert [p.name for p in tmp_path.iterdir()] == ["x.png"]
