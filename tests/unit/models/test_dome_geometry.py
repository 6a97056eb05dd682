"""The slit's azimuth against another construction: turned axes and a march along the ray."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ctmo_indi.models.coordinates import altaz, hour_angle_h, icrs_to_eod
from ctmo_indi.models.dome_geometry import (
    DomeMeasurements,
    TubeSide,
    line_of_sight,
    slit_azimuth_deg,
    slit_azimuth_for_icrs_deg,
    slit_half_width_deg,
)
from ctmo_indi.profiles import Site

CTMO = Site("CTMO", 25.996275, -97.571269, 12.0)
CENTRED = DomeMeasurements(radius_m=2.5, shutter_width_m=1.0)
SKEWED = DomeMeasurements(2.5, 1.0, north_m=-0.2, east_m=0.1, up_m=0.3, tube_offset_m=0.4)
Vector = np.ndarray[tuple[int], np.dtype[np.float64]]


def _turned(vector: Vector, axis: Vector, angle_rad: float) -> Vector:
    """Turn a vector about a unit axis, right-handed (Rodrigues)."""
    return (
        vector * math.cos(angle_rad)
        + np.cross(axis, vector) * math.sin(angle_rad)
        + axis * (axis @ vector) * (1.0 - math.cos(angle_rad))
    )


def _by_hand(
    hour_angle_h: float, dec_deg: float, latitude_deg: float, dome: DomeMeasurements, side: TubeSide
) -> float:
    """Turn a mount's axes by matrices, then march along the ray to the dome.

    East, north, up. It starts with the tube at the pole and the declination axis level, pointing
    east. The polar axis turns it westwards by the hour angle; about the declination axis the tube
    is lowered from the pole to the declination.
    """
    latitude = math.radians(latitude_deg)
    pole = np.array([0.0, math.cos(latitude), math.sin(latitude)])
    axis = _turned(np.array([1.0, 0.0, 0.0]), pole, -math.radians(15.0 * hour_angle_h))
    sight = _turned(pole, axis, math.radians(90.0 - dec_deg))
    tube = np.array([dome.east_m, dome.north_m, dome.up_m])
    tube = tube + axis * dome.tube_offset_m * (1.0 if side is TubeSide.EAST else -1.0)
    near, far = 0.0, 4.0 * dome.radius_m
    for _ in range(80):
        middle = (near + far) / 2.0
        if np.linalg.norm(tube + middle * sight) < dome.radius_m:
            near = middle
        else:
            far = middle
    point = tube + near * sight
    return math.degrees(math.atan2(point[0], point[1])) % 360.0


def _pointing_by_hand(
    hour_angle_h: float, dec_deg: float, latitude_deg: float
) -> tuple[float, float]:
    latitude = math.radians(latitude_deg)
    pole = np.array([0.0, math.cos(latitude), math.sin(latitude)])
    axis = _turned(np.array([1.0, 0.0, 0.0]), pole, -math.radians(15.0 * hour_angle_h))
    sight = _turned(pole, axis, math.radians(90.0 - dec_deg))
    return math.degrees(math.asin(sight[2])), math.degrees(math.atan2(sight[0], sight[1]))


def _apart(one_deg: float, other_deg: float) -> float:
    return abs(math.remainder(one_deg - other_deg, 360.0))


@given(st.floats(-6.0, 6.0), st.floats(-60.0, 85.0), st.sampled_from(TubeSide))
def test_the_slit_stands_where_the_ray_leaves_the_dome(
    hour_angle: float, dec_deg: float, side: TubeSide
) -> None:
    hand = _by_hand(hour_angle, dec_deg, CTMO.latitude_deg, SKEWED, side)
    ours = slit_azimuth_deg(hour_angle, dec_deg, CTMO.latitude_deg, SKEWED, side)
    assert _apart(ours, hand) < 1e-5


@given(st.floats(-5.0, 5.0), st.floats(-20.0, 80.0), st.sampled_from(TubeSide))
def test_the_line_of_sight_runs_from_the_tube_through_the_slit(
    hour_angle: float, dec_deg: float, side: TubeSide
) -> None:
    site = CTMO
    line = line_of_sight(hour_angle, dec_deg, site.latitude_deg, SKEWED, side)
    assert line is not None
    slit = slit_azimuth_deg(hour_angle, dec_deg, site.latitude_deg, SKEWED, side)
    assert _apart(math.degrees(math.atan2(*line.exit)), slit) < 1e-9
    ahead = np.subtract(line.exit, line.tube)
    altitude, azimuth = _pointing_by_hand(hour_angle, dec_deg, site.latitude_deg)
    if altitude < 89.0:
        assert _apart(math.degrees(math.atan2(*ahead)), azimuth) < 1e-6
    assert line.mount == (0.1 / 2.5, -0.2 / 2.5)
    assert math.dist(line.mount, line.tube) <= 0.4 / 2.5 + 1e-12
    assert math.hypot(*line.exit) <= 1.0


def test_an_unmeasured_dome_has_no_line_of_sight() -> None:
    assert line_of_sight(1.0, 20.0, CTMO.latitude_deg, DomeMeasurements(0.0)) is None


@given(st.floats(0.0, 359.0), st.floats(-50.0, 89.0), st.floats(1.6e9, 1.9e9))
def test_with_the_telescope_in_the_middle_the_slit_has_its_azimuth(
    ra_deg: float, dec_deg: float, utc_s: float
) -> None:
    altitude, azimuth = altaz(ra_deg, dec_deg, CTMO, utc_s)
    assume(altitude < 89.9)
    assert _apart(slit_azimuth_for_icrs_deg(ra_deg, dec_deg, CTMO, utc_s, CENTRED), azimuth) < 1e-6


def test_an_icrs_target_is_taken_to_its_place_of_date() -> None:
    utc = datetime(2026, 11, 22, 3, tzinfo=UTC)
    _, dec_eod = icrs_to_eod(23.1, 13.2, utc)
    hours = hour_angle_h(23.1, 13.2, CTMO, utc)
    expected = slit_azimuth_deg(hours, dec_eod, CTMO.latitude_deg, SKEWED)
    assert slit_azimuth_for_icrs_deg(23.1, 13.2, CTMO, utc, SKEWED) == pytest.approx(expected)


def test_a_tube_east_of_the_pier_looks_through_a_slit_further_east() -> None:
    # Due south, on the equator: plain geometry in the meridian plane seen from above.
    dome = DomeMeasurements(2.0, tube_offset_m=0.5)
    east = slit_azimuth_deg(0.0, 0.0, 45.0, dome, TubeSide.EAST)
    west = slit_azimuth_deg(0.0, 0.0, 45.0, dome, TubeSide.WEST)
    level_m = math.sqrt(2.0**2 - 0.5**2) * math.cos(math.radians(45.0))
    assert east == pytest.approx(180.0 - math.degrees(math.atan2(0.5, level_m)))
    assert west == pytest.approx(360.0 - east)


def test_without_a_side_the_counterweight_is_down() -> None:
    for hour_angle, side in ((3.0, TubeSide.EAST), (-3.0, TubeSide.WEST), (21.0, TubeSide.WEST)):
        named = slit_azimuth_deg(hour_angle, 20.0, 26.0, SKEWED, side)
        assert slit_azimuth_deg(hour_angle, 20.0, 26.0, SKEWED) == named


def test_a_dome_that_was_not_measured_follows_the_telescope() -> None:
    nothing = DomeMeasurements(0.0, tube_offset_m=0.3)
    assert slit_azimuth_deg(0.0, 0.0, 45.0, nothing) == pytest.approx(180.0)


def test_a_tube_outside_the_dome_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected less than its radius of 1\.00 m"):
        slit_azimuth_deg(0.0, 0.0, 45.0, DomeMeasurements(1.0, up_m=1.2))


def test_the_slit_forgives_more_the_higher_one_looks() -> None:
    assert slit_half_width_deg(CENTRED, 0.0) == pytest.approx(math.degrees(math.asin(0.5 / 2.5)))
    assert slit_half_width_deg(CENTRED, 60.0, 0.4) == pytest.approx(
        math.degrees(math.asin(0.3 / 1.25))
    )
    assert slit_half_width_deg(CENTRED, 85.0) == 180.0
    assert slit_half_width_deg(CENTRED, 0.0, 1.2) == 0.0
    assert slit_half_width_deg(DomeMeasurements(0.0), 45.0) == 0.0
