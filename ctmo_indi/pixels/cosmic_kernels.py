"""Kernels of :mod:`ctmo_indi.pixels.cosmic`: where to look, and what is there.

Where to look (:func:`suspects_of_row`) runs over all pixels and is cheap: the Laplacian needs no
median, and no median of a window is below the least pixel of the window. What is there
(:func:`significance`, :func:`contrast`) needs medians of medians and runs at suspects only.

All arithmetic is in float32. A median filter leaves a border as wide as half its window as it was.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.pixels.small_median import median_of_5, median_of_7, median_of_9

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

BORDER = 3
"""Pixels this near to an edge are never found: their significance is their own median."""

ROOM = (3, 16, 16)
"""Shape of the float32 scratch memory that the kernels below take as ``room``."""

_REACH = 7  # a patch and its SIMD padding lie within this distance of the pixel
_LEAST_VARIANCE = np.float32(1e-5)
_LEAST_CONTRAST = np.float32(0.01)
_TWO = np.float32(2.0)
_QUARTER = np.float32(0.25)
_ZERO = np.float32(0.0)
_SLACK = np.float32(1.0 - 1e-5)  # the bound must hold in float32, too


@compiled
def _at(image: F32, y: int, x: int) -> np.float32:
    """Return a pixel, 0 outside of the image."""
    if 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
        return np.float32(image[y, x])
    return _ZERO


@compiled
def laplacian(image: F32, y: int, x: int) -> np.float32:
    """Return the positive part of the Laplacian, sampled twice as fine and averaged again."""
    return _laplacian(
        image[y, x],
        _at(image, y - 1, x),
        _at(image, y + 1, x),
        _at(image, y, x - 1),
        _at(image, y, x + 1),
    )


@compiled
def local_level(image: F32, y: int, x: int) -> np.float32:
    """Return the 7 x 7 separable median (rows, then columns); in the border the pixel itself."""
    ny, nx = image.shape
    if y < BORDER or x < BORDER or y >= ny - BORDER or x >= nx - BORDER:
        return np.float32(image[y, x])
    return median_of_7(
        _row_median_7(image, y - 3, x),
        _row_median_7(image, y - 2, x),
        _row_median_7(image, y - 1, x),
        _row_median_7(image, y, x),
        _row_median_7(image, y + 1, x),
        _row_median_7(image, y + 2, x),
        _row_median_7(image, y + 3, x),
    )


@compiled
def _row_median_7(a: F32, y: int, x: int) -> np.float32:
    return median_of_7(
        a[y, x - 3], a[y, x - 2], a[y, x - 1], a[y, x], a[y, x + 1], a[y, x + 2], a[y, x + 3]
    )


@compiled
def noise(level: np.float32, read_noise_squared: np.float32) -> np.float32:
    """Return the noise of a pixel where the image has that level, electrons."""
    return np.float32(math.sqrt(_largest(level + read_noise_squared, _LEAST_VARIANCE)))


@compiled
def significance(
    image: F32,
    y: int,
    x: int,
    least: np.float32,
    read_noise_squared: np.float32,
    room: F32,
) -> np.float32:
    """Return S' of a pixel: Laplacian over twice the noise, less the 7 x 7 median of the same.

    The pixel is not in the border. When S' cannot exceed ``least`` the answer is 0, and fast.
    """
    ny, nx = image.shape
    sigma = noise(local_level(image, y, x), read_noise_squared)
    if not laplacian(image, y, x) / (_TWO * sigma) > least:
        return _ZERO
    medians, ratio = room[0], room[1]
    if _REACH <= y < ny - _REACH and _REACH <= x < nx - _REACH:
        for i in range(13):
            row = image[y - 6 + i, x - 6 : x + 8]
            for j in range(8):
                medians[i, j] = median_of_7(
                    row[j], row[j + 1], row[j + 2], row[j + 3], row[j + 4], row[j + 5], row[j + 6]
                )
        for i in range(7):
            here = image[y - 3 + i, x - 3 : x + 5]
            above = image[y - 4 + i, x - 3 : x + 5]
            below = image[y - 2 + i, x - 3 : x + 5]
            left = image[y - 3 + i, x - 4 : x + 4]
            right = image[y - 3 + i, x - 2 : x + 6]
            for j in range(8):
                laplace = _laplacian(here[j], above[j], below[j], left[j], right[j])
                level = median_of_7(
                    medians[i, j],
                    medians[i + 1, j],
                    medians[i + 2, j],
                    medians[i + 3, j],
                    medians[i + 4, j],
                    medians[i + 5, j],
                    medians[i + 6, j],
                )
                ratio[i, j] = laplace / (_TWO * noise(level, read_noise_squared))
    else:
        for i in range(7):
            for j in range(7):
                level = local_level(image, y - 3 + i, x - 3 + j)
                laplace = laplacian(image, y - 3 + i, x - 3 + j)
                ratio[i, j] = laplace / (_TWO * noise(level, read_noise_squared))
    rows = room[2, 0]
    for i in range(7):
        r = ratio[i]
        rows[i] = median_of_7(r[0], r[1], r[2], r[3], r[4], r[5], r[6])
    median = median_of_7(rows[0], rows[1], rows[2], rows[3], rows[4], rows[5], rows[6])
    return np.float32(ratio[3, 3] - median)


@compiled
def _row_median_5(a: F32, y: int, x: int) -> np.float32:
    return median_of_5(a[y, x - 2], a[y, x - 1], a[y, x], a[y, x + 1], a[y, x + 2])


@compiled
def _smooth(image: F32, y: int, x: int) -> np.float32:
    """Return the 5 x 5 separable median; in the border the pixel itself."""
    ny, nx = image.shape
    if y < 2 or x < 2 or y >= ny - 2 or x >= nx - 2:
        return np.float32(image[y, x])
    return median_of_5(
        _row_median_5(image, y - 2, x),
        _row_median_5(image, y - 1, x),
        _row_median_5(image, y, x),
        _row_median_5(image, y + 1, x),
        _row_median_5(image, y + 2, x),
    )


@compiled
def contrast(image: F32, y: int, x: int, read_noise_squared: np.float32, room: F32) -> np.float32:
    """Return the fine structure F over the noise, at least 0.01.

    F is the 5 x 5 separable median less its own 9 x 9 separable median.
    """
    ny, nx = image.shape
    if y < 4 or x < 4 or y >= ny - 4 or x >= nx - 4:
        return _LEAST_CONTRAST
    medians, smooth = room[0], room[1]
    if _REACH <= y < ny - _REACH and _REACH + 3 <= x < nx - _REACH - 3:
        for i in range(13):
            row = image[y - 6 + i, x - 6 : x + 10]
            for j in range(12):
                medians[i, j] = median_of_5(row[j], row[j + 1], row[j + 2], row[j + 3], row[j + 4])
        for i in range(9):
            for j in range(12):
                smooth[i, j] = median_of_5(
                    medians[i, j],
                    medians[i + 1, j],
                    medians[i + 2, j],
                    medians[i + 3, j],
                    medians[i + 4, j],
                )
    else:
        for i in range(9):
            for j in range(9):
                smooth[i, j] = _smooth(image, y - 4 + i, x - 4 + j)
    rows = room[2, 0]
    for i in range(9):
        s = smooth[i]
        rows[i] = median_of_9(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8])
    around = median_of_9(
        rows[0], rows[1], rows[2], rows[3], rows[4], rows[5], rows[6], rows[7], rows[8]
    )
    sigma = noise(local_level(image, y, x), read_noise_squared)
    return _largest(np.float32((smooth[4, 4] - around) / sigma), _LEAST_CONTRAST)


@compiled
def suspects_of_row(
    image: F32,
    y: int,
    first: int,
    last: int,
    sigclip: np.float32,
    read_noise_squared: np.float32,
    least: F32,
    suspect: U8,
) -> None:
    """Mark the pixels of a row whose significance may exceed ``sigclip``.

    S' is at most S = L / (2 noise), and the noise at least that of the least pixel of the 7 x 7
    window; so what is not marked is no cosmic ray.

    Parameters
    ----------
    y, first, last
        Row and columns [first, last), outside of the border.
    least : float32, shape (nx,)
        Room for the least pixels of 7 rows.
    suspect : uint8, shape (nx,)
        Becomes 1 or 0 in [first, last).
    """
    factor = np.float32(4.0) * sigclip * sigclip * _SLACK
    begin, end = first - BORDER, last + BORDER
    a, b, c = image[y - 3, begin:end], image[y - 2, begin:end], image[y - 1, begin:end]
    d, e, f = image[y, begin:end], image[y + 1, begin:end], image[y + 2, begin:end]
    g = image[y + 3, begin:end]
    for j in range(end - begin):
        least[j] = _least(_least_of_3(a[j], b[j], c[j]), _least_of_3(e[j], f[j], g[j]))
        least[j] = _least(least[j], d[j])
    above, here, below = c[3:], d[3:], e[3:]
    left, right, hit = d[2:], d[4:], suspect[first:last]
    m0, m1, m2, m3, m4 = least[0:], least[1:], least[2:], least[3:], least[4:]
    m5, m6 = least[5:], least[6:]
    for j in range(last - first):
        low = _least(_least_of_3(m0[j], m1[j], m2[j]), _least_of_3(m4[j], m5[j], m6[j]))
        variance = _largest(_least(low, m3[j]) + read_noise_squared, _LEAST_VARIANCE)
        laplace = _laplacian(here[j], above[j], below[j], left[j], right[j])
        hit[j] = 1 if laplace * laplace > factor * variance else 0


@compiled
def _least(a: np.float32, b: np.float32) -> np.float32:
    return a if a < b else b


@compiled
def _largest(a: np.float32, b: np.float32) -> np.float32:
    return a if a > b else b


@compiled
def _least_of_3(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
    return _least(_least(a, b), c)


@compiled
def _laplacian(
    here: np.float32, above: np.float32, below: np.float32, left: np.float32, right: np.float32
) -> np.float32:
    twice = _TWO * here
    return _QUARTER * (
        _largest(twice - above - left, _ZERO)
        + _largest(twice - above - right, _ZERO)
        + _largest(twice - below - left, _ZERO)
        + _largest(twice - below - right, _ZERO)
    )
