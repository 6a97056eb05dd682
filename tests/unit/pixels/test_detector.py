from __future__ import annotations

import pytest
from ccdproc.utils.slices import slice_from_string

from ctmo_indi.pixels.detector import Detector, read_section, section_within


@pytest.mark.parametrize("text", ["[1:10,1:20]", "[3:3,7:8]", " [ 2041:2080 , 1:2048 ] "])
def test_sections_are_read_as_ccdproc_reads_them(text):
    assert read_section(text) == slice_from_string(text.strip(), fits_convention=True)


@pytest.mark.parametrize("text", ["", "[1:2]", "[0:5,1:5]", "[5:1,1:5]", "[1:5,1:5", "[:,1:5]"])
def test_what_is_no_section_is_refused(text):
    with pytest.raises(ValueError, match="expected a section"):
        Detector(1.0, 5.0, trim=text)


def test_a_section_ends_within_the_frame():
    assert section_within("[1:80,1:60]", (60, 80)) == (slice(0, 60), slice(0, 80))
    assert section_within(None, (60, 80)) == (slice(0, 60), slice(0, 80))
    with pytest.raises(ValueError, match="beyond the frame of 80 x 60"):
        section_within("[1:60,1:80]", (60, 80))


@pytest.mark.parametrize(
    ("constants", "name"),
    [
        ({"gain_e_per_adu": 0.0}, "gain_e_per_adu"),
        ({"read_noise_e": float("nan")}, "read_noise_e"),
        ({"saturation_adu": -1.0}, "saturation_adu"),
        ({"overscan_per": "pixel"}, "overscan_per"),
    ],
)
def test_constants_that_cannot_be_are_refused(constants, name):
    with pytest.raises(ValueError, match=f"expected {name}"):
        Detector(**{"gain_e_per_adu": 1.0, "read_noise_e": 5.0, **constants})
