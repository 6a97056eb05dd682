"""The computer's clock is set by an hour: safety goes on, and calls nothing SAFE meanwhile."""

from __future__ import annotations

import threading
import time

import pytest

from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.models.verdict import VerdictLevel
from ctmo_indi.safety.rules import CLOCK_SETTLES_S
from ctmo_indi.testing.clock_steps import ProcessWall, SteppedClock
from ctmo_indi.testing.service_process import service_process

from .. import promises
from ..running_fleet import require_simulators, until
from .safety_alone import SafetyAlone, Watcher, drivers, profile_with

pytestmark = [pytest.mark.indi, pytest.mark.faults, pytest.mark.promise, pytest.mark.timeout(1200)]

HOUR_S = 3600.0


def test_a_step_of_the_clock_is_held_and_no_cycle_is_missed(indi_simulators, tmp_path, promise):
    require_simulators()
    server = indi_simulators(drivers(), speed=1.0)
    clock = SteppedClock(server.clock)
    pause = threading.Event()
    noticed_s, gaps_s, seen = [], [], set()
    with SafetyAlone(server, tmp_path / "data", profile_with(), clock=clock).running() as safety:
        safety.wait_for(VerdictLevel.SAFE)
        with Watcher(safety) as watcher:
            for number in range(promises.runs(short=2, long=12)):
                safety.wait(
                    lambda number=number: safety.loop.verdict.is_safe or number % 2,
                    "SAFE before the clock is set",
                    CLOCK_SETTLES_S + 20.0,
                )
                stepped_s = time.monotonic()
                clock.step(-HOUR_S if number % 4 in (1, 2) else HOUR_S)
                safety.wait(
                    lambda number=number: len(_steps(safety)) > number, "the step is noticed", 5.0
                )
                noticed_s.append(time.monotonic() - stepped_s)
                pause.wait(3.0)
                # A cycle that looked just before the clock was set may have been SAFE.
                seen |= set(watcher.levels_since(stepped_s + 0.3))
            gaps_s.append(watcher.longest_gap_s)
    process_gap_s, process_noticed_s = _in_a_process(tmp_path / "process")
    promise(
        "clock_step",
        f"gap {max(gaps_s):.2f} s at most, {len(noticed_s)} steps of +-1 h, each noticed within "
        f"{max(noticed_s):.2f} s, then {', '.join(sorted(seen))}; a process under libfaketime: "
        f"gap {process_gap_s:.2f} s, noticed within {process_noticed_s:.2f} s",
        holds=max(gaps_s) <= 2.0
        and process_gap_s <= 2.0
        and max(noticed_s) <= 2.0
        and VerdictLevel.SAFE not in seen,
    )


def _steps(safety: SafetyAlone) -> list[object]:
    page = safety.ask({"WOType": "Events", "Cursor": 0, "Kinds": ["clock_step"], "Limit": 500})
    return list(page["Events"])  # type: ignore[call-overload]


def _in_a_process(folder) -> tuple[float, float]:
    """Step the wall clock of a real safety process; its longest gap, and when it told."""
    folder.mkdir()
    wall = ProcessWall(folder)
    with (
        service_process("safety", folder / "data", environment=wall.environment()) as safety,
        DeskClient(safety.url) as desk,
    ):

        def status() -> dict[str, object]:
            return desk.front_desk({"WOType": "Status", "User": "ada"})

        def steps() -> int:
            order = {"WOType": "Events", "User": "ada", "Cursor": 0, "Kinds": ["clock_step"]}
            return len(desk.front_desk(order)["Events"])  # type: ignore[arg-type]

        until(lambda: status()["Cycle"]["Number"] >= 3, "some cycles", 20.0)  # type: ignore[index]
        noticed_s = []
        for number, step_s in enumerate((HOUR_S, -HOUR_S, -HOUR_S)):
            stepped_s = time.monotonic()
            wall.step(step_s)
            until(lambda number=number: steps() > number, "the step is told", 10.0)
            noticed_s.append(time.monotonic() - stepped_s)
        assert status()["Verdict"]["Level"] != "SAFE"  # type: ignore[index]
        assert status()["Clock Step"]["Off"] == pytest.approx(-HOUR_S, abs=2.0)  # type: ignore[index]
        gap_s = float(status()["Cycle"]["Longest Gap"])  # type: ignore[index]
    return gap_s, max(noticed_s)
