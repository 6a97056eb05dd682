"""Whatever is killed under a running observatory: noticed, recovered, and no order is lost.

Each test ends with its order COMPLETED, no other process gone, and every exposure counted once.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..running_fleet import MissedStep, Reply, RunningFleet, until

pytestmark = [pytest.mark.indi, pytest.mark.faults]

CCD = "indi_simulator_ccd"
LONG_S = 240.0  # 2 s of the machine


@contextmanager
def only_restarts(fleet: RunningFleet, *services: str) -> Iterator[None]:
    """Check that these services were started again, and no other."""
    before = fleet.supervisor.pids()
    yield
    after = fleet.supervisor.pids()
    assert {name for name, pid in after.items() if before[name] != pid} == set(services)


def completed(fleet: RunningFleet, receipt: str, count: int = 1) -> Reply:
    """Wait for a COMPLETED order whose frames are all there, each once."""
    order = fleet.ended(receipt, 60.0)
    assert order["Status"] == "COMPLETED", order
    names = [frame["Exposure ID"] for frame in order["Exposures"]]
    assert len(names) == len(set(names)) == count, names
    paths = [Path(frame["Path"]) for frame in order["Exposures"]]
    assert all(path.is_file() for path in paths)
    assert list(paths[0].parent.glob("*.tmp")) == []
    return order


def kill_indiserver(fleet: RunningFleet) -> None:
    server = fleet.supervisor.indiserver
    assert server is not None
    fleet.processes()  # its shared memory is looked for at the end
    starts = server.starts
    server.kill()
    until(lambda: server.starts > starts, "indiserver runs again")


def caught_while(fleet: RunningFleet, moment: str) -> tuple[str, str]:
    """Order until an attempt is seen at that step; a slew lasts a quarter of a second here."""
    for hour_angle_h, dec_deg in ((1.0, 70.0), (-3.0, 0.0)) * 3:
        place = fleet.target(hour_angle_h, dec_deg)
        receipt = fleet.observe(**place, **{"Exposure Time": LONG_S})
        try:
            return receipt, fleet.step(receipt, moment)
        except MissedStep:
            completed(fleet, receipt)
    raise MissedStep(f"{moment} was not seen in six attempts")


@pytest.mark.parametrize("moment", ["slewing", "exposure 1 of"])
def test_indiserver_killed(fleet: RunningFleet, moment: str) -> None:
    with only_restarts(fleet):
        receipt, attempt = caught_while(fleet, moment)
        kill_indiserver(fleet)
        order = completed(fleet, receipt)
    told = [
        str(event["Data"]["Step"])
        for event in fleet.events("telescope", "attempt")
        if event["Subject"] == attempt
    ]
    assert any("lost" in text for text in told) or len(order["Attempts"]) > 1


def test_the_camera_driver_killed_in_an_exposure(fleet: RunningFleet) -> None:
    server = fleet.supervisor.indiserver
    assert server is not None
    with only_restarts(fleet):
        receipt = fleet.observe(**{"Exposure Time": LONG_S, "Number of Exposures": 2})
        fleet.exposing(receipt)
        os.kill(server.driver_pids()[CCD], signal.SIGKILL)
        order = completed(fleet, receipt, 2)
    assert {frame["Sequence"] for frame in order["Exposures"]} == {1, 2}


def test_the_pyindi_child_killed_in_an_exposure(fleet: RunningFleet) -> None:
    with only_restarts(fleet):
        receipt = fleet.observe(**{"Exposure Time": LONG_S})
        fleet.exposing(receipt)
        (child,) = (
            process
            for process in fleet.processes()
            if any("pyindi_child" in word for word in process.cmdline())
        )
        child.kill()
        completed(fleet, receipt)


def test_the_telescope_service_killed_in_an_exposure(fleet: RunningFleet) -> None:
    with only_restarts(fleet, "telescope"):
        receipt = fleet.observe(**{"Exposure Time": LONG_S, "Number of Exposures": 2})
        attempt = fleet.exposing(receipt)
        fleet.wait_for_restart("telescope", fleet.kill("telescope"))
        first = fleet.ended(attempt, service="telescope")
        order = completed(fleet, receipt, 2)
    assert first["Status"] == "INTERRUPTED"
    assert "restart" in first["Failure"]
    assert len(order["Attempts"]) > 1


def test_the_scheduler_killed_while_an_attempt_runs(fleet: RunningFleet) -> None:
    with only_restarts(fleet, "scheduler"):
        receipt = fleet.observe(**{"Exposure Time": LONG_S})
        attempt = fleet.exposing(receipt)
        fleet.wait_for_restart("scheduler", fleet.kill("scheduler"))
        order = completed(fleet, receipt)
    assert [each["Receipt"] for each in order["Attempts"]] == [attempt]


def test_safety_killed_holds_the_night_and_comes_back(fleet: RunningFleet) -> None:
    with only_restarts(fleet, "safety"):
        receipt = fleet.observe(**{"Exposure Time": LONG_S})
        fleet.exposing(receipt)
        fleet.wait_for_restart("safety", fleet.kill("safety"))
        completed(fleet, receipt)
        fleet.wait_for_devices()


def test_safety_frozen_holds_the_night_until_it_goes_on(fleet: RunningFleet) -> None:
    pid = fleet.supervisor.pids()["safety"]
    with only_restarts(fleet):
        receipt = fleet.observe(**{"Number of Exposures": 500})
        attempt = fleet.exposing(receipt)
        os.kill(pid, signal.SIGSTOP)
        try:
            fleet.step(receipt, "holding")
            held = fleet.ask({"WOType": "Status", "Receipt": attempt}, "telescope")
        finally:
            os.kill(pid, signal.SIGCONT)
        more = fleet.watch(
            "telescope",
            lambda status: status["Good Exposures"] > held["Good Exposures"],
            "it goes on",
            Receipt=attempt,
        )
        kept = fleet.ask({"WOType": "Cancel", "Receipt": receipt})
    assert held["Step"] == "holding: waiting for another verdict"
    assert kept["Good Exposures"] >= more["Good Exposures"] > 1


def test_an_order_whose_telescope_is_down_is_kept_and_tried_again(fleet: RunningFleet) -> None:
    pid = fleet.supervisor.pids()["telescope"]
    os.kill(pid, signal.SIGSTOP)  # it neither answers nor ends
    receipt = fleet.observe()
    status = fleet.ask({"WOType": "Status", "Receipt": receipt})
    os.kill(pid, signal.SIGKILL)
    fleet.wait_for_restart("telescope", pid)

    assert status["Status"] in ("PENDING", "SCHEDULED")
    completed(fleet, receipt)
