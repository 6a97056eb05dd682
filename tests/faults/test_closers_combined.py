"""Two faults at once: a closer dies, or comes back, while another one closes.

A PARK or an abort sent while the mount parks ends the parking (INDI 1.9.9), so most of these count
what went over the wire: one PARK, one closing of the shutter. The short form has one of them.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from .. import promises
from ..promises import Recorder
from ..running_fleet import until
from .closers_stage import QUICK, ClosersStage, closers_stage

pytestmark = [pytest.mark.indi, pytest.mark.faults, pytest.mark.promise]

SPEED = 5.0  # parking takes seconds of the machine
MOUNT_DRIVER = "indi_simulator_telescope"
SIGNALS = {"stopped": signal.SIGSTOP, "killed": signal.SIGKILL}
PARK_TIMEOUT_S = 60.0  # sky


def closed_once(stage: ClosersStage, mark: int) -> None:
    """Wait until it is closed; nothing may have been told twice meanwhile."""
    until(stage.is_closed, "closed", 40.0, lambda: stage.told(mark))
    parks = [one for one in stage.sent(mark) if one.property == "TELESCOPE_PARK"]
    shutters = [one for one in stage.sent(mark) if one.property == "DOME_SHUTTER"]
    assert (len(parks), len(shutters)) == (1, 1), stage.told(mark)


def first_senders(stage: ClosersStage, mark: int) -> set[str]:
    return {one.sender for one in stage.sent(mark)[:2]}


def safety_comes_back(stage: ClosersStage, how: str) -> None:
    """While the telescope closes for it."""
    mark = stage.mark()
    stage.send(SIGNALS[how], *stage.pids("safety"))
    until(stage.is_parking, "the telescope parks", QUICK.safety + 5.0)
    stage.bring_back("safety", how)
    closed_once(stage, mark)
    assert first_senders(stage, mark) == {"telescope"}


def the_telescope_comes_back(stage: ClosersStage, how: str) -> None:
    """While safety closes for it."""
    mark = stage.mark()
    stage.send(SIGNALS[how], *stage.pids("telescope"))
    until(stage.is_parking, "safety parks", QUICK.telescope + 5.0)
    stage.bring_back("telescope", how)
    closed_once(stage, mark)
    assert first_senders(stage, mark) == {"safety"}


def all_come_back(stage: ClosersStage, how: str) -> None:
    """While INDI's WatchDog closes, which is left to it; then it is armed anew."""
    mark = stage.mark()
    services = ("safety", "telescope", "scheduler")
    stage.send(SIGNALS[how], *stage.pids(*services))
    until(stage.is_parking, "WatchDog parks", QUICK.watchdog + 5.0)
    for service in services:
        stage.bring_back(service, how)
    until(stage.is_closed, "closed", 40.0, lambda: stage.told(mark))
    assert {one.sender for one in stage.sent(mark)} == {"indi_watchdog"}, stage.told(mark)
    stage.fleet.watch(
        "safety", lambda status: status["Watchdog"]["State"] == "ARMED", "it is armed anew"
    )


def one_after_the_other(stage: ClosersStage, how: str) -> None:
    """Safety goes while it closes for a telescope that has gone: the last one closes."""
    mark = stage.mark()
    stage.send(SIGNALS[how], *stage.pids("telescope"))
    until(stage.is_parking, "safety parks", QUICK.telescope + 5.0)
    begun_s = stage.send(SIGNALS[how], *stage.pids("safety"))
    until(stage.is_closed, "closed", QUICK.watchdog + 30.0, lambda: stage.told(mark))
    assert time.monotonic() - begun_s <= stage.limit_s(QUICK.watchdog)
    assert "indi_watchdog" in {one.sender for one in stage.sent(mark)}


def safety_and_mount_driver_go(stage: ClosersStage, how: str) -> None:
    """The site's policy, to close over the telescope, is carried out by the telescope."""
    server = stage.fleet.supervisor.indiserver
    assert server is not None
    begun_s = stage.send(SIGNALS[how], *stage.pids("safety"))
    server.stop_driver(MOUNT_DRIVER)
    until(stage.is_shut, "the shutter is closed", 60.0)
    limit_s = QUICK.safety + (PARK_TIMEOUT_S + 6.0) / SPEED + 5.0
    assert time.monotonic() - begun_s <= limit_s


def the_pyindi_child_goes(stage: ClosersStage, how: str) -> None:
    """The telescope's hands alone: it gets new ones, and observes again or is closed."""
    before = stage.pyindi_pids()
    stage.send(SIGNALS[how], *before)
    until(lambda: stage.pyindi_pids() - before, "a new child", 30.0)
    until(lambda: stage.is_exposing() or stage.is_closed(), "it exposes or is closed", 60.0)


def a_long_closing(stage: ClosersStage, how: str) -> None:
    """The telescope closes for safety, longer than WatchDog waits, which is kept waiting."""
    mark = stage.mark()
    begun_s = stage.send(SIGNALS[how], *stage.pids("safety"))
    closed_once(stage, mark)
    assert time.monotonic() - begun_s > QUICK.watchdog, "it was not longer"
    assert {one.sender for one in stage.sent(mark)} == {"telescope"}


@dataclass(frozen=True, slots=True)
class Case:
    """What happens, to whom in which ways, at which speed."""

    run: Callable[[ClosersStage, str], None]
    ways: tuple[str, ...]
    speed: float = SPEED


CASES: Mapping[str, Case] = {
    "the telescope comes back": Case(the_telescope_comes_back, ("stopped", "killed")),
    "safety comes back": Case(safety_comes_back, ("killed", "stopped")),
    "all come back": Case(all_come_back, ("killed", "stopped")),
    "one after the other": Case(one_after_the_other, ("killed", "stopped")),
    "safety and mount driver": Case(safety_and_mount_driver_go, ("killed",)),
    "a long closing": Case(a_long_closing, ("killed",), speed=1.0),
    "the PyIndi child": Case(the_pyindi_child_goes, ("stopped", "killed")),
}
SHORT = (("safety comes back", "killed"),)


def test_two_faults_at_once(tmp_path: Path, promise: Recorder) -> None:
    every = [(name, how) for name, case in CASES.items() for how in case.ways]
    failures = []
    chosen = every if promises.IS_LONG else SHORT
    for number, (name, how) in enumerate(chosen):
        folder = tmp_path / str(number)
        folder.mkdir()
        case = CASES[name]
        with closers_stage(folder, speed=case.speed, park_timeout_s=PARK_TIMEOUT_S) as stage:
            stage.expose()
            try:
                case.run(stage, how)
            except AssertionError as error:
                failures.append(f"{name}, {how}: {error}")
    told = f"{len(chosen) - len(failures)} of {len(chosen)} cases as promised"
    promise("closers_combined", "; ".join([told, *failures]), holds=not failures)
