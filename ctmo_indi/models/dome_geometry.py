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
from typing import Any

import numpy as np

from ctmo_indi.models.coordinates import Angle, Instant, icrs_to_eod, sidereal_time_h
from ctmo_indi.profiles import Profile, Role, Site

_NEARLY_ZENITH_M = 1e-6
_ELEMENTS = {
    "radius_m": "DM_DOME_RADIUS",
    "shutter_width_m": "DM_SHUTTER_WIDTH",
    "north_m": "DM_NORTH_DISPLACEMENT",
    "east_m": "DM_EAST_DISPLACEMENT",
    "up_m": "DM_UP_DISPLACEMENT",
    "tube_offset_m": "DM_OTA_OFFSET",
}


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


def measurements_of(profile: Profile) -> DomeMeasurements | None:
    """Return the dome's measurements as the profile sets them; None without a dome.

    What the profile leaves out is zero, as in INDI's drivers.
    """
    dome = profile.equipment.get(Role.DOME)
    if dome is None:
        return None
    entries = dome.settings.get("DOME_MEASUREMENTS", {})
    return DomeMeasurements(
        **{word: float(entries.get(element, 0.0)) for word, element in _ELEMENTS.items()}
    )


@dataclass(frozen=True, slots=True)
class LineOfSight:
    """How the telescope looks out of the dome, seen from above; shares of the dome's radius.

    Parameters
    ----------
    mount, tube
        East and north of the crossing of the mount's axes, and of the tube's axis beside it.
    exit
        Where the line of sight leaves the dome.
    """

    mount: tuple[float, float]
    tube: tuple[float, float]
    exit: tuple[float, float]

    def to_wire(self) -> dict[str, object]:
        """Return it to a thousandth."""
        points = (("Mount", self.mount), ("Tube", self.tube), ("Exit", self.exit))
        return {
            f"{name} {side}": round(value, 3)
            for name, point in points
            for side, value in zip(("East", "North"), point, strict=True)
        }


def line_of_sight(
    hour_angle_h: float,
    dec_deg: float,
    latitude_deg: float,
    measurements: DomeMeasurements,
    side: TubeSide | None = None,
) -> LineOfSight | None:
    """Return how the telescope looks out; parameters and errors of :func:`slit_azimuth_deg`.

    None where the dome was not measured.
    """
    tube, _, slit = _line(hour_angle_h, dec_deg, latitude_deg, measurements, side)
    if slit is None:
        return None
    mount = measurements.east_m, measurements.north_m
    shares = (
        (float(x) / measurements.radius_m, float(y) / measurements.radius_m)
        for x, y in (mount, tube, slit)
    )
    return LineOfSight(*shares)


def slit_azimuth_deg(
    hour_angle_h: Angle,
    dec_deg: Angle,
    latitude_deg: float,
    measurements: DomeMeasurements,
    side: TubeSide | None = None,
) -> Angle:
    """Return the azimuth the slit must have for a pointing, or for many.

    Parameters
    ----------
    hour_angle_h, dec_deg
        Apparent, of date: where the mount points; floats, or arrays that broadcast.
    side
        Where the tube is. None: counterweight down, that is east of the pier for targets west of
        the meridian and west for those east of it.

    Returns
    -------
    float or array
        From north over east, 0 <= deg < 360. In the zenith, where any would do, the telescope's.

    Raises
    ------
    ValueError
        The tube's axis is outside the dome: the measurements cannot be right.
    """
    _, (sight_x, sight_y), slit = _line(hour_angle_h, dec_deg, latitude_deg, measurements, side)
    if slit is None:
        plain: Angle = _azimuth_deg(sight_x, sight_y)
        return plain
    slit_x, slit_y = slit
    is_zenith = np.hypot(slit_x, slit_y) < _NEARLY_ZENITH_M
    azimuth: Angle = _azimuth_deg(
        np.where(is_zenith, sight_x, slit_x), np.where(is_zenith, sight_y, slit_y)
    )
    return azimuth


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


def _line(
    hour_angle_h: Angle,
    dec_deg: Angle,
    latitude_deg: float,
    measurements: DomeMeasurements,
    side: TubeSide | None,
) -> tuple[Any, Any, Any]:  # Any: pairs of floats or arrays
    """Return east and north of the tube's axis, the direction it looks in, and where it looks out.

    The last is None for a dome that was not measured, the first then meaningless.
    """
    ha, dec = np.radians(15.0 * hour_angle_h), np.radians(dec_deg)
    latitude = math.radians(latitude_deg)
    sin_ha, cos_ha = np.sin(ha), np.cos(ha)
    sin_latitude, cos_latitude = math.sin(latitude), math.cos(latitude)
    sin_dec, cos_dec = np.sin(dec), np.cos(dec)
    sight_x = -cos_dec * sin_ha
    sight_y = sin_dec * cos_latitude - cos_dec * cos_ha * sin_latitude
    sight_z = sin_dec * sin_latitude + cos_dec * cos_ha * cos_latitude
    if measurements.radius_m <= 0.0:
        return (0.0, 0.0), (sight_x, sight_y), None
    # Along the declination axis, six hours of hour angle beside the pointing.
    beside_m = measurements.tube_offset_m * _turn(sin_ha, side)
    tube_x = measurements.east_m + beside_m * cos_ha
    tube_y = measurements.north_m - beside_m * sin_ha * sin_latitude
    tube_z = measurements.up_m + beside_m * sin_ha * cos_latitude
    squared = tube_x**2 + tube_y**2 + tube_z**2
    if np.any(squared >= measurements.radius_m**2):
        raise ValueError(
            f"the tube is {math.sqrt(np.max(squared)):.2f} m from the dome's centre, "
            f"expected less than its radius of {measurements.radius_m:.2f} m"
        )
    along = tube_x * sight_x + tube_y * sight_y + tube_z * sight_z
    distance = np.sqrt(along**2 - squared + measurements.radius_m**2) - along
    slit_x, slit_y = tube_x + distance * sight_x, tube_y + distance * sight_y
    return (tube_x, tube_y), (sight_x, sight_y), (slit_x, slit_y)


def _turn(sin_ha: Any, side: TubeSide | None) -> Any:  # Any: float or array
    """Return 1 where the tube is east of the pier, -1 where it is west."""
    if side is None:
        return np.where(sin_ha >= 0.0, 1.0, -1.0)
    return 1.0 if side is TubeSide.EAST else -1.0


def _azimuth_deg(east: Any, north: Any) -> Any:  # Any: a float, or an array for arrays
    # A tiny negative angle gives 360.0 the first time.
    degrees = np.degrees(np.arctan2(east, north)) % 360.0 % 360.0
    return float(degrees) if np.ndim(degrees) == 0 else degrees
