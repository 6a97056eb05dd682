"""A quick look at the pixels of a raw frame: is there anything in it to work with.

Finds what a header does not tell: a flat into saturation, a camera that sent one value, a download
that broke off and was filled up. Not for what only statistics over many frames show, and not for
files that cannot be read: the reader says that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

MOST_SATURATED = 0.1  # of all pixels
MOST_LOST_ROWS = 0.02  # of all rows, at one end, all of one value
_PLAIN = "fiu"  # kinds of numpy dtype: floating, signed, unsigned


def look(
    data: ArrayLike,
    *,
    saturation_adu: float,
    expected_shape: tuple[int, int] | None = None,
    most_saturated: float = MOST_SATURATED,
) -> str:
    """Return why a raw frame cannot be used, "" when nothing was found.

    Parameters
    ----------
    data : array, shape (ny, nx), ADU
        As read, physical values.
    saturation_adu
        Pixels at or above it are saturated.
    expected_shape
        Rows and columns it must have.
    most_saturated
        Share of saturated pixels that is still good, 0 to 1.

    Notes
    -----
    A broken download is told by its last rows, or its first when the driver turned the frame: all
    pixels of them have one value, and the rest of the frame has not. One dead row is no ground.
    Blocks, about 1 ns of CPU per pixel; any thread.
    """
    pixels = np.asarray(data)
    if pixels.ndim != 2 or not pixels.size or pixels.dtype.kind not in _PLAIN:
        return f"no image: shape {pixels.shape}, type {pixels.dtype}"
    if expected_shape is not None and pixels.shape != expected_shape:
        return f"{_size(pixels.shape)} pixels, expected {_size(expected_shape)}"
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).any():
        return "no finite pixel"
    saturated = np.count_nonzero(pixels >= saturation_adu) / pixels.size
    if saturated > most_saturated:
        return (
            f"{saturated:.0%} saturated (at {saturation_adu:g} adu), at most {most_saturated:.0%}"
        )
    first = pixels[0, 0]
    if (pixels == first).all():
        return f"constant: every pixel is {first:g} adu"
    lost = _lost_rows(pixels)
    if lost > max(1, MOST_LOST_ROWS * len(pixels)):
        return f"truncated: {lost} of {len(pixels)} rows at one end have one value"
    return ""


def _lost_rows(pixels: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> int:
    """Count the rows at the worse end of which every pixel is the corner's."""
    counts = []
    for turned in (pixels, pixels[::-1]):
        rows = 0
        while (turned[rows] == turned[0, 0]).all():  # ends: the frame is not constant
            rows += 1
        counts.append(rows)
    return max(counts)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"
