"""Clients that write nonsense, come in numbers, or while the server ends: nothing moves."""

from __future__ import annotations

import copy
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import psutil
import pytest

from ctmo_indi.errors import Unsafe

from .stage import STATUS, Changes, Stage, reason, staged, tango, until

State, DevFailed = tango.DevState, tango.DevFailed
CLIENTS = 50


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("tango")) as stage:
        stage.start()
        yield stage


@pytest.fixture
def stage(server: Stage) -> Iterator[Stage]:
    """The server; after each test it is alive, nobody was told anything wrong, all is as before."""
    yield server
    for desk in server.desks.values():
        desk.says = copy.deepcopy(STATUS[desk.service])
        desk.refusal = None
        desk.orders.clear()
    assert server.process is not None
    assert server.process.poll() is None, server.log()
    until(lambda: server.device("Mount").status() == "tracking", "as before")
    until(lambda: server.device("Mount").RightAscension == 133.2, "as before")
    assert "Traceback" not in server.log()


def moved(stage: Stage) -> list[object]:
    return [order for desk in stage.desks.values() for order in desk.told]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.001, 1e300])
@pytest.mark.parametrize(("device", "name"), [("Dome", "Azimuth"), ("Camera", "ExposureTime")])
def test_a_number_that_is_none_is_not_written(stage, device, name, value):
    before = stage.device(device).read_attribute(name).value
    with pytest.raises(DevFailed) as failed:
        stage.device(device).write_attribute(name, value)
    assert reason(failed)[0] == "API_WAttrOutsideLimit"
    assert stage.device(device).read_attribute(name).value == before
    assert moved(stage) == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 360.5, 1e300])
def test_an_azimuth_that_is_none_is_a_bad_order(stage, value):
    with pytest.raises(DevFailed) as failed:
        stage.device("Dome").GotoAz(value)
    assert reason(failed)[0] == "CTMO_BadOrder"
    assert moved(stage) == []


def test_another_type_than_the_attributes_is_refused(stage):
    dome = stage.device("Dome")
    info = dome.get_attribute_config("Azimuth")
    info.data_type = tango.CmdArgType.DevString
    with pytest.raises(DevFailed) as failed:
        dome.write_attribute(info, "north")
    assert reason(failed)[0].startswith("API_Incompatible")
    assert moved(stage) == []


def test_another_type_than_the_commands_is_refused(stage):
    argument = tango.DeviceData()
    argument.insert(tango.CmdArgType.DevString, "north")
    with pytest.raises(DevFailed) as failed:
        stage.device("Dome").command_inout_raw("GotoAz", argument)
    assert reason(failed)[0].startswith("API_Incompatible")
    assert moved(stage) == []


@pytest.mark.parametrize(
    "text",
    [
        '{"RA": NaN, "Dec": 1.0, "Filter": "V", "Exposure Time": 1.0}',
        '{"RA": 1e999, "Dec": 1.0, "Filter": "V", "Exposure Time": 1.0}',
        '{"ID": "\\ud800", "RA": 1.0, "Dec": 1.0, "Filter": "V", "Exposure Time": 1.0}',
        '{"ID": "\\u0000", "RA": 1.0, "Dec": 1.0, "Filter": "V", "Exposure Time": 1.0}',
        '{"RA": ' + "9" * 5000 + "}",
        '{"RA": ' + "[" * 200_000 + "]" * 200_000 + "}",
        '{"RA": ' + '{"a":' * 60 + "1" + "}" * 60 + "}",
        '{"Object": "' + "x" * 300_000 + '"}',
        '{"": 1}',
        '{"WOType": 5}',
        '{"WOType": ["Observation"]}',
        '{"Request": "Format Disk"}',
    ],
    ids=lambda text: text[:30],
)
def test_an_order_that_is_none_is_a_bad_order_whatever_it_is(stage, text):
    with pytest.raises(DevFailed) as failed:
        stage.device("Scheduler").SubmitOrder(text)
    assert reason(failed)[0] == "CTMO_BadOrder", reason(failed)
    assert moved(stage) == []


@pytest.mark.parametrize("name", ["CancelOrder", "Explain", "OrderStatus"])
@pytest.mark.parametrize("receipt", ["", "x" * 100_000, "\x01", "O-1; stop", "<&>"])
def test_a_receipt_that_is_none_is_refused_by_name(stage, name, receipt):
    with pytest.raises(DevFailed) as failed:
        getattr(stage.device("Scheduler"), name)(receipt)
    assert reason(failed)[0] == "CTMO_BadOrder"
    assert moved(stage) == []


def test_words_in_any_script_are_told_as_far_as_tango_has_letters(stage):
    """Else one letter in a lock's reason would end the events of a device."""
    mount = stage.device("Mount")
    changes = Changes(mount, "Status", "Doing", "RightAscension")
    says = stage.desks["telescope"].says
    try:
        says["Verdict"]["Lock"] = {"Owner": "ada", "Reason": "Müller 鏡"}
        says["Busy"] = "Müller 鏡"
        says["Devices"]["Mount"]["RA"] = 140.0
        status = r"motion is refused; locked by ada: Muller \u93e1"
        changes.wait_for("Status", status)
        assert mount.status() == mount.read_attribute("Status").value == status
        changes.wait_for("Doing", r"Müller \u93e1")
        changes.wait_for("RightAscension", 140.0)
        assert mount.Doing == r"Müller \u93e1"
        stage.desks["telescope"].refusal = Unsafe("Müller 鏡")
        with pytest.raises(DevFailed) as failed:
            mount.SlewTo([1.0, 2.0])
        assert reason(failed) == ("CTMO_Unsafe", r"Muller \u93e1")
        stage.desks["scheduler"].says["Message"] = "鏡"
        assert stage.device("Scheduler").OrderStatus("O-1")
    finally:
        changes.close()


def test_more_reasons_than_an_attribute_has_room_for_silence_nothing(stage):
    weather = stage.device("Weather")
    changes = Changes(weather, "Temperature")
    says = stage.desks["safety"].says
    try:
        says["Verdict"]["Reasons"] = [f"reason {number}" for number in range(400)]
        says["Devices"]["Weather"]["Readings"] = {
            **{f"WEATHER_OF_{number}": float(number) for number in range(400)},
            "WEATHER_TEMPERATURE": 16.0,
        }
        changes.wait_for("Temperature", 16.0)
        until(lambda: len(weather.Reasons) == 128, "as many as there is room for")
        assert weather.Reasons[0] == "reason 0"
        assert len(weather.Readings) == len(weather.ReadingNames) == 128
    finally:
        changes.close()


@pytest.mark.parametrize("place", [[], [1.0], [math.nan, 1.0], [1.0, math.inf], [1.0] * 1000])
def test_a_slew_to_no_place_is_a_bad_order(stage, place):
    with pytest.raises(DevFailed) as failed:
        stage.device("Mount").SlewTo(place)
    assert reason(failed)[0] == "CTMO_BadOrder"
    assert moved(stage) == []


def test_while_safety_holds_the_state_tells_it_and_the_desk_refuses_by_name(stage):
    held = {**STATUS["telescope"]["Verdict"], "Level": "HOLD", "Reasons": ["clouds"]}
    stage.desks["telescope"].says["Verdict"] = held
    stage.desks["telescope"].refusal = Unsafe("HOLD: clouds")
    mount = stage.device("Mount")
    until(lambda: mount.state() is State.DISABLE, "held")
    assert mount.status() == "motion is refused; HOLD: clouds"
    with pytest.raises(DevFailed) as failed:
        mount.SlewTo([1.0, 2.0])
    assert reason(failed) == ("CTMO_Unsafe", "HOLD: clouds")


def test_fifty_clients_are_all_told_and_none_that_goes_without_a_word_is_missed(stage):
    telescope = stage.desks["telescope"]
    names = ("State", "RightAscension", "Status")
    clients = [Changes(stage.device("Mount"), *names) for _ in range(CLIENTS)]
    try:
        telescope.says["Devices"]["Mount"] |= {"Slewing": True, "RA": 140.0}
        for each in clients:
            each.wait_for("RightAscension", 140.0)
            each.wait_for("State", State.MOVING)
    finally:
        for each in clients:
            each.close()

    assert stage.process is not None
    server = psutil.Process(stage.process.pid)
    gone = [_client_that_dies(stage) for _ in range(3)]
    for each in gone:
        each.kill()
        each.wait()
    opened = server.num_fds()
    last = Changes(stage.device("Mount"), "RightAscension")
    telescope.says["Devices"]["Mount"]["RA"] = 150.0
    last.wait_for("RightAscension", 150.0)
    last.close()
    until(lambda: server.num_fds() <= opened, "nothing is kept of those that went", 20.0)


def _client_that_dies(stage: Stage) -> subprocess.Popen[str]:
    """Start a client of its own that subscribes; returns when it was told something."""
    program = (
        "import sys, threading, tango\n"
        "told = threading.Event()\n"
        "device = tango.DeviceProxy(sys.argv[1])\n"
        "for name in ('State', 'RightAscension'):\n"
        "    device.subscribe_event(name, tango.EventType.CHANGE_EVENT, lambda _: told.set())\n"
        "told.wait(20.0)\n"
        "print('told', flush=True)\n"
        "threading.Event().wait(60.0)\n"
    )
    words = [sys.executable, "-c", program, stage.settings.url("Mount")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "told\n"
    process.stdout.close()
    return process


@pytest.mark.parametrize("times", [1, 3])
def test_it_ends_in_time_while_a_command_is_under_way(tmp_path, times):
    hold, begun = threading.Event(), threading.Event()
    with staged(tmp_path) as stage:
        stage.start()
        assert stage.process is not None
        desk = stage.desks["safety"]
        speak = desk._answer

        def slow(checked):
            if checked.wire.get("Command") == "lock":
                begun.set()
                hold.wait(10.0)
            return speak(checked)

        desk._answer = slow
        heard: list[object] = []

        def lock() -> None:
            try:
                heard.append(stage.device("Scheduler").Lock("x"))
            except DevFailed as failed:
                heard.append(failed.args[0].reason)

        locking = threading.Thread(target=lock)
        try:
            locking.start()
            assert begun.wait(10.0)
            for _ in range(times - 1):
                os.kill(stage.process.pid, signal.SIGTERM)
            code, took_s = stage.end(timeout_s=20.0)
            assert code == 0, stage.log()
            assert took_s < 12.0  # alone 3 s: a command waits 2.7 s for a desk
            assert "service_stopped service=tango" in stage.log()
            locking.join(10.0)
            assert len(heard) == 1, "the client is not left waiting"
        finally:
            hold.set()
            locking.join(10.0)
