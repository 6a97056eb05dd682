"""Attempts on real simulators end as complete FITS files."""

from __future__ import annotations

import warnings

import pytest
from astropy.io import fits

pytestmark = pytest.mark.indi


def test_a_light_attempt_leaves_verified_frames(stage):
    scene = stage()
    target = scene.target()
    receipt = scene.attempt(
        **target, **{"Filter": "R", "Object": "field", "Number of Exposures": 2}
    )

    view = scene.ended(receipt)

    assert view["Status"] == "COMPLETED", view
    for exposure in view["Exposures"]:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with fits.open(exposure["Path"], checksum=True) as units:
                header = units[0].header
                assert header["FILTER"] == "R"
