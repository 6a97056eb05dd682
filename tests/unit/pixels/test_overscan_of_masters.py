"""Overscan and trim of the frames that masters are made of: as ccdproc does, and as for lights."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData

from ctmo_indi.pixels.calibrate import Detector, calibrate
from ctmo_indi.pixels.combine import Preparation, combine, median_levels

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ccdproc

NY, NX, WIDTH = 40, 61, 8
BESIDE = Preparation(overscan=f"[62:69,1:{NY}]", trim=f"[1:61,1:{NY}]")
RIGHT_OF_IT = slice(None), slice(NX, None)


def frames(level=0.0):
    """Five frames whose level drifts from frame to frame and from row to row."""
    rng = np.random.default_rng(9)
    offset = 500.0 + 30.0 * np.arange(5)[:, None, None] + rng.normal(0.0, 9.0, (5, NY, 1))
    light = np.zeros((NY, NX + WIDTH))
    light[:, :NX] = level * (1.0 + 0.1 * np.sin(np.arange(NX) / 9.0))
    stack = rng.normal(offset + light, 4.0)
    return np.rint(stack).astype(np.uint16)


@pytest.fixture
def written(tmp_path):
    def write(stack):
        paths = [tmp_path / f"{number}.fits" for number in range(len(stack))]
        for path, image in zip(paths, stack, strict=True):
            fits.PrimaryHDU(image).writeto(path)
        return paths

    return write


def of_ccdproc(stack, overscan, image, axis):
    """Each frame less the median of its overscan, trimmed; float64."""
    trimmed = []
    for one in stack:
        frame = CCDData(one.astype(float), unit=u.adu)
        less = ccdproc.subtract_overscan(
            frame, overscan=frame[overscan], median=True, overscan_axis=axis
        )
        trimmed.append(ccdproc.trim_image(less[image]).data)
    return np.array(trimmed)


def test_a_bias_is_that_of_ccdproc(written):
    stack = frames()
    theirs = of_ccdproc(stack, RIGHT_OF_IT, (slice(None), slice(0, NX)), 1)
    ours = combine(written(stack), method="median", prepare=BESIDE)
    assert ours.data.shape == (NY, NX)
    np.testing.assert_array_equal(ours.data, np.median(theirs, axis=0).astype(np.float32))
    assert abs(np.median(ours.data)) < 1.0  # the level is gone


def test_an_overscan_above_the_image_is_taken_by_column(written):
    stack = np.transpose(frames(), (0, 2, 1))
    prepare = Preparation(overscan=f"[1:{NY},62:69]", trim=f"[1:{NY},1:61]")
    theirs = of_ccdproc(stack, (slice(NX, None),), (slice(0, NX),), 0)
    ours = combine(written(stack), method="median", prepare=prepare)
    np.testing.assert_array_equal(ours.data, np.median(theirs, axis=0).astype(np.float32))


def test_a_flat_is_that_of_ccdproc(written):
    stack = frames(level=20000.0)
    bias = np.random.default_rng(3).normal(2.0, 1.0, (NY, NX)).astype(np.float32)
    theirs = of_ccdproc(stack, RIGHT_OF_IT, (slice(None), slice(0, NX)), 1) - bias
    levels = np.median(theirs, axis=(1, 2))
    paths = written(stack)
    prepare = replace(BESIDE, bias=bias)
    assert median_levels(paths, prepare) == pytest.approx(levels, rel=1e-6)
    scaled = replace(prepare, scales=tuple(map(float, levels)))
    ours = combine(paths, method="median", prepare=scaled)
    expected = np.median(theirs / levels[:, None, None], axis=0)
    np.testing.assert_allclose(ours.data, expected, rtol=1e-6)


@pytest.mark.parametrize("per", ["line", "frame"])
def test_a_master_is_taken_off_a_light_to_nothing(per, written):
    """What a master has of the overscan and what a light has are by the same rule."""
    stack = np.repeat(frames()[:1], 5, axis=0)
    prepare = replace(BESIDE, overscan_per=per)
    master = combine(written(stack), method="median", prepare=prepare)
    detector = Detector(1.0, 0.0, overscan=prepare.overscan, trim=prepare.trim, overscan_per=per)
    light = calibrate(stack[0], detector, bias=master)
    np.testing.assert_allclose(light.data, 0.0, atol=2e-5)


@pytest.mark.parametrize("memory_mb", [200.0, 0.005])
def test_a_trim_alone_keeps_the_whole_numbers(memory_mb, written):
    stack = frames()
    prepare = Preparation(trim="[3:50,5:30]")
    ours = combine(written(stack), method="median", prepare=prepare, memory_mb=memory_mb)
    expected = np.median(stack[:, 4:30, 2:50], axis=0)
    np.testing.assert_array_equal(ours.data, expected.astype(np.float32))


def test_saturation_is_that_of_the_raw_value(written):
    stack = frames()
    stack[:3, 7, 7] = 65000
    stack[:, 7, 8] = 65000
    prepare = replace(BESIDE, saturation_adu=65000.0)
    ours = combine(written(stack), method="median", prepare=prepare)
    assert ours.n_used[7, 7] == 2
    assert np.isnan(ours.data[7, 8])
    assert np.count_nonzero(ours.mask) == 1


def test_frames_of_other_programs_give_the_same(written, tmp_path):
    stack = frames()
    paths = written(stack)
    expected = combine(paths, method="median", prepare=BESIDE).data
    fits.PrimaryHDU(stack[1].astype(np.float32)).writeto(paths[1], overwrite=True)
    paths[2] = tmp_path / "packed.fits.fz"
    fits.CompImageHDU(stack[2]).writeto(paths[2])
    np.testing.assert_array_equal(combine(paths, method="median", prepare=BESIDE).data, expected)
    trim = Preparation(trim="[3:50,5:30]")
    np.testing.assert_array_equal(
        combine(paths, method="median", prepare=trim).data,
        np.median(stack[:, 4:30, 2:50], axis=0).astype(np.float32),
    )


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (Preparation(trim="[1:70,1:40]"), r"\[1:70,1:40\] reaches beyond the frame of 69 x 40"),
        (Preparation(overscan="[62:80,1:40]"), "reaches beyond the frame of 69 x 40"),
        (replace(BESIDE, bias=np.zeros((40, 69), np.float32)), r"bias has shape .*\(40, 61\)"),
    ],
)
def test_what_does_not_fit_is_refused(prepare, said, written):
    with pytest.raises(ValueError, match=said):
        combine(written(frames()), method="median", prepare=prepare)
