"""The stack: against reproject, against what was drawn, and against what is wrong in one light."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from astropy.wcs import WCS

from ctmo_indi.pixels.mask import Mask
from ctmo_indi.pixels.quality import measure
from ctmo_indi.pixels.stack import Layer, stack
from ctmo_indi.pixels.stack_kernels import NOT_FINITE

SHAPE = (150, 170)
SKY, FWHM, FLUX = 200.0, 3.0, 20000.0


def gnomonic(shift=(0.0, 0.0), angle_deg=0.0, scale_deg=5e-4):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [150.0, 60.0]
    wcs.wcs.crpix = [85.5 + shift[0], 75.5 + shift[1]]
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    wcs.wcs.cd = np.array([[-c, s], [s, c]]) * scale_deg
    return wcs


GRID = gnomonic()
STARS_X, STARS_Y = (a.ravel().astype(float) for a in np.meshgrid(range(30, 150, 23), (40, 70, 101)))


def light(seed, shift=(0.0, 0.0), angle_deg=0.0, sky=SKY, factor=1.0, noise=1.0):
    """Draw stars whose places on the first layer's grid are known; variance = signal."""
    wcs = gnomonic(shift, angle_deg)
    x, y = wcs.all_world2pix(*GRID.all_pix2world(STARS_X, STARS_Y, 0), 0)
    yy, xx = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    truth = np.full(SHAPE, sky)
    sigma = FWHM / 2.3548
    for x0, y0 in zip(x, y, strict=True):
        profile = np.exp(-0.5 * ((xx - x0) ** 2 + (yy - y0) ** 2) / sigma**2)
        truth += FLUX / factor / (2 * np.pi * sigma**2) * profile
    error = noise * np.sqrt(truth)
    data = np.random.default_rng(seed).normal(truth, error)
    mask = np.zeros(SHAPE, np.uint8)
    return Layer(data.astype(np.float32), error.astype(np.float32), mask, wcs, sky, factor)


def loads(*layers):
    return [lambda layer=layer: layer for layer in layers]


def test_bit_of_the_kernels_is_the_masks():
    assert NOT_FINITE == Mask.NOT_FINITE


def test_one_light_stays_as_it_is_but_for_its_sky():
    layer = light(1)
    made = stack(loads(layer))
    assert made.data == pytest.approx(layer.data - SKY, abs=1e-3)
    assert made.error == pytest.approx(layer.error, rel=1e-5)
    assert not made.mask.any()
    assert (made.n_used == 1).all()


@pytest.mark.filterwarnings("ignore")  # of reproject and what it imports
def test_resampling_is_reprojects():
    from reproject import reproject_interp

    first = light(1)
    moved = light(2, shift=(4.3, -7.6), angle_deg=3.0)
    # A first layer of no weight: all its pixels are masked but one.
    blind = dataclasses.replace(first, mask=np.ones(SHAPE, np.uint8))
    blind.mask[0, 0] = 0
    made = stack(loads(blind, moved))
    expected, covered = reproject_interp(
        (moved.data.astype(float), moved.wcs), first.wcs, shape_out=SHAPE, order="bilinear"
    )
    here = made.n_used == 1
    here[0, 0] = False
    # reproject goes half a pixel beyond the outermost centres.
    assert (covered[here] == 1).all()
    assert np.count_nonzero(here) > 0.97 * np.count_nonzero(covered)
    assert np.abs(made.data[here] + SKY - expected[here]).max() < 0.01


def test_shifted_and_rotated_lights_meet(tmp_path):
    moves = [((0, 0), 0.0), ((3.4, -2.7), 1.0), ((-5.5, 4.5), -2.0), ((1.5, 6.2), 180.0)]
    made = stack(loads(*(light(i, *move) for i, move in enumerate(moves))), scratch=tmp_path)
    quality = measure(made.data, made.error, made.mask)
    stars = quality.stars
    distance = np.hypot(stars.x_px[:, None] - STARS_X, stars.y_px[:, None] - STARS_Y)
    assert distance.min(axis=0).max() < 0.1
    nearest = stars.flux[distance.argmin(axis=0)]
    assert np.median(nearest) == pytest.approx(FLUX, rel=0.02)
    assert quality.fwhm_px == pytest.approx(FWHM, rel=0.12)
    assert list(tmp_path.iterdir()) == []


def test_the_error_is_that_of_the_noise():
    moves = [((0.3 * i, -0.4 * i), 0.0) for i in range(8)]
    layers = [light(i, *move, noise=1.0 + i % 3) for i, move in enumerate(moves)]
    silent = [light(i, *move, noise=1e-6) for i, move in enumerate(moves)]
    silent = [
        dataclasses.replace(quiet, error=layer.error)
        for quiet, layer in zip(silent, layers, strict=True)
    ]
    made, truth = stack(loads(*layers)), stack(loads(*silent))
    inner = np.s_[8:-8, 8:-8]
    pull = ((made.data - truth.data) / made.error)[inner]
    assert np.std(pull) == pytest.approx(1.0, abs=0.03)
    assert np.mean(pull) == pytest.approx(0.0, abs=0.05)


def test_a_noisy_light_counts_less():
    good, bad = light(1), light(2, noise=10.0)
    both = stack(loads(good, bad))
    assert np.median(both.error) == pytest.approx(np.median(good.error), rel=0.01)


def test_a_light_that_is_multiplied_counts_less():
    # Twice the noise in it: weights 4 and 1, sqrt(4 * 4 + 4) / 5 of the first one's error.
    once, twice = light(1), light(2, factor=2.0)
    both = stack(loads(once, twice))
    ratio = np.median(both.error) / np.median(once.error)
    assert ratio == pytest.approx(20**0.5 / 5, rel=0.01)


def test_changing_seeing_does_not_cost_the_cores_of_stars():
    layers = [light(i, noise=0.1) for i in range(5)]
    for number, layer in enumerate(layers):
        above = layer.data - SKY
        blurred = above + 0.04 * number * (np.roll(above, 1, axis=1) - above)
        layer.data[:] = blurred + SKY
    made = stack(loads(*layers))
    cores = made.n_used[STARS_Y.astype(int), STARS_X.astype(int)]
    assert np.median(cores) == 5


def test_a_masked_pixel_spoils_all_it_was_mixed_into():
    moved = light(2, shift=(0.5, 0.5))
    moved.mask[60, 60] = Mask.COSMIC
    made = stack(loads(light(1), moved))
    assert np.argwhere(made.n_used[40:80, 40:80] == 1).tolist() == [
        [19, 19], [19, 20], [20, 19], [20, 20],
    ]  # fmt: skip


def test_a_trail_in_one_light_is_left_out():
    layers = [light(i) for i in range(5)]
    layers[2].data[60, :] += 2000.0
    layers[2].data[20:25, 30] = 50000.0
    made = stack(loads(*layers))
    clean = stack(loads(*(light(i) for i in (0, 1, 3, 4))))
    assert made.data[60] == pytest.approx(clean.data[60], rel=1e-5)
    assert (made.n_used[60] == 4).all()
    assert made.data[20:25, 30] == pytest.approx(clean.data[20:25, 30], rel=1e-5)
    # Almost nothing else is: 5 sigma of five samples.
    others = np.delete(made.n_used, 60, axis=0)
    assert np.mean(others < 5) < 0.02


def test_masked_pixels_are_used_only_where_there_is_nothing_else():
    layers = [light(i) for i in range(3)]
    layers[0].data[50:60, 50:60] = 9e4
    layers[0].mask[50:60, 50:60] = Mask.COSMIC
    for layer in layers:
        layer.mask[90, 90] = Mask.SATURATED
        layer.data[90, 90] = 60000.0
        layer.data[100, 100] = np.nan
    layers[1].data[110, 110] = np.nan
    made = stack(loads(*layers))
    without = stack(loads(*layers[1:]))
    assert made.data[50:60, 50:60] == pytest.approx(without.data[50:60, 50:60], rel=1e-5)
    assert not made.mask[50:60, 50:60].any()
    assert (made.data[90, 90], made.mask[90, 90]) == (60000.0 - SKY, Mask.SATURATED)
    assert np.isnan(made.data[100, 100])
    assert np.isnan(made.error[100, 100])
    assert (made.mask[100, 100], made.n_used[100, 100]) == (Mask.NOT_FINITE, 0)
    assert (made.mask[110, 110], made.n_used[110, 110]) == (0, 2)
    assert np.count_nonzero(made.mask) == 2


def test_where_only_one_light_looks_its_pixels_stand_alone():
    made = stack(loads(light(1), light(2, shift=(40.0, 0.0))))
    assert (made.n_used[:, :130] == 2).all()
    assert (made.n_used[:, 130:] == 1).all()


def test_another_sky_and_another_exposure_make_no_difference():
    same = stack(loads(light(1), light(2)))
    other = stack(loads(light(1), light(2, sky=900.0, factor=2.0)))
    assert np.median(other.data - same.data) == pytest.approx(0.0, abs=1.0)
    star = int(STARS_Y[0]), int(STARS_X[0])
    assert other.data[star] == pytest.approx(same.data[star], rel=0.05)


def test_bands_change_nothing():
    layers = loads(*(light(i, (0.5 * i, 0.0)) for i in range(4)))
    whole, bands = stack(layers), stack(layers, memory_mb=0.05)
    for field in dataclasses.fields(whole):
        a, b = getattr(whole, field.name), getattr(bands, field.name)
        assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def test_what_cannot_be_stacked_is_refused_by_its_number():
    with pytest.raises(ValueError, match="no light to stack"):
        stack([])
    masked = dataclasses.replace(light(1), mask=np.ones(SHAPE, np.uint8))
    with pytest.raises(ValueError, match="light 1: no good pixel"):
        stack(loads(light(1), masked))
    with pytest.raises(ValueError, match=r"light 0: data, error and mask have the shapes"):
        stack(loads(dataclasses.replace(light(1), mask=np.zeros((3, 3), np.uint8))))
    with pytest.raises(ValueError, match="light 0: sky nan"):
        stack(loads(dataclasses.replace(light(1), sky=float("nan"))))


def test_a_light_elsewhere_on_the_sky_adds_nothing():
    far = light(2)
    far.wcs.wcs.crval = [330.0, -60.0]
    made = stack(loads(light(1), far))
    assert (made.n_used == 1).all()
