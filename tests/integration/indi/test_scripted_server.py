"""Whatever a driver answers, a command ends in time and never as done when it is not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pytest

from ctmo_indi.errors import (
    CommandRejected,
    CommandTimeout,
    DeviceError,
    DriverLost,
    NotConnected,
)
from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.completion import CompletionRule
from ctmo_indi.indi.driver_watch import DriverTiming
from ctmo_indi.indi.endpoint import Endpoint
from ctmo_indi.testing.scripted_indi import Answer, Scripted, ScriptedIndi

from ...running_fleet import until

OpenClient = Callable[..., IndiClient]

FOCUS = Scripted("Focuser", "ABS_FOCUS_POSITION", {"STEP": 100.0}, limits=(0.0, 1000.0))
SHUTTER = Scripted("Dome", "DOME_SHUTTER", {"SHUTTER_OPEN": False, "SHUTTER_CLOSE": True})
RULE = CompletionRule(ack_timeout_s=0.4, timeout_s=0.8, settle_s=0.2)
PATIENT = CompletionRule(ack_timeout_s=3.0, timeout_s=20.0, settle_s=0.2)
"""For what ends otherwise than by being late: a busy machine is not late then."""
TIMEOUTS = {"ack_floor_s": 0.4, "finish_floor_s": 0.8}

# None: carried out. The rest: how the command fails.
ENDS: dict[Answer, type[DeviceError] | None] = {
    Answer.HONEST: None,
    Answer.HUGE: None,
    Answer.FLOOD: None,
    Answer.OK_UNDONE: CommandRejected,
    Answer.STUCK_BUSY: CommandTimeout,
    Answer.IGNORED: CommandTimeout,
    Answer.ALERT: CommandRejected,
    Answer.LATE: CommandTimeout,
    Answer.NOT_FINITE: DeviceError,
    Answer.OUT_OF_RANGE: DeviceError,
    Answer.WRONG_ELEMENTS: DeviceError,
    Answer.WRONG_TYPE: CommandTimeout,
    Answer.UNKNOWN_STATE: DeviceError,
    Answer.MALFORMED: DeviceError,  # the link, or the message alone: see below
    Answer.REMOVED: NotConnected,
    Answer.MUTE: CommandTimeout,
}


@pytest.fixture
def server() -> Iterator[ScriptedIndi]:
    with ScriptedIndi([FOCUS, SHUTTER]) as server:
        yield server


@pytest.fixture
def client(open_client: OpenClient, server: ScriptedIndi) -> IndiClient:
    client = open_client(Endpoint("127.0.0.1", server.port), **TIMEOUTS)
    client.wait_for("Dome", "DOME_SHUTTER", 5.0)
    return client


def test_every_answer_has_its_end() -> None:
    assert set(ENDS) == set(Answer)


@pytest.mark.parametrize("answer", ENDS, ids=lambda answer: answer.name.lower())
def test_a_number_command(client: IndiClient, server: ScriptedIndi, answer: Answer) -> None:
    server.late_s = 5.0
    server.script("Focuser", "ABS_FOCUS_POSITION", answer, Answer.HONEST)
    expected = ENDS[answer]
    rule = RULE if expected is CommandTimeout else PATIENT
    command = client.command("Focuser", "ABS_FOCUS_POSITION", {"STEP": 500.0}, rule=rule)
    if expected is None:
        assert command.wait().number("STEP") == 500.0
    else:
        with pytest.raises(expected):
            command.wait()
    # One answer spoils nothing for the next command, once everything is there again.
    server.unmute("Focuser")
    if answer is Answer.REMOVED:
        server.define(FOCUS)
    client.wait_link(10.0)
    client.wait_for("Focuser", "ABS_FOCUS_POSITION", 10.0)
    again = client.command("Focuser", "ABS_FOCUS_POSITION", {"STEP": 600.0}, rule=PATIENT)
    assert again.wait().number("STEP") == 600.0


@pytest.mark.parametrize(
    "answer",
    [Answer.OK_UNDONE, Answer.WRONG_ELEMENTS, Answer.WRONG_TYPE, Answer.UNKNOWN_STATE],
    ids=lambda answer: answer.name.lower(),
)
def test_a_shutter_is_never_open_by_a_wrong_answer(
    client: IndiClient, server: ScriptedIndi, answer: Answer
) -> None:
    server.script("Dome", "DOME_SHUTTER", answer)
    command = client.command("Dome", "DOME_SHUTTER", {"SHUTTER_OPEN": True}, rule=RULE)
    with pytest.raises(DeviceError):
        command.wait()
    known = client.get("Dome", "DOME_SHUTTER")
    assert known is None or known.switch("SHUTTER_OPEN") is False


def test_a_definition_that_was_lost_is_asked_for(client: IndiClient, server: ScriptedIndi) -> None:
    server.define(Scripted("Dome", "CONNECTION", {"CONNECT": True, "DISCONNECT": False}))
    server.define(Scripted("Dome", "DOME_PARK", {"PARK": True, "UNPARK": False}), quietly=True)
    client.connect_device("Dome", requires=["DOME_PARK"], timeout_s=10.0)
    assert client.require("Dome", "DOME_PARK").switch("PARK")


def test_our_own_first_question_may_be_lost(open_client: OpenClient, server: ScriptedIndi) -> None:
    server.lost_questions = 1
    client = open_client(Endpoint("127.0.0.1", server.port))
    assert client.devices() == ()
    client.wait_for("Dome", "DOME_SHUTTER", 10.0)
    client.wait_for("Focuser", "ABS_FOCUS_POSITION", 10.0)
    assert set(client.devices()) == {"Dome", "Focuser"}


def test_a_mute_driver_is_lost_and_heard_again(
    open_client: OpenClient, server: ScriptedIndi
) -> None:
    drivers = DriverTiming(suspect_s=0.5, ask_every_s=0.2, lost_s=1.5)
    client = open_client(Endpoint("127.0.0.1", server.port), drivers=drivers)
    client.wait_for("Dome", "DOME_SHUTTER", 5.0)
    with pytest.raises(CommandTimeout):
        client.wait_for("Focuser", "ABS_FOCUS_POSITION", 3.0, lambda _: False)
    assert set(client.devices()) == {"Dome", "Focuser"}  # silent, but both answer
    server.mute("Focuser")
    with pytest.raises(DriverLost):
        client.wait_for("Focuser", "ABS_FOCUS_POSITION", 10.0, lambda _: False)
    assert client.devices() == ("Dome",)
    server.unmute("Focuser")
    client.wait_for("Focuser", "ABS_FOCUS_POSITION", 10.0)  # it answered a question
    assert client.stats.driver_losses == 1


def test_a_state_nobody_knows_is_no_good_one(client: IndiClient, server: ScriptedIndi) -> None:
    server.say("Dome", "DOME_SHUTTER", "Ok")
    client.wait_for("Dome", "DOME_SHUTTER", 5.0, lambda one: one.state == "Ok")
    server.push(SHUTTER.update("Perfect", {"SHUTTER_OPEN": True, "SHUTTER_CLOSE": False}))
    server.say("Focuser", "ABS_FOCUS_POSITION", "Busy")
    client.wait_for("Focuser", "ABS_FOCUS_POSITION", 5.0, lambda one: one.state == "Busy")
    shutter = client.require("Dome", "DOME_SHUTTER")
    # libindiclient refuses the whole message, indipyclient's state is unknown and becomes Alert.
    assert shutter.state == "Alert" or not shutter.switch("SHUTTER_OPEN")


def test_a_malformed_message_among_good_ones_spoils_nothing_else(
    client: IndiClient, server: ScriptedIndi
) -> None:
    spoilt = FOCUS.update("Ok", {"STEP": 300.0}).replace(b"</one", b"</</one", 1)
    server.push(FOCUS.update("Busy", {"STEP": 200.0}) + spoilt + SHUTTER.update("Busy"))
    # libindiclient loses the one message without a word, indipyclient's stream ends the link.
    until(lambda: is_shutter_busy(client) or client.stats.server_losses > 0, "heard", 10.0)
    client.wait_link(10.0)
    client.wait_for("Focuser", "ABS_FOCUS_POSITION", 10.0)
    assert client.require("Focuser", "ABS_FOCUS_POSITION").number("STEP") in (100.0, 200.0)
    command = client.command("Focuser", "ABS_FOCUS_POSITION", {"STEP": 600.0}, rule=PATIENT)
    assert command.wait().number("STEP") == 600.0


def test_what_a_driver_repeats_is_not_renewed(client: IndiClient, server: ScriptedIndi) -> None:
    """A weather station that cannot be read sends its old values in Alert; so does every answer."""

    def renewed_after(data: bytes) -> float:
        generation = client.require("Focuser", "ABS_FOCUS_POSITION").generation
        server.push(data)
        heard = client.wait_for(
            "Focuser", "ABS_FOCUS_POSITION", 5.0, lambda one: one.generation > generation
        )
        assert heard.renewed_elapsed_s is not None
        return heard.renewed_elapsed_s

    client.wait_for("Focuser", "ABS_FOCUS_POSITION", 5.0)
    begun_s = renewed_after(FOCUS.update("Ok", {"STEP": 101.0}))
    assert renewed_after(FOCUS.update("Alert")) == begun_s
    assert renewed_after(FOCUS.update("Busy")) == begun_s
    assert renewed_after(FOCUS.update("Ok", {"STEP": 102.0})) > begun_s


def is_shutter_busy(client: IndiClient) -> bool:
    shutter = client.get("Dome", "DOME_SHUTTER")
    return shutter is not None and shutter.state == "Busy"


def test_values_that_contradict_the_definition_change_nothing(
    client: IndiClient, server: ScriptedIndi
) -> None:
    for rubbish in (
        FOCUS.update("Ok", {"NO_STEP": 1.0}),
        FOCUS.update("Ok", {"STEP": True}, "Switch"),
        FOCUS.update("Ok", {"STEP": "far"}, "Text"),
        FOCUS.update("Ok", {f"E{number}": 1.0 for number in range(20_000)}),
        FOCUS.update("Ok", {"STEP": math.nan}),
    ):
        server.push(rubbish)
    server.say("Dome", "DOME_SHUTTER", "Busy")  # what comes behind it is heard
    client.wait_for("Dome", "DOME_SHUTTER", 5.0, lambda one: one.state == "Busy")
    known = client.require("Focuser", "ABS_FOCUS_POSITION")
    assert set(known.values) == {"STEP"}
    value = known.number("STEP")
    assert math.isnan(value) or value == 100.0
