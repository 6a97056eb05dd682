"""Pixels that stand alone above the sky: hot ones, and hits of a single pixel.

A raw frame has no dark subtracted, and every hot pixel in it looks like a very narrow star. The
light of a star falls on its neighbours too: of a Gaussian of 1.5 pixels FWHM at least 29 % of the
peak's falls on the brightest of the four, so what has nearly nothing beside it is no star. Not for
calibrated frames: there the masters' own list of bad pixels is better.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ABOVE_SIGMA = 8.0
MOST_BESIDE = 0.15
"""Of a lone pixel's height, the most that one of its four neighbours has."""

_MAD_TO_SIGMA = 1.4826
_SAMPLE = 100_000


def lone_pixels(
    pixels: NDArray[np.uint16] | NDArray[np.float32],
    *,
    above_sigma: float = ABOVE_SIGMA,
    most_beside: float = MOST_BESIDE,
) -> NDArray[np.bool_]:
    """Return which pixels stand alone.

    Parameters
    ----------
    pixels : array, shape (ny, nx)
        Raw, any unit; those that are not finite are never lone.
    above_sigma
        Height above the sky's level, in standard deviations of its noise.
    most_beside
        Share of that height which the brightest of the four neighbours has at most; what lies
        within three standard deviations of the sky counts as nothing.

    Returns
    -------
    array, shape (ny, nx), bool
        Blocks, about 1 ns of CPU per pixel; any thread.
    """
    lone = np.zeros(pixels.shape, dtype=bool)
    sample = pixels.reshape(-1)[:: max(1, pixels.size // _SAMPLE)].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return lone
    sky = float(np.median(sample))
    sigma = max(_MAD_TO_SIGMA * float(np.median(np.abs(sample - sky))), 1e-9 * abs(sky), 1e-30)
    ny, nx = pixels.shape
    y, x = np.nonzero(pixels > sky + above_sigma * sigma)
    height = pixels[y, x].astype(np.float64) - sky
    beside = np.full(len(y), -np.inf)
    for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        rows, columns = np.clip(y + dy, 0, ny - 1), np.clip(x + dx, 0, nx - 1)
        is_other = (rows != y) | (columns != x)
        level = pixels[rows, columns].astype(np.float64) - sky
        beside = np.maximum(beside, np.where(is_other, level, -np.inf))
    is_lone = beside < np.maximum(most_beside * height, 3.0 * sigma)
    lone[y[is_lone], x[is_lone]] = True
    return lone
