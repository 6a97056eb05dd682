"""What the bits of a mask plane mean; a pixel is good when its mask is 0."""

from __future__ import annotations

from enum import IntFlag


class Mask(IntFlag):
    """Bits of a uint8 mask plane of a calibrated frame.

    Products keep the numbers, and name them in their headers; a number is never used anew.
    """

    BAD = 1
    """In the camera's list of bad pixels, or judged bad by a master: hot, noisy, cold, bright."""
    SATURATED = 2
    """The raw value reached the saturation of the detector."""
    COSMIC = 4
    """Hit by a cosmic ray."""
    NO_MASTER = 8
    """A master has no usable value here: the calibration of this pixel is incomplete."""
    NOT_FINITE = 16
    """The pixel has no number: its data and error are NaN."""
