"""Quality against stars whose sky, width, shape and number the test drew itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ctmo_indi.pixels import quality
from ctmo_indi.pixels.quality import FWHM_PER_SIGMA, measure

SKY, NOISE = 300.0, 12.0


def gaussian(fwhm_px, axis_ratio=1.0, angle=0.6):
    """Return (dx, dy) -> profile of volume 1; the FWHM is the geometric mean of both axes."""
    a, b = (fwhm_px / FWHM_PER_SIGMA * axis_ratio**power for power in (-0.5, 0.5))

    def profile(dx, dy):
        u = dx * np.cos(angle) + dy * np.sin(angle)
        v = dy * np.cos(angle) - dx * np.sin(angle)
        return np.exp(-0.5 * ((u / a) ** 2 + (v / b) ** 2)) / (2 * np.pi * a * b)

    return profile


def moffat(fwhm_px, beta):
    alpha = fwhm_px / (2 * math.sqrt(2 ** (1 / beta) - 1))
    return lambda dx, dy: (
        (beta - 1) / (np.pi * alpha**2) * (1 + (dx**2 + dy**2) / alpha**2) ** -beta
    )


def field(profile, *, shape=(384, 420), step=42, seed=1):
    """Draw stars on a jittered grid; return the frame, its error, and where they are."""
    rng = np.random.default_rng(seed)
    ys, xs = np.mgrid[25 : shape[0] - 25 : step, 25 : shape[1] - 25 : step].astype(float)
    xs, ys = xs.ravel() + rng.uniform(-4, 4, xs.size), ys.ravel() + rng.uniform(-4, 4, ys.size)
    flux = 10 ** rng.uniform(4.3, 5.3, xs.size)
    data = rng.normal(SKY, NOISE, shape)
    for x, y, f in zip(xs, ys, flux, strict=True):
        x0, y0 = int(x), int(y)
        yy, xx = np.mgrid[y0 - 20 : y0 + 21, x0 - 20 : x0 + 21]
        data[y0 - 20 : y0 + 21, x0 - 20 : x0 + 21] += f * profile(xx - x, yy - y)
    return data.astype(np.float32), np.full(shape, NOISE, np.float32), xs, ys, flux


# Below two pixels the sampling itself widens: the grid does not hold the star.
@pytest.mark.parametrize(
    ("fwhm_px", "tolerance"), [(1.5, 0.12), (2.0, 0.02), (3.2, 0.02), (5.0, 0.02), (8.0, 0.02)]
)
def test_fwhm_and_count_are_those_of_the_drawn_stars(fwhm_px, tolerance):
    data, error, xs, *_ = field(gaussian(fwhm_px))
    found = measure(data, error)
    assert found.fwhm_px == pytest.approx(fwhm_px, rel=tolerance)
    assert found.star_count == len(xs)
    assert found.ellipticity < 0.04


def test_wings_of_real_seeing_are_not_taken_for_width():
    # beta = 3 has heavy wings: twice the half-light radius would say 26 % too much.
    data, error, *_ = field(moffat(3.5, 3.0))
    assert 3.5 < measure(data, error).fwhm_px < 1.15 * 3.5


def test_ellipticity_is_that_of_the_drawn_stars():
    data, error, *_ = field(gaussian(4.0, axis_ratio=0.7))
    found = measure(data, error)
    assert found.ellipticity == pytest.approx(0.3, abs=0.02)
    assert found.fwhm_px == pytest.approx(4.0, rel=0.02)


def test_background_and_its_noise():
    data, error, *_ = field(gaussian(3.0))
    found = measure(data, error)
    assert found.background == pytest.approx(SKY, abs=0.1 * NOISE)
    assert found.background_rms == pytest.approx(NOISE, rel=0.03)


def test_stars_are_where_they_were_drawn_brightest_first():
    data, error, xs, ys, flux = field(gaussian(3.0))
    stars = measure(data, error).stars
    order = np.argsort(-flux)
    distance = np.hypot(stars.x_px[:20, None] - xs[order], stars.y_px[:20, None] - ys[order])
    assert distance.min(axis=1).max() < 0.1
    assert np.all(np.diff(stars.flux) <= 0)
    # A circle of 1.5 FWHM holds 1 - 2^-9 of a Gaussian.
    nearest = flux[order][distance.argmin(axis=1)]
    assert stars.flux[:20] == pytest.approx(nearest, rel=0.02)
    radius_px = 1.5 * 3.0
    assert np.median(stars.flux_error) == pytest.approx(NOISE * radius_px * np.pi**0.5, rel=0.03)


def test_a_frame_of_noise_has_no_stars():
    data = np.random.default_rng(2).normal(SKY, NOISE, (512, 512))
    found = measure(data)
    assert found.star_count == 0
    assert math.isnan(found.fwhm_px)
    assert math.isnan(found.ellipticity)
    assert found.background_rms == pytest.approx(NOISE, rel=0.02)


@pytest.mark.parametrize(
    "how", ["mask", "nan", "inf", "error of 0", "error of NaN"], ids=lambda text: text
)
def test_a_frame_without_a_usable_pixel_is_all_unknown(how):
    data, error, mask = np.full((40, 50), 7.0), np.ones((40, 50)), np.zeros((40, 50), np.uint8)
    if how == "mask":
        mask[:] = 4
    elif how.startswith("error"):
        error[:] = 0.0 if how.endswith("0") else np.nan
    else:
        data[:] = float(how)
    found = measure(data, error, mask)
    assert found.star_count == len(found.stars) == 0
    assert all(map(math.isnan, (found.background, found.background_rms, found.fwhm_px)))


@pytest.mark.parametrize("level", [0.0, 65000.0])
def test_a_constant_frame_has_a_level_and_no_stars(level):
    found = measure(np.full((100, 90), level))
    assert (found.background, found.background_rms, found.star_count) == (level, 0.0, 0)


def test_masked_and_nan_pixels_change_nothing_around_them():
    data, error, xs, *_ = field(gaussian(3.0))
    mask = np.zeros(data.shape, np.uint8)
    data[100:110, :] = 60000.0
    mask[100:110, :] = 2
    data[:, 200] = np.nan
    found = measure(data, error, mask)
    assert found.fwhm_px == pytest.approx(3.0, rel=0.02)
    assert found.background == pytest.approx(SKY, abs=0.2 * NOISE)
    assert len(xs) - 18 <= found.star_count <= len(xs) + 3
    on_column = np.abs(found.stars.x_px - 200) < 4.0
    assert not found.stars.is_clean[on_column].any()


def test_hot_pixels_have_no_seeing():
    data = np.random.default_rng(3).normal(SKY, NOISE, (200, 200))
    data[20:190:20, 20:190:20] += 5e4
    found = measure(data)
    assert found.star_count > 50
    assert math.isnan(found.fwhm_px)


def test_saturated_stars_do_not_widen_the_seeing_and_are_not_clean():
    data, error, xs, ys, flux = field(gaussian(3.0))
    mask = np.zeros(data.shape, np.uint8)
    bright = np.flatnonzero(flux > np.quantile(flux, 0.3))
    for x, y in zip(np.rint(xs[bright]).astype(int), np.rint(ys[bright]).astype(int), strict=True):
        mask[y, x] = 2
    found = measure(data, error, mask)
    assert found.fwhm_px == pytest.approx(3.0, rel=0.03)
    stars = found.stars
    distance = np.hypot(stars.x_px[:, None] - xs[bright], stars.y_px[:, None] - ys[bright])
    assert not stars.is_clean[distance.min(axis=1) < 6.0].any()
    assert stars.is_clean.any()


def test_the_core_of_a_saturated_star_keeps_it_in_one_piece():
    data, error, xs, ys, _ = field(gaussian(5.0))
    level = SKY + 250.0
    mask = np.where(data >= level, 2, 0).astype(np.uint8)
    assert np.count_nonzero(mask) > 20 * len(xs)
    stars = measure(np.minimum(data, level), error, mask).stars
    assert len(stars) == len(xs)
    distance = np.hypot(stars.x_px[:, None] - xs, stars.y_px[:, None] - ys).min(axis=1)
    assert distance.max() < 0.6
    assert not stars.is_clean.any()


def test_the_planes_given_are_not_changed_and_any_byte_order_will_do():
    data, error, *_ = field(gaussian(3.0))
    swapped, before = data.astype(">f4"), data.copy()
    assert measure(swapped, error).fwhm_px == measure(data, error).fwhm_px
    assert np.array_equal(data, before)


def test_planes_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"mask has the shape \(3, 3\), data \(9, 9\)"):
        measure(np.zeros((9, 9)), mask=np.zeros((3, 3)))
    with pytest.raises(ValueError, match="expected two dimensions"):
        measure(np.zeros(9))


def test_a_tiny_frame_is_measured():
    assert measure(np.random.default_rng(1).normal(10, 1, (8, 8))).star_count == 0


def test_a_frame_too_crowded_for_sep_gets_more_room_then_less_depth(monkeypatch):
    real, tried = quality.sep.extract, []

    def full(pixels, threshold, **options):
        tried.append((threshold, quality.sep.get_extract_pixstack()))
        if threshold < 5.0:
            raise Exception("internal pixel buffer full")
        return real(pixels, threshold, **options)

    monkeypatch.setattr(quality.sep, "extract", full)
    data, error, *_ = field(gaussian(3.0))
    assert measure(data, error).star_count > 50
    # 5 sigma of a filtered pixel, whose noise is 3/8 of a pixel's.
    assert tried == [(1.875, 300_000), (1.875, 3_000_000), (7.5, 3_000_000)]


def test_what_sep_really_says_of_a_crowded_frame_is_understood(monkeypatch):
    data, error, xs, *_ = field(gaussian(3.0))
    data[200:300:3, 200:300] += 1000.0
    data[201:300:3, 200:300] += 1000.0
    monkeypatch.setattr(quality, "_TRIES", ((1.0, 1000), (1.0, 300_000)))
    assert measure(data, error).star_count > 0.8 * len(xs)
    monkeypatch.setattr(quality, "_TRIES", ((1.0, 1000),))
    assert measure(data, error).star_count == 0
