"""Which pixels stand for all when a statistic needs only some."""

from __future__ import annotations

import math


def stride(pixels: int, width: int, samples: int) -> int:
    """Return every how many pixels of an image, row after row, gives about ``samples``.

    It shares no divisor with the width of the image: else the same columns would stand for all.
    """
    every = max(1, pixels // samples)
    while math.gcd(every, width) > 1:
        every += 1
    return every
