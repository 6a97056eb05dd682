"""Safety against the real simulators: it closes first, over a link of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from ctmo_indi import profiles
from ctmo_indi.config import Config
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.devices.observatory import driver_executables
from ctmo_indi.devices.opening import open_observatory
from ctmo_indi.errors import CtmoError
from ctmo_indi.front_desk.server import FrontDeskServer
from ctmo_indi.safety.service import SafetyService
from ctmo_indi.service_addresses import Address, IndiAddress

pytestmark = pytest.mark.indi

SPEED = 100.0
DEADLINE_S = 20.0


class Stack:
    """One indiserver, one safety service with its desk, and hands to disturb them."""

    def __init__(self, server, data_dir):
        profile = profiles.load("simulators")
        # Beats come from the test, so silence closes only where a test is about it.
        self.profile = replace(
            profile,
            safety=replace(profile.safety, reopen_delay_s=300.0, telescope_silence_s=600.0),
        )
        self.server = server
        endpoint = server.endpoint
        config = Config(
            data_dir=data_dir,
            safety=Address("http://127.0.0.1", "127.0.0.1", 0),
            indi=IndiAddress(endpoint.host, endpoint.port, str(endpoint.socket)),
        )
        self.service = SafetyService(config, self.profile, server.clock)
        self.front_desk = FrontDeskServer([(self.service.desks[0][0], "127.0.0.1", 0)])
        self.service.start()
        (port,) = self.front_desk.start()
        self.desk = DeskClient(f"http://127.0.0.1:{port}")

    def stop(self):
        self.desk.close()
        self.front_desk.stop()
        self.service.stop(10.0)

    def status(self):
        return self.desk.front_desk({"WOType": "Status", "User": "test"})

    def control(self, command, **more):
        return self.desk.front_desk(
            {"WOType": "Control", "User": "test", "Command": command, **more}
        )

    def wait(self, what, condition, deadline_s=DEADLINE_S):
        end_s = time.monotonic() + deadline_s
        status = self.status()
        while not condition(status):
            assert time.monotonic() < end_s, f"not {what} in {deadline_s} s: {status}"
            status = self.desk.front_desk(
                {"WOType": "Status", "User": "test", "Since": status["Revision"], "Wait": 0.1}
            )
        return status

    def wait_safe(self):
        return self.wait("SAFE", lambda status: status["Verdict"]["Level"] == "SAFE")

    def open(self):
        self.wait_safe()
        open_observatory(
            self.service.observatory,
            self.profile.safety,
            self.server.clock,
            report=lambda _line: None,
        )
        self.wait("OPEN", lambda status: status["Status"] == "OPEN")

    def set_indi(self, device, prop, **values):
        self.service.observatory.client.keep(device, prop, values)

    def weather(self, **values):
        self.set_indi("Weather Simulator", "WEATHER_CONTROL", **values)


@pytest.fixture
def stack(indi_simulators, tmp_path):
    server = indi_simulators(
        driver_executables(profiles.load("simulators")), speed=SPEED, restarts=1000
    )
    stack = Stack(server, tmp_path / "data")
    yield stack
    stack.stop()


def test_a_storm_closes_an_open_observatory_and_the_calm_after_it_is_waited_for(stack):
    stack.open()
    stack.weather(Wind=30.0)
    status = stack.wait("CLOSED", lambda status: status["Status"] == "CLOSED")
    assert any("WEATHER_WIND_SPEED" in reason for reason in status["Verdict"]["Reasons"])
    assert status["Devices"]["Mount"]["Parked"]
    assert status["Devices"]["Dome"]["Shutter"] == "CLOSED"
    stack.weather(Wind=1.0)
    waiting = stack.wait(
        "waiting",
        lambda status: "bad weather" in status["Message"] and status["Status"] == "CLOSED",
    )
    assert waiting["Verdict"]["Level"] == "UNSAFE"
    stack.wait_safe()
    assert stack.status()["Status"] == "CLOSED"  # safety never opens


def test_a_frozen_weather_station_is_unsafe(stack):
    stack.open()
    pid = stack.server.driver_pids()["indi_simulator_weather"]
    os.kill(pid, signal.SIGSTOP)
    try:
        status = stack.wait("CLOSED", lambda status: status["Status"] == "CLOSED")
        assert "the weather is" in status["Message"]
    finally:
        os.kill(pid, signal.SIGCONT)


def test_nothing_moves_under_a_maintenance_lock_and_unlocking_closes(stack):
    stack.open()
    assert stack.status()["Devices"]["Mount"]["Tracking"] is True
    stack.control("lock", Kind="maintenance", Reason="greasing the dome")
    assert stack.status()["Devices"]["Mount"]["Tracking"] is False  # nothing goes on moving either
    stack.weather(Wind=30.0)
    stack.wait("UNSAFE", lambda status: status["Verdict"]["Level"] == "UNSAFE")
    moved = threading.Event()
    assert not moved.wait(2.0)  # two of safety's cycles
    assert stack.status()["Status"] == "OPEN"
    stack.control("unlock")
    stack.wait("CLOSED", lambda status: status["Status"] == "CLOSED")


def test_stop_latches_and_tracking_stays_off(stack):
    stack.open()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(stack.control, "stop", Reason="cable caught")
        stack.wait("stopped", lambda status: status["Devices"]["Mount"]["Tracking"] is False, 2.0)
        reply = answer.result(timeout=10.0)  # it answers when tracking was seen to stay off
    assert reply["Message"].startswith("Work order received. Stopped")
    status = stack.status()
    assert status["Verdict"]["Latch"]["Reason"] == "cable caught"
    assert status["Devices"]["Mount"]["Tracking"] is False
    stack.control("release")
    assert stack.status()["Verdict"]["Latch"] == {}


def test_a_stop_in_a_closing_of_safetys_is_no_alarm_and_it_closes_after_the_notice(stack):
    stack.open()
    stack.weather(Wind=30.0)
    stack.wait("closing", lambda status: status["Closing"])
    stack.control("stop", Reason="cable caught")
    stopped = stack.wait("stopped", lambda status: not status["Closing"])
    pressed_s = stack.server.clock.elapsed_s()
    closed = stack.wait("CLOSED", lambda status: status["Status"] == "CLOSED")
    took_s = stack.server.clock.elapsed_s() - pressed_s
    stack.control("release")
    told = stack.desk.front_desk({"WOType": "Events", "User": "test", "Cursor": 0})["Events"]
    kinds = [event["Kind"] for event in told]

    assert stopped["Alarm"] == closed["Alarm"] == ""
    assert stopped["Status"] not in ("ALARM", "CLOSED")
    assert took_s > 0.8 * stack.profile.safety.latched_close_notice_s
    assert kinds.count("closing_begun") == 2
    assert kinds.count("closing_stopped") == 1
    assert "alarm" not in kinds


def test_a_dead_indiserver_is_unsafe_and_its_return_is_used(stack):
    stack.wait_safe()
    stack.server.kill()
    stack.wait("UNSAFE", lambda status: "no link" in status["Message"])
    stack.server.start()
    stack.wait_safe()


def test_a_silent_telescope_closes_a_clear_night(stack):
    stack.open()
    quick = replace(stack.profile.safety, telescope_silence_s=0.5)
    stack.service.loop._policy = quick
    status = stack.wait("CLOSED", lambda status: status["Status"] == "CLOSED")
    assert status["Verdict"]["Level"] == "SAFE"


def test_safety_never_loads_pyindi():
    code = "import ctmo_indi.safety.service, sys; sys.exit('PyIndi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_an_unknown_command_is_refused_with_those_it_takes(stack):
    with pytest.raises(CtmoError, match="lock"):
        stack.control("slew", RA=10.0, Dec=10.0)
