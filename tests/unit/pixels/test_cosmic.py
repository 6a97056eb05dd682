from __future__ import annotations

import itertools
from pathlib import Path

import astroscrappy
import numpy as np
import pytest
from astropy.io import fits

from ctmo_indi.pixels import small_median
from ctmo_indi.pixels.cosmic import find_cosmic_rays
from ctmo_indi.testing.night_frames import cosmic_rays, star_field

READ_NOISE_E = 8.0


def exposure(seed, *, shape=(150, 170), sky_e=300.0, stars=20, rays=30, fwhm_px=3.0):
    """An exposure in electrons and where its rays are."""
    rng = np.random.default_rng(seed)
    light = rng.poisson(star_field(rng, shape, stars=stars, fwhm_px=fwhm_px) + sky_e)
    hits = cosmic_rays(rng, shape, rays)
    noise = rng.normal(0.0, READ_NOISE_E, shape)
    return (light + hits + noise).astype(np.float32), hits


def of_astroscrappy(image, mask=None, saturation_e=np.inf, **settings):
    return astroscrappy.detect_cosmics(
        image, inmask=mask, readnoise=READ_NOISE_E, satlevel=saturation_e, **settings
    )


def assert_same(image, mask=None, saturation_e=np.inf, **settings):
    ours = find_cosmic_rays(
        image, read_noise_e=READ_NOISE_E, mask=mask, saturation_e=saturation_e, **settings
    )
    rays, clean = of_astroscrappy(image, mask, saturation_e, **settings)
    assert rays.any()
    assert np.array_equal(ours.mask, rays)
    assert np.allclose(ours.cleaned, clean, rtol=1e-5, atol=1e-3)


def grown_by_2(mask):
    return np.lib.stride_tricks.sliding_window_view(np.pad(mask, 2), (5, 5)).any(axis=(2, 3))


@pytest.mark.parametrize("n", [5, 7, 9])
def test_medians_of_few_numbers(n):
    # A network that is right for zeros and ones is right for all numbers (Knuth, volume 3).
    median = getattr(small_median, f"median_of_{n}")
    for numbers in itertools.product(np.float32([0.0, 1.0]), repeat=n):
        assert median(*numbers) == sorted(numbers)[n // 2]


@pytest.mark.parametrize(
    ("seed", "sky_e", "stars"),
    [(0, 0.0, 20), (1, 300.0, 20), (2, 300.0, 400), (3, 5000.0, 100), (4, 30.0, 400)],
)
def test_masks_are_those_of_astroscrappy(seed, sky_e, stars):
    assert_same(exposure(seed, sky_e=sky_e, stars=stars)[0])


@pytest.mark.parametrize("saturation_e", [np.inf, 3000.0])
def test_masked_pixels_and_saturated_stars_are_left_alone_as_by_astroscrappy(saturation_e):
    image, _ = exposure(5, stars=60)
    mask = np.random.default_rng(6).random(image.shape) < 0.01
    mask[:, 60:63] = True
    image[mask] += 4000.0
    assert_same(image, mask, saturation_e)


def test_on_a_real_frame_too():
    path = Path(astroscrappy.__file__).parent / "tests" / "data" / "gmos.fits"
    assert_same(fits.getdata(path, 1).astype(np.float32), saturation_e=30000.0)


def test_rays_at_the_edges_are_treated_as_by_astroscrappy():
    image, _ = exposure(7, shape=(40, 60), rays=60)
    image[:, [0, 2, 3, 5, -1, -3, -4, -6]] += 2000.0
    image[[0, 2, 3, 5, -1, -3, -4, -6], ::3] += 2000.0
    assert_same(image, saturation_e=1500.0)
    assert_same(image)


def test_a_ray_found_late_may_lie_in_a_block_where_nothing_was_found_before():
    # Faint pixels 3 and 4 rows beside bright rays, beyond the border of a block of 8 rows: a few
    # are significant only once the bright ray is replaced.
    image, _ = exposure(2, shape=(200, 300), stars=0, rays=0)
    rng = np.random.default_rng(2)
    for y in range(14, 190, 16):
        for x in range(8, 280, 13):
            image[y, x : x + 9] += rng.uniform(500.0, 3000.0)
            image[y + 3 : y + 5, x + 2 : x + 7 : 4] += rng.uniform(60.0, 160.0, (2, 2))
    first, _ = find_cosmic_rays(image, read_noise_e=READ_NOISE_E, niter=1)
    late = find_cosmic_rays(image, read_noise_e=READ_NOISE_E).mask & ~first
    assert late[~grown_by_2(first)].any()
    assert_same(image)


@pytest.mark.parametrize("niter", [1, 2, 4])
def test_other_settings_mean_the_same_as_for_astroscrappy(niter):
    # So low that some rays have no good pixel around: they become the background.
    image, _ = exposure(8, rays=200)
    image[50:90, 50:90] += np.random.default_rng(1).normal(0.0, 3000.0, (40, 40))
    assert_same(image, sigclip=0.6, sigfrac=0.25, objlim=0.01, niter=niter)


def test_rays_are_found_and_stars_are_kept():
    image, hits = exposure(9, shape=(300, 300), stars=60, rays=60, fwhm_px=4.0)
    found = find_cosmic_rays(image, read_noise_e=READ_NOISE_E).mask
    inner = np.zeros(image.shape, bool)
    inner[3:-3, 3:-3] = True
    bright = (hits > 500.0) & inner
    assert found[bright].mean() > 0.97
    assert (found & ~grown_by_2(hits > 0)).mean() < 1e-4


def test_pixels_without_a_number_are_masked_and_stay():
    image, _ = exposure(10)
    holes = np.zeros(image.shape, bool)
    holes[[20, 20, 90], [30, 31, 100]] = True
    image[holes] = np.nan
    rays, cleaned = find_cosmic_rays(image, read_noise_e=READ_NOISE_E)
    assert not rays[holes].any()
    assert np.array_equal(np.isnan(cleaned), holes)
    expected, _ = of_astroscrappy(np.where(holes, np.float32(300.0), image), holes)
    assert np.array_equal(rays, expected)


def test_the_image_is_not_changed():
    image, _ = exposure(11)
    before = image.copy()
    cleaned = find_cosmic_rays(image, read_noise_e=READ_NOISE_E).cleaned
    assert np.array_equal(image, before)
    assert not np.array_equal(cleaned, before)


@pytest.mark.parametrize(
    ("shape", "settings"),
    [((15, 40), {}), ((40,), {}), ((40, 40), {"sigclip": 0.0}), ((40, 40), {"niter": 0})],
)
def test_wrong_input_is_refused(shape, settings):
    with pytest.raises(ValueError, match="expected"):
        find_cosmic_rays(np.ones(shape, np.float32), read_noise_e=8.0, **settings)


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="mask is"):
        find_cosmic_rays(np.ones((40, 40), np.float32), read_noise_e=8.0, mask=np.ones((4, 4)))
