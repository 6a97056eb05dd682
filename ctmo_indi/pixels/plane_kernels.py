"""What is done to every pixel of a plane on its way into a file, in one pass each.

A plane of 16 million pixels is larger than any cache: each further pass costs as much as reading it
from memory. numpy needs three or four for the extremes and counts, and two for stored bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled

LANES = 64
"""Extremes are kept for so many columns, since one alone would forbid vector registers."""

_BLOCK = 4096

Words = np.ndarray[tuple[int], np.dtype[np.uint32]]


@compiled
def store_words(words: Words, stored: Words) -> int:
    """Put 32-bit words into ``stored`` with their bytes turned round; return the words' sum."""
    total = np.uint64(0)
    for i in range(words.size):
        word = words[i]
        stored[i] = _turned(word)
        total += np.uint64(word)
    return total  # type: ignore[return-value]  # an int when it comes back to Python


@compiled
def sum_of_turned(words: Words) -> int:
    """Return the sum of 32-bit words with their bytes turned round."""
    total = np.uint64(0)
    for i in range(words.size):
        total += np.uint64(_turned(words[i]))
    return total  # type: ignore[return-value]  # an int when it comes back to Python


@compiled
def _turned(word: np.uint32) -> np.uint32:
    return np.uint32(  # numba shifts in 64 bits
        (word >> np.uint32(24))
        | ((word >> np.uint32(8)) & np.uint32(0xFF00))
        | ((word << np.uint32(8)) & np.uint32(0xFF0000))
        | (word << np.uint32(24))
    )


@compiled
def extremes(
    data: NDArray[np.float32], lowest: NDArray[np.float32], highest: NDArray[np.float32]
) -> None:
    """Put the extremes of what is a number into ``LANES`` values to begin with, lane by lane."""
    whole = data.size // LANES * LANES
    for begin in range(0, whole, LANES):
        for lane in range(LANES):
            value = data[begin + lane]
            lowest[lane] = value if value < lowest[lane] else lowest[lane]
            highest[lane] = value if value > highest[lane] else highest[lane]
    for i in range(whole, data.size):
        value = data[i]
        lowest[0] = value if value < lowest[0] else lowest[0]
        highest[0] = value if value > highest[0] else highest[0]


@compiled
def count_flags(
    data: NDArray[np.float32], mask: NDArray[np.uint8], first_bit: np.uint8, second_bit: np.uint8
) -> tuple[int, int, int]:
    """Count pixels that are masked or not finite, and those with either of two bits of the mask."""
    bad, first, second = 0, 0, 0
    for begin in range(0, data.size, _BLOCK):
        # Counters as narrow as the pixels fill the registers; a block does not overflow them.
        some_bad, some_first, some_second = np.uint32(0), np.uint32(0), np.uint32(0)
        values, flags_of = data[begin : begin + _BLOCK], mask[begin : begin + _BLOCK]
        for i in range(values.size):
            flags, value = flags_of[i], values[i]
            some_bad += np.uint32((flags != 0) | (value - value != 0))  # infinite or no number
            some_first += np.uint32((flags & first_bit) != 0)
            some_second += np.uint32((flags & second_bit) != 0)
        bad += int(some_bad)
        first += int(some_first)
        second += int(some_second)
    return bad, first, second
