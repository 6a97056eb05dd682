"""A Tango client alone, over a whole running observatory."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from astropy.io import fits

from ctmo_indi.fleet_ports import free_ports
from ctmo_indi.tango_settings import TangoSettings

from ...running_fleet import RunningFleet, until

tango = pytest.importorskip("tango", reason="pytango is not installed (pip install pytango)")
State = tango.DevState
SPEED = 5.0  # slow enough that a client sees each step by its event


class Client:
    """Proxies of the devices, and what change events told."""

    def __init__(self, settings: TangoSettings) -> None:
        self._settings = settings
        self.told: dict[str, list[Any]] = {}
        self._subscribed: list[tuple[Any, int]] = []

    def __getitem__(self, name: str) -> Any:
        return tango.DeviceProxy(self._settings.url(name))

    def listen(self, device: str, attribute: str) -> list[Any]:
        """Return a list that grows with each change event: values, None for an error."""
        told: list[Any] = []
        proxy = self[device]
        number = proxy.subscribe_event(
            attribute,
            tango.EventType.CHANGE_EVENT,
            lambda event: told.append(None if event.err else event.attr_value.value),
        )
        self._subscribed.append((proxy, number))
        return told

    def close(self) -> None:
        for proxy, number in self._subscribed:
            proxy.unsubscribe_event(number)
        self._subscribed.clear()

    def is_there(self) -> bool:
        try:
            states = [self[name].state() for name in self._settings.names]
        except tango.DevFailed:
            return False
        return not {State.INIT, State.UNKNOWN} & set(states)

    def bring_scheduler(self, wanted: Any) -> None:
        """Have the scheduler in STANDBY, DISABLE or ON, from wherever it is."""
        scheduler = self["Scheduler"]
        end_s = time.monotonic() + 90.0
        while (state := scheduler.state()) is not wanted:
            assert time.monotonic() < end_s, (wanted, state, scheduler.status())
            name = _NEXT[wanted].get(state)
            try:
                if name is not None:
                    getattr(scheduler, name)(*(("",) if name == "Start" else ()))
            except tango.DevFailed as refused:  # one that was just started goes on by itself
                if refused.args[0].reason != "CTMO_WrongState":
                    raise
            until(lambda state=state: scheduler.state() is not state, f"no longer {state}", 60.0)

    def open_up(self) -> None:
        """Have the dome open and the mount unparked."""
        dome, mount, weather = self["Dome"], self["Mount"], self["Weather"]
        until(lambda: weather.Verdict == 0, "SAFE", 1000.0 / SPEED, weather.status)
        self.once_free("Dome", "Open")
        until(lambda: dome.state() is State.OPEN, "open", 60.0, dome.status)
        mount.Unpark()
        until(lambda: mount.state() is State.ON, "unparked", 20.0, mount.status)

    def once_free(self, device: str, command: str) -> str:
        """Give a command as soon as nobody else is at work; return its receipt."""
        receipts: list[str] = []

        def is_taken() -> bool:
            try:
                receipts.append(getattr(self[device], command)())
            except tango.DevFailed as refused:
                if refused.args[0].reason != "CTMO_WrongState":
                    raise
                return False
            return True

        until(is_taken, f"{command} is taken", 45.0)
        return receipts[0]

    def label(self, device: str, attribute: str, word: str) -> int:
        """Return the number of a DevEnum's word."""
        return list(self[device].get_attribute_config(attribute).enum_labels).index(word)


# Wanted state -> command in each other one; none where it goes on by itself.
_NEXT: dict[Any, dict[Any, str]] = {
    State.STANDBY: {State.DISABLE: "Standby", State.ON: "Disable", State.RUNNING: "Disable"},
    State.DISABLE: {State.STANDBY: "Start", State.ON: "Disable", State.RUNNING: "Disable"},
    State.ON: {State.STANDBY: "Start", State.DISABLE: "Enable", State.RUNNING: "Stop"},
}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """All services and the Tango server, under a fast clock; nobody has started the scheduler."""
    fleet = RunningFleet(tmp_path_factory.mktemp("tango"), resume=False, speed=SPEED)
    settings = TangoSettings(is_enabled=True, port=free_ports(1)[0])
    fleet.supervisor.config = replace(fleet.supervisor.config, tango=settings)
    with fleet.running():
        yield fleet


@pytest.fixture
def client(fleet: RunningFleet) -> Iterator[Client]:
    client = Client(fleet.supervisor.config.tango)
    until(client.is_there, "the devices say something", 30.0)
    yield client
    client.close()


def test_a_tango_client_alone_enables_the_scheduler_watches_a_slew_and_stops_it(fleet, client):
    enable_watch_and_stop(client, fleet.observation(**{"Exposure Time": 600.0}))


def enable_watch_and_stop(client: Client, order: dict[str, Any]) -> None:
    """Do what a control room does, with nothing but Tango: ``order`` is for a place that is up."""
    scheduler, mount = client["Scheduler"], client["Mount"]
    states = client.listen("Scheduler", "State")
    moves, places = client.listen("Mount", "State"), client.listen("Mount", "RightAscension")
    shutter = client.listen("Dome", "State")
    client.bring_scheduler(State.STANDBY)

    for command, state in (
        ("Start", State.DISABLE),
        ("Enable", State.ON),
        ("Resume", State.RUNNING),
    ):
        arguments = ("",) if command == "Start" else ()
        assert getattr(scheduler, command)(*arguments).startswith("T-")
        until(lambda state=state: state in states, f"{state} by events", 40.0, scheduler.status)

    receipt = scheduler.SubmitOrder(json.dumps(order))
    assert receipt.startswith("O-")
    assert json.loads(scheduler.Explain(receipt))["Can Start"] is True
    until(lambda: State.MOVING in moves, "a slew by events", 40.0, mount.status)
    until(lambda: State.OPEN in shutter, "an open dome by events", 20.0)
    until(lambda: client["Camera"].state() is State.RUNNING, "an exposure", 40.0, mount.status)
    assert abs(places[-1] - order["RA"]) < 0.1
    assert mount.Tracking

    assert client["Scheduler"].EmergencyStop()
    until(lambda: moves[-1] is State.DISABLE, "stopped, by events", 20.0, mount.status)
    assert "stopped by tango" in mount.status()
    assert not mount.Tracking
    until(lambda: client["Camera"].state() is State.ON, "no exposure", 20.0)
    with pytest.raises(tango.DevFailed) as refused:
        mount.SlewTo([order["RA"], order["Dec"]])
    assert refused.value.args[0].reason == "CTMO_Stopped"

    scheduler.StopNow()
    scheduler.Release()
    assert scheduler.CancelOrder(receipt) == "CANCELED"
    until(lambda: scheduler.StoppedBy == "", "released", 20.0)
    until(lambda: scheduler.state() is State.ON, "enabled, not resumed", 20.0, scheduler.status)


def test_what_the_telescope_refuses_to_do_is_told_with_its_words(fleet, client):
    below = fleet.target(hour_angle_h=11.0, dec_deg=-60.0)
    client.open_up()
    with pytest.raises(tango.DevFailed) as refused:
        client["Mount"].SlewTo([below["RA"], below["Dec"]])
    first = refused.value.args[0]
    assert first.reason == "CTMO_Interlocked"
    assert "the horizon is there at 15 deg" in first.desc


def test_a_camera_exposes_at_once_only_where_no_scheduler_is_at_work(fleet, client):
    client.bring_scheduler(State.ON)
    with pytest.raises(tango.DevFailed) as refused:
        client["Camera"].Expose()
    first = refused.value.args[0]
    assert first.reason == "CTMO_WrongState"
    assert "a scheduler is at work" in first.desc
    assert "disable" in first.desc, "it says what to do instead"


@pytest.mark.parametrize("state", [State.DISABLE, State.STANDBY])
def test_a_tango_client_alone_takes_frames_where_the_scheduler_does_nothing(fleet, client, state):
    client.bring_scheduler(state)
    camera = client["Camera"]
    exposure_s = 4.0 * SPEED
    camera.ExposureTime, camera.Frames = exposure_s, 2
    camera.FrameType = client.label("Camera", "FrameType", "Dark")
    states, exposing = client.listen("Camera", "State"), client.listen("Camera", "Exposing")
    frames, attempts = client.listen("Camera", "LastFrame"), client.listen("Camera", "Attempt")
    before = set(fleet.data_dir.rglob("*.fits"))

    receipt = client.once_free("Camera", "Expose")

    assert receipt.startswith("A-")
    until(lambda: State.RUNNING in states, "exposing, by events", 20.0, camera.status)
    until(lambda: attempts[-1] == receipt, "the attempt, by events", 20.0)
    until(lambda: attempts[-1] == "", "no attempt any more, by events", 60.0, camera.status)
    until(lambda: states[-1] is State.ON and not exposing[-1], "idle, by events", 20.0)
    taken = set(fleet.data_dir.rglob("*.fits")) - before
    assert len(taken) == 2
    for path in taken:
        header = fits.getheader(path)
        assert (header["IMAGETYP"], header["EXPTIME"]) == ("Dark Frame", exposure_s)
        assert fits.getdata(path).ndim == 2
    until(
        lambda: frames[-1] == str(max(taken)), "the newest frame, by events", 20.0, lambda: frames
    )
    assert client["Mount"].state() is not State.MOVING


def test_a_light_is_of_where_the_telescope_points(fleet, client):
    client.bring_scheduler(State.DISABLE)
    client.open_up()
    mount, camera = client["Mount"], client["Camera"]
    place = fleet.target(hour_angle_h=2.0, dec_deg=55.0)  # no other test goes there
    moves = client.listen("Mount", "State")
    mount.SlewTo([place["RA"], place["Dec"]])
    until(lambda: State.MOVING in moves and moves[-1] is State.ON, "there", 40.0, mount.status)
    camera.ExposureTime, camera.Frames = 10.0, 1
    camera.FrameType = client.label("Camera", "FrameType", "Light")
    frames = client.listen("Camera", "LastFrame")
    known = len(frames)

    client.once_free("Camera", "Expose")

    until(lambda: len(frames) > known, "a frame by events", 90.0, camera.status)
    header = fits.getheader(frames[-1])
    assert header["IMAGETYP"] == "Light Frame"
    assert (header["RA"], header["DEC"]) == pytest.approx((place["RA"], place["Dec"]), abs=0.1)
    assert client["Dome"].state() is State.OPEN


def test_the_time_of_an_event_is_sky_time(fleet, client):
    before = fleet.clock.utc().timestamp()
    azimuth = client["Mount"].read_attribute("Azimuth")
    assert before - 3600.0 < azimuth.time.totime() < fleet.clock.utc().timestamp() + 1.0
    # Tango stamps State with the machine's time, so its sky time is told beside it.
    since = datetime.fromisoformat(client["Mount"].StateSince).timestamp()
    assert before - 86400.0 < since <= azimuth.time.totime()


def test_a_scheduler_that_dies_is_unknown_within_seconds_and_comes_back_by_itself(fleet, client):
    states = client.listen("Scheduler", "State")
    scheduler = client["Scheduler"]
    until(lambda: bool(states), "the first event")
    old_pid = fleet.kill("scheduler")
    until(lambda: State.UNKNOWN in states, "UNKNOWN by events", 5.0, lambda: states)
    fleet.wait_for_restart("scheduler", old_pid)
    until(lambda: states[-1] is not State.UNKNOWN, "back by events", 20.0, scheduler.status)
    assert client["Mount"].state() is not State.UNKNOWN


def test_a_telescope_that_dies_under_a_slew_is_told_and_can_be_stopped_when_it_is_back(
    fleet, client
):
    client.bring_scheduler(State.DISABLE)
    client.open_up()
    mount, states = client["Mount"], client.listen("Mount", "State")
    place = fleet.target(hour_angle_h=-3.0, dec_deg=-10.0)  # no other test goes there
    mount.SlewTo([place["RA"], place["Dec"]])
    until(lambda: State.MOVING in states, "a slew by events", 20.0, mount.status)

    old_pid = fleet.kill("telescope")

    begun_s = time.monotonic()
    try:  # a stop is let through in every State, and answered in time
        assert client["Scheduler"].EmergencyStop() == "", "safety has it, the telescope is dead"
    finally:
        assert time.monotonic() - begun_s < 3.0
    until(lambda: State.UNKNOWN in states, "UNKNOWN by events", 6.0, lambda: states)
    fleet.wait_for_restart("telescope", old_pid)
    until(lambda: states[-1] is not State.UNKNOWN, "back by events", 20.0, mount.status)
    until(lambda: "stopped by tango" in mount.status(), "stopped", 20.0, mount.status)
    with pytest.raises(tango.DevFailed) as refused:
        mount.SlewTo([place["RA"], place["Dec"]])
    assert refused.value.args[0].reason == "CTMO_Stopped"
    client["Scheduler"].Release()
    until(lambda: "stopped by" not in mount.status(), "released", 20.0, mount.status)


def test_a_tango_server_that_dies_harms_nobody_and_is_started_again(fleet, client):
    pids = fleet.supervisor.pids()
    fleet.kill("tango")
    until(lambda: fleet.supervisor.pids()["tango"] != pids["tango"], "a new one", 20.0)
    until(client.is_there, "the devices are back", 30.0)
    for service in ("safety", "telescope", "scheduler"):
        assert fleet.supervisor.pids()[service] == pids[service]
        assert fleet.answers(service)


def test_bad_weather_is_an_alarm_by_events_and_opening_is_refused_by_name(fleet, client):
    client["Dome"].Close()
    until(lambda: client["Dome"].state() is State.CLOSE, "closed", 40.0, client["Dome"].status)
    weather = client.listen("Weather", "State")
    fleet.indi_set("Weather Simulator.WEATHER_CONTROL.Wind=100")
    try:
        until(lambda: State.ALARM in weather, "the alarm by events", 20.0, client["Weather"].status)
        wind = client["Weather"].read_attribute("WindSpeed")
        assert (wind.value, wind.quality) == (100.0, tango.AttrQuality.ATTR_ALARM)

        def is_refused() -> bool:
            try:
                client["Dome"].Open()
            except tango.DevFailed as failed:
                return failed.args[0].reason == "CTMO_Unsafe"
            return False

        until(is_refused, "the telescope knows, too", 10.0)
    finally:
        fleet.indi_set("Weather Simulator.WEATHER_CONTROL.Wind=0")
