from __future__ import annotations

import xmlrpc.client

import pytest

from ctmo_indi.devices.dome import DomeStatus
from ctmo_indi.devices.interlocks import ShutterState
from ctmo_indi.devices.mount import MountStatus
from ctmo_indi.devices.observatory import OBSERVATORY_TABLE, Observatory
from ctmo_indi.devices.observatory_state import read_state
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.testing.fake_instruments import DOME, MOUNT, FakeInstruments
from ctmo_indi.testing.verdicts import SAFE

S, State = ShutterState, ObservatoryState
PARKED = MountStatus(connected=True, parked=True, tracking=False, slewing=False)
OUT = MountStatus(connected=True, parked=False, tracking=True, slewing=False)
UNSURE = MountStatus(connected=True)
GONE = MountStatus(connected=False)


def dome(shutter: ShutterState) -> DomeStatus:
    return DomeStatus(connected=True, shutter=shutter)


@pytest.mark.parametrize(
    ("mount", "shutter", "expected"),
    [
        (PARKED, S.CLOSED, State.CLOSED),
        (PARKED, S.OPEN, State.OPEN),
        (OUT, S.OPEN, State.OPEN),
        (OUT, S.CLOSED, State.UNKNOWN),
        (UNSURE, S.CLOSED, State.UNKNOWN),
        (GONE, S.CLOSED, State.UNKNOWN),
        (GONE, S.OPEN, State.OPEN),
        (PARKED, S.OPENING, State.OPENING),
        (OUT, S.CLOSING, State.CLOSING),
        (PARKED, S.UNKNOWN, State.UNKNOWN),
        (None, S.CLOSED, State.CLOSED),
    ],
)
def test_state_under_a_dome(
    mount: MountStatus | None, shutter: ShutterState, expected: ObservatoryState
) -> None:
    assert read_state(mount, dome(shutter)) is expected


@pytest.mark.parametrize(
    ("mount", "expected"),
    [(PARKED, State.CLOSED), (OUT, State.OPEN), (UNSURE, State.UNKNOWN), (GONE, State.UNKNOWN)],
)
def test_state_without_a_dome(mount: MountStatus, expected: ObservatoryState) -> None:
    assert read_state(mount, None) is expected


def test_lost_dome_is_unknown() -> None:
    assert read_state(PARKED, DomeStatus(connected=False)) is State.UNKNOWN


def test_mount_that_cannot_park_is_closed_when_it_stands_still() -> None:
    still = MountStatus(connected=True, tracking=False, slewing=False)
    assert read_state(still, dome(S.CLOSED), mount_can_park=False) is State.CLOSED
    assert read_state(OUT, dome(S.CLOSED), mount_can_park=False) is State.UNKNOWN


def test_table_has_every_state_and_an_alarm_ends_only_by_closing() -> None:
    assert OBSERVATORY_TABLE.states == frozenset(ObservatoryState)
    assert OBSERVATORY_TABLE.successors(State.ALARM) == {State.CLOSING, State.CLOSED}


def test_status_can_be_sent_over_xmlrpc(observatory: Observatory) -> None:
    wire = observatory.status().to_wire()
    text = xmlrpc.client.dumps((wire,))
    (back,), _ = xmlrpc.client.loads(text)
    assert back["State"] == "CLOSED"
    assert back["Mount"]["Parked"] is True
    assert back["Dome"]["Shutter"] == "CLOSED"
    assert back["Weather"]["Readings"]["WEATHER_WIND_SPEED"] == 5.0
    assert back["Switches"] == {"Blink01": False}


def test_what_is_not_known_is_left_out(observatory: Observatory, client: FakeInstruments) -> None:
    client.remove_device(MOUNT)
    assert observatory.status().to_wire()["Mount"] == {"Connected": False}


def test_verdict_grows_old(observatory: Observatory) -> None:
    observatory.hear_verdict(SAFE)
    age_s = observatory.verdict_age_s()
    assert age_s is not None
    assert 0.0 <= age_s < 5.0
    observatory.hear_verdict(None)
    assert observatory.verdict_age_s() is None


def test_jump_of_the_state_is_logged_as_unusual(
    observatory: Observatory, client: FakeInstruments, caplog: pytest.LogCaptureFixture
) -> None:
    observatory.state()
    client.update(DOME, "DOME_SHUTTER", {"SHUTTER_OPEN": True, "SHUTTER_CLOSE": False})
    assert observatory.state() is State.OPEN
    assert "before=CLOSED now=OPEN usual=False" in caplog.text


def test_clock_of_the_mount_is_not_set_where_the_file_says_no(
    observatory: Observatory, client: FakeInstruments
) -> None:
    client.define(MOUNT, "TIME_UTC", {"UTC": "", "OFFSET": ""})
    observatory.mount.set_time()
    assert client.commands_to("TIME_UTC") == []


def test_overlapping_phases_leave_none_behind(observatory: Observatory) -> None:
    opening, closing = observatory.phase(State.OPENING), observatory.phase(State.CLOSING)
    opening.__enter__()
    closing.__enter__()
    opening.__exit__(None, None, None)  # the closing canceled the opening's motion
    assert observatory.state() is State.CLOSING
    closing.__exit__(None, None, None)
    assert observatory.state() is State.CLOSED
