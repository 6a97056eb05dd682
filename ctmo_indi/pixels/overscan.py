"""The level of a frame's overscan: what the electronics add, measured without light.

One rule for lights (:mod:`ctmo_indi.pixels.calibrate`) and for the frames of masters
(:mod:`ctmo_indi.pixels.frame_bands`), so that a bias fits the light it is subtracted from.
"""

from __future__ import annotations

from typing import Any  # uint16 or float32

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.detector import OverscanPer, section_within
from ctmo_indi.pixels.fits_pixels import ImageLayout, PixelFile, unsigned

_BAND_BYTES = 6 << 20


def level_of(
    section: NDArray[Any], rows: slice, columns: slice, shape: tuple[int, int], per: OverscanPer
) -> NDArray[np.float64]:
    """Return the level to subtract from a frame, ADU.

    Parameters
    ----------
    section : shape of ``rows`` and ``columns``, ADU
        The pixels without light.
    shape
        Rows and columns of the whole frame.
    per
        See :class:`ctmo_indi.pixels.detector.Detector`.

    Returns
    -------
    float64, shape (ny, 1), (1, nx) or (1, 1)
        Of the whole frame: add or subtract it as it is. A line beside which there is no overscan
        has the mean of the others.
    """
    axis = 1 if section.shape[0] >= section.shape[1] else 0
    lines = np.median(section, axis=axis, keepdims=True).astype(np.float64)
    if per == "frame":
        return np.full((1, 1), lines.mean())
    full = (shape[0], 1) if axis == 1 else (1, shape[1])
    level = np.full(full, lines.mean())
    level[(rows, slice(None)) if axis == 1 else (slice(None), columns)] = lines
    return level


def read_level(layout: ImageLayout, overscan: str | None, per: OverscanPer) -> NDArray[np.float64]:
    """Return :func:`level_of` a file; (1, 1) of 0 without an overscan. Blocks for its rows.

    Raises
    ------
    UnreadableFrame
        The file cannot be read.
    ValueError
        The section reaches beyond the frame.
    """
    if overscan is None:
        return np.zeros((1, 1))
    shape = layout.ny, layout.nx
    rows, columns = section_within(overscan, shape)
    step = max(1, _BAND_BYTES // (layout.nx * layout.dtype.itemsize))
    parts = []
    with PixelFile(layout) as file:
        for first in range(rows.start, rows.stop, step):
            last = min(first + step, rows.stop)
            band = np.empty((last - first, layout.nx), layout.dtype)
            file.read(first, last, band)
            part = band[:, columns].copy()
            parts.append(unsigned(part) if file.is_stored else part)
    return level_of(np.concatenate(parts), rows, columns, shape, per)
