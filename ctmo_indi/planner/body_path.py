"""Where Sun and Moon are during a night, as chords between nodes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import erfa
import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.coordinates import ApparentFrame
from ctmo_indi.models.sun_moon import moon_place_rad, sun_place_rad
from ctmo_indi.profiles import Site

Array = NDArray[np.float64]

ROTATION_RATE_RAD_S = 2.0 * math.pi * 1.00273781191135448 / 86400.0
"""Earth's rotation in a second of UT1: IERS Conventions 2010, equation 5.15."""

_SUN_STEP_S = 3600.0
_MOON_STEP_S = 60.0


@dataclass(frozen=True, slots=True)
class BodyPath:
    """Directions at equally spaced instants from begin to end, and straight between them.

    Parameters
    ----------
    begin_utc_s
        Of the first node.
    step_s
        From node to node, above 0.
    nodes
        Shape (K, 3), K >= 2: CIRS unit vectors.
    """

    begin_utc_s: float
    step_s: float
    nodes: Array

    @classmethod
    def of_sun(cls, begin_utc_s: float, end_utc_s: float) -> BodyPath:
        """Compute the Sun's, seen from the Earth's centre: good to 0.1".

        Each node has a frame of its own: beside where the Sun stood at another instant, its own
        gravity would bend its light by 2".
        """
        times_s = _nodes_s(begin_utc_s, end_utc_s, _SUN_STEP_S)
        return cls._over(times_s, sun_place_rad(ApparentFrame.at(times_s), times_s))

    @classmethod
    def of_moon(
        cls, site: Site, frame: ApparentFrame, begin_utc_s: float, end_utc_s: float
    ) -> BodyPath:
        """Compute the Moon's as seen from the site: what the chords add is 0.01".

        Parameters
        ----------
        frame
            Of the middle between begin and end.
        """
        times_s = _nodes_s(begin_utc_s, end_utc_s, _MOON_STEP_S)
        since_s = times_s - (begin_utc_s + (end_utc_s - begin_utc_s) / 2.0)
        turned_rad = frame.rotation_rad + ROTATION_RATE_RAD_S * since_s
        turning = replace(frame, rotation_rad=turned_rad)
        return cls._over(times_s, moon_place_rad(turning, site, times_s))

    @classmethod
    def _over(cls, times_s: Array, place_rad: tuple[Array, Array]) -> BodyPath:
        return cls(float(times_s[0]), float(times_s[1] - times_s[0]), erfa.s2c(*place_rad))

    def at(self, times_utc_s: Array) -> Array:
        """Return unit vectors at instants of the span; shape (3, n)."""
        place = (times_utc_s - self.begin_utc_s) / self.step_s
        node = np.clip(place.astype(np.int64), 0, len(self.nodes) - 2)
        part = (place - node)[:, np.newaxis]
        chord = self.nodes[node] * (1.0 - part) + self.nodes[node + 1] * part
        length = np.linalg.norm(chord, axis=1)
        return np.ascontiguousarray(chord.T / length, dtype=np.float64)


def _nodes_s(begin_utc_s: float, end_utc_s: float, step_s: float) -> Array:
    length_s = end_utc_s - begin_utc_s
    count = max(1, math.ceil(length_s / step_s))
    return begin_utc_s + np.arange(count + 1, dtype=np.float64) * (max(length_s, step_s) / count)
