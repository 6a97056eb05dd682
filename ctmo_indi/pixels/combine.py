"""Make one image of many: the median, or the mean without outliers, of each pixel.

Rows are read in bands of all frames, so that memory does not grow with the size of the images.
Plain 16-bit frames are combined as integers; what is the same for all of them (a bias, a dark of
one scale) is subtracted afterwards, which gives the same numbers. Where each frame has a scale of
its own (flats), the frames are prepared as float32 first.

Outliers are judged by the median absolute deviation. Judged by the standard deviation, a sample of
n could never be further out than (n - 1) / sqrt(n) sigma (Shiffler 1988, The American Statistician
42, 79): 4.25 for 20 frames, so 5 sigma would clip nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels import combine_kernels
from ctmo_indi.pixels.fits_pixels import read_layout
from ctmo_indi.pixels.frame_bands import Bands, Plane, Preparation, check, median_levels
from ctmo_indi.pixels.mask import Mask

__all__ = ["QUANTUM_SIGMA", "Combined", "Method", "Preparation", "combine", "median_levels"]

Method = Literal["median", "clipped_mean"]

QUANTUM_SIGMA = 1.0 / math.sqrt(12.0)
"""ADU; the scatter that rounding to whole ADU adds. A MAD of whole numbers may be 0 where the real
scatter is not (more than half of the samples are equal): every other sample would be clipped."""

_METHODS: dict[str, int] = {
    "median": combine_kernels.MEDIAN,
    "clipped_mean": combine_kernels.CLIPPED_MEAN,
}


@dataclass(frozen=True, slots=True)
class Combined:
    """One image made of many.

    Parameters
    ----------
    data : float32, shape (ny, nx) of the trimmed frames
        Median or clipped mean; ADU, or a ratio if the frames were scaled. NaN where no sample
        counted.
    error : float32, shape (ny, nx)
        One sigma of ``data``, in its unit: sample standard deviation of the samples not clipped
        over the root of their number; for the median times sqrt(pi / 2) = 1.2533, which holds for
        many normal samples (Kenney & Keeping 1962, Mathematics of Statistics 1, p. 211) and is 8 %
        too large for 3; and the masters' errors. NaN where less than two samples counted.
    mask : uint8, shape (ny, nx)
        Bits of :class:`ctmo_indi.pixels.mask.Mask`: NOT_FINITE where ``data`` is NaN (no sample
        counted, or a master has no value), with SATURATED where a limit was given and the masters
        are not the reason; else 0.
    n_used : uint8, shape (ny, nx)
        Samples the value is made of.
    """

    data: Plane
    error: Plane
    mask: NDArray[np.uint8]
    n_used: NDArray[np.uint8]


def combine(
    paths: Sequence[Path],
    *,
    method: Method,
    clip_mad_sigma: float = 5.0,
    least_sigma_adu: float = QUANTUM_SIGMA,
    prepare: Preparation | None = None,
    memory_mb: float = 200.0,
) -> Combined:
    """Combine frames of one size; blocks, one thread, without the GIL while it computes.

    Parameters
    ----------
    paths
        2 to 255 raw frames.
    method
        "median": of all samples that count; equal to ``numpy.median`` to the last bit, rounded to
        float32. "clipped_mean": the mean of the samples within ``clip_mad_sigma`` robust sigma
        (1.4826 times the median absolute deviation) of the median; one pass.
    clip_mad_sigma
        Also used for the error of the median.
    least_sigma_adu
        The robust sigma is taken at least that large; scaled with the frames.
    memory_mb
        For bands of input, beside the planes of the result (10 bytes for each pixel). At least one
        row of every frame is held, whatever it says.

    Raises
    ------
    UnreadableFrame
        A frame cannot be read, or its size differs from the first one's.
    ValueError
        Too few or too many frames; a plane or list of ``prepare`` does not fit.
    """
    prepare = Preparation() if prepare is None else prepare
    layouts = [read_layout(path) for path in paths]
    ny, nx = check(layouts, prepare)
    result = Combined(
        np.empty((ny, nx), np.float32),
        np.empty((ny, nx), np.float32),
        np.zeros((ny, nx), np.uint8),
        np.empty((ny, nx), np.uint8),
    )
    scale = 1.0 if prepare.scales is None else float(np.mean(prepare.scales))
    how = (_METHODS[method], clip_mad_sigma, least_sigma_adu / scale)
    frames = (0,) * len(paths)
    with Bands(layouts, prepare, memory_mb) as bands:
        for first, last in bands.rows():
            samples = bands.read(first, last)
            data, error = (plane[first:last].reshape(-1) for plane in (result.data, result.error))
            n_used = result.n_used[first:last].reshape(-1)
            if samples.dtype == np.uint16:
                limit = prepare.saturation_adu
                combine_kernels.combine_stored(samples, frames, *how, limit, data, error, n_used)
            else:
                combine_kernels.combine_float(samples, frames, *how, data, error, n_used)
            _finish(result, prepare, slice(first, last))
    return result


def _finish(result: Combined, prepare: Preparation, band: slice) -> None:
    """Subtract what is the same for all frames, add the masters' errors, set the mask."""
    data, error = result.data[band], result.error[band]
    shares = np.array(prepare.dark_scales)
    bias_share = 1.0
    if prepare.scales is not None:
        shares = shares / np.array(prepare.scales)
        bias_share = float(np.mean(1.0 / np.array(prepare.scales)))
    dark_share = float(np.mean(shares))
    if prepare.has_one_offset():
        if prepare.bias is not None:
            data -= prepare.bias[band]
        if prepare.dark is not None:
            data -= np.float32(dark_share) * prepare.dark[band]
    if prepare.bias_error is not None:
        np.hypot(error, np.float32(bias_share) * prepare.bias_error[band], out=error)
    if prepare.dark_error is not None:
        np.hypot(error, np.float32(dark_share) * prepare.dark_error[band], out=error)
    is_empty = np.isnan(data)
    if is_empty.any():
        mask, n_used = result.mask[band], result.n_used[band]
        mask[is_empty] = np.uint8(Mask.NOT_FINITE)
        if math.isfinite(prepare.saturation_adu):
            is_calibrated = np.ones(data.shape, np.bool_)
            for plane in (prepare.bias, prepare.dark):
                if plane is not None:
                    is_calibrated &= np.isfinite(plane[band])
            mask[is_empty & (n_used == 0) & is_calibrated] |= np.uint8(Mask.SATURATED)
        error[is_empty] = np.nan
        n_used[is_empty] = 0
