"""The same masters and lights by ccdproc, in doubles, from the same files: what ours must be.

ccdproc's own error of a combination is the population's (n); ours is the sample's (n - 1), as the
books have it: the factor is put in here. Errors of masters are carried by ccdproc's propagation.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path

import astropy.units as u
import ccdproc
import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.stats import mad_std
from numpy.typing import NDArray

LEAST_SIGMA_ADU = 1.0 / math.sqrt(12.0)  # of rounding to whole ADU
CLIP, NEAR = 5.0, 1e-3


def frame(path: Path, saturation_adu: float = math.inf) -> CCDData:
    """Read a raw frame; saturated pixels are masked."""
    data = fits.getdata(path).astype(np.float64)
    return CCDData(data, unit=u.adu, mask=data >= saturation_adu)


def combine(frames: Sequence[CCDData], *, least_sigma: float = LEAST_SIGMA_ADU) -> CCDData:
    """Return the mean without outliers, 5 robust sigma from the median.

    ``meta["near"]`` has the pixels with a sample so near the limit that rounding to 32 bits may
    decide on which side it is.
    """

    def deviation(data: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        return np.maximum(mad_std(data, axis=axis, ignore_nan=True), least_sigma)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        combiner = ccdproc.Combiner(frames, dtype=np.float64)
        samples = np.ma.array(combiner.data_arr, copy=True)
        distance = np.abs(samples - np.ma.median(samples, axis=0))
        sigma = deviation(samples.filled(np.nan), 0)
        combiner.sigma_clipping(
            low_thresh=CLIP, high_thresh=CLIP, func=np.ma.median, dev_func=deviation
        )
        used = (~combiner.data_arr.mask).sum(axis=0)
        made = combiner.average_combine()
    made.meta["near"] = (np.abs(distance / sigma - CLIP) < NEAR).filled(False).any(axis=0)
    made.uncertainty.array *= np.sqrt(used / (used - 1.0))
    return made


def median(frames: Sequence[CCDData]) -> NDArray[np.float64]:
    """Return the plain median."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(ccdproc.combine(list(frames), method="median").data)


def dark(frames: Sequence[CCDData], bias: CCDData) -> CCDData:
    """Combine and take the bias off."""
    combined = combine(frames)
    made = ccdproc.subtract_bias(combined, bias)
    made.meta["near"] = combined.meta["near"]
    return made


def flat(
    frames: Sequence[CCDData], exposures_s: Sequence[float], bias: CCDData, dark: CCDData,
    dark_s: float,
) -> CCDData:  # fmt: skip
    """Take bias and scaled dark off each, divide it by its median, combine, divide by the mean."""
    prepared, levels = [], []
    for one, exposure_s in zip(frames, exposures_s, strict=True):
        less = ccdproc.subtract_bias(one, _exact(bias))
        less = ccdproc.subtract_dark(
            less, _exact(dark), dark_exposure=dark_s * u.s, data_exposure=exposure_s * u.s,
            scale=True,
        )  # fmt: skip
        levels.append(float(np.median(less.data[~less.mask])))
        prepared.append(CCDData(less.data / levels[-1], unit="", mask=less.mask))
    made = combine(prepared, least_sigma=LEAST_SIGMA_ADU / float(np.mean(levels)))
    shares = 1.0 / np.array(levels)
    scales = np.array(exposures_s) / dark_s
    error = np.sqrt(
        made.uncertainty.array**2
        + (shares.mean() * bias.uncertainty.array) ** 2
        + ((shares * scales).mean() * dark.uncertainty.array) ** 2
    )
    mean = float(np.mean(made.data))
    uncertainty = StdDevUncertainty(error / mean)
    return CCDData(made.data / mean, unit="", uncertainty=uncertainty, meta=made.meta)


def light(
    raw: CCDData, bias: CCDData, dark: CCDData, flat: CCDData, *, scale: float, gain: float,
    read_noise_e: float,
) -> CCDData:  # fmt: skip
    """Calibrate a light; its own noise is that of the signal above the bias."""
    gain_q = gain * u.electron / u.adu
    raw = CCDData(raw.data, unit=u.adu)
    less = ccdproc.subtract_bias(raw, _exact(bias))
    raw.uncertainty = ccdproc.create_deviation(
        less, gain=gain_q, readnoise=read_noise_e * u.electron, disregard_nan=True
    ).uncertainty
    made = ccdproc.gain_correct(raw, gain_q)
    made = ccdproc.subtract_bias(made, ccdproc.gain_correct(bias, gain_q))
    made = ccdproc.subtract_dark(
        made, ccdproc.gain_correct(dark, gain_q), dark_exposure=1.0 * u.s,
        data_exposure=scale * u.s, scale=True,
    )  # fmt: skip
    return ccdproc.flat_correct(made, flat, norm_value=1.0)


def _exact(master: CCDData) -> CCDData:
    return CCDData(master.data, unit=master.unit)
