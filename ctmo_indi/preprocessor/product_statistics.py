"""Statistics of a product's pixels: for its header, the database, and the gates of masters."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.mask import Mask
from ctmo_indi.pixels.plane_kernels import LANES, count_flags, extremes
from ctmo_indi.pixels.quality import Quality
from ctmo_indi.pixels.sampling import stride

Plane = NDArray[np.float32]
MaskPlane = NDArray[np.uint8]

OF_LIGHTS = ("saturated_share", "cosmic_share")
"""What a master has not."""

_HOT_SIGMA = 10.0
_MAD_TO_SIGMA = 1.482602218505602
_SAMPLED = 250_000  # pixels that tell median and scatter


def plane_statistics(data: Plane, mask: MaskPlane) -> dict[str, float]:
    """Return what the header tells of the pixels, by the names of ``product_headers.STATISTICS``.

    Extremes and shares are of all pixels, the mask's included; median, scatter and hot pixels of
    every so many that are not masked.

    Parameters
    ----------
    data : float32, shape (ny, nx)
    mask : uint8, shape (ny, nx)
    """
    pixels, flags = data.ravel(), mask.ravel()
    lowest, highest = (np.full(LANES, sign * np.inf, np.float32) for sign in (1.0, -1.0))
    extremes(pixels, lowest, highest)
    bits = np.uint8(Mask.SATURATED), np.uint8(Mask.COSMIC)
    bad, saturated, cosmic = count_flags(pixels, flags, *bits)
    shares = {
        "bad_share": bad / data.size,
        "saturated_share": saturated / data.size,
        "cosmic_share": cosmic / data.size,
    }
    every = stride(data.size, data.shape[1], _SAMPLED)
    values = pixels[::every]
    values = values[(flags[::every] == 0) & np.isfinite(values)]
    if not values.size:
        return shares
    median = _median(values)
    sigma = _MAD_TO_SIGMA * _median(np.abs(values - np.float32(median)))
    hot = np.count_nonzero(values > median + _HOT_SIGMA * sigma)
    return {
        "median": median,
        "sigma": sigma,
        "minimum": float(lowest.min()),
        "maximum": float(highest.max()),
        "hot_share": float(hot) / values.size,
        **shares,
    }


def _median(values: Plane) -> float:
    """Return the upper median of a sample of many."""
    middle = values.size // 2
    return float(np.partition(values, middle)[middle])


def quality_statistics(quality: Quality) -> dict[str, float]:
    """Return what was measured of stars and background, without what is no number."""
    found = {
        "background": quality.background,
        "background_rms": quality.background_rms,
        "star_count": float(quality.star_count),
        "fwhm_px": quality.fwhm_px,
        "ellipticity": quality.ellipticity,
    }
    return {name: value for name, value in found.items() if math.isfinite(value)}
