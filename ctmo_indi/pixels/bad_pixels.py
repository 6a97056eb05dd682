"""Which pixels are no good by the masters: hot and noisy in a dark, cold and bright in a flat.

A pixel is compared with its surroundings (the background of ``sep``, a Python form of Source
Extractor: Bertin & Arnouts 1996, A&AS 117, 393), so that neither the glow of an amplifier nor
vignetting is taken for a fault; and with the noise of a typical pixel, so that the answer does not
depend on how many frames the master has:

* hot: dark signal that far above its surroundings. With the default of 30 noises and the noise of
  the read-out alone, its own shot noise at least about doubles the pixel's noise;
* noisy: scatters from frame to frame that much more than a typical pixel, whatever its level;
* cold, bright: sees less than half, or more than one and a half, of the light that its surroundings
  see.

What is dead stays dark in a flat and is cold; what always has one value is so, too.
"""

from __future__ import annotations

import numpy as np
import sep
from numpy.typing import NDArray

from ctmo_indi.detector_facts import BadPixelRules
from ctmo_indi.pixels.combine import Combined
from ctmo_indi.pixels.sampling import stride

Flags = NDArray[np.bool_]

_MESH_PX = 64
_MAD_TO_SIGMA = 1.482602218505602
_SAMPLED = 1_000_000  # pixels that tell the typical noise


def bad_in_dark(
    dark: Combined, rules: BadPixelRules, bias_error: NDArray[np.float32] | None = None
) -> Flags:
    """Return the hot and the noisy pixels of a master dark, shape (ny, nx); blocks, any thread.

    A pixel without a value is bad.

    Parameters
    ----------
    bias_error
        Of the master bias that was subtracted, ADU: it is in the dark's error and no noise of its
        frames.
    """
    bad = ~np.isfinite(dark.data)
    error = dark.error
    if bias_error is not None:
        error = np.sqrt(np.maximum(error * error - bias_error * bias_error, np.float32(0.0)))
    noise = error * np.sqrt(dark.n_used, dtype=np.float32)  # of one frame
    typical = _typical(noise, bad)
    if typical > 0.0 and rules.noisy_ratio:
        with np.errstate(invalid="ignore"):
            bad |= noise > rules.noisy_ratio * typical
    if rules.hot_sigma:
        excess = dark.data - _surroundings(dark.data)
        # Without noise (all frames alike) a structure would be hot: its own scatter is the least.
        scatter = _MAD_TO_SIGMA * _typical(np.abs(excess), ~np.isfinite(excess))
        with np.errstate(invalid="ignore"):
            bad |= excess > rules.hot_sigma * max(typical, scatter)
    return bad


def bad_in_flat(data: NDArray[np.float32], rules: BadPixelRules) -> Flags:
    """Return the cold and the bright pixels of a master flat, shape (ny, nx); blocks, any thread.

    A pixel without a value is bad.
    """
    around = _surroundings(data)
    with np.errstate(invalid="ignore"):
        bad = ~np.isfinite(data)
        if rules.cold_ratio:
            bad |= data < rules.cold_ratio * around
        if rules.bright_ratio:
            bad |= data > rules.bright_ratio * around
    return bad


def _surroundings(data: NDArray[np.float32]) -> NDArray[np.float32]:
    is_empty = ~np.isfinite(data)
    filled = np.where(is_empty, np.float32(0.0), data) if is_empty.any() else data
    mesh = min(_MESH_PX, *data.shape)
    found = sep.Background(np.ascontiguousarray(filled), mask=is_empty, bw=mesh, bh=mesh)
    around: NDArray[np.float32] = found.back(dtype=np.float32)
    return around


def _typical(plane: NDArray[np.float32], bad: Flags) -> float:
    every = stride(plane.size, plane.shape[1], _SAMPLED)
    values = plane.ravel()[::every]
    values = values[~bad.ravel()[::every] & ~np.isnan(values)]
    median = float(np.median(values)) if values.size else 0.0
    return median if np.isfinite(median) else 0.0
