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
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

LONG_SIDE_PX = 1024
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
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture(data, long_side_px=long_side_px, first_row=first_row)).save(
        stream, "PNG", optimize=True
    )
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(stream.getvalue())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _averaged(pixels: NDArray[np.generic], n: int) -> NDArray[np.float32]:
    """Average n x n blocks over their finite pixels; what is left at the end is dropped."""
    rows, columns = max(1, pixels.shape[0] // n), max(1, pixels.shape[1] // n)
    whole = pixels[: rows * n, : columns * n].astype(np.float32)
    if n == 1:
        return whole
    starts = np.arange(0, whole.shape[0], n), np.arange(0, whole.shape[1], n)
    good = np.isfinite(whole)
    whole[~good] = 0.0
    sums = np.add.reduceat(np.add.reduceat(whole, starts[1], axis=1), starts[0], axis=0)
    counts = good.astype(np.float32)
    counts = np.add.reduceat(np.add.reduceat(counts, starts[1], axis=1), starts[0], axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums / counts, dtype=np.float32)


def _levels(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return what is black and what is white; white is above black also in a constant frame."""
    from astropy.visualization import ZScaleInterval

    low, high = (float(level) for level in ZScaleInterval().get_limits(values))
    if not high > low:
        high = low + max(1.0, abs(low) * 1e-3)
    return low, low + _WHITEST * (high - low)
