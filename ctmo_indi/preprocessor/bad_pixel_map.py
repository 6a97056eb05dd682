"""The bad pixels of masters and lights: put into the mask, with the rule, for HISTORY.

A map is no file of its own: the hot and noisy pixels are marked in the dark's mask, the cold and
bright ones in the flat's. A light has the marks of the masters it was calibrated with, and of the
site's list; the masters it names are the map's provenance.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.detector_facts import BadPixelRules
from ctmo_indi.errors import UnreadableFrame
from ctmo_indi.models.frames import ProductKind, Readout
from ctmo_indi.pixels.bad_pixel_list import read_bad_pixels
from ctmo_indi.pixels.bad_pixels import bad_in_dark, bad_in_flat
from ctmo_indi.pixels.combine import Combined
from ctmo_indi.pixels.detector import Detector, section_within
from ctmo_indi.pixels.mask import Mask


def mark_master(
    kind: ProductKind,
    combined: Combined,
    data: NDArray[np.float32],
    rules: BadPixelRules,
    bias_error: NDArray[np.float32] | None = None,
) -> tuple[int, tuple[str, ...]]:
    """Mark the bad pixels in the mask of a master, in place; how many, and by what rule.

    Parameters
    ----------
    data
        Of the master; a flat's has a mean of 1.
    bias_error
        Of the master bias that was subtracted; None without one.
    """
    if kind is ProductKind.DARKM:
        bad = bad_in_dark(combined, rules, bias_error)
        wanted = (("hot: {:g} times the noise of a frame above their surroundings",
                   rules.hot_sigma),
                  ("noisy: {:g} times a typical pixel's noise", rules.noisy_ratio))  # fmt: skip
    elif kind is ProductKind.FLATM:
        bad = bad_in_flat(data, rules)
        wanted = (("cold: below {:g} of their surroundings", rules.cold_ratio),
                  ("bright: above {:g} of their surroundings", rules.bright_ratio))  # fmt: skip
    else:
        return 0, ()
    words = [text.format(limit) for text, limit in wanted if limit]
    if not words:
        return 0, ()
    combined.mask[bad] |= np.uint8(Mask.BAD)
    count = int(np.count_nonzero(bad))
    return count, (f"{count} pixels marked BAD", *words)


def of_site(
    path: Path | None, sha256: str, readout: Readout, detector: Detector
) -> tuple[NDArray[np.bool_] | None, tuple[str, ...]]:
    """Return the site's bad pixels of a light after it was trimmed; None without a list.

    Raises
    ------
    UnreadableFrame
        The list cannot be read, does not fit, or is not the one that the product id was made with.
    """
    if path is None:
        return None, ()
    if readout.x_origin or readout.y_origin:
        return None, (f"{path.name} not used: it is of frames read whole",)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableFrame(f"{path}: {error.strerror}; expected a list of bad pixels") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UnreadableFrame(f"{path}: was changed since this run began; start it anew")
    frame = readout.ny, readout.nx
    flags = read_bad_pixels(path, frame, (readout.y_binning, readout.x_binning))
    flags = flags[section_within(detector.trim, frame)]
    count = np.count_nonzero(flags)
    return flags, (f"{count} pixels of {path.name} (SHA-256 {sha256[:12]}) marked BAD",)
