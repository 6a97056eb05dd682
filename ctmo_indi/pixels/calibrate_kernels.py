"""The kernel of :mod:`ctmo_indi.pixels.calibrate`: every step for one pixel while it is at hand."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]

# As in mask.Mask, which is no constant to the compiler.
BAD, SATURATED, NO_MASTER, NOT_FINITE = np.uint8(1), np.uint8(2), np.uint8(8), np.uint8(16)
_OF_VALUE = np.uint8(~1 & 255)  # bits of a master that say that its value cannot be used
_NOTHING = np.uint8(0)
_Plane = TypeVar("_Plane", F32, U8)
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)


@compiled
def calibrate_rows(
    raw: NDArray[np.uint16] | F32,
    corner: tuple[int, int],
    level: F64,
    constants: tuple[float, float, float, float, float],
    planes: tuple[F32, F32, F32, F32, F32, F32],
    masks: tuple[U8, U8, U8, U8],
    data: F32,
    error: F32,
    mask: U8,
) -> None:
    """Calibrate all rows of a frame; arguments are those of :func:`calibrate.calibrate`, unfolded.

    A plane of one row stands for the same row everywhere.

    Parameters
    ----------
    raw
        The whole frame; ``data`` begins at ``corner`` (y, x) of it.
    level : float64, shape (ny, nx), (ny, 1), (1, nx) or (1, 1)
        Level of the overscan, ADU.
    constants
        Gain, read noise squared, saturation in ADU, scale of the dark, least usable flat.
    planes
        Bias, its error, dark, its error, flat, its error.
    masks
        Bad pixels; masks of bias, dark and flat. A pixel that one of these calls BAD is BAD; its
        value is used all the same.
    """
    gain, read_variance, saturation, dark_scale, least_flat = constants
    read_noise_squared = np.float32(read_variance)
    gain_squared = np.float32(gain * gain)
    dark_factor = np.float32((gain * dark_scale) ** 2)
    ny, nx = data.shape
    y0, x0 = corner
    line = np.zeros(nx, np.float64)
    for y in range(ny):
        row = raw[y0 + y, x0 : x0 + nx]
        levels = level[y if level.shape[0] > 1 else 0]
        if levels.size > 1:
            for x in range(nx):
                line[x] = levels[x]
        else:
            for x in range(nx):
                line[x] = levels[0]
        bias, bias_error = _row(planes[0], y), _row(planes[1], y)
        dark, dark_error = _row(planes[2], y), _row(planes[3], y)
        flat, flat_error = _row(planes[4], y), _row(planes[5], y)
        is_bad, flat_mask = _row(masks[0], y), _row(masks[3], y)
        bias_mask, dark_mask = _row(masks[1], y), _row(masks[2], y)
        data_row, error_row, mask_row = data[y], error[y], mask[y]
        for x in range(nx):
            value = np.float64(row[x])
            signal_e = gain * (value - line[x] - bias[x])
            net_e = signal_e - gain * dark_scale * dark[x]
            is_usable = (
                (flat[x] >= least_flat) & (flat[x] < np.inf) & (flat_mask[x] & _OF_VALUE == 0)
            )
            inverse = 1.0 / np.float64(flat[x]) if is_usable else 1.0
            result = np.float32(net_e * inverse)
            f_inverse = np.float32(inverse)
            photons = np.float32(signal_e)
            photons = photons if photons > _ZERO else _ZERO
            variance = (
                read_noise_squared
                + photons
                + gain_squared * bias_error[x] * bias_error[x]
                + dark_factor * dark_error[x] * dark_error[x]
            )
            of_flat = result * flat_error[x] if is_usable else _ZERO
            sigma = f_inverse * np.float32(math.sqrt(variance + of_flat * of_flat))
            is_finite = (abs(result) < np.inf) & (sigma < np.inf)
            data_row[x] = result if is_finite else np.float32(np.nan)
            error_row[x] = sigma if is_finite else np.float32(np.nan)
            of_masters = bias_mask[x] | dark_mask[x]
            is_partial = (of_masters & _OF_VALUE != 0) | (not is_usable)
            is_marked = (is_bad[x] != 0) | ((of_masters | flat_mask[x]) & BAD != 0)
            mask_row[x] = (
                (BAD if is_marked else _NOTHING)
                | (SATURATED if value >= saturation else _NOTHING)
                | (NO_MASTER if is_partial else _NOTHING)
                | (_NOTHING if is_finite else NOT_FINITE)
            )


@compiled
def _row(plane: _Plane, y: int) -> _Plane:
    row: _Plane = plane[y if plane.shape[0] > 1 else 0]
    return row
