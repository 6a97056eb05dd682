"""Targets that do not stand still among the stars, as orders describe them: frozen, no arithmetic.

Where such a target is: ``moving_targets.py``. Artificial satellites are none of them: they cross a
field in a second, and a mount that tracks at the sidereal rate cannot follow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

GAUSS_K = 0.01720209895
"""Gauss's constant, au^1.5 / day: the Sun's mass alone."""


class SolarSystemBody(StrEnum):
    """A body whose place is known without elements; spelled as on the wire."""

    MERCURY = "Mercury"
    VENUS = "Venus"
    MARS = "Mars"
    JUPITER = "Jupiter"
    SATURN = "Saturn"
    URANUS = "Uranus"
    NEPTUNE = "Neptune"
    MOON = "Moon"


@dataclass(frozen=True, slots=True)
class BodyMotion:
    """A planet or the Moon."""

    body: SolarSystemBody


@dataclass(frozen=True, slots=True)
class Orbit:
    """Osculating elements of a minor planet or a comet: two bodies, the Sun and this one.

    Heliocentric, referred to the ecliptic and mean equinox of J2000.0.

    Parameters
    ----------
    perihelion_distance_au
        Above 0.
    eccentricity
        From 0; 1 is a parabola, above it a hyperbola.
    ascending_node_deg, perihelion_deg
        Longitude of the ascending node and argument of perihelion.
    perihelion_jd
        Julian date (TT) of a passage through perihelion.
    epoch_jd
        Julian date (TT) at which the elements hold; None: not told.
    """

    perihelion_distance_au: float
    eccentricity: float
    inclination_deg: float
    ascending_node_deg: float
    perihelion_deg: float
    perihelion_jd: float
    epoch_jd: float | None = None


@dataclass(frozen=True, slots=True)
class FixedHorizontal:
    """A place over the ground; altitude without refraction, azimuth from north over east."""

    altitude_deg: float
    azimuth_deg: float


def mean_motion_deg(semi_major_axis_au: float) -> float:
    """Return the mean daily motion on an ellipse, degrees a day."""
    return math.degrees(GAUSS_K) / math.pow(semi_major_axis_au, 1.5)


Motion = BodyMotion | Orbit | FixedHorizontal
