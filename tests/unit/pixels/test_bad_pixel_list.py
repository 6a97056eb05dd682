from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from ctmo_indi.errors import UnreadableFrame
from ctmo_indi.pixels.bad_pixel_list import read_bad_pixels

TEXT = """
# the camera's sheet
[3,2]
[ 5 , * ]   # a column
[*,6]
[7:9,1:2]
"""


def expected():
    flags = np.zeros((6, 10), bool)
    flags[1, 2] = True
    flags[:, 4] = True
    flags[5, :] = True
    flags[0:2, 6:9] = True
    return flags


def test_a_text_lists_pixels_columns_rows_and_rectangles_as_fits_counts(tmp_path):
    path = tmp_path / "bad.txt"
    path.write_text(TEXT)
    np.testing.assert_array_equal(read_bad_pixels(path, (6, 10), (1, 1)), expected())


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_a_fits_mask_is_bad_where_it_is_not_0(dtype, tmp_path):
    path = tmp_path / "bad.fits"
    fits.PrimaryHDU(expected().astype(dtype)).writeto(path)
    np.testing.assert_array_equal(read_bad_pixels(path, (6, 10), (1, 1)), expected())


@pytest.mark.parametrize("suffix", [".txt", ".fits"])
def test_of_a_binned_frame_a_pixel_is_bad_when_a_part_of_it_is(suffix, tmp_path):
    path = tmp_path / f"bad{suffix}"
    if suffix == ".txt":
        path.write_text(TEXT)
    else:
        fits.PrimaryHDU(np.pad(expected().astype(np.uint8), ((0, 1), (0, 0)))).writeto(path)
    found = read_bad_pixels(path, (3, 5), (2, 2))
    np.testing.assert_array_equal(found, expected().reshape(3, 2, 5, 2).any(axis=(1, 3)))


def test_entries_in_rows_and_columns_that_fill_no_binned_one_count_for_nothing(tmp_path):
    path = tmp_path / "bad.txt"
    path.write_text("[11,1]\n[1,7]\n[5,*]\n")
    expected_flags = np.zeros((3, 5), bool)
    expected_flags[:, 2] = True
    np.testing.assert_array_equal(read_bad_pixels(path, (3, 5), (2, 2)), expected_flags)
    path.write_text("[12,1]\n")
    with pytest.raises(UnreadableFrame, match="within 11 x 7 pixels"):
        read_bad_pixels(path, (3, 5), (2, 2))


@pytest.mark.parametrize(
    "entry",
    ["[11,1]", "[1,7]", "[0,1]", "[5:3,1]", "[*:3,1]", "3 4", "[3]", "[-1,2]", "[1.5,2]"],
)
def test_what_is_no_entry_is_refused_with_its_line(entry, tmp_path):
    path = tmp_path / "bad.txt"
    path.write_text(f"# two\n{entry}\n")
    with pytest.raises(UnreadableFrame, match=r"bad\.txt:2: .* came, expected \[column,row\]"):
        read_bad_pixels(path, (6, 10), (1, 1))


def test_a_mask_of_another_size_and_no_file_are_refused(tmp_path):
    path = tmp_path / "bad.fits"
    fits.PrimaryHDU(np.zeros((6, 11), np.uint8)).writeto(path)
    with pytest.raises(UnreadableFrame, match="11 x 6 pixels came, expected 10 x 6 of the sensor"):
        read_bad_pixels(path, (6, 10), (1, 1))
    with pytest.raises(UnreadableFrame, match="No such file"):
        read_bad_pixels(tmp_path / "none.txt", (6, 10), (1, 1))


def test_a_bracket_in_a_fits_mask_makes_it_no_text(tmp_path):
    mask = np.zeros((4, 6), np.uint8)
    mask[1, 2] = ord("[")
    unit = fits.PrimaryHDU(mask)
    unit.header["DATASEC"] = "[1:6,1:4]"
    unit.writeto(tmp_path / "mask.fits")
    assert np.argwhere(read_bad_pixels(tmp_path / "mask.fits", (4, 6), (1, 1))).tolist() == [[1, 2]]


@pytest.mark.parametrize("entry", ["[1,2], [3,4]", "[5,2]7"])
def test_what_follows_an_entry_is_not_passed_over(entry, tmp_path):
    (tmp_path / "list.txt").write_text(f"{entry}\n")
    with pytest.raises(UnreadableFrame, match=r"list\.txt:1: "):
        read_bad_pixels(tmp_path / "list.txt", (4, 6), (1, 1))
