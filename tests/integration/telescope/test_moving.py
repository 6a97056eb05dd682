"""Targets that move among the stars, on real simulators: frames show where they were."""

from __future__ import annotations

import math

import pytest
from astropy.io import fits

from ctmo_indi.models.coordinates import altaz, separation_deg
from ctmo_indi.models.headers import parse_date
from ctmo_indi.models.motions import BodyMotion, SolarSystemBody
from ctmo_indi.models.moving_targets import place_icrs_deg
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType

pytestmark = pytest.mark.indi

SPEED = 8.0
SATURN = ObservationRequest(
    "1", "ada", FrameType.LIGHT, 10.0, 2, motion=BodyMotion(SolarSystemBody.SATURN)
)


def _headers(view: dict[str, object]) -> list[fits.Header]:
    assert view["Status"] == "COMPLETED", (view["Status"], view.get("Failure"), view.get("Step"))
    return [fits.getheader(str(frame["Path"])) for frame in view["Exposures"]]


def test_a_planet_is_found_and_named_in_the_frame(stage):
    scene = stage(SPEED)
    keys = {"Solar System Body": "Saturn", "Filter": "V", "Exposure Time": 10.0}

    view = scene.ended(scene.attempt(**keys, **{"Number of Exposures": 2}), 60.0)

    headers = _headers(view)
    assert len(headers) == 2
    for header in headers:
        middle_s = parse_date(header["DATE-OBS"]) + 5.0
        place = place_icrs_deg(SATURN, scene.profile.site, middle_s)
        assert header["OBJECT"] == "Saturn"
        asked = header["TARGRA"], header["TARGDEC"]
        assert separation_deg(*asked, *place) * 3600.0 < 1.0
        # The simulated mount ends a slew within 20"; it says its position in steps of 4".
        assert separation_deg(header["RA"], header["DEC"], *place) * 3600.0 < 30.0


def test_a_place_over_the_ground_is_pointed_at_before_each_exposure(stage):
    scene = stage(SPEED)
    keys = {"Altitude": 60.0, "Azimuth": 135.0, "Filter": "V", "Exposure Time": 60.0}

    view = scene.ended(scene.attempt(**keys, **{"Number of Exposures": 3}), 90.0)

    begins_s, ras_deg = [], []
    for header in _headers(view):
        begin_s = parse_date(header["DATE-OBS"])
        there = altaz(header["RA"], header["DEC"], scene.profile.site, begin_s)
        # From the begin of the slew to that of the exposure the sky goes on, 15" a second.
        assert separation_deg(there[1], there[0], 135.0, 60.0) < 0.3
        begins_s.append(begin_s)
        ras_deg.append(header["RA"])
    assert begins_s[2] - begins_s[0] > 120.0
    moved_deg = (ras_deg[2] - ras_deg[0]) % 360.0
    expected_deg = (begins_s[2] - begins_s[0]) * 15.041 / 3600.0
    assert math.isclose(moved_deg, expected_deg, abs_tol=0.15)
