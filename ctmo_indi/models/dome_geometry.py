"""Where the slit must stand so that the telescope looks through it.

The mount seldom stands at the dome's centre, and a German mount carries the tube beside its polar
axis, so the slit's azimuth is not the telescope's. Vectors, x east, y north, z up, origin at the
centre of the dome's sphere, metres:

* crossing of the mount's axes: ``m = (east, north, up)``;
* the tube's axis runs beside it at ``o = m + a d``, with ``a`` the tube's distance from the polar
  axis and ``d`` the direction of the declination axis: on the equator, six hours of hour angle
  before the pointing when the tube is east of the pier, six after when it is west;
* the line of sight ``o + t s`` leaves the sphere of radius ``R`` where
  ``t = -o.s + sqrt((o.s)^2 - o.o + R^2)``; the slit's azimuth is that point's.

That is the line-sphere intersection Chris Lord, "Synchronised dome rotation", solves by
trigonometry. Test: marching along the line, and turning the axes by rotation matrices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from ctmo_indi.models.coordinates import Array, Instant, icrs_to_eod, sidereal_time_h
from ctmo_indi.profiles import Site

_NEARLY_ZENITH_M = 1e-6


class TubeSide(StrEnum):
    """Where the tube is, seen from the pier; east looks west, as INDI's PIER_EAST means."""

    EAST = "east"
    WEST = "west"


@dataclass(frozen=True, slots=True)
class DomeMeasurements:
    """INDI's DOME_MEASUREMENTS, metres.

    Parameters
    ----------
    radius_m
        Of the dome's sphere; 0 means not measured: the slit then follows the telescope's azimuth.
    north_m, east_m, up_m
        From the dome's centre to the crossing of the mount's axes.
    tube_offset_m
        From the polar axis to the tube's axis; 0 for forks.
    """

    radius_m: float
    shutter_width_m: float = 0.0
    north_m: float = 0.0
    east_m: float = 0.0
    up_m: float = 0.0
    tube_offset_m: float = 0.0


def slit_azimuth_deg(
    hour_angle_h: float,
    dec_deg: float,
    latitude_deg: float,
    measurements: DomeMeasurements,
    side: TubeSide | None = None,
) -> float:
    """Return the azimuth the slit must have for a pointing.

    Parameters
    ----------
    hour_angle_h, dec_deg
        Apparent, of date: where the mount points.
    side
        Where the tube is. None: counterweight down, that is east of the pier for targets west of
        the meridian and west for those east of it.

    Returns
    -------
    float
        From north over east, 0 <= deg < 360. In the zenith, where any would do, the telescope's.

    Raises
    ------
    ValueError
        The tube's axis is outside the dome: the measurements cannot be right.
    """
    sight = _direction(hour_angle_h, dec_deg, latitude_deg)
    if measurements.radius_m <= 0.0:
        return _azimuth_deg(sight)
    if side is None:
        is_west_of_meridian = math.remainder(hour_angle_h, 24.0) >= 0.0
        side = TubeSide.EAST if is_west_of_meridian else TubeSide.WEST
    turn_h = -6.0 if side is TubeSide.EAST else 6.0
    axis = _direction(hour_angle_h + turn_h, 0.0, latitude_deg)
    tube = np.array([measurements.east_m, measurements.north_m, measurements.up_m])
    tube = tube + measurements.tube_offset_m * axis
    if float(np.linalg.norm(tube)) >= measurements.radius_m:
        raise ValueError(
            f"the tube is {np.linalg.norm(tube):.2f} m from the dome's centre, "
            f"expected less than its radius of {measurements.radius_m:.2f} m"
        )
    along = float(tube @ sight)
    distance = -along + math.sqrt(along**2 - float(tube @ tube) + measurements.radius_m**2)
    crossing = tube + distance * sight
    if math.hypot(crossing[0], crossing[1]) < _NEARLY_ZENITH_M:
        return _azimuth_deg(sight)
    return _azimuth_deg(crossing)


def slit_azimuth_for_icrs_deg(
    ra_deg: float,
    dec_deg: float,
    site: Site,
    utc: Instant,
    measurements: DomeMeasurements,
    side: TubeSide | None = None,
) -> float:
    """Return the azimuth the slit must have for an ICRS target; as :func:`slit_azimuth_deg`."""
    ra_hours, dec_eod_deg = icrs_to_eod(ra_deg, dec_deg, utc)
    hour_angle_h = math.remainder(sidereal_time_h(site, utc) - ra_hours, 24.0)
    return slit_azimuth_deg(hour_angle_h, dec_eod_deg, site.latitude_deg, measurements, side)


def slit_half_width_deg(
    measurements: DomeMeasurements, altitude_deg: float, aperture_m: float = 0.0
) -> float:
    """Return how far the slit may stand off before it shades the tube.

    Parameters
    ----------
    aperture_m
        Diameter of the beam that must pass.

    Returns
    -------
    float
        Degrees of azimuth, 0 to 180; grows towards the zenith. 0 when the slit is narrower than
        the beam or nothing was measured.
    """
    free_m = (measurements.shutter_width_m - aperture_m) / 2.0
    if measurements.radius_m <= 0.0 or free_m <= 0.0:
        return 0.0
    ring_m = measurements.radius_m * math.cos(math.radians(altitude_deg))
    return 180.0 if ring_m <= free_m else math.degrees(math.asin(free_m / ring_m))


def _direction(hour_angle_h: float, dec_deg: float, latitude_deg: float) -> Array:
    """Return the unit vector (east, north, up) of a direction on the sky."""
    ha, dec = math.radians(15.0 * hour_angle_h), math.radians(dec_deg)
    latitude = math.radians(latitude_deg)
    return np.array(
        [
            -math.cos(dec) * math.sin(ha),
            math.sin(dec) * math.cos(latitude) - math.cos(dec) * math.cos(ha) * math.sin(latitude),
            math.sin(dec) * math.sin(latitude) + math.cos(dec) * math.cos(ha) * math.cos(latitude),
        ]
    )


def _azimuth_deg(vector: Array) -> float:
    degrees = math.degrees(math.atan2(vector[0], vector[1])) % 360.0
    return degrees % 360.0  # a tiny negative angle gives 360.0 the first time
