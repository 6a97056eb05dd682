"""What breaks around an attempt is noticed, recovered or reported; nothing is lost."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace

import pytest

from ctmo_indi import profiles
from ctmo_indi.telescope.verdict_rules import VerdictTimes

from .stage import EVENING, Stage, drivers

pytestmark = [pytest.mark.indi, pytest.mark.faults]

CCD = "indi_simulator_ccd"


def test_another_clients_slew_is_noticed_and_interrupts_the_attempt(stage):
    scene = stage()
    receipt = scene.light(**{"Exposure Time": 3600.0})
    scene.exposing(receipt)

    scene.indi("indi_setprop", "Telescope Simulator.EQUATORIAL_EOD_COORD.RA;DEC=3.0;70.0")
    view = scene.ended(receipt)

    assert view["Status"] == "INTERRUPTED"
    assert "foreign motion" in str(view["Failure"])
    assert any(
        "Telescope Simulator" in str(event["Data"]) for event in scene.events("foreign_motion")
    )
    told = scene.ask({"WOType": "Status"})["Foreign Motion"]
    assert "Telescope Simulator" in told["What"]


def test_nothing_of_ours_is_taken_for_foreign(stage):
    scene = stage()
    scene.ended(scene.light(**{"Number of Exposures": 2}))
    view = scene.by_hand("close")

    assert view["Status"] == "COMPLETED", view
    assert scene.events("foreign_motion") == []


def test_a_camera_driver_killed_in_an_exposure_costs_one_exposure(stage):
    scene = stage()
    receipt = scene.light(**{"Exposure Time": 240.0, "Number of Exposures": 2})
    scene.exposing(receipt)

    os.kill(scene.server.driver_pids()[CCD], signal.SIGKILL)
    view = scene.ended(receipt)

    assert view["Status"] == "COMPLETED", view
    assert [exposure["Sequence"] for exposure in view["Exposures"]] == [1, 2]


def test_the_pyindi_child_killed_in_an_exposure_costs_one_exposure(stage):
    scene = stage()
    receipt = scene.light(**{"Exposure Time": 240.0})
    scene.exposing(receipt)
    child = scene.service.client._link.transport()

    os.kill(child.pid, signal.SIGKILL)
    view = scene.ended(receipt)

    assert view["Status"] == "COMPLETED", view
    assert len(view["Exposures"]) == 1


@pytest.mark.parametrize("step", ["slewing", "exposure"])
def test_an_indiserver_killed_under_way_is_survived(stage, step):
    scene = stage()
    scene.server.supervise()
    receipt = scene.light(**{"Exposure Time": 240.0})
    scene.exposing(receipt) if step == "exposure" else scene.step(receipt, step)

    scene.server.kill()
    view = scene.ended(receipt, 90.0)

    assert view["Status"] == "COMPLETED", view
    assert len(view["Exposures"]) == 1


def test_unsafe_ends_the_exposure_and_what_safety_does_not_close_the_telescope_closes(stage):
    scene = stage(verdict_times=VerdictTimes(begin_machine_s=1.5))
    receipt = scene.light(**{"Exposure Time": 3600.0})
    scene.exposing(receipt)

    scene.safety.say_unsafe("rain")
    view = scene.ended(receipt)
    after_ending = scene.shutter()
    scene.until(lambda: scene.shutter() == "CLOSED", 20.0, "closed by the telescope")

    assert (view["Status"], view["Failure"]) == ("INTERRUPTED", "UNSAFE: rain")
    assert after_ending == "OPEN"


def test_a_dead_safety_first_holds_and_then_closes(stage):
    scene = stage(verdict_times=VerdictTimes(hold_machine_s=2.5, close_machine_s=4.0))
    receipt = scene.light(**{"Number of Exposures": 500})
    scene.exposing(receipt)

    scene.safety.is_dead = True
    view = scene.ended(receipt)
    scene.until(lambda: scene.shutter() == "CLOSED", 20.0, "closed by the telescope")

    assert view["Status"] == "INTERRUPTED"
    assert "too old" in str(view["Failure"])
    assert len(view["Exposures"]) == view["Good Exposures"] > 0
    duties = [event["Data"]["Duty"] for event in scene.events("duty")]
    assert duties[-2:] == ["hold", "close"]


def test_a_limit_reached_in_an_exposure_stops_and_parks(indi_simulators, tmp_path):
    profile = profiles.load("simulators")
    profile = replace(profile, limits=replace(profile.limits, max_hour_angle_h=1.0))
    server = indi_simulators(drivers(), speed=240.0, utc=EVENING)
    scene = Stage(server, tmp_path / "data", profile=profile).start().ready()
    try:
        # It passes the order's own look, since the camera's exposures are short; then it drifts.
        receipt = scene.light(
            **scene.target(hour_angle_h=0.9), **{"Exposure Time": 5.0, "Number of Exposures": 500}
        )
        view = scene.ended(receipt)
        mount = scene.service.observatory.mount
        scene.until(lambda: mount.status().parked is True, 20.0, "the mount is parked")

        assert view["Status"] == "INTERRUPTED", view
        assert "hour angle" in str(view["Failure"])
    finally:
        scene.stop()


def test_stop_by_hand_ends_a_slew_within_two_seconds_and_is_told_to_safety(stage):
    scene = stage(speed=20.0)
    receipt = scene.light()
    scene.step(receipt, "slewing")
    mount = scene.service.observatory.mount
    scene.until(lambda: mount.status().slewing is True, 10.0, "a slew")

    begun_s = time.monotonic()
    scene.ask({"WOType": "Control", "Command": "stop"})
    scene.until(lambda: mount.status().slewing is False, 10.0, "the slew ends")
    took_s = time.monotonic() - begun_s
    view = scene.ended(receipt)

    assert took_s < 2.0
    assert view["Status"] == "ABORTED"
    assert any(order.get("Command") == "stop" for order in scene.safety.orders)


def test_the_service_answers_without_an_indiserver_and_connects_when_one_appears(
    indi_simulators, tmp_path
):
    server = indi_simulators(drivers(), speed=240.0, utc=EVENING)
    server.kill()
    scene = Stage(server, tmp_path / "data")
    begun_s = time.monotonic()
    scene.start()
    try:
        status = scene.ask({"WOType": "Status"})
        took_s = time.monotonic() - begun_s
        server.supervise()
        scene.ready()

        assert took_s < 2.0
        assert status["Link"] == "DOWN"
        assert status["Observatory"] == "UNKNOWN"
        assert scene.ask({"WOType": "Status"})["Link"] == "UP"
    finally:
        scene.stop()
