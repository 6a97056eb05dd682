"""A human takes over with another INDI client: noticed whatever he does, whenever; not fought.

The hands are ``indi_setprop``'s, on the real simulators under a fast clock, beside the whole fleet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from statistics import median

import pytest

from ..promises import IS_LONG, Recorder
from ..running_fleet import MOUNT, RunningFleet, until

pytestmark = [pytest.mark.indi, pytest.mark.faults, pytest.mark.promise]

DOME, CAMERA, WHEEL, FOCUSER = (
    "Dome Simulator",
    "CCD Simulator",
    "Filter Simulator",
    "Focuser Simulator",
)
NOTICED_WITHIN_S = 10.0


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """All services, observing since dusk."""
    with RunningFleet(tmp_path_factory.mktemp("takeover")).running() as running:
        yield running


@pytest.fixture(scope="module")
def noticed() -> Iterator[list[float]]:
    """Machine seconds from each deed until the telescope told of it."""
    times_s: list[float] = []
    yield times_s
    if times_s:
        Recorder()(
            "takeover",
            f"{len(times_s)} deeds: median {median(times_s):.1f} s, slowest {max(times_s):.1f} s",
            holds=max(times_s) <= NOTICED_WITHIN_S,
        )


def some(every: Iterable[str], *short: str) -> list[str]:
    """All of them under ``make faults``."""
    return list(every) if IS_LONG else list(short)


@pytest.fixture(autouse=True)
def _nobody_has_it(fleet: RunningFleet) -> None:
    if held(fleet):
        release(fleet)


@dataclass(frozen=True)
class Deed:
    """What the human does, and what the telescope says of it."""

    words: tuple[str, ...]
    device: str
    what: str


DEEDS = {
    "slew": Deed((f"{MOUNT}.EQUATORIAL_EOD_COORD.RA;DEC=3.0;70.0",), MOUNT, "is sent elsewhere"),
    "sync": Deed(
        (f"{MOUNT}.ON_COORD_SET.SYNC=On", f"{MOUNT}.ON_COORD_SET.TRACK=On"), MOUNT, "is synced"
    ),
    "paddle": Deed(
        (f"{MOUNT}.TELESCOPE_MOTION_NS.MOTION_NORTH=On",
         f"{MOUNT}.TELESCOPE_MOTION_NS.MOTION_NORTH=Off"), MOUNT, "is moved by hand"
    ),
    "park": Deed((f"{MOUNT}.TELESCOPE_PARK.PARK=On",), MOUNT, "parks"),
    "tracking off": Deed((f"{MOUNT}.TELESCOPE_TRACK_STATE.TRACK_OFF=On",), MOUNT, "stops tracking"),
    "abort": Deed((f"{MOUNT}.TELESCOPE_ABORT_MOTION.ABORT=On",), MOUNT, "is stopped"),
    "dome turn": Deed((f"{DOME}.ABS_DOME_POSITION.DOME_ABSOLUTE_POSITION=3",), DOME, "turns"),
    "shutter": Deed((f"{DOME}.DOME_SHUTTER.SHUTTER_CLOSE=On",), DOME, "closes its shutter"),
    "filter": Deed((f"{WHEEL}.FILTER_SLOT.FILTER_SLOT_VALUE=8",), WHEEL, "changes the filter"),
    "focus": Deed((f"{FOCUSER}.ABS_FOCUS_POSITION.FOCUS_ABSOLUTE_POSITION=40000",), FOCUSER,
                  "moves"),
    "exposure": Deed((f"{CAMERA}.CCD_EXPOSURE.CCD_EXPOSURE_VALUE=3000",), CAMERA, "exposes anew"),
    "abort exposure": Deed((f"{CAMERA}.CCD_ABORT_EXPOSURE.ABORT=On",), CAMERA, "is stopped"),
    "binning": Deed((f"{CAMERA}.CCD_BINNING.HOR_BIN;VER_BIN=2;2",), CAMERA, "changes its binning"),
    "upload": Deed((f"{CAMERA}.UPLOAD_MODE.UPLOAD_LOCAL=On",), CAMERA,
                   "sends its frames elsewhere"),
    "disconnect": Deed((f"{FOCUSER}.CONNECTION.DISCONNECT=On",), FOCUSER, "is disconnected"),
}  # fmt: skip


def held(fleet: RunningFleet) -> str:
    return str(fleet.ask({"WOType": "Status"}, "telescope")["Held"])


def release(fleet: RunningFleet) -> None:
    """The human puts back what would hinder us, and is done."""
    if fleet.indi_value(f"{CAMERA}.CCD_EXPOSURE._STATE") == "Busy":
        fleet.indi_set(f"{CAMERA}.CCD_ABORT_EXPOSURE.ABORT=On")
    until(lambda: fleet.indi_value(f"{CAMERA}.CCD_EXPOSURE._STATE") != "Busy", "no exposure")
    fleet.watch(
        "telescope",
        lambda status: not status["Devices"]["Camera"]["Exposing"],
        "the telescope knows it",
    )
    fleet.ask({"WOType": "Control", "Command": "release"}, "telescope")
    until(lambda: not held(fleet), "released")


def do(fleet: RunningFleet, deed: Deed, noticed: list[float]) -> None:
    """Do it, and wait until the telescope tells who has it."""
    begun_s = time.monotonic()
    for word in deed.words:
        fleet.indi_set(word)
    until(
        lambda: held(fleet) != "",
        f"{deed.what} is noticed",
        NOTICED_WITHIN_S,
        lambda: fleet.ask({"WOType": "Status"}, "telescope")["Foreign Motion"],
    )
    noticed.append(time.monotonic() - begun_s)
    assert f"{deed.device} {deed.what}" in held(fleet)


def attempts_of(fleet: RunningFleet, receipt: str) -> list[str]:
    order = fleet.ask({"WOType": "Status", "Receipt": receipt})
    return [str(one["Status"]) for one in order["Attempts"]]


@pytest.mark.parametrize("name", some(DEEDS, "slew", "park", "abort", "exposure", "upload"))
def test_while_we_expose(fleet: RunningFleet, noticed: list[float], name: str) -> None:
    """The attempt ends INTERRUPTED, nothing begins, the order is done after the release."""
    deed = DEEDS[name]
    receipt = fleet.observe(**{"Exposure Time": 1500.0, "Filter": "V"})
    attempt = fleet.exposing(receipt)
    fleet.let_sky_pass(90.0)  # right after a motion of ours its device counts as ours
    do(fleet, deed, noticed)
    ended = fleet.ended(attempt, service="telescope")
    fleet.watch(
        "scheduler",
        lambda status: deed.what in str(status["Held"]),
        "the scheduler holds",
    )
    fleet.let_sky_pass(600.0)  # more than any rest between two attempts
    while_held = attempts_of(fleet, receipt)
    reasons = str(fleet.ask({"WOType": "Status"})["Reasons"])
    failures = fleet.ask({"WOType": "Status", "Receipt": receipt})["Failures"]

    fleet.ask({"WOType": "Cancel", "Receipt": receipt})
    again = fleet.observe()
    release(fleet)
    done = fleet.ended(again)

    assert ended["Status"] == "INTERRUPTED", ended
    assert while_held == ["INTERRUPTED"]
    assert "another INDI client took over" in reasons
    assert failures == 0
    assert done["Status"] == "COMPLETED", done
    assert attempts_of(fleet, again) == ["COMPLETED"]


@pytest.mark.parametrize(
    "name", some(["slew", "abort", "park", "paddle", "filter"], "slew", "abort")
)
def test_while_we_slew(fleet: RunningFleet, noticed: list[float], name: str) -> None:
    deed = DEEDS[name]
    fleet.indi_set(f"{MOUNT}.TELESCOPE_PARK.UNPARK=On")
    fleet.ask({"WOType": "Control", "Command": "release"}, "telescope")
    # From one side of the sky to the other, so that it takes a while.
    fleet.ended(fleet.observe(**fleet.target(-4.0, 70.0)))
    receipt = fleet.observe(**{"Exposure Time": 1500.0, **fleet.target(3.0, -20.0)})
    attempt = fleet.attempt_of(receipt)
    until(
        lambda: fleet.ask({"WOType": "Status"}, "telescope")["Devices"]["Mount"]["Slewing"] is True,
        "a slew",
        20.0,
    )
    do(fleet, replace(deed, device="", what=""), noticed)
    ended = fleet.ended(attempt, service="telescope")
    fleet.ask({"WOType": "Cancel", "Receipt": receipt})
    release(fleet)

    assert ended["Status"] == "INTERRUPTED", ended
    assert fleet.ended(fleet.observe())["Status"] == "COMPLETED"


def close(fleet: RunningFleet) -> None:
    reply = fleet.ask({"WOType": "Control", "Command": "close"}, "telescope")
    fleet.ended(str(reply["Receipt"]), service="telescope")
    fleet.watch("telescope", lambda status: status["Observatory"] == "CLOSED", "closed")


AT_REST = {
    "unpark": Deed((f"{MOUNT}.TELESCOPE_PARK.UNPARK=On",), MOUNT, "is unparked"),
    "unpark dome": Deed((f"{DOME}.DOME_PARK.UNPARK=On",), DOME, ""),  # opens the shutter as well
    "open": Deed((f"{DOME}.DOME_SHUTTER.SHUTTER_OPEN=On",), DOME, "opens its shutter"),
    "expose": Deed((f"{CAMERA}.CCD_EXPOSURE.CCD_EXPOSURE_VALUE=600",), CAMERA, "exposes"),
}


@pytest.mark.parametrize("name", some(AT_REST, "unpark", "open"))
def test_while_we_are_closed_and_idle(fleet: RunningFleet, noticed: list[float], name: str) -> None:
    close(fleet)
    fleet.let_sky_pass(120.0)
    assert held(fleet) == ""
    do(fleet, AT_REST[name], noticed)
    release(fleet)
    close(fleet)


@pytest.mark.parametrize("name", some(["slew", "park", "shutter", "dome turn"], "shutter"))
def test_while_we_are_open_and_idle(fleet: RunningFleet, noticed: list[float], name: str) -> None:
    fleet.ended(fleet.observe())
    fleet.let_sky_pass(120.0)  # the scheduler has stopped tracking
    do(fleet, DEEDS[name], noticed)
    fleet.let_sky_pass(1200.0)  # it would close after 900 s without a target
    left = fleet.indi_value(f"{DOME}.DOME_PARK.PARK")
    release(fleet)

    assert left == "Off"
    assert fleet.ended(fleet.observe())["Status"] == "COMPLETED"


def test_while_we_close_the_closing_is_finished(fleet: RunningFleet) -> None:
    fleet.ended(fleet.observe(**fleet.target(-4.0, 70.0)))
    receipt = str(fleet.ask({"WOType": "Control", "Command": "close"}, "telescope")["Receipt"])
    fleet.indi_set(f"{CAMERA}.CCD_EXPOSURE.CCD_EXPOSURE_VALUE=600")
    until(lambda: held(fleet) != "", "it is noticed", NOTICED_WITHIN_S)
    ended = fleet.ended(receipt, service="telescope")
    fleet.watch("telescope", lambda status: status["Observatory"] == "CLOSED", "closed")
    release(fleet)

    assert ended["Status"] == "COMPLETED", ended


def test_it_outlives_a_crash_of_the_telescope_and_devices_stay_as_the_human_has_them(
    fleet: RunningFleet,
) -> None:
    fleet.ended(fleet.observe())
    fleet.indi_set(f"{FOCUSER}.CONNECTION.DISCONNECT=On")
    until(lambda: held(fleet) != "", "the disconnection is noticed", NOTICED_WITHIN_S)
    # Nothing of the telescope waits for a disk: it is written a moment after it is told.
    kept = fleet.data_dir / "telescope" / "takeover.json"
    until(
        lambda: kept.is_file() and "is disconnected" in kept.read_text(), "it is on the disk", 10.0
    )
    pid = fleet.kill("telescope")
    fleet.wait_for_restart("telescope", pid)
    after = held(fleet)
    fleet.let_sky_pass(600.0)
    connected = fleet.indi_value(f"{FOCUSER}.CONNECTION.CONNECT")
    release(fleet)

    assert f"{FOCUSER} is disconnected" in after
    assert connected == "Off"
    until(lambda: fleet.indi_value(f"{FOCUSER}.CONNECTION.CONNECT") == "On", "connected again")
    assert fleet.ended(fleet.observe())["Status"] == "COMPLETED"


def no_takeover(fleet: RunningFleet, deed: Callable[[], None]) -> None:
    known = len(fleet.events("telescope", "takeover"))
    deed()
    assert len(fleet.events("telescope", "takeover")) == known
    assert held(fleet) == ""


def test_what_our_own_closers_do_is_none(fleet: RunningFleet) -> None:
    """Safety's closing, a stop at each desk and by INDI, a closing by the telescope."""

    def open_up() -> None:
        fleet.ended(fleet.observe())

    def by_safety() -> None:
        open_up()
        fleet.ask({"WOType": "Control", "Command": "close"}, "safety")
        fleet.watch("telescope", lambda status: status["Observatory"] == "CLOSED", "closed")
        fleet.let_sky_pass(600.0)

    def stopped(service: str) -> Callable[[], None]:
        def stop() -> None:
            open_up()
            fleet.ask({"WOType": "Control", "Command": "stop"}, service)
            fleet.let_sky_pass(300.0)
            fleet.ask({"WOType": "Control", "Command": "release"}, "telescope")
            fleet.let_sky_pass(300.0)

        return stop

    def aborted() -> None:
        open_up()
        fleet.ask({"WOType": "Control", "Command": "abort"}, "safety")
        fleet.let_sky_pass(600.0)

    for deed in (by_safety, stopped("safety"), stopped("telescope"), aborted):
        no_takeover(fleet, deed)
