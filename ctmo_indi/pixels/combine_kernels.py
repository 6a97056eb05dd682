"""Kernels of :mod:`ctmo_indi.pixels.combine`: n samples of each pixel become one.

The samples of some hundred pixels at a time are sorted and summed up by
:mod:`ctmo_indi.pixels.column_statistics`, in a scratch area that stays in the cache. From that
follow the median, the MAD without a second sort, and whether any sample is clipped: one at either
end of the sorted samples.

Samples that do not count (saturated, not finite) are those not below ``limit``; they sort to the
end. Pixels with clipped or excluded samples are few and are done one by one.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.column_statistics import (
    FAR,
    LANES,
    LEAST,
    LOWER,
    MOST,
    N_STATISTICS,
    NEAR,
    SQUARES,
    TOTAL,
    UPPER,
    Samples,
    column_statistics,
)
from ctmo_indi.pixels.compiled import compiled

CLIPPED_MEAN, MEDIAN = 0, 1

MAD_TO_SIGMA = 1.482602218505602
"""sigma / MAD of a normal distribution: 1 over its quantile at 3/4."""

MEDIAN_TO_MEAN_ERROR = 1.2533141373155003
"""Error of the median over that of the mean for many normal samples: sqrt(pi / 2)."""

_TILE_BYTES = 48 * 1024
_LEAST_LEFT = 0.1  # of the sum of squares, to be precise to 1e-5
_PADDING = LANES  # rows whose distance is a power of two would share few lines of the cache

_F32 = NDArray[np.float32]
_U8 = NDArray[np.uint8]


@compiled
def combine_stored(
    stored: NDArray[np.uint16],
    frames: tuple[int, ...],
    method: int,
    clip_sigma: float,
    least_sigma: float,
    limit: float,
    data: _F32,
    error: _F32,
    n_used: _U8,
) -> None:
    """Combine plain 16-bit samples as they are in the file.

    Parameters
    ----------
    stored : uint16, shape (n, n_pixels)
        The file's bytes: big-endian, sign bit flipped. Not changed.
    frames : tuple of n integers
        See :func:`ctmo_indi.pixels.column_statistics.column_statistics`.
    method
        CLIPPED_MEAN or MEDIAN.
    clip_sigma, least_sigma, limit
        See :func:`reduce_plain`; ADU.
    data, error, n_used : shape (n_pixels,)
        Filled in; ADU, ADU, samples.
    """
    count, n_pixels = stored.shape
    width = tile_width(count, 2)
    samples = np.zeros((count, width + _PADDING), np.uint16)
    found = np.empty((N_STATISTICS, width), np.float32)
    for first in range(0, n_pixels, width):
        last = min(first + width, n_pixels)
        size = last - first
        for frame in range(count):
            source = stored[frame, first:last]
            target = samples[frame]
            for p in range(size):
                value = source[p]
                target[p] = np.uint16(((value >> 8) | (value << 8)) ^ 0x8000)
        ahead = stored[:, last : last + width]
        column_statistics(samples, frames, (size + LANES - 1) // LANES * LANES, found, ahead)
        planes = data[first:last], error[first:last], n_used[first:last]
        reduce_plain(count, method, clip_sigma, least_sigma, limit, found, *planes)
        reduce_others(samples, method, clip_sigma, least_sigma, limit, found, *planes)


@compiled
def combine_float(
    values: _F32,
    frames: tuple[int, ...],
    method: int,
    clip_sigma: float,
    least_sigma: float,
    data: _F32,
    error: _F32,
    n_used: _U8,
) -> None:
    """Combine float32 samples, shape (n, n_pixels); NaN and infinities do not count.

    The other parameters are those of :func:`combine_stored`.
    """
    count, n_pixels = values.shape
    width = tile_width(count, 4)
    samples = np.zeros((count, width + _PADDING), np.float32)
    found = np.empty((N_STATISTICS, width), np.float32)
    for first in range(0, n_pixels, width):
        last = min(first + width, n_pixels)
        size = last - first
        for frame in range(count):
            source = values[frame, first:last]
            target = samples[frame]
            for p in range(size):
                target[p] = source[p] if abs(source[p]) < np.inf else np.float32(np.inf)
        ahead = values[:, last : last + width]
        column_statistics(samples, frames, (size + LANES - 1) // LANES * LANES, found, ahead)
        planes = data[first:last], error[first:last], n_used[first:last]
        reduce_plain(count, method, clip_sigma, least_sigma, np.inf, found, *planes)
        reduce_others(samples, method, clip_sigma, least_sigma, np.inf, found, *planes)


@compiled
def tile_width(count: int, sample_bytes: int) -> int:
    """Return how many pixels are sorted at a time: their samples stay in the cache."""
    fitting = _TILE_BYTES // (count * sample_bytes) // LANES * LANES
    return max(2 * LANES, min(4096, fitting))


@compiled
def reduce_plain(
    count: int,
    method: int,
    clip_sigma: float,
    least_sigma: float,
    limit: float,
    found: _F32,
    data: _F32,
    error: _F32,
    n_used: _U8,
) -> None:
    """Reduce what was found of ``count`` samples to the median or mean of all of them.

    Parameters
    ----------
    method
        CLIPPED_MEAN or MEDIAN.
    clip_sigma
        A sample further than this many robust sigma (1.4826 MAD) from the median is clipped, once.
    least_sigma
        sigma is taken at least that large.
    limit
        Samples at or above it do not count.
    found : shape (N_STATISTICS, at least n_pixels)
        See :func:`ctmo_indi.pixels.column_statistics.column_statistics`.
    data, error, n_used : shape (n_pixels,)
        Filled in, where any sample is clipped or does not count with ``n_used`` 0: see
        :func:`reduce_one` for these. ``error`` is the sample standard deviation (n - 1) over the
        root of ``count``, times sqrt(pi / 2) for the median.
    """
    size = len(data)
    least, lower, upper, most = found[LEAST], found[LOWER], found[UPPER], found[MOST]
    near, far, total, squares = found[NEAR], found[FAR], found[TOTAL], found[SQUARES]
    half, safe = (
        np.float32(0.5),
        np.float32(1.0 - 1e-5),
    )  # what is near the bound is looked at again
    is_odd = np.float32(count % 2)
    widest = np.float32(clip_sigma * MAD_TO_SIGMA)
    narrowest = np.float32(clip_sigma * least_sigma) * safe
    # LLVM vectorises a loop only if few of its arrays may overlap: hence one result in each.
    bound = np.float32(limit)
    for p in range(size):
        even = half * (upper[p] - lower[p] + near[p] + far[p])
        mad = is_odd * near[p] + (np.float32(1.0) - is_odd) * even
        reach = safe * (widest * mad)
        reach = reach if reach > narrowest else narrowest
        middle = half * (lower[p] + upper[p])
        is_plain = (most[p] < bound) & (middle - least[p] <= reach) & (most[p] - middle <= reach)
        n_used[p] = count if is_plain else 0
    if method == MEDIAN:
        for p in range(size):
            data[p] = half * (lower[p] + upper[p])
    else:
        for p in range(size):
            data[p] = np.float32(np.float64(lower[p]) + np.float64(total[p]) / count)
    share = np.float32(1.0 / count)
    factor = np.float32(
        (MEDIAN_TO_MEAN_ERROR if method == MEDIAN else 1.0) / math.sqrt(count * (count - 1.0))
    )
    for p in range(size):
        squared = squares[p] - total[p] * total[p] * share
        error[p] = factor * math.sqrt(squared if squared > np.float32(0.0) else np.float32(0.0))


@compiled
def reduce_others(
    samples: Samples,
    method: int,
    clip_sigma: float,
    least_sigma: float,
    limit: float,
    found: _F32,
    data: _F32,
    error: _F32,
    n_used: _U8,
) -> None:
    """Reduce sorted samples, shape (n, at least n_pixels), where :func:`reduce_plain` did not."""
    count, size = len(samples), len(data)
    words = n_used[: size // 8 * 8].view(np.uint64)
    for word in range(size // 8 + 1):
        if word < len(words) and not _has_zero_byte(words[word]):
            continue  # eight pixels at once: most have none to do
        for p in range(8 * word, min(8 * word + 8, size)):
            if n_used[p] > 0:
                continue
            column = samples[:, p]
            valid = count
            total, squares = float(found[TOTAL, p]), float(found[SQUARES, p])
            if found[MOST, p] >= limit:
                while valid > 0 and column[valid - 1] >= limit:
                    valid -= 1
                mad = median_deviation(column[:valid])
                total = squares = math.nan
            elif count % 2 == 1:
                mad = np.float64(found[NEAR, p])
            else:
                mad = 0.5 * (found[UPPER, p] - found[LOWER, p] + found[NEAR, p] + found[FAR, p])
            data[p], error[p], n_used[p] = reduce_one(
                column[:valid], mad, total, squares, method, clip_sigma, least_sigma
            )


@compiled
def _has_zero_byte(word: np.uint64) -> bool:
    # Only a byte of 0 borrows into its highest bit without having it (Warren, Hacker's Delight).
    ones, highest = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
    return bool(((word - ones) & ~word & highest) != np.uint64(0))


@compiled
def reduce_one(
    samples: Samples,
    mad: float,
    total: float,
    squares: float,
    method: int,
    clip_sigma: float,
    least_sigma: float,
) -> tuple[float, float, int]:
    """Reduce the sorted samples of one pixel that count, maybe none: data, error, samples used.

    The mean is that of the samples not clipped, the median that of all that count; the error always
    that of the samples not clipped, NaN from less than two. Without any: NaN, NaN, 0.

    ``total`` and ``squares`` are the sums of all of them as in
    :func:`ctmo_indi.pixels.column_statistics.column_statistics`, or NaN. What is clipped is taken
    off them unless little would be left, since they are sums in float32.
    """
    valid = len(samples)
    if valid == 0:
        return math.nan, math.nan, 0
    lower = np.float64(samples[(valid - 1) // 2])
    middle = 0.5 * (lower + np.float64(samples[valid // 2]))
    robust = MAD_TO_SIGMA * mad
    reach = clip_sigma * (robust if robust > least_sigma else least_sigma)
    least_left = _LEAST_LEFT * squares
    first, last = 0, valid
    while samples[first] < middle - reach:
        deviation = samples[first] - lower
        total -= deviation
        squares -= deviation * deviation
        first += 1
    while samples[last - 1] > middle + reach:
        deviation = samples[last - 1] - lower
        total -= deviation
        squares -= deviation * deviation
        last -= 1
    used = last - first
    if not squares > least_left:
        total = squares = 0.0
        for k in range(first, last):
            deviation = samples[k] - lower
            total += deviation
            squares += deviation * deviation
    mean = total / used
    error = math.nan
    if used > 1:
        error = math.sqrt(max(0.0, squares - mean * total) / (used * (used - 1.0)))
    if method == MEDIAN:
        return middle, MEDIAN_TO_MEAN_ERROR * error, valid
    return lower + mean, error, used


@compiled
def median_deviation(samples: Samples) -> float:
    """Return the MAD of sorted samples, NaN of none, walking outwards from the median."""
    valid = len(samples)
    if valid == 0:
        return np.nan
    low, high = (valid - 1) // 2, valid - valid // 2
    middle = 0.5 * (np.float64(samples[low]) + np.float64(samples[valid // 2]))
    nearest = previous = 0.0
    for _ in range(valid // 2 + 1):
        below = middle - samples[low] if low >= 0 else np.inf
        above = samples[high] - middle if high < valid else np.inf
        previous = nearest
        nearest = below if below <= above else above
        if below <= above:
            low -= 1
        else:
            high += 1
    return nearest if valid % 2 == 1 else 0.5 * (previous + nearest)
