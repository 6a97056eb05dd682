"""What a site says of its camera's pixels, beyond gain and read noise; values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class BadPixelRules:
    """When a pixel of a master is bad; 0 switches a rule off.

    Parameters
    ----------
    hot_sigma
        Of a master dark: above its surroundings by more than this many times the noise of a typical
        pixel in a single frame.
    noisy_ratio
        Of a master dark: the pixel's own noise over that of a typical pixel.
    cold_ratio, bright_ratio
        Of a master flat: its response over that of its surroundings, below and above.
    """

    hot_sigma: float = 30.0
    noisy_ratio: float = 6.0
    cold_ratio: float = 0.5
    bright_ratio: float = 1.5


@dataclass(frozen=True, slots=True)
class DetectorFacts:
    """Sections and bad pixels of a camera.

    Parameters
    ----------
    overscan, trim
        FITS sections such as "[2049:2112,1:2048]" of a frame read whole and unbinned, for frames
        whose header has no BIASSEC or TRIMSEC.
    overscan_per
        "line": a level for each line beside it; "frame": one for the frame.
    bad_pixels
        The site's own list: see ``pixels/bad_pixel_list.py``.
    """

    overscan: str | None = None
    trim: str | None = None
    overscan_per: Literal["line", "frame"] = "line"
    bad_pixels: Path | None = None
    rules: BadPixelRules = field(default_factory=BadPixelRules)
