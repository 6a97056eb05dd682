"""What calibration must know of a detector, and FITS sections such as BIASSEC and TRIMSEC."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

OverscanPer = Literal["line", "frame"]
_SECTION = re.compile(r"\[\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*\]")


@dataclass(frozen=True, slots=True)
class Detector:
    """Constants of a detector in one read-out mode.

    Attributes
    ----------
    gain_e_per_adu
        Electrons per ADU. Not INDI's GAIN, which is a setting of the camera.
    read_noise_e
        Standard deviation of a pixel without light, electrons.
    saturation_adu
        Raw values from here on are saturated.
    overscan
        Section of the raw frame without light, as in BIASSEC: "[x1:x2,y1:y2]", first pixel 1,
        both ends included. None: there is none.
    trim
        Section to keep, as in TRIMSEC. None: all of it.
    overscan_per
        "line": the level of each line of the overscan's longer side is the median of the line;
        "frame": one level for the frame, the mean of these.

    Raises
    ------
    ValueError
        A constant is not positive and finite (read noise may be 0), or a section is none.
    """

    gain_e_per_adu: float
    read_noise_e: float
    saturation_adu: float = 65535.0
    overscan: str | None = None
    trim: str | None = None
    overscan_per: OverscanPer = "line"

    def __post_init__(self) -> None:
        for name, value in (
            ("gain_e_per_adu", self.gain_e_per_adu),
            ("saturation_adu", self.saturation_adu),
        ):
            if not 0.0 < value < math.inf:
                raise ValueError(f"expected {name} > 0, got {value}")
        if not 0.0 <= self.read_noise_e < math.inf:
            raise ValueError(f"expected read_noise_e >= 0, got {self.read_noise_e}")
        if self.overscan_per not in ("line", "frame"):
            raise ValueError(f"expected overscan_per line or frame, got {self.overscan_per!r}")
        for section in (self.overscan, self.trim):
            if section is not None:
                read_section(section)


def read_section(text: str) -> tuple[slice, slice]:
    """Return rows and columns, as numpy slices them, of a FITS section "[x1:x2,y1:y2]".

    Raises
    ------
    ValueError
        It is no such section, begins below 1, or ends before it begins.
    """
    match = _SECTION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"expected a section like [1:2048,1:2048], got {text!r}")
    x1, x2, y1, y2 = (int(number) for number in match.groups())
    if not (1 <= x1 <= x2 and 1 <= y1 <= y2):
        raise ValueError(f"expected a section from 1 on and in ascending order, got {text!r}")
    return slice(y1 - 1, y2), slice(x1 - 1, x2)


def section_within(text: str | None, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Return the section of a frame of that shape (ny, nx); None is the whole frame.

    Raises
    ------
    ValueError
        The section is none, or reaches beyond the frame.
    """
    if text is None:
        return slice(0, shape[0]), slice(0, shape[1])
    rows, columns = read_section(text)
    if rows.stop > shape[0] or columns.stop > shape[1]:
        raise ValueError(f"section {text} reaches beyond the frame of {shape[1]} x {shape[0]}")
    return rows, columns
