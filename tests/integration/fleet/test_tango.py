"""A Tango client alone, over a whole running observatory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ctmo_indi.fleet_config import free_ports
from ctmo_indi.tango_settings import TangoSettings

from ...running_fleet import RunningFleet, until

tango = pytest.importorskip("tango", reason="pytango is not installed (pip install pytango)")
State = tango.DevState


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


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """All services and the Tango server, under a fast clock; nobody has started the scheduler."""
    fleet = RunningFleet(tmp_path_factory.mktemp("tango"), resume=False)
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
    scheduler, mount = client["Scheduler"], client["Mount"]
    states = client.listen("Scheduler", "State")
    moves, places = client.listen("Mount", "State"), client.listen("Mount", "RightAscension")
    shutter = client.listen("Dome", "State")

    for command, state in (
        ("Start", State.DISABLE),
        ("Enable", State.ON),
        ("Resume", State.RUNNING),
    ):
        arguments = ("",) if command == "Start" else ()
        assert getattr(scheduler, command)(*arguments).startswith("T-")
        until(lambda state=state: state in states, f"{state} by events", 40.0, scheduler.status)

    order = fleet.observation(**fleet.target(), **{"Exposure Time": 600.0})
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
    client["Mount"].Unpark()
    with pytest.raises(tango.DevFailed) as refused:
        client["Mount"].SlewTo([below["RA"], below["Dec"]])
    first = refused.value.args[0]
    assert first.reason == "CTMO_CommandFailed"
    assert "the horizon is there at 15 deg" in first.desc


def test_a_camera_exposes_at_once_only_where_no_scheduler_is_at_work(fleet, client):
    with pytest.raises(tango.DevFailed) as refused:
        client["Camera"].Expose()
    first = refused.value.args[0]
    assert first.reason == "CTMO_WrongState"
    assert "a scheduler is at work" in first.desc


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


def test_the_time_of_an_event_is_sky_time(fleet, client):
    before = fleet.clock.utc().timestamp()
    azimuth = client["Mount"].read_attribute("Azimuth")
    assert before - 3600.0 < azimuth.time.totime() < fleet.clock.utc().timestamp() + 1.0


def test_a_scheduler_that_dies_is_unknown_within_seconds_and_comes_back_by_itself(fleet, client):
    states = client.listen("Scheduler", "State")
    scheduler = client["Scheduler"]
    until(lambda: bool(states), "the first event")
    old_pid = fleet.kill("scheduler")
    until(lambda: State.UNKNOWN in states, "UNKNOWN by events", 5.0, lambda: states)
    fleet.wait_for_restart("scheduler", old_pid)
    until(lambda: states[-1] is not State.UNKNOWN, "back by events", 20.0, scheduler.status)
    assert client["Mount"].state() is not State.UNKNOWN


def test_a_tango_server_that_dies_harms_nobody_and_is_started_again(fleet, client):
    pids = fleet.supervisor.pids()
    fleet.kill("tango")
    until(lambda: fleet.supervisor.pids()["tango"] != pids["tango"], "a new one", 20.0)
    until(client.is_there, "the devices are back", 30.0)
    for service in ("safety", "telescope", "scheduler"):
        assert fleet.supervisor.pids()[service] == pids[service]
        assert fleet.answers(service)
