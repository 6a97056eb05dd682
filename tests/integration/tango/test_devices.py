"""What a Tango client sees and does: attributes, commands, refusals, events."""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from ctmo_indi.errors import Interlocked, Locked, Unsafe

from .stage import STATUS, Changes, Stage, reason, staged, tango, until

State, Quality, DevFailed = tango.DevState, tango.AttrQuality, tango.DevFailed


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("tango")) as stage:
        stage.start()
        yield stage


@pytest.fixture
def stage(server: Stage) -> Iterator[Stage]:
    """The server, over services that are well; whatever a test had them say is over."""
    yield server
    for desk in server.desks.values():
        desk.says = copy.deepcopy(STATUS[desk.service])
        desk.refusal, desk.failure, desk.failure_code = None, "", None
        desk.orders.clear()
    until(lambda: server.device("Scheduler").state() is State.ON, "as before")
    mount = server.device("Mount")
    until(lambda: mount.state() is State.ON and mount.RightAscension == 133.2, "as before")
    until(lambda: server.device("Weather").state() is State.ON, "as before")


def told(stage: Stage, service: str) -> dict[str, object]:
    """The last order that a service was told, without who and when."""
    keys = ("ID", "User", "Datetime", "Priority")
    return {key: value for key, value in stage.desks[service].told[-1].items() if key not in keys}


def test_states_and_attributes_are_those_of_the_services(stage):
    mount, dome, wheel = (stage.device(name) for name in ("Mount", "Dome", "FilterWheel"))
    assert mount.state() is State.ON
    assert mount.status() == "tracking"
    assert mount.RightAscension == 133.2
    assert (mount.Tracking, mount.PierSide) == (True, "west")
    assert dome.state() is State.OPEN
    assert dome.read_attribute("Shutter").value == 0
    assert next(iter(dome.get_attribute_config("Shutter").enum_labels)) == "OPEN"
    labels = list(wheel.get_attribute_config("Filter").enum_labels)
    assert labels[wheel.read_attribute("Filter").value] == "Clear"
    assert stage.device("Camera").Temperature == -10.0
    assert stage.device("Weather").Temperature == 15.0
    assert stage.device("Scheduler").state() is State.ON


def test_attributes_have_units_labels_formats_and_words(stage):
    config = stage.device("Mount").get_attribute_config("RightAscension")
    assert (config.unit, config.label, config.format) == ("deg", "RA", "%9.5f")
    assert "ICRS" in config.description
    azimuth = stage.device("Dome").get_attribute_config("Azimuth")
    assert (azimuth.min_value, azimuth.max_value) == ("0.0", "359.999")
    info = stage.device("Mount").command_query("SlewTo")
    assert "RA and Dec" in info.in_type_desc


def test_what_is_not_known_is_invalid_and_what_is_out_of_limits_is_an_alarm(stage):
    telescope = stage.desks["telescope"]
    mount = stage.device("Mount")
    assert mount.read_attribute("Altitude").quality is Quality.ATTR_VALID
    telescope.says["Devices"]["Mount"] |= {"Altitude": 3.0, "Pier Side": None}
    del telescope.says["Devices"]["Mount"]["Pier Side"]
    until(lambda: mount.Altitude == 3.0, "the new altitude")
    assert mount.read_attribute("Altitude").quality is Quality.ATTR_ALARM
    assert mount.read_attribute("PierSide").quality is Quality.ATTR_INVALID
    telescope.says["Devices"]["Mount"] |= {"Parked": True, "Tracking": False}
    until(lambda: mount.state() is State.STANDBY, "parked")
    assert mount.read_attribute("Altitude").quality is Quality.ATTR_VALID


def test_weather_in_its_zones_and_too_old(stage):
    station = stage.desks["safety"].says["Devices"]["Weather"]
    weather = stage.device("Weather")
    station |= {"State": "Alert", "Dangers": ["WEATHER_WIND_SPEED"]}
    until(lambda: weather.state() is State.ALARM, "alarm")
    assert weather.read_attribute("WindSpeed").quality is Quality.ATTR_ALARM
    assert weather.read_attribute("Temperature").quality is Quality.ATTR_VALID
    assert weather.read_attribute("Humidity").quality is Quality.ATTR_INVALID
    station["Age (s)"] = 181.0  # the profile's weather_max_age_s is 180
    until(lambda: weather.read_attribute("WindSpeed").quality is Quality.ATTR_INVALID, "too old")
    assert weather.read_attribute("Verdict").quality is Quality.ATTR_VALID


@pytest.mark.parametrize(
    ("device", "command", "argument", "service", "order"),
    [
        ("Mount", "SlewTo", [10.5, -20.25], "telescope",
         {"WOType": "Control", "Command": "slew", "RA": 10.5, "Dec": -20.25, "RA Unit": "deg"}),
        ("Mount", "Park", None, "telescope", {"WOType": "Control", "Command": "park"}),
        ("Mount", "Unpark", None, "telescope", {"WOType": "Control", "Command": "unpark"}),
        ("Mount", "Track", None, "telescope", {"WOType": "Control", "Command": "track"}),
        ("Mount", "Abort", None, "telescope", {"WOType": "Control", "Command": "abort"}),
        ("FilterWheel", "SetFilter", "V", "telescope",
         {"WOType": "Control", "Command": "filter", "Filter": "V"}),
        ("Dome", "Open", None, "telescope", {"WOType": "Control", "Command": "open"}),
        ("Dome", "Close", None, "telescope", {"WOType": "Control", "Command": "close"}),
        ("Dome", "GotoAz", 90.0, "telescope", {"WOType": "Dome", "Azimuth": 90.0}),
        ("Dome", "Park", None, "telescope", {"WOType": "Dome", "Park": True}),
        ("Camera", "Expose", None, "telescope",
         {"WOType": "Observation", "Frame Type": "Dark", "Number of Exposures": 1,
          "Exposure Time": 1.0}),
        ("Scheduler", "Start", "", "scheduler", {"WOType": "Scheduler", "Command": "start"}),
        ("Scheduler", "Start", "dry", "scheduler",
         {"WOType": "Scheduler", "Command": "start", "Configuration": "dry"}),
        ("Scheduler", "Enable", None, "scheduler", {"WOType": "Scheduler", "Command": "enable"}),
        ("Scheduler", "Resume", None, "scheduler", {"WOType": "Scheduler", "Command": "resume"}),
        ("Scheduler", "StopNow", None, "scheduler",
         {"WOType": "Scheduler", "Command": "stop", "Abort": True}),
        ("Scheduler", "CancelOrder", "O-1", "scheduler", {"WOType": "Cancel", "Receipt": "O-1"}),
        ("Scheduler", "Lock", "at the mount", "safety",
         {"WOType": "Control", "Command": "lock", "Reason": "at the mount"}),
        ("Scheduler", "Unlock", None, "safety", {"WOType": "Control", "Command": "unlock"}),
        ("Scheduler", "EmergencyStop", None, "safety",
         {"WOType": "Control", "Command": "stop", "Reason": "EmergencyStop by Tango"}),
        ("Scheduler", "EmergencyStop", None, "telescope",
         {"WOType": "Control", "Command": "stop", "Reason": "EmergencyStop by Tango"}),
    ],
)  # fmt: skip
def test_a_command_is_an_order_that_the_contract_takes(
    stage, device, command, argument, service, order
):
    arguments = () if argument is None else (argument,)
    answer = getattr(stage.device(device), command)(*arguments)
    assert told(stage, service) == order
    assert stage.desks[service].told[-1]["User"] == "tango"
    assert answer == ("PENDING" if command == "CancelOrder" else "O-00000000000000000000000001")


def test_an_order_is_submitted_as_json_and_explained_as_json(stage):
    scheduler = stage.device("Scheduler")
    order = {"ID": "t1", "RA": 10.0, "Dec": 41.0, "Filter": "V", "Exposure Time": 30.0}
    assert scheduler.SubmitOrder(json.dumps(order)) == "O-00000000000000000000000001"
    assert told(stage, "scheduler") == {
        "WOType": "Observation", "RA Unit": "deg",
        **{key: order[key] for key in order if key != "ID"},
    }  # fmt: skip
    assert json.loads(scheduler.Explain("O-1"))["Kind"] == "Explain"
    assert json.loads(scheduler.OrderStatus("O-1"))["Status"] == "PENDING"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "expected an order as a JSON object"),
        ("[1]", "came list"),
        ('{"WOType": "Control", "Command": "open"}', "WOType: came 'Control'"),
        ('{"Exposure Time": "long"}', "Exposure Time"),
    ],
)
def test_an_order_that_is_none_is_refused_with_what_is_wrong(stage, text, says):
    with pytest.raises(DevFailed) as failed:
        stage.device("Scheduler").SubmitOrder(text)
    name, words = reason(failed)
    assert name == "CTMO_BadOrder"
    assert says in words


def test_writing_an_attribute_is_an_order_too(stage):
    stage.device("Dome").Azimuth = 45.0
    assert told(stage, "telescope") == {"WOType": "Dome", "Azimuth": 45.0}
    wheel = stage.device("FilterWheel")
    labels = list(wheel.get_attribute_config("Filter").enum_labels)
    wheel.Filter = labels.index("V")
    assert told(stage, "telescope") == {"WOType": "Control", "Command": "filter", "Filter": "V"}


def test_an_exposure_is_made_of_what_was_written(stage):
    camera = stage.device("Camera")
    labels = list(camera.get_attribute_config("FrameType").enum_labels)
    camera.ExposureTime, camera.Frames, camera.FrameType = 2.5, 3, labels.index("Light")
    camera.Expose()
    assert told(stage, "telescope") == {
        "WOType": "Observation", "Frame Type": "Light", "Number of Exposures": 3,
        "Exposure Time": 2.5, "Filter": "Clear", "RA": 133.2, "Dec": 11.8, "RA Unit": "deg",
    }  # fmt: skip
    camera.Init()
    assert (camera.ExposureTime, camera.Frames) == (1.0, 1)


@pytest.mark.parametrize(
    ("device", "attribute", "value"),
    [
        ("Dome", "Azimuth", 360.5),
        ("Dome", "Azimuth", -1.0),
        ("Camera", "ExposureTime", 1e6),
        ("Camera", "Frames", 0),
        ("FilterWheel", "Filter", 99),
    ],
)
def test_a_write_out_of_range_is_refused_by_tango_itself(stage, device, attribute, value):
    with pytest.raises(DevFailed) as failed:
        stage.device(device).write_attribute(attribute, value)
    assert reason(failed)[0] == "API_WAttrOutsideLimit"
    assert stage.desks["telescope"].told == []


@pytest.mark.parametrize("argument", [[400.0, 0.0], [float("nan"), 0.0], [1.0], [1.0, 2.0, 3.0]])
def test_a_slew_to_no_place_is_a_bad_order(stage, argument):
    with pytest.raises(DevFailed) as failed:
        stage.device("Mount").SlewTo(argument)
    assert reason(failed)[0] == "CTMO_BadOrder"


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (Unsafe("it rains"), "CTMO_Unsafe"),
        (Interlocked("too low"), "CTMO_Interlocked"),
        (Locked("locked by ada"), "CTMO_Locked"),
    ],
)
def test_a_refusal_has_a_stable_name_and_the_reason(stage, error, name):
    stage.desks["telescope"].refusal = error
    with pytest.raises(DevFailed) as failed:
        stage.device("Dome").Open()
    assert reason(failed) == (name, str(error))


@pytest.mark.parametrize(
    ("code", "name"),
    [(424, "CTMO_Interlocked"), (524, "CTMO_CommandRejected"), (None, "CTMO_CommandFailed")],
)
def test_a_command_that_failed_at_once_is_told_by_the_name_of_its_code(stage, code, name):
    desk = stage.desks["telescope"]
    desk.failure, desk.failure_code = "the driver said Alert", code
    with pytest.raises(DevFailed) as failed:
        stage.device("Mount").Track()
    assert reason(failed) == (name, "the driver said Alert")


def test_in_fault_only_what_helps_is_allowed(stage):
    scheduler = stage.device("Scheduler")
    stage.desks["scheduler"].says |= {"Summary State": "FAULT", "Error Report": "no such matrix"}
    until(lambda: scheduler.state() is State.FAULT, "FAULT")
    assert scheduler.status() == "FAULT; no such matrix"
    for refused in ("Enable", "Disable", "Resume"):
        with pytest.raises(DevFailed) as failed:
            getattr(scheduler, refused)()
        assert reason(failed)[0] == "API_CommandNotAllowed"
    for allowed in ("Standby", "Stop", "EmergencyStop"):
        assert getattr(scheduler, allowed)()
    order = {"RA": 10.0, "Dec": 41.0, "Filter": "V", "Exposure Time": 30.0}
    assert scheduler.SubmitOrder(json.dumps(order))


def test_nothing_moves_what_is_not_there_but_a_stop_is_always_allowed(stage):
    stage.desks["telescope"].says["Link"] = "DOWN"
    mount, dome = stage.device("Mount"), stage.device("Dome")
    until(lambda: mount.state() is State.UNKNOWN, "link lost")
    assert mount.status() == "link lost; no link to the INDI server"
    assert mount.read_attribute("RightAscension").quality is Quality.ATTR_INVALID
    for call in (lambda: mount.SlewTo([1.0, 2.0]), dome.Open):
        with pytest.raises(DevFailed) as failed:
            call()
        assert reason(failed)[0] == "API_CommandNotAllowed"
    with pytest.raises(DevFailed) as failed:
        dome.Azimuth = 10.0
    assert reason(failed)[0] == "API_AttrNotAllowed"
    assert mount.Abort()
    assert dome.Close()


def test_a_slew_is_watched_by_change_events(stage):
    mount = stage.device("Mount")
    changes = Changes(mount, "State", "RightAscension", "Status")
    try:
        says = stage.desks["telescope"].says["Devices"]["Mount"]
        says |= {"Slewing": True, "RA": 140.0}
        changes.wait_for("State", State.MOVING)
        changes.wait_for("RightAscension", 140.0)
        changes.wait_for("Status", "slewing")
        says |= {"Slewing": False, "RA": 150.0}
        changes.wait_for("RightAscension", 150.0)
        until(lambda: changes.seen["State"][-1] is State.ON, "tracking again")
        assert changes.seen["State"] == [State.ON, State.MOVING, State.ON]
    finally:
        changes.close()


def test_since_when_a_state_holds_is_told_beside_it_with_the_services_time(stage):
    mount = stage.device("Mount")
    before = mount.StateSince
    changes = Changes(mount, "State", "StateSince", "RightAscension")
    try:
        says = stage.desks["telescope"].says["Devices"]["Mount"]
        says |= {"RA": 133.9}
        changes.wait_for("RightAscension", 133.9)
        assert mount.StateSince == before, "it is the State's, not the values'"
        says |= {"Slewing": True, "RA": 140.0}
        changes.wait_for("State", State.MOVING)
        changes.wait_for("RightAscension", 140.0)
        since = mount.StateSince
        assert changes.seen["StateSince"] == [before, since]
        told = changes.raw["StateSince"][-1].attr_value.time.totime()
        assert datetime.fromisoformat(since).timestamp() == pytest.approx(told, abs=1e-3)
        moved = changes.raw["RightAscension"][-1].attr_value.time.totime()
        assert told == pytest.approx(moved, abs=1e-3), "of the same Status reply"
    finally:
        changes.close()


def test_the_last_frame_is_known_after_its_attempt_has_ended(stage):
    camera = stage.device("Camera")
    made = [{"Path": "/data/a-001.fits"}, {"Path": "/data/a-002.fits"}]
    stage.desks["telescope"].publish("attempt", {"Status": "COMPLETED", "Exposures": made})
    until(lambda: camera.LastFrame == "/data/a-002.fits", "the last frame")


def test_the_example_of_the_how_to_works_as_it_stands(stage, capsys):
    text = (Path(__file__).parents[3] / "docs" / "how-to" / "use-tango.md").read_text("utf-8")
    examples = "".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    assert "Expose" in examples
    names: dict[str, object] = {}
    exec(examples.replace("127.0.0.1:8050", f"127.0.0.1:{stage.settings.port}"), names)
    exposed = told(stage, "telescope")
    stage.device("Camera").Init()
    assert (exposed["Frame Type"], exposed["Number of Exposures"]) == ("Dark", 2)
    assert names["receipt"] == "O-00000000000000000000000001"
    assert [each["Command"] for each in stage.desks["scheduler"].told if "Command" in each] == [
        "start", "enable", "resume",
    ]  # fmt: skip
    assert '"Kind": "Explain"' in capsys.readouterr().out


def test_starting_is_init(stage):
    scheduler = stage.device("Scheduler")
    desk = stage.desks["scheduler"]
    desk.says["Summary State"] = "STANDBY"
    desk.publish("ticket", {"Command": "start", "Status": "IN_PROGRESS"})
    until(lambda: scheduler.state() is State.INIT, "starting")
    desk.publish("ticket", {"Command": "start", "Status": "COMPLETED"})
    until(lambda: scheduler.state() is State.STANDBY, "over")


def test_init_again_and_again_changes_nothing_and_events_go_on(stage):
    mount = stage.device("Mount")
    changes = Changes(mount, "RightAscension")
    try:
        for _ in range(5):
            mount.Init()
        assert mount.state() is State.ON
        stage.desks["telescope"].says["Devices"]["Mount"]["RA"] = 77.0
        changes.wait_for("RightAscension", 77.0)
    finally:
        changes.close()


def test_a_stop_does_not_wait_behind_a_command_of_the_same_device(stage):
    hold, begun = threading.Event(), threading.Event()
    desk = stage.desks["safety"]
    speak = desk._answer

    def slow(checked):
        if checked.wire.get("Command") == "lock":
            begun.set()
            hold.wait(2.0)
        return speak(checked)

    desk._answer = slow
    locking = threading.Thread(target=lambda: stage.device("Scheduler").Lock("x"))
    try:
        locking.start()
        assert begun.wait(5.0)
        assert stage.device("Scheduler").Stop()
        assert locking.is_alive()
    finally:
        hold.set()
        locking.join(5.0)
        desk._answer = speak


def test_many_clients_at_once_read_and_command(stage):
    """Requests are not serialised: none waits for another, none reads half a value."""
    failures: list[object] = []

    def work(number: int) -> None:
        try:
            mount, dome = stage.device("Mount"), stage.device("Dome")
            for turn in range(15):
                values = [
                    each.value
                    for each in mount.read_attributes(["RightAscension", "Declination", "State"])
                ]
                assert values == [133.2, 11.8, State.ON], values
                if turn % 5 == number % 5:
                    assert dome.GotoAz(float(number)).startswith("O-")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    assert failures == []
    assert len(stage.desks["telescope"].told) == 24


def test_what_a_service_does_not_answer_in_time_is_told_before_the_client_gives_up(stage):
    hold = threading.Event()
    desk = stage.desks["safety"]
    speak = desk._answer

    def slow(checked):
        if checked.wire.get("Command") == "lock":
            hold.wait(5.0)
        return speak(checked)

    desk._answer = slow
    try:
        with pytest.raises(DevFailed) as failed:
            stage.device("Scheduler").Lock("x")
        name, words = reason(failed)
        assert name == "CTMO_ServiceUnreachable"
        assert "answer within" in words
    finally:
        hold.set()
        desk._answer = speak
