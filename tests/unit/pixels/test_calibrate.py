from __future__ import annotations

from dataclasses import dataclass, replace

import astropy.units as u
import ccdproc
import numpy as np
import pytest
from astropy.nddata import CCDData, StdDevUncertainty

from ctmo_indi.pixels import calibrate_kernels
from ctmo_indi.pixels.calibrate import Calibrated, calibrate, overscan_level_adu
from ctmo_indi.pixels.detector import Detector
from ctmo_indi.pixels.mask import Mask

SHAPE = (60, 80)
DETECTOR = Detector(gain_e_per_adu=1.53, read_noise_e=7.9, saturation_adu=60000.0)
WITH_OVERSCAN = replace(DETECTOR, overscan="[71:80,3:58]", trim="[1:70, 3:58]")


@dataclass
class Planes:
    data: np.ndarray
    error: np.ndarray
    mask: np.ndarray


def master(level, spread, seed, shape=SHAPE):
    rng = np.random.default_rng(seed)
    return Planes(
        rng.normal(level, spread, shape).astype(np.float32),
        (spread * rng.uniform(0.1, 0.5, shape)).astype(np.float32),
        np.zeros(shape, np.uint8),
    )


def masters(shape=SHAPE):
    return master(500, 4, 1, shape), master(30, 5, 2, shape), master(1, 0.1, 3, shape)


def light(dtype=np.uint16):
    """A frame whose sky is near the bias, so that differences are small against the values."""
    rng = np.random.default_rng(4)
    adu = rng.normal(540, 30, SHAPE) + 30 * rng.pareto(1.0, SHAPE)
    return np.rint(adu).clip(0, 65535).astype(dtype)


def of_ccdproc(raw, detector, bias, dark, dark_scale, flat):
    """The same in float64 by ccdproc; the deviation is that of the frame less its bias."""
    gain = detector.gain_e_per_adu * u.electron / u.adu

    def ccd(planes, unit):
        error = StdDevUncertainty(planes.error.astype(float))
        return CCDData(planes.data.astype(float), unit=unit, uncertainty=error)

    frame = CCDData(raw.astype(float), unit=u.adu)
    if detector.overscan is not None:
        frame.data = frame.data[2:58]  # ccdproc subtracts lines only of the full height
        frame = ccdproc.subtract_overscan(frame, overscan=frame[:, 70:80], median=True)
        frame = ccdproc.trim_image(frame[:, :70])
    less_bias = ccdproc.subtract_bias(frame, CCDData(bias.data.astype(float), unit=u.adu))
    frame.uncertainty = ccdproc.create_deviation(
        less_bias, gain=gain, readnoise=detector.read_noise_e * u.electron, disregard_nan=True
    ).uncertainty
    frame = ccdproc.gain_correct(frame, gain)
    frame = ccdproc.subtract_bias(frame, ccdproc.gain_correct(ccd(bias, u.adu), gain))
    frame = ccdproc.subtract_dark(
        frame,
        ccdproc.gain_correct(ccd(dark, u.adu), gain),
        dark_exposure=1.0 * u.s,
        data_exposure=dark_scale * u.s,
        scale=True,
    )
    flat_field = ccd(flat, u.dimensionless_unscaled)
    flat_field.mask = flat.mask != 0
    return ccdproc.flat_correct(frame, flat_field, norm_value=1.0)


def assert_agrees(result, expected):
    assert result.data.dtype == result.error.dtype == np.float32
    assert np.allclose(result.data, expected.data, rtol=1e-6, atol=0.0)
    assert np.allclose(result.error, expected.uncertainty.array, rtol=1e-6, atol=0.0)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_data_and_errors_are_those_of_ccdproc(dtype):
    bias, dark, flat = masters()
    result = calibrate(light(dtype), DETECTOR, bias=bias, dark=dark, dark_scale=0.7, flat=flat)
    assert_agrees(result, of_ccdproc(light(), DETECTOR, bias, dark, 0.7, flat))
    assert not result.mask.any() or set(np.unique(result.mask)) <= {0, Mask.SATURATED}


def test_overscan_and_trim_are_those_of_ccdproc():
    bias, dark, flat = masters((56, 70))
    bias.data -= np.float32(500.0)
    raw = light()
    raw[:, 70:] = np.random.default_rng(5).normal(500.0, 6.0, (60, 10)).astype(np.uint16)
    result = calibrate(raw, WITH_OVERSCAN, bias=bias, dark=dark, flat=flat)
    assert result.data.shape == (56, 70)
    assert_agrees(result, of_ccdproc(raw, WITH_OVERSCAN, bias, dark, 1.0, flat))


def test_an_overscan_below_the_image_is_taken_by_column():
    detector = replace(DETECTOR, overscan="[1:80,51:60]", trim="[1:80,1:50]")
    raw = light()
    raw[50:] = 500 + np.arange(80, dtype=np.uint16)
    result = calibrate(raw, detector)
    assert np.allclose(result.data, 1.53 * (raw[:50] - 500.0 - np.arange(80)), rtol=1e-6)


def test_one_level_for_the_frame_is_the_mean_of_the_lines():
    raw = light()
    raw[:, 70:] = (500 + np.arange(60, dtype=np.uint16))[:, None]
    level = overscan_level_adu(raw, replace(WITH_OVERSCAN, overscan_per="frame"))
    assert level.shape == (1, 1)
    assert level[0, 0] == pytest.approx(500 + (2 + 57) / 2)


def test_without_masters_only_the_gain_is_applied():
    result = calibrate(light(), DETECTOR)
    electrons = 1.53 * light().astype(float)
    assert np.allclose(result.data, electrons, rtol=1e-6)
    assert np.allclose(result.error, np.sqrt(electrons + 7.9**2), rtol=1e-6)


def test_each_bit_of_the_mask_has_its_cause():
    bias, dark, flat = masters()
    raw = light(np.float32)
    bad = np.zeros(SHAPE, bool)
    expected = np.zeros(SHAPE, np.uint8)
    bad[0, 0], expected[0, 0] = True, Mask.BAD
    raw[raw >= 59000] = 1000.0
    raw[1, 1], expected[1, 1] = 60000.0, Mask.SATURATED
    raw[1, 2] = 59999.0
    raw[2, 2], expected[2, 2] = np.nan, Mask.NOT_FINITE
    flat.data[3, 3], expected[3, 3] = 0.19, Mask.NO_MASTER
    flat.data[4, 4], expected[4, 4] = np.nan, Mask.NO_MASTER
    flat.mask[5, 5], expected[5, 5] = Mask.NOT_FINITE, Mask.NO_MASTER
    dark.mask[6, 6], expected[6, 6] = Mask.NOT_FINITE, Mask.NO_MASTER
    for row, master in enumerate((bias, dark, flat)):
        master.mask[10 + row, 5], expected[10 + row, 5] = Mask.BAD, Mask.BAD
    flat.mask[13, 5], expected[13, 5] = Mask.BAD | Mask.SATURATED, Mask.BAD | Mask.NO_MASTER
    bias.data[7, 7] = bias.error[7, 7] = np.nan
    bias.mask[7, 7], expected[7, 7] = Mask.NOT_FINITE, Mask.NO_MASTER | Mask.NOT_FINITE
    dark.error[8, 8], expected[8, 8] = np.inf, Mask.NOT_FINITE
    raw[9, 9], bad[9, 9], expected[9, 9] = 65535.0, True, Mask.BAD | Mask.SATURATED
    result = calibrate(raw, DETECTOR, bias=bias, dark=dark, flat=flat, bad_pixels=bad)
    assert np.array_equal(result.mask, expected)
    no_number = (expected & Mask.NOT_FINITE) != 0
    assert np.array_equal(np.isnan(result.data), no_number)
    assert np.array_equal(np.isnan(result.error), no_number)


def test_a_pixel_without_flat_is_not_divided():
    bias, dark, flat = masters()
    plain = calibrate(light(), DETECTOR, bias=bias, dark=dark)
    flat.data[3, 3] = 0.0
    result = calibrate(light(), DETECTOR, bias=bias, dark=dark, flat=flat)
    assert result.data[3, 3] == plain.data[3, 3]
    assert result.error[3, 3] == plain.error[3, 3]


def test_results_can_be_written_where_the_last_ones_were():
    room = Calibrated.empty(SHAPE)
    room.data.fill(np.nan)
    room.mask.fill(255)
    bias, _, flat = masters()
    result = calibrate(light(), DETECTOR, bias=bias, flat=flat, out=room)
    fresh = calibrate(light(), DETECTOR, bias=bias, flat=flat)
    assert result is room
    assert all(np.array_equal(one, other) for one, other in zip(result, fresh, strict=True))


def test_the_bits_of_the_kernel_are_those_of_the_mask():
    for name in ("BAD", "SATURATED", "NO_MASTER", "NOT_FINITE"):
        assert getattr(calibrate_kernels, name) == Mask[name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bias": master(500, 4, 1, (60, 79))}, r"expected bias.data of the shape \(60, 80\)"),
        ({"bad_pixels": np.zeros((1, 80), bool)}, "expected bad_pixels"),
        ({"dark_scale": -1.0}, "expected a scale of the dark >= 0, got -1.0"),
        ({"least_flat": 0.0}, "expected a least usable flat > 0"),
        ({"out": Calibrated.empty((2, 2))}, "expected out.data"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        calibrate(light(), DETECTOR, **arguments)


def test_a_frame_of_another_type_is_refused():
    with pytest.raises(ValueError, match="got float64"):
        calibrate(light(float), DETECTOR)
