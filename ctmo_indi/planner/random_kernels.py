"""Compiled: random numbers that are the same everywhere: SplitMix64.

Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", OOPSLA. The state is
one word; every number costs some ten operations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled

Words = NDArray[np.uint64]
"""A generator's state, shape (1,); its first value is the seed. A draw changes it."""


@compiled
def random01(state: Words) -> float:
    """Return the next number, 0 <= x < 1; in steps of 2^-53."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    word = state[0]
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    word = word ^ (word >> np.uint64(31))
    return float(word >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@compiled
def random_below(state: Words, count: int) -> int:
    """Return the next number, 0 <= n < count."""
    return min(int(random01(state) * count), count - 1)
