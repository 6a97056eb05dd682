"""From which altitude on an air mass is not exceeded: the inverse of ``coordinates.airmass``."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.coordinates import airmass

Array = NDArray[np.float64]

NEVER_DEG = 91.0
"""What no altitude reaches."""

_STEP_DEG = 0.002
_NO_LIMIT = 99.9  # what observing_rules takes for the air mass below the horizon


def altitude_of_airmass_deg(max_airmass: Array) -> Array:
    """Return the lowest altitude whose air mass is at most this, to 1e-5 degrees.

    Parameters
    ----------
    max_airmass
        Any shape. Below 1: NEVER_DEG; from 99.9 on: -90, no limit; from 38 to 99.9 the horizon.
    """
    if np.all(max_airmass >= _NO_LIMIT):
        return np.full(max_airmass.shape, -90.0)
    inverse, altitudes_deg = _table()
    found = np.interp(1.0 / max_airmass, inverse, altitudes_deg)
    found = np.where(max_airmass >= _NO_LIMIT, -90.0, found)
    return np.where(max_airmass < 1.0, NEVER_DEG, found)


@functools.cache
def _table() -> tuple[Array, Array]:
    """Return 1 / air mass, ascending, and its altitudes up to where it is 1."""
    altitudes_deg = np.arange(0.0, 90.0, _STEP_DEG)
    inverse = 1.0 / np.asarray(airmass(altitudes_deg))
    below_one = int(np.argmax(inverse >= 1.0)) + 1
    return inverse[:below_one], altitudes_deg[:below_one]
