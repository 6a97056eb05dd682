"""Stop, and both kinds of lock, on the whole fleet with real simulators under a fast clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from ..promises import IS_LONG
from ..running_fleet import MOUNT, Reply, RunningFleet, until

pytestmark = [pytest.mark.indi, pytest.mark.faults]

TRACKS = f"{MOUNT}.TELESCOPE_TRACK_STATE.TRACK_ON"
STATES = (
    f"{MOUNT}.EQUATORIAL_EOD_COORD._STATE",
    "Dome Simulator.ABS_DOME_POSITION._STATE",
    "Dome Simulator.DOME_SHUTTER._STATE",
    "CCD Simulator.CCD_EXPOSURE._STATE",
)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """All services, observing since dusk."""
    with RunningFleet(tmp_path_factory.mktemp("locks")).running() as running:
        yield running


@pytest.fixture(autouse=True)
def _free(fleet: RunningFleet) -> Iterator[None]:
    yield
    control(fleet, "unlock", service="safety")
    control(fleet, "release")
    fleet.watch("scheduler", lambda status: not status["Held"], "nobody holds it")


def control(
    fleet: RunningFleet, command: str, *, service: str = "telescope", **keys: object
) -> Reply:
    return fleet.ask({"WOType": "Control", "Command": command, **keys}, service)


def slewing(fleet: RunningFleet) -> str:
    fleet.ended(fleet.observe(**fleet.target(-4.0, 70.0)))
    receipt = fleet.observe(**{"Exposure Time": 1500.0, **fleet.target(3.0, -20.0)})
    fleet.attempt_of(receipt)
    until(lambda: fleet.indi_value(STATES[0]) == "Busy", "a slew")
    return receipt


def exposing(fleet: RunningFleet) -> str:
    receipt = fleet.observe(**{"Exposure Time": 1500.0})
    fleet.exposing(receipt)
    return receipt


def opening(fleet: RunningFleet) -> str:
    closed(fleet)
    receipt = fleet.observe(**{"Exposure Time": 1500.0})
    until(lambda: fleet.indi_value(STATES[2]) == "Busy", "the shutter moves")
    return receipt


def closing(fleet: RunningFleet) -> str:
    fleet.ended(fleet.observe(**fleet.target(-4.0, 60.0)))
    control(fleet, "close")
    return ""


def closed(fleet: RunningFleet) -> str:
    reply = control(fleet, "close")
    fleet.ended(str(reply["Receipt"]), service="telescope")
    return ""


def idle(fleet: RunningFleet) -> str:
    fleet.ended(fleet.observe())
    return ""


ALL = [slewing, exposing, opening, closing, closed, idle]


@pytest.mark.parametrize("state", ALL if IS_LONG else [slewing, opening, closing])
def test_a_stop_in_every_state(fleet: RunningFleet, state: Callable[[RunningFleet], str]) -> None:
    """All stands still, tracking stays off, nothing begins; after the release all goes on."""
    receipt = state(fleet)
    control(fleet, "stop", Reason="test")
    until(
        lambda: "Busy" not in fleet.indi_get(*STATES).values(),
        "all stands still",
        5.0,
        lambda: fleet.indi_get(*STATES),
    )
    fleet.watch("scheduler", lambda status: "stopped by ada" in str(status["Held"]), "held")
    seen = set()
    for _ in range(5):
        fleet.let_sky_pass(60.0)
        seen |= {*fleet.indi_get(*STATES).values(), "tracks " + fleet.indi_value(TRACKS)}
    attempts = fleet.ask({"WOType": "Status", "Receipt": receipt})["Attempts"] if receipt else []
    if receipt:
        fleet.ask({"WOType": "Cancel", "Receipt": receipt})
    again = fleet.observe()
    control(fleet, "release")

    assert "Busy" not in seen
    assert "tracks On" not in seen
    assert len(attempts) <= 1
    assert {one["Status"] for one in attempts} <= {"ABORTED", "CANCELED"}
    assert fleet.ended(again)["Status"] == "COMPLETED"


def test_the_holder_of_an_observer_lock_operates_by_hand_nobody_else_does(
    fleet: RunningFleet,
) -> None:
    receipt = fleet.observe(**{"Exposure Time": 1500.0})
    attempt = fleet.exposing(receipt)
    control(fleet, "lock", service="safety", Reason="visual")
    ended = fleet.ended(attempt, service="telescope")
    slew = {"WOType": "Control", "Command": "slew", **fleet.target(0.5, 40.0)}
    other = fleet.fault({**slew, "User": "bob"}, "telescope")
    own = fleet.ended(str(fleet.ask(slew, "telescope")["Receipt"]), service="telescope")
    low = fleet.ask({**slew, **fleet.target(0.0, -80.0)}, "telescope")
    fleet.let_sky_pass(300.0)
    held = fleet.ask({"WOType": "Status", "Receipt": receipt})["Attempts"]
    fleet.ask({"WOType": "Cancel", "Receipt": receipt})
    again = fleet.observe()
    control(fleet, "unlock", service="safety")

    assert ended["Status"] == "INTERRUPTED"
    assert other.code == 425
    assert own["Status"] == "COMPLETED", own
    assert low["Status"] == "INTERRUPTED"
    assert "horizon" in str(low["Failure"]) or "altitude" in str(low["Failure"])
    # A lock is known to the scheduler within a second, which is two minutes of this sky.
    assert {one["Status"] for one in held} <= {"INTERRUPTED", "NOT_ATTEMPTED"}
    assert fleet.ended(again)["Status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("kind", "service"),
    [
        (kind, service)
        for kind in ("observer", "maintenance")
        for service in ("safety", "telescope", "scheduler")
    ]
    if IS_LONG
    else [("observer", "safety"), ("maintenance", "telescope")],
)
def test_a_lock_outlives_each_service(fleet: RunningFleet, kind: str, service: str) -> None:
    fleet.ended(fleet.observe())
    control(fleet, "lock", service="safety", Kind=kind, Reason="test")
    pid = fleet.kill(service)
    fleet.wait_for_restart(service, pid)
    fleet.watch("scheduler", lambda status: f"{kind} lock of ada" in str(status["Held"]), "held")
    receipt = fleet.observe()
    before = fleet.indi_get(*STATES)
    fleet.let_sky_pass(300.0)
    after = fleet.indi_get(*STATES)
    waiting = fleet.ask({"WOType": "Status", "Receipt": receipt})
    fleet.ask({"WOType": "Status"}, "telescope")
    other = fleet.fault({"WOType": "Control", "Command": "lock", "User": "bob"}, "safety")
    control(fleet, "unlock", service="safety")

    assert "Busy" not in {*before.values(), *after.values()}
    assert waiting["Status"] == "PENDING"
    assert other.code == 425
    assert fleet.ended(receipt)["Status"] == "COMPLETED"


def test_a_lock_expires(fleet: RunningFleet) -> None:
    until_utc = fleet.clock.utc() + timedelta(seconds=300)
    control(fleet, "lock", service="safety", Expires=until_utc.isoformat(timespec="seconds"))
    fleet.watch("scheduler", lambda status: "observer lock of ada" in str(status["Held"]), "held")
    done = fleet.ended(fleet.observe())

    assert done["Status"] == "COMPLETED"
    assert fleet.clock.utc() > until_utc
