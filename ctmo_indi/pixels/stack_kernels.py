"""Kernels of :mod:`ctmo_indi.pixels.stack`: lay a frame on another's grid; many samples to one."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled

NOT_FINITE = 16  # ctmo_indi.pixels.mask.Mask.NOT_FINITE: kernels take plain numbers
_MAD_TO_SIGMA = 1.482602218505602
_LEAST_WEIGHT = 1e-4  # of a neighbour: less is rounding, and must not spread its mask
_EDGE_PX = 1e-3  # so far outside the outermost centres is rounding, too


@compiled
def resample(
    data: NDArray[np.float32],
    error: NDArray[np.float32],
    mask: NDArray[np.uint8],
    nodes_x: NDArray[np.float64],
    nodes_y: NDArray[np.float64],
    step: int,
    sky: float,
    factor: float,
    out_data: NDArray[np.float32],
    out_variance: NDArray[np.float32],
    out_mask: NDArray[np.uint8],
) -> None:
    """Interpolate a frame bilinearly at positions given every ``step`` pixels of the output.

    ``nodes_x[j, i]`` is where the output's pixel (j * step, i * step) lies in the frame; between
    the nodes the positions are interpolated, too. Output: (data - sky) * factor, and its variance
    as if neighbours were independent, which they no longer are.
    """
    ny, nx = data.shape
    rows, columns = out_data.shape
    for row in range(rows):
        node_row, down = row // step, (row % step) / step
        for column in range(columns):
            node, right = column // step, (column % step) / step
            x = (1.0 - down) * (
                (1.0 - right) * nodes_x[node_row, node] + right * nodes_x[node_row, node + 1]
            ) + down * (
                (1.0 - right) * nodes_x[node_row + 1, node]
                + right * nodes_x[node_row + 1, node + 1]
            )
            y = (1.0 - down) * (
                (1.0 - right) * nodes_y[node_row, node] + right * nodes_y[node_row, node + 1]
            ) + down * (
                (1.0 - right) * nodes_y[node_row + 1, node]
                + right * nodes_y[node_row + 1, node + 1]
            )
            out_data[row, column] = np.nan
            out_variance[row, column] = np.nan
            out_mask[row, column] = NOT_FINITE
            if not (-_EDGE_PX <= x <= nx - 1 + _EDGE_PX and -_EDGE_PX <= y <= ny - 1 + _EDGE_PX):
                continue
            x, y = min(max(x, 0.0), nx - 1.0), min(max(y, 0.0), ny - 1.0)
            left, below = min(int(x), max(nx - 2, 0)), min(int(y), max(ny - 2, 0))
            value, variance, total, bits = 0.0, 0.0, 0.0, 0
            for dy in range(2):
                for dx in range(2):
                    weight = abs(1 - dx - (x - left)) * abs(1 - dy - (y - below))
                    if weight <= _LEAST_WEIGHT:
                        continue
                    sample = data[below + dy, left + dx]
                    sigma = error[below + dy, left + dx]
                    bits |= mask[below + dy, left + dx]
                    if not (math.isfinite(sample) and math.isfinite(sigma)):
                        bits |= NOT_FINITE
                    total += weight
                    value += weight * sample
                    variance += (weight * sigma) ** 2
            out_mask[row, column] = bits
            if not bits & NOT_FINITE:
                out_data[row, column] = (value / total - sky) * factor
                out_variance[row, column] = variance * (factor / total) ** 2


@compiled
def combine_samples(
    data: NDArray[np.float32],
    variance: NDArray[np.float32],
    mask: NDArray[np.uint8],
    weights: NDArray[np.float64],
    clip_sigma: float,
    out_data: NDArray[np.float32],
    out_error: NDArray[np.float32],
    out_mask: NDArray[np.uint8],
    out_used: NDArray[np.uint16],
) -> None:
    """Make one pixel of n samples: weighted mean of those near their median.

    Inputs have the shape (n, rows or more, columns), outputs (rows, columns), ``weights`` (n,). A
    sample is clipped that is further
    from the median than ``clip_sigma`` times the larger of the median sample error and the robust
    scatter; of fewer than three samples none is.
    """
    n = len(weights)
    rows, columns = out_data.shape
    which = np.empty(n, np.int64)
    ordered = np.empty(n, np.float64)
    for row in range(rows):
        for column in range(columns):
            count, bits, worse = 0, 0, 0
            for i in range(n):
                found = mask[i, row, column]
                bits |= found
                if found == 0:
                    which[count] = i
                    count += 1
            if count == 0:  # what there is, marked with everything that is wrong with it
                for i in range(n):
                    if not mask[i, row, column] & NOT_FINITE:
                        which[count] = i
                        count += 1
                worse = bits if count == 0 else bits & ~NOT_FINITE
            limit, middle = np.inf, 0.0
            if count >= 3 and worse == 0:
                for i in range(count):
                    ordered[i] = variance[which[i], row, column]
                noise = math.sqrt(_median(ordered, count))
                for i in range(count):
                    ordered[i] = data[which[i], row, column]
                middle = _median(ordered, count)
                for i in range(count):
                    ordered[i] = abs(data[which[i], row, column] - middle)
                scatter = _MAD_TO_SIGMA * _median(ordered, count)
                limit = clip_sigma * max(noise, scatter)
            total, value, spread, used = 0.0, 0.0, 0.0, 0
            for i in range(count):
                sample = data[which[i], row, column]
                if abs(sample - middle) > limit:
                    continue
                weight = weights[which[i]]
                total += weight
                value += weight * sample
                spread += weight * weight * variance[which[i], row, column]
                used += 1
            out_mask[row, column] = worse
            out_used[row, column] = used if worse == 0 else 0
            if used == 0:
                out_data[row, column] = np.nan
                out_error[row, column] = np.nan
            else:
                out_data[row, column] = value / total
                out_error[row, column] = math.sqrt(spread) / total


@compiled
def _median(values: NDArray[np.float64], count: int) -> float:
    """Sort the first ``count`` values in place and return their median."""
    for i in range(1, count):
        value, j = values[i], i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value
    half = count // 2
    if count % 2:
        return float(values[half])
    return float(0.5 * (values[half - 1] + values[half]))
