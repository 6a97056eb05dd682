"""State and Status; the expected ones are those Tango's people were promised (ecosystem report)."""

from __future__ import annotations

from typing import Any

import pytest

from ctmo_indi.tango.devices import DEVICES
from ctmo_indi.tango.picture import STALE_AFTER_S, Seen
from ctmo_indi.tango.state_table import STATE_TABLE, Facts, State, judged

NOW_S = 1000.0
SAFE: dict[str, Any] = {"Level": "SAFE", "Reasons": [], "Rules": [], "Lock": {}, "Latch": {}}
UNSAFE = {
    **SAFE,
    "Level": "UNSAFE",
    "Reasons": ["the Sun is at 10.0 deg"],
    "Rules": [{"Rule": "sun", "Level": "UNSAFE", "Text": "the Sun is at 10.0 deg"}],
}
PARTS = {
    "Mount": "Mount",
    "Camera": "Camera",
    "FilterWheel": "Filter Wheel",
    "Dome": "Dome",
    "Weather": "Weather",
}
STILL = {"Slewing": False, "Tracking": False, "Parked": False}


def state_of(
    device: str, says: dict[str, Any], verdict: dict[str, Any] = SAFE, **reply: Any
) -> tuple[State, str]:
    part = PARTS[device]
    whole = {"Link": "UP", "Devices": {part: {"Connected": True, **says}}, "Verdict": verdict}
    seen = Seen("telescope", {**whole, **reply}, at_machine_s=NOW_S)
    return judged(device, Facts(seen, part, NOW_S))


@pytest.mark.parametrize(
    ("device", "says", "expected"),
    [
        ("Mount", {**STILL, "Parked": True}, State.STANDBY),
        ("Mount", {**STILL, "Tracking": True}, State.ON),
        ("Mount", {**STILL, "Slewing": True, "Tracking": True}, State.MOVING),
        ("Mount", {**STILL, "Slewing": True, "Parked": True}, State.MOVING),
        ("Mount", STILL, State.ON),
        ("Mount", {}, State.UNKNOWN),
        ("Camera", {"Exposing": True}, State.RUNNING),
        ("Camera", {"Exposing": False}, State.ON),
        ("FilterWheel", {"Moving": True}, State.MOVING),
        ("FilterWheel", {"Moving": False, "Filter": "V"}, State.ON),
        ("Dome", {"Moving": True, "Shutter": "OPEN"}, State.MOVING),
        ("Dome", {"Moving": False, "Shutter": "OPENING"}, State.MOVING),
        ("Dome", {"Moving": False, "Shutter": "CLOSING"}, State.MOVING),
        ("Dome", {"Moving": False, "Shutter": "OPEN"}, State.OPEN),
        ("Dome", {"Moving": False, "Shutter": "CLOSED"}, State.CLOSE),
        ("Dome", {"Moving": False, "Parked": True}, State.STANDBY),
        ("Dome", {"Moving": False, "Shutter": "UNKNOWN", "Parked": False}, State.UNKNOWN),
        ("Weather", {"State": "Ok"}, State.ON),
        ("Weather", {"State": "Busy"}, State.ON),
        ("Weather", {"State": "Alert"}, State.ALARM),
        ("Weather", {}, State.UNKNOWN),
    ],
)
def test_state_of_what_a_device_says(device, says, expected):
    assert state_of(device, says)[0] is expected


@pytest.mark.parametrize("device", PARTS)
def test_a_device_that_never_was_connected_is_off(device):
    assert state_of(device, {"Connected": False})[0] is State.OFF


@pytest.mark.parametrize("device", PARTS)
def test_a_device_whose_connection_was_lost_is_unknown(device):
    part = PARTS[device]
    reply = {"Devices": {part: {"Connected": False}}, "Verdict": SAFE}
    seen = Seen("telescope", reply, at_machine_s=NOW_S, once_connected=frozenset({part}))
    assert judged(device, Facts(seen, part, NOW_S))[0] is State.UNKNOWN


@pytest.mark.parametrize("device", PARTS)
def test_without_a_link_to_the_indi_server_it_is_unknown_and_says_so(device):
    state, status = state_of(device, {**STILL, "Tracking": True}, Link="DOWN")
    assert (state, status) == (State.UNKNOWN, "link lost; no link to the INDI server")


def test_safety_tells_of_its_link_by_a_rule():
    verdict = {**UNSAFE, "Rules": [{"Rule": "indi_link", "Level": "UNSAFE", "Text": "no link"}]}
    assert state_of("Weather", {"State": "Ok"}, verdict)[0] is State.UNKNOWN


@pytest.mark.parametrize("device", [*PARTS, "Scheduler"])
def test_a_service_that_does_not_answer_is_unknown_with_the_reason(device):
    seen = Seen("telescope", {"Summary State": "ENABLED"}, error="refused", at_machine_s=NOW_S)
    state, status = judged(device, Facts(seen, PARTS.get(device, ""), NOW_S))
    assert state is State.UNKNOWN
    assert "the telescope service does not answer: refused" in status


def test_a_word_that_is_too_old_counts_no_longer():
    seen = Seen("telescope", {"Summary State": "ENABLED"}, at_machine_s=NOW_S)
    assert judged("Scheduler", Facts(seen, "", NOW_S + STALE_AFTER_S - 0.1))[0] is State.ON
    state, status = judged("Scheduler", Facts(seen, "", NOW_S + STALE_AFTER_S + 1.0))
    assert state is State.UNKNOWN
    assert "has said nothing for 9 s" in status


@pytest.mark.parametrize("device", [*PARTS, "Scheduler"])
def test_before_the_first_answer_it_is_init(device):
    seen = Seen("telescope")
    assert judged(device, Facts(seen, PARTS.get(device, ""), NOW_S))[0] is State.INIT


@pytest.mark.parametrize(
    ("reply", "command", "expected"),
    [
        ({"Summary State": "STANDBY"}, ("", ""), State.STANDBY),
        ({"Summary State": "STANDBY"}, ("start", "IN_PROGRESS"), State.INIT),
        ({"Summary State": "STANDBY"}, ("start", "FAILED"), State.STANDBY),
        ({"Summary State": "DISABLED"}, ("start", "COMPLETED"), State.DISABLE),
        ({"Summary State": "ENABLED", "Running": False}, ("", ""), State.ON),
        ({"Summary State": "ENABLED", "Running": True}, ("", ""), State.RUNNING),
        ({"Summary State": "FAULT", "Running": False}, ("", ""), State.FAULT),
        ({"Summary State": "OFFLINE"}, ("", ""), State.OFF),
        ({}, ("", ""), State.INIT),
        ({"Summary State": "SOMETHING NEW"}, ("", ""), State.UNKNOWN),
    ],
)
def test_state_of_the_scheduler(reply, command, expected):
    seen = Seen("scheduler", reply, at_machine_s=NOW_S, command=command)
    assert judged("Scheduler", Facts(seen, "", NOW_S))[0] is expected


@pytest.mark.parametrize(
    "verdict",
    [
        UNSAFE,
        {**SAFE, "Level": "HOLD", "Reasons": ["clock"]},
        {**SAFE, "Lock": {"Owner": "ada", "Reason": "at the mount"}},
        {**SAFE, "Latch": {"Owner": "ada", "Reason": "smoke"}},
    ],
)
def test_a_mount_that_may_not_move_is_disabled_unless_it_moves_or_is_parked(verdict):
    assert state_of("Mount", {**STILL, "Tracking": True}, verdict)[0] is State.DISABLE
    assert state_of("Mount", {**STILL, "Slewing": True}, verdict)[0] is State.MOVING
    assert state_of("Mount", {**STILL, "Parked": True}, verdict)[0] is State.STANDBY


def test_a_dome_open_while_it_must_be_closed_is_in_alarm():
    assert state_of("Dome", {"Moving": False, "Shutter": "OPEN"}, UNSAFE)[0] is State.ALARM
    assert state_of("Dome", {"Moving": False, "Shutter": "CLOSED"}, UNSAFE)[0] is State.CLOSE
    assert state_of("Dome", {"Moving": True, "Shutter": "OPEN"}, UNSAFE)[0] is State.MOVING


def test_status_names_who_holds_it_and_why_it_is_not_safe():
    verdict = {**UNSAFE, "Lock": {"Owner": "ada", "Reason": "at the mount"}}
    _, status = state_of("Mount", {**STILL, "Parked": True}, verdict)
    assert status == "parked; locked by ada: at the mount; UNSAFE: the Sun is at 10.0 deg"


def test_the_observatory_in_alarm_is_the_domes_and_the_mounts():
    alarm = {"Observatory": "ALARM", "Alarm": "the shutter did not close"}
    assert state_of("Dome", {"Moving": False, "Shutter": "OPEN"}, **alarm)[0] is State.ALARM
    state, status = state_of("Mount", STILL, **alarm)
    assert (state, status.split("; ")[-1]) == (State.ALARM, "the shutter did not close")


def test_every_class_of_the_table_has_rows_and_every_row_a_class():
    named = {row.device_class for row in STATE_TABLE} - {""}
    assert named == {spec.name for spec in DEVICES}
    assert STATE_TABLE[-1].device_class == "", "the last row holds for whatever is left"
