"""Well-known objects for demonstrations and rehearsals, ICRS (J2000) positions.

Positions are those of the Messier and NGC lists, rounded to 0.01 deg: good for pointing a camera
half a degree wide, not for astrometry.
"""

from __future__ import annotations

from typing import NamedTuple


class Showpiece(NamedTuple):
    """One object: name, ICRS position in degrees, kind in the words of "Type of object"."""

    name: str
    ra_deg: float
    dec_deg: float
    kind: str


SHOWPIECES = (
    Showpiece("M 31", 10.68, 41.27, "Galaxy"),
    Showpiece("NGC 457", 19.89, 58.28, "Open cluster"),
    Showpiece("M 33", 23.46, 30.66, "Galaxy"),
    Showpiece("NGC 869", 34.75, 57.13, "Open cluster"),
    Showpiece("M 34", 40.53, 42.72, "Open cluster"),
    Showpiece("M 45", 56.87, 24.11, "Open cluster"),
    Showpiece("M 38", 82.17, 35.85, "Open cluster"),
    Showpiece("M 1", 83.63, 22.01, "Supernova remnant"),
    Showpiece("M 42", 83.82, -5.39, "Nebula"),
    Showpiece("M 37", 88.07, 32.55, "Open cluster"),
    Showpiece("M 35", 92.27, 24.34, "Open cluster"),
    Showpiece("M 41", 101.50, -20.76, "Open cluster"),
    Showpiece("M 44", 130.05, 19.62, "Open cluster"),
    Showpiece("M 67", 132.85, 11.81, "Open cluster"),
    Showpiece("M 81", 148.89, 69.07, "Galaxy"),
    Showpiece("M 66", 170.06, 12.99, "Galaxy"),
    Showpiece("NGC 4565", 189.09, 25.99, "Galaxy"),
    Showpiece("M 51", 202.47, 47.20, "Galaxy"),
    Showpiece("M 3", 205.55, 28.38, "Globular cluster"),
    Showpiece("M 101", 210.80, 54.35, "Galaxy"),
    Showpiece("M 5", 229.64, 2.08, "Globular cluster"),
    Showpiece("M 13", 250.42, 36.46, "Globular cluster"),
    Showpiece("M 92", 259.28, 43.14, "Globular cluster"),
    Showpiece("M 6", 265.08, -32.25, "Open cluster"),
    Showpiece("M 23", 269.27, -18.98, "Open cluster"),
    Showpiece("M 11", 282.77, -6.27, "Open cluster"),
    Showpiece("M 57", 283.40, 33.03, "Planetary nebula"),
    Showpiece("M 27", 299.90, 22.72, "Planetary nebula"),
    Showpiece("M 29", 305.98, 38.52, "Open cluster"),
    Showpiece("M 15", 322.49, 12.17, "Globular cluster"),
    Showpiece("M 39", 322.89, 48.25, "Open cluster"),
    Showpiece("NGC 7789", 359.33, 56.71, "Open cluster"),
)
