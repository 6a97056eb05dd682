"""Only 5 and 6 samples are combined here: kernels are compiled for each number of samples."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.stats import mad_std

from ctmo_indi.errors import UnreadableFrame
from ctmo_indi.pixels.combine import (
    QUANTUM_SIGMA,
    Preparation,
    combine,
    median_levels,
)
from ctmo_indi.pixels.mask import Mask

SHAPE = (64, 61)  # not a multiple of a vector


def samples(count, *, level=1000.0, noise=6.0, seed=1):
    """Whole ADU with noise and some cosmic rays."""
    rng = np.random.default_rng(seed)
    stack = rng.normal(level, noise, (count, *SHAPE))
    stack[rng.random(stack.shape) < 0.01] += 5000.0
    return np.clip(np.rint(stack), 0, 65535).astype(np.uint16)


@pytest.fixture
def written(tmp_path):
    def write(stack, **names):
        paths = [tmp_path / f"{number}.fits" for number in range(len(stack))]
        for path, image in zip(paths, stack, strict=True):
            fits.PrimaryHDU(image).writeto(path)
        return paths

    return write


def expected_clipped(stack, *, sigma=5.0, least=QUANTUM_SIGMA):
    """Mean, error and number of survivors, in doubles; NaN does not count."""
    median = np.nanmedian(stack, axis=0)
    robust = np.maximum(1.482602218505602 * np.nanmedian(np.abs(stack - median), axis=0), least)
    kept = np.where(np.abs(stack - median) <= sigma * robust, stack, np.nan)
    used = np.isfinite(kept).sum(axis=0)
    error = np.nanstd(kept, axis=0, ddof=1) / np.sqrt(used)
    return np.nanmean(kept, axis=0), error, used


@pytest.mark.parametrize("count", [5, 6])
def test_the_median_is_numpys_to_the_last_bit(count, written):
    stack = samples(count)
    combined = combine(written(stack), method="median")
    np.testing.assert_array_equal(combined.data, np.median(stack, axis=0).astype(np.float32))
    assert (combined.n_used == count).all()
    assert not combined.mask.any()


@pytest.mark.parametrize("count", [5, 6])
def test_the_clipped_mean_its_error_and_its_survivors_are_those_of_numpy(count, written):
    stack = samples(count)
    mean, error, used = expected_clipped(stack)
    combined = combine(written(stack), method="clipped_mean")
    np.testing.assert_array_equal(combined.n_used, used)
    assert (used < count).sum() > 100
    np.testing.assert_array_equal(combined.data, mean.astype(np.float32))
    np.testing.assert_allclose(combined.error, error, rtol=1e-5)


def test_the_error_of_the_median_is_that_of_the_survivors_mean_times_the_root_of_half_pi(written):
    stack = samples(5)
    combined = combine(written(stack), method="median")
    error = math.sqrt(math.pi / 2.0) * expected_clipped(stack)[1]
    np.testing.assert_allclose(combined.error, error, rtol=1e-5)


@pytest.mark.parametrize("method", ["median", "clipped_mean"])
def test_results_are_those_of_ccdproc(method, written):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ccdproc

        stack = samples(6)
        clip = {
            "sigma_clip": True,
            "sigma_clip_low_thresh": 5,
            "sigma_clip_high_thresh": 5,
            "sigma_clip_func": "median",
            "sigma_clip_dev_func": mad_std,
        }
        theirs = ccdproc.combine(
            [CCDData(image.astype(float), unit="adu") for image in stack],
            method="median" if method == "median" else "average",
            **({} if method == "median" else clip),
        )
    ours = combine(written(stack), method=method, least_sigma_adu=0.0)
    allowed_adu = 0.0 if method == "median" else 1e-3
    assert theirs.unit == u.adu
    assert np.abs(ours.data - theirs.data).max() <= allowed_adu


def test_equal_samples_do_not_clip_their_neighbours(written):
    stack = np.full((5, *SHAPE), 100, np.uint16)
    stack[3:] = 101
    stack[4, 0, 0] = 140
    combined = combine(written(stack), method="clipped_mean")
    assert combined.data[1, 1] == np.float32(100.4)
    assert combined.data[0, 0] == np.float32(100.25)
    assert combined.n_used[0, 0] == 4


def test_the_whole_range_of_16_bits_is_combined(written):
    stack = np.zeros((5, *SHAPE), np.uint16)
    stack[2:] = 65535
    stack[:, 1] = np.array([0, 1, 32767, 32768, 65535], np.uint16)[:, None]
    combined = combine(written(stack), method="median")
    assert (combined.data[0] == 65535.0).all()
    assert (combined.data[1] == 32767.0).all()


@pytest.mark.parametrize("method", ["median", "clipped_mean"])
@pytest.mark.parametrize("as_float", [False, True])
def test_saturated_samples_do_not_count(method, as_float, written):
    stack = samples(5).astype(np.float32 if as_float else np.uint16)
    stack[0, :, :7] = 60000
    stack[:3, :, 7:9] = 60001
    stack[:4, :, 9] = 65000
    stack[:, :, 10] = 60000
    prepare = Preparation(saturation_adu=60000.0)
    combined = combine(written(stack), method=method, prepare=prepare)
    valid = np.where(stack >= 60000, np.nan, stack.astype(float))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        mean, error, used = expected_clipped(valid)
        median = np.nanmedian(valid, axis=0)
    if method == "median":
        mean, error, used = median, error * math.sqrt(math.pi / 2.0), np.isfinite(valid).sum(axis=0)
    np.testing.assert_array_equal(combined.n_used, used)
    np.testing.assert_allclose(combined.data, mean, rtol=1e-7)
    np.testing.assert_allclose(combined.error, error, rtol=1e-5)
    assert np.isnan(combined.data[:, 10]).all()
    assert np.isnan(combined.error[:, 9]).all()
    assert (combined.mask[:, 10] == Mask.NOT_FINITE | Mask.SATURATED).all()
    assert combined.mask[:, :10].sum() == 0


def test_samples_that_are_no_numbers_do_not_count(written):
    stack = samples(5).astype(np.float32)
    stack[1, 3, 4], stack[2, 3, 4], stack[3, 3, 5] = np.nan, -np.inf, np.inf
    stack[:, 5, 5] = np.nan
    combined = combine(written(stack), method="median")
    assert combined.n_used[3, 4] == 3
    assert combined.data[3, 4] == np.median(stack[[0, 3, 4], 3, 4])
    assert combined.n_used[3, 5] == 4
    assert combined.mask[5, 5] == Mask.NOT_FINITE
    assert combined.n_used.sum() == 5 * SHAPE[0] * SHAPE[1] - 2 - 1 - 5


def test_bias_and_dark_are_subtracted_and_their_errors_added(written):
    stack = samples(5)
    rng = np.random.default_rng(2)
    bias, dark = (rng.normal(level, 5.0, SHAPE).astype(np.float32) for level in (300.0, 50.0))
    one = np.ones(SHAPE, np.float32)
    prepare = Preparation(bias, 3.0 * one, dark, 2.0 * one, (0.5,))
    combined = combine(written(stack), method="median", prepare=prepare)
    expected = np.median(stack - bias.astype(float) - 0.5 * dark.astype(float), axis=0)
    np.testing.assert_allclose(combined.data, expected, atol=1e-3)
    own = math.sqrt(math.pi / 2.0) * expected_clipped(stack)[1]
    np.testing.assert_allclose(combined.error, np.sqrt(own**2 + 9.0 + 1.0), rtol=1e-5)


@pytest.mark.parametrize("method", ["median", "clipped_mean"])
def test_flats_are_divided_by_their_own_levels(method, written):
    rng = np.random.default_rng(4)
    sky = np.array([9000.0, 14000.0, 21000.0, 30000.0, 17000.0])
    shape = 1.0 - 0.2 * np.linspace(-1.0, 1.0, SHAPE[1]) ** 2 + np.zeros(SHAPE)
    bias = np.full(SHAPE, 500.0, np.float32)
    dark = rng.normal(40.0, 2.0, SHAPE).astype(np.float32)
    exposures = (1.0, 2.0, 3.0, 4.0, 2.5)
    truth = sky[:, None, None] * shape + 500.0 + np.array(exposures)[:, None, None] * dark
    stack = np.rint(rng.normal(truth, np.sqrt(truth))).astype(np.uint16)
    prepare = Preparation(bias=bias, dark=dark, dark_scales=exposures)
    paths = written(stack)
    levels = median_levels(paths, prepare)
    prepared = stack - bias.astype(float) - np.array(exposures)[:, None, None] * dark
    np.testing.assert_allclose(levels, np.median(prepared, axis=(1, 2)), rtol=1e-6)
    scaled = Preparation(bias=bias, dark=dark, dark_scales=exposures, scales=levels)
    combined = combine(paths, method=method, prepare=scaled)
    ratios = prepared / np.array(levels)[:, None, None]
    mean, error, used = expected_clipped(ratios, least=QUANTUM_SIGMA / np.mean(levels))
    expected = np.median(ratios, axis=0) if method == "median" else mean
    np.testing.assert_allclose(combined.data, expected, rtol=1e-6)
    assert (combined.n_used != (5 if method == "median" else used)).sum() <= 1
    factor = math.sqrt(math.pi / 2.0) if method == "median" else 1.0
    assert np.median(np.abs(combined.error / (factor * error) - 1.0)) < 1e-4
    ones = np.ones(SHAPE, np.float32)
    with_errors = replace(scaled, bias_error=10.0 * ones, dark_error=4.0 * ones)
    whole = combine(paths, method=method, prepare=with_errors).error
    added = np.sqrt(whole.astype(float) ** 2 - combined.error.astype(float) ** 2)
    shares = np.mean(1.0 / np.array(levels)), np.mean(np.array(exposures) / np.array(levels))
    np.testing.assert_allclose(added, math.hypot(10.0 * shares[0], 4.0 * shares[1]), rtol=1e-3)


@pytest.mark.parametrize("scales", [None, (1.0, 2.0, 1.0, 2.0, 1.0)])
def test_a_pixel_without_a_value_in_a_master_has_none(scales, written):
    bias = np.full(SHAPE, 300.0, np.float32)
    bias[3, 4] = np.nan
    prepare = Preparation(bias=bias, scales=scales, saturation_adu=60000.0)
    combined = combine(written(samples(5)), method="clipped_mean", prepare=prepare)
    assert np.isnan(combined.data[3, 4])
    assert np.isnan(combined.error[3, 4])
    assert (combined.mask[3, 4], combined.n_used[3, 4]) == (Mask.NOT_FINITE, 0)
    assert (np.count_nonzero(combined.mask), np.isnan(combined.data).sum()) == (1, 1)


def test_little_memory_gives_the_same(written):
    paths = written(samples(6))
    whole, banded = (
        combine(paths, method="clipped_mean", memory_mb=memory_mb) for memory_mb in (200.0, 0.005)
    )
    np.testing.assert_array_equal(whole.data, banded.data)
    np.testing.assert_array_equal(whole.error, banded.error)


def test_a_frame_from_another_program_among_plain_ones(written, tmp_path):
    stack = samples(5)
    paths = written(stack)
    paths[2] = tmp_path / "packed.fits.fz"
    fits.CompImageHDU(stack[2]).writeto(paths[2])
    expected = np.median(stack, axis=0).astype(np.float32)
    np.testing.assert_array_equal(combine(paths, method="median").data, expected)
    fits.PrimaryHDU(stack[3].astype(np.float32)).writeto(paths[3], overwrite=True)
    np.testing.assert_array_equal(combine(paths, method="median").data, expected)


def test_a_frame_of_another_size_is_refused(written, tmp_path):
    paths = written(samples(5))
    fits.PrimaryHDU(np.zeros((3, 4), np.uint16)).writeto(paths[3], overwrite=True)
    with pytest.raises(
        UnreadableFrame, match=r"3\.fits: 4 x 3 pixels came, expected 61 x 64 as in"
    ):
        combine(paths, method="median")


@pytest.mark.parametrize(
    ("count", "prepare", "said"),
    [
        (1, Preparation(), "1 frames to combine, expected 2 to 255"),
        (5, Preparation(bias=np.zeros((2, 2), np.float32)), r"bias has shape \(2, 2\), expected"),
        (5, Preparation(dark_scales=(1.0, 2.0)), "2 dark scales, expected 1 or 5"),
        (5, Preparation(scales=(1.0,)), "1 scales, expected 5"),
        (5, Preparation(scales=(1.0, 2.0, 3.0, 0.0, 1.0)), "expected finite ones above 0"),
        (5, Preparation(scales=(1.0, 2.0, 3.0, math.nan, 1.0)), "expected finite ones above 0"),
    ],
)
def test_what_does_not_fit_is_refused(count, prepare, said, written):
    with pytest.raises(ValueError, match=said):
        combine(written(samples(count)), method="median", prepare=prepare)
