"""A program written for the documents of 2019 works; other INDI clients watch the mount."""

from __future__ import annotations

import xmlrpc.client

import pytest

from ...frames import off_arcmin, read_header
from ...running_fleet import MOUNT, RunningFleet, until

pytestmark = pytest.mark.indi

LAMP = "Light Panel Simulator.FLAT_LIGHT_CONTROL.FLAT_LIGHT_ON"

# The CTMO Manager's document of 2019, section 1.4.1, word for word.
OBSERVATION = {
    "ID": "1",
    "WOType": "Observation",
    "Priority": 1.3,
    "Datetime": "2019-03-05T14:34:54.234",
    "User": "Main Module",
    "Telescope Name": "CTMO",
    "RA": 23.1,
    "Dec": 13.2,
    "Filter": "I",
    "Exposure Time": 30.0,
    "Number of Exposures": 1,
    "Type of job": "Research",
    "Type of object": "Galaxy",
    "Calibration Frames": "Yes",
    "Output": "Analysis",
}

# The TOROS Manager's document, word for word.
BLINK = {
    "ID": "1",
    "WOType": "Dome",
    "Priority": 2,
    "Datetime": "2019-03-05T14:34:54.234",
    "User": "John Doe",
    "Blink01": True,
}


def test_the_observation_of_2019_becomes_a_frame_in_the_next_night(fleet: RunningFleet) -> None:
    with xmlrpc.client.ServerProxy(fleet.desk("scheduler").url + "/") as scheduler:
        reply = scheduler.front_desk(dict(OBSERVATION))
    order = fleet.ended(reply["Receipt"])

    assert reply["Message"].startswith("Work order received.")
    assert reply["ID"] == "1"
    assert 0.0 <= reply["Priority"] <= 10.0
    assert order["Status"] == "COMPLETED", order
    (frame,) = order["Exposures"]
    header = read_header(frame["Path"])
    assert off_arcmin(header, 23.1, 13.2) < 2.0
    assert header["FILTER"] == "I"
    assert header["EXPTIME"] == 30.0
    assert header["TELESCOP"] == "CTMO"
    assert header["RECEIPT"] == reply["Receipt"]
    assert header["ORDERID"] == "1"
    assert header["EXPID"] == frame["Exposure ID"]
    assert header["OBSERVER"] == "Main Module"
    assert f"/nights/{header['NIGHT']}/raw/" in frame["Path"]
    assert header["NIGHT"] == "20261121"


@pytest.mark.parametrize("service", ["scheduler", "dome"])
def test_blink01_of_2019_switches_the_lamp(fleet: RunningFleet, service: str) -> None:
    with xmlrpc.client.ServerProxy(fleet.desk(service).url + "/") as desk:
        on = desk.front_desk(dict(BLINK))
        lit = fleet.indi_value(LAMP)
        off = desk.front_desk(BLINK | {"Blink01": False})

    assert on["Message"].startswith("Work order received.")
    assert (on["Status"], off["Status"]) == ("COMPLETED", "COMPLETED")
    assert (lit, fleet.indi_value(LAMP)) == ("On", "Off")


def test_another_client_sees_the_mount_go_to_the_target(fleet: RunningFleet) -> None:
    before = fleet.mount_position()
    order = fleet.observation(**fleet.target(1.0, 60.0), **{"Exposure Time": 120.0})
    receipt = str(fleet.ask(order)["Receipt"])
    fleet.exposing(receipt)
    at_target = fleet.mount_position()
    fleet.ended(receipt)

    assert abs(at_target[1] - before[1]) > 1.0
    # Of date, not ICRS: precession in 27 years is up to 0.15 deg in declination.
    assert at_target[1] == pytest.approx(order["Dec"], abs=0.2)
    assert at_target[0] == pytest.approx(float(str(order["RA"])) / 15.0, abs=0.1)


@pytest.mark.parametrize("later_s", [0.0, 120.0], ids=["right after our slew", "later"])
def test_a_mount_moved_by_another_client_is_reported_and_the_order_comes_back(
    fleet: RunningFleet, later_s: float
) -> None:
    pids = fleet.supervisor.pids()
    known = len(fleet.events("telescope", "foreign_motion"))
    receipt = fleet.observe(**{"Exposure Time": 360.0})
    attempt = fleet.exposing(receipt)
    fleet.let_sky_pass(later_s)
    fleet.indi_set(f"{MOUNT}.EQUATORIAL_EOD_COORD.RA;DEC=3.0;70.0")
    until(
        lambda: len(fleet.events("telescope", "foreign_motion")) > known,
        "foreign_motion is published",
    )
    ended = fleet.ended(attempt, service="telescope")
    fleet.ask({"WOType": "Cancel", "Receipt": receipt})

    assert ended["Status"] == "INTERRUPTED"
    assert "foreign motion" in ended["Failure"]
    status = fleet.ask({"WOType": "Status"}, "telescope")
    assert MOUNT in status["Foreign Motion"]["What"]
    order = fleet.ask({"WOType": "Status", "Receipt": receipt})
    assert any("foreign motion" in str(line["Reason"]) for line in order["Attempts"])
    assert fleet.supervisor.pids() == pids
    fleet.ask({"WOType": "Control", "Command": "release"}, "telescope")
    assert fleet.ended(fleet.observe())["Status"] == "COMPLETED"
