"""A small picture of a frame, for people and for the status page.

Levels as SAOImage DS9's "zscale" with an asinh stretch, so that both the sky and the stars show.
Not for measuring: pixels are averaged, and eight bits remain.
"""

from __future__ import annotations

import io
import math
import os
import tempfile
from pathlib import Path
from typing import Any, Literal  # Any: Pillow's options

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctmo_indi.first_import import FIRST_IMPORT

LONG_SIDE_PX = 1024
MOST_BYTES = 600_000
_JPEG_QUALITIES = (85, 70, 50, 30, 10)  # the last one needs less than 2 bits a pixel of any noise
_BAND_ROWS = 8  # of the picture
_SOFTENING = 0.1  # of asinh: linear below that share of the range, logarithmic above
_WHITEST = 20.0  # white lies that many zscale ranges above black: zscale alone burns the stars out


def picture(
    data: ArrayLike,
    *,
    long_side_px: int = LONG_SIDE_PX,
    first_row: Literal["bottom", "top"] = "bottom",
) -> NDArray[np.uint8]:
    """Return a frame as grey values of at most ``long_side_px`` on its long side.

    Parameters
    ----------
    data : array, shape (ny, nx)
        Any unit; pixels that are not finite are black.
    first_row
        Where the first row of the array goes: FITS viewers put it at the bottom.

    Returns
    -------
    array, shape (rows, columns)
        First row on top, as in PNG. Blocks of n x n pixels are averaged, n whole.

    Raises
    ------
    ValueError
        ``data`` is empty or not two-dimensional.
    """
    pixels = np.asarray(data)
    if pixels.ndim != 2 or not pixels.size:
        raise ValueError(f"data has the shape {pixels.shape}, expected two dimensions, not empty")
    small = _averaged(pixels, math.ceil(max(pixels.shape) / long_side_px))
    finite = np.isfinite(small)
    if first_row == "bottom":
        small, finite = small[::-1], finite[::-1]
    grey = np.zeros(small.shape, np.uint8)
    if finite.any():
        black, white = _levels(small[finite])
        share = np.clip((small[finite] - black) / (white - black), 0.0, 1.0)
        stretched = np.arcsinh(share * _WHITEST / _SOFTENING) / math.asinh(_WHITEST / _SOFTENING)
        grey[finite] = np.rint(255.0 * stretched)
    return grey


def write_preview(
    data: ArrayLike,
    path: Path,
    *,
    long_side_px: int = LONG_SIDE_PX,
    first_row: Literal["bottom", "top"] = "bottom",
) -> None:
    """Write :func:`picture` as PNG to ``path``, whole or not at all. Blocks; any thread.

    Raises
    ------
    ValueError
        As :func:`picture`.
    OSError
        It could not be written.
    """
    grey = picture(data, long_side_px=long_side_px, first_row=first_row)
    encoded = _encoded(grey, "PNG", optimize=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(encoded)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def encoded_picture(
    data: ArrayLike,
    *,
    long_side_px: int = LONG_SIDE_PX,
    first_row: Literal["bottom", "top"] = "bottom",
    most_bytes: int = MOST_BYTES,
) -> tuple[bytes, str]:
    """Return :func:`picture` as a file of at most ``most_bytes``, and its media type.

    PNG where that is small enough, else JPEG: the noise of a sky cannot be packed without loss.
    Errors as :func:`picture`; blocks; any thread.
    """
    grey = picture(data, long_side_px=long_side_px, first_row=first_row)
    encoded = _encoded(grey, "PNG", optimize=True)
    if len(encoded) <= most_bytes:
        return encoded, "image/png"
    for quality in _JPEG_QUALITIES:
        encoded = _encoded(grey, "JPEG", quality=quality, optimize=True)
        if len(encoded) <= most_bytes:
            break
    return encoded, "image/jpeg"


def _encoded(grey: NDArray[np.uint8], kind: str, **how: Any) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(grey).save(stream, kind, **how)
    return stream.getvalue()


def _averaged(pixels: NDArray[np.generic], n: int) -> NDArray[np.float32]:
    """Average n x n blocks over their finite pixels; what is left at the end is dropped."""
    rows, columns = max(1, pixels.shape[0] // n), max(1, pixels.shape[1] // n)
    averages = np.empty((rows, columns), np.float32)
    for first in range(0, rows, _BAND_ROWS):  # a band stays in the cache
        last = min(rows, first + _BAND_ROWS)
        band = pixels[first * n : last * n, : columns * n].astype(np.float32)
        good = np.isfinite(band)
        counts: NDArray[np.float32] | np.float32 = np.float32(min(n, band.shape[0]))
        counts = counts * np.float32(min(n, band.shape[1]))
        if not good.all():
            band[~good] = 0.0
            counts = _sums(good.astype(np.float32), n)
        with np.errstate(invalid="ignore", divide="ignore"):
            np.divide(_sums(band, n), counts, out=averages[first:last])
    return averages


def _sums(band: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """Add up blocks of n x n pixels: their columns, then their rows."""
    for axis in (1, 0):
        parts = [slice(first, None, n) for first in range(min(n, band.shape[axis]))]
        total = band[(slice(None), parts[0])[1 - axis :]].copy()
        for part in parts[1:]:
            total += band[(slice(None), part)[1 - axis :]]
        band = total
    return band


def _levels(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return what is black and what is white; white is above black also in a constant frame."""
    with FIRST_IMPORT:
        from astropy.visualization import ZScaleInterval

    low, high = (float(level) for level in ZScaleInterval().get_limits(values))
    if not high > low:
        high = low + max(1.0, abs(low) * 1e-3)
    return low, low + _WHITEST * (high - low)
