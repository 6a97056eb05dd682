"""Which target an order means: by a name, a body, an orbit, a direction, and each only once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ctmo_indi.errors import BadOrder
from ctmo_indi.models.motions import BodyMotion, FixedHorizontal, Motion, Orbit, SolarSystemBody
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType
from ctmo_indi.testing.desks import small_profile
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.targets import motion_to_wire

PLAIN: dict[str, Any] = {
    "WOType": "Observation", "ID": "1", "User": "Ada", "Filter": "I", "Exposure Time": 30.0,
}  # fmt: skip
ELEMENTS: dict[str, Any] = {
    "Eccentricity": 0.25, "Inclination": 10.0, "Ascending Node": 80.0,
    "Argument of Perihelion": 70.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract.load(small_profile(), FakeClock())


def read(contract: Contract, **keys: object) -> ObservationRequest:
    request = contract.check(PLAIN | {key.replace("_", " "): v for key, v in keys.items()}).request
    assert isinstance(request, ObservationRequest)
    return request


def problems(contract: Contract, **keys: object) -> dict[str, str]:
    with pytest.raises(BadOrder) as refused:
        read(contract, **keys)
    return dict(line.split(": ", 1) for line in refused.value.problems)


def test_a_name_alone_is_looked_up_and_kept_with_its_place(contract: Contract) -> None:
    checked = contract.check(PLAIN | {"Object": "NGC 224"})
    assert isinstance(checked.request, ObservationRequest)
    assert checked.request.object_name == "NGC 224"
    assert checked.request.fixed_place_deg == pytest.approx((10.6848, 41.2691), abs=1e-3)
    assert (checked.wire["RA"], checked.wire["Dec"]) == checked.request.fixed_place_deg
    again = contract.check(checked.wire)
    assert again.request == checked.request
    assert again.content_hash == checked.content_hash


@pytest.mark.parametrize("name", ["", " "])
def test_a_name_without_a_letter_names_nothing(contract: Contract, name: str) -> None:
    found = problems(contract, Object=name)
    assert "named by Object" in found["RA"]
    assert {"RA", "Dec"} <= set(found)
    assert read(contract, Object=name, RA=200.0, Dec=-10.0).object_name == name


def test_beside_ra_and_dec_a_name_is_a_label(contract: Contract) -> None:
    request = read(contract, Object="M 31", RA=200.0, Dec=-10.0)
    assert (request.object_name, request.fixed_place_deg) == ("M 31", (200.0, -10.0))
    assert read(contract, Object="anything", RA=200.0, Dec=-10.0).object_name == "anything"


def test_a_name_beside_half_a_place_is_not_looked_up(contract: Contract) -> None:
    assert set(problems(contract, Object="M 31", RA=200.0)) == {"Dec"}


def test_names_of_frames_without_sky_are_labels(contract: Contract) -> None:
    request = contract.check({
        "WOType": "Observation", "User": "Ada", "Object": "M 31", "Frame Type": "Bias",
    }).request  # fmt: skip
    assert isinstance(request, ObservationRequest)
    assert not request.has_place


@pytest.mark.parametrize("key", ["Object", "Solar System Body"])
def test_a_planet_by_its_name(contract: Contract, key: str) -> None:
    checked = contract.check(PLAIN | {key: "Jupiter"})
    assert isinstance(checked.request, ObservationRequest)
    assert checked.request.motion == BodyMotion(SolarSystemBody.JUPITER)
    assert checked.request.object_name == "Jupiter"
    assert checked.request.fixed_place_deg is None
    assert contract.check(checked.wire).request == checked.request


@pytest.mark.parametrize(
    "keys",
    [
        {"Object": "Mars", "RA Unit": "deg"},
        {"Object": " moon", "RA Unit": "hour"},
        {"Object": "M31", "RA Unit": "hour"},
        {"Object": "M31", "RA": "00:42:44.3", "Dec": "+41:16:09", "RA Unit": "hour"},
        {"Object": "Mars", "RA": 23.5, "Dec": -1, "RA Unit": "hour"},
        {"Object": "Mars", "RA": "23.5", "Dec": "-1"},
        {"Solar System Body": "Mars", "Priority": None, "ID": 7},
        {"Object": "low in the west", "Altitude": 20, "Azimuth": 270},
        {"Orbit": ELEMENTS | {"Semi-major Axis": 2, "Mean Anomaly": 350, "Epoch": 2461000.5}},
        {"Object": "Mars", "Frame Type": "Flat"},
    ],
)
def test_what_was_understood_is_taken_again_and_means_the_same(
    contract: Contract, keys: dict[str, object]
) -> None:
    checked = contract.check(PLAIN | keys)
    again = contract.check(checked.wire)
    assert again.request == checked.request
    assert again.wire == checked.wire
    assert again.content_hash == checked.content_hash


@pytest.mark.parametrize("body", ["Sun", "Pluto", "ISS", "Ceres", "jupiter"])
def test_what_is_no_body_is_refused_with_the_way_out(contract: Contract, body: str) -> None:
    said = problems(contract, Solar_System_Body=body)["Solar System Body"]
    assert "Orbit" in said
    assert "satellites" in said


def test_elements_of_an_ellipse_by_mean_anomaly(contract: Contract) -> None:
    orbit = ELEMENTS | {"Semi-major Axis": 2.0, "Mean Anomaly": 350.0, "Epoch": 2461000.5}
    motion = read(contract, Object="2027 AB", Orbit=orbit).motion
    assert isinstance(motion, Orbit)
    assert motion.perihelion_distance_au == pytest.approx(1.5)
    # Ten degrees to go; a body at 2 au takes 365.25636 x 2^1.5 days (k gives the Gaussian year).
    ahead_days = 10.0 / 360.0 * 365.2568983 * 2.0**1.5
    assert motion.perihelion_jd == pytest.approx(2461000.5 + ahead_days, abs=1e-5)


def test_whole_numbers_and_others_are_the_same_order(contract: Contract) -> None:
    whole = {
        "Eccentricity": 1, "Inclination": 10, "Ascending Node": 80, "Argument of Perihelion": 70,
        "Perihelion Distance": 2, "Perihelion Time": 2461400,
    }  # fmt: skip
    parts = {key: float(value) for key, value in whole.items()}
    hashes = {
        contract.check(PLAIN | {"Orbit": orbit}).content_hash for orbit in (whole, parts)
    }  # fmt: skip
    assert len(hashes) == 1


def test_elements_of_a_comet_by_perihelion(contract: Contract) -> None:
    orbit = ELEMENTS | {
        "Eccentricity": 1.0003, "Perihelion Distance": 0.5, "Perihelion Time": 2461400.25,
    }  # fmt: skip
    assert read(contract, Orbit=orbit).motion == Orbit(0.5, 1.0003, 10.0, 80.0, 70.0, 2461400.25)


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({}, {"Orbit.Perihelion Distance", "Orbit.Perihelion Time"}),
        (
            {"Perihelion Distance": 1.0, "Semi-major Axis": 2.0, "Perihelion Time": 2461000.5},
            {"Orbit.Semi-major Axis"},
        ),
        ({"Semi-major Axis": 2.0, "Mean Anomaly": 3.0}, {"Orbit.Epoch"}),
        (
            {
                "Semi-major Axis": 2.0, "Mean Anomaly": 3.0, "Epoch": 2461000.5,
                "Eccentricity": 1.0,
            },
            {"Orbit.Semi-major Axis", "Orbit.Mean Anomaly"},
        ),
        ({"Perihelion Distance": 1.0, "Perihelion Time": 61000.0}, {"Orbit.Perihelion Time"}),
        (
            {"Semi-major Axis": 1.0, "Eccentricity": 0.9999, "Perihelion Time": 2461000.5},
            {"Orbit"},
        ),
        (
            {"Perihelion Distance": 1.0, "Perihelion Time": 2461000.5, "Period": 3.0},
            {"Orbit.Period"},
        ),
        (
            {"Perihelion Distance": float("nan"), "Perihelion Time": 2461000.5},
            {"Orbit.Perihelion Distance"},
        ),
    ],
)  # fmt: skip
def test_elements_that_do_not_fit_together_are_named(
    contract: Contract, changes: dict[str, float], keys: set[str]
) -> None:
    assert set(problems(contract, Orbit=ELEMENTS | changes)) == keys


def test_a_place_over_the_ground(contract: Contract) -> None:
    assert read(contract, Altitude=70, Azimuth=180.0).motion == FixedHorizontal(70.0, 180.0)
    assert set(problems(contract, Altitude=70.0)) == {"Azimuth"}
    assert set(problems(contract, Altitude=-1.0, Azimuth=360.0)) == {"Altitude", "Azimuth"}


@pytest.mark.parametrize(
    "other",
    [
        {"Solar System Body": "Moon"},
        {"Orbit": ELEMENTS | {"Perihelion Distance": 1.0, "Perihelion Time": 2461000.5}},
        {"Altitude": 70.0, "Azimuth": 180.0},
    ],
)
def test_an_order_names_its_target_once(contract: Contract, other: dict[str, Any]) -> None:
    with pytest.raises(BadOrder, match="names its target once"):
        contract.check(PLAIN | {"RA": 1.0, "Dec": 2.0} | other)


def test_two_ways_beside_ra_and_dec_are_one_too_many(contract: Contract) -> None:
    both = {"Solar System Body": "Moon", "Altitude": 70.0, "Azimuth": 180.0}
    with pytest.raises(BadOrder, match="names its target once"):
        contract.check(PLAIN | both)


@pytest.mark.parametrize("frame_type", ["Bias", "Dark", "Flat"])
@pytest.mark.parametrize("key", ["Solar System Body", "Orbit", "Altitude", "Azimuth"])
def test_frames_without_sky_have_no_target(contract: Contract, frame_type: str, key: str) -> None:
    values = {"Solar System Body": "Moon", "Orbit": ELEMENTS, "Altitude": 70.0, "Azimuth": 180.0}
    order = {"WOType": "Observation", "User": "Ada", "Frame Type": frame_type, key: values[key]}
    with pytest.raises(BadOrder) as refused:
        contract.check(order)
    assert any(line.startswith(f"{key}: came") for line in refused.value.problems)


@pytest.mark.parametrize(
    "motion",
    [
        BodyMotion(SolarSystemBody.MOON),
        FixedHorizontal(45.5, 12.25),
        Orbit(0.5, 1.0003, 10.0, 80.0, 70.0, 2461400.25),
        Orbit(2.5, 0.1, 10.0, 80.0, 70.0, 2461400.25, 2461000.5),
        None,
    ],
)
def test_what_is_written_of_a_target_is_read_back(
    contract: Contract, motion: Motion | None
) -> None:
    place = {} if motion else {"RA": 1.0, "Dec": 2.0}
    request = contract.check(PLAIN | place | motion_to_wire(motion)).request
    assert isinstance(request, ObservationRequest)
    assert request.motion == motion


def test_a_request_with_a_motion_has_a_place() -> None:
    request = ObservationRequest("1", "u", FrameType.LIGHT, 1.0, 1)
    assert not request.has_place
    assert replace(request, motion=FixedHorizontal(45.0, 0.0)).has_place
