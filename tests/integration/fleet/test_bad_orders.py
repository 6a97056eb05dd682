"""What cannot be carried out is refused on the wire, with every reason, before anything moves."""

from __future__ import annotations

import math
import xmlrpc.client

import pytest

from ...running_fleet import RunningFleet

pytestmark = pytest.mark.indi

BAD, NEVER, CONFLICT, NOT_HERE = 400, 422, 409, 405


@pytest.fixture(autouse=True)
def nothing_changes(fleet: RunningFleet):
    fleet.watch("telescope", lambda status: status["Observatory"] == "CLOSED", "closed at first")
    before = fleet.ask({"WOType": "Status"})["Order Counts"]
    yield
    assert fleet.ask({"WOType": "Status"})["Order Counts"] == before
    assert fleet.ask({"WOType": "Status"}, "telescope")["Observatory"] == "CLOSED"


@pytest.mark.parametrize(
    ("change", "code", "texts"),
    [
        ({"WOType": "Observe"}, BAD, ["WOType", "'Observe'", "Observation"]),
        ({"RA": math.nan}, BAD, ["RA", "nan"]),
        ({"RA": 360.5}, BAD, ["RA", "360.5"]),
        ({"RA": 25.0, "RA Unit": "hour"}, BAD, ["RA", "25"]),
        ({"Dec": -90.1}, BAD, ["Dec", "-90.1"]),
        ({"Filter": "Z"}, BAD, ["Filter", "'Z'", "H_Alpha"]),
        ({"Telescope Name": "Hubble"}, BAD, ["Telescope Name", "CTMO"]),
        ({"Exposure Time": math.inf}, BAD, ["Exposure Time"]),
        ({"Number of Exposures": str(2**40)}, BAD, ["Number of Exposures"]),
        ({"Dec": -80.0}, NEVER, ["never at this site", "altitude -15"]),
        ({"Constraints": {"Min Altitude": 89.5}, "Dec": -20.0}, NEVER, ["altitude"]),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, dict) else None,
)
def test_it_is_refused_with_the_reason(fleet, change, code, texts) -> None:
    fault = fleet.fault(fleet.observation(**change))

    assert fault.code == code
    missing = [text for text in texts if text.lower() not in fault.text.lower()]
    assert missing == [], fault.text


def test_every_wrong_key_is_named_in_one_fault(fleet: RunningFleet) -> None:
    wrong = {
        "RA": math.nan,
        "Dec": "north",
        "Filter": "ultraviolet",
        "Exposure Time": -1,
        "Number of Exposures": 0,
        "Telescope Name": "Hubble",
        "Datetime": "yesterday",
        "Binning": "two",
        "Colour": "red",
    }
    with xmlrpc.client.ServerProxy(fleet.desk("scheduler").url) as desk:
        with pytest.raises(xmlrpc.client.Fault) as refused:
            desk.front_desk(fleet.observation(**wrong))

    assert refused.value.faultCode == BAD
    said = [part.split(": ")[0] for part in refused.value.faultString.split("; ")]
    assert set(wrong) <= set(said)
    assert len([key for key in said if key in wrong]) == len(wrong)


def is_scheduler_at_work(status) -> bool:
    beat = status["Beats"].get("scheduler", {"State": {}})
    return beat["State"].get("Summary State") == "ENABLED"


def test_an_attempt_by_hand_beside_the_scheduler_is_refused(fleet: RunningFleet) -> None:
    # Enabled just now: the telescope hears of it a beat or two later, by way of safety.
    safety = fleet.watch("safety", is_scheduler_at_work, "safety has heard of the scheduler")
    cycle = safety["Verdict"]["Cycle"]
    fleet.watch("telescope", lambda status: status["Verdict"]["Cycle"] > cycle, "it was told")
    fault = fleet.fault(fleet.observation(), "telescope")
    assert fault.code == 412
    assert "scheduler is at work" in fault.text


def test_an_order_at_the_wrong_desk_is_told_so(fleet: RunningFleet) -> None:
    assert fleet.fault(fleet.observation(), "safety").code == NOT_HERE
    assert fleet.fault(fleet.observation(), "dome").code == NOT_HERE
