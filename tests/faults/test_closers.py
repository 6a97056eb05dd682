"""Telescope, scheduler, safety, or all of them are taken away while the observatory is open.

Killed for good, or stopped (SIGSTOP) as a hanging process is; nobody starts them again here. The
next in the row closes after its delay, alone. The short form has short delays and a fast clock, the
long one also the defaults at the speed of the world, each service killed and stopped.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .. import promises
from ..promises import Recorder
from ..running_fleet import until
from .closers_stage import (
    QUICK,
    ClosersStage,
    Delays,
    Outcome,
    closers_stage,
    in_words,
    one_closer,
)

pytestmark = [pytest.mark.indi, pytest.mark.faults]

SPEED = 20.0
SIGNALS = {"stopped": signal.SIGSTOP, "killed": signal.SIGKILL}


@dataclass(frozen=True, slots=True)
class Row:
    """One promise: who is taken away, whose delay counts, who closes."""

    promise: str
    services: tuple[str, ...]
    delay: str
    closer: str
    short: str


ROWS = (
    Row("telescope_gone", ("telescope",), "telescope", "safety", "stopped"),
    Row("scheduler_gone", ("scheduler",), "scheduler", "safety", "stopped"),
    Row("safety_gone", ("safety",), "safety", "telescope", "stopped"),
    Row("all_gone", ("safety", "telescope", "scheduler"), "watchdog", "indi_watchdog", "killed"),
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClosersStage]:
    with closers_stage(tmp_path_factory.mktemp("closers"), speed=SPEED) as found:
        yield found


def take_away(stage: ClosersStage, row: Row, how: str) -> Outcome:
    """Take the services of a row from an exposing observatory; wait until it is closed."""
    stage.expose()
    mark = stage.mark()
    since_s = stage.send(SIGNALS[how], *stage.pids(*row.services))
    return stage.outcome(since_s, mark, getattr(stage.delays, row.delay))


def is_in_time(stage: ClosersStage, row: Row, outcome: Outcome) -> bool:
    return outcome.closed_s <= stage.limit_s(getattr(stage.delays, row.delay))


def test_a_maintenance_lock_disarms_the_last_closer_before_it_is_confirmed(
    stage: ClosersStage,
) -> None:
    until(stage.is_armed, "WatchDog is armed", 30.0)
    lock = {"WOType": "Control", "Command": "lock", "Kind": "maintenance", "Reason": "grease"}
    reply = stage.fleet.ask(lock, "safety")
    # Read by another client at once; only what is on its way to that may be missing.
    until(lambda: not stage.is_armed(), "it is disarmed", 0.5)
    told = stage.fleet.ask({"WOType": "Status"}, "safety")["Watchdog"]
    stage.fleet.ask({"WOType": "Control", "Command": "unlock"}, "safety")
    until(stage.is_armed, "it is armed again", 5.0)

    assert reply["Status"] == "COMPLETED"
    assert told["Armed"] is False


# In this order: stopped services go on afterwards, killed ones end the stage.
@pytest.mark.promise
@pytest.mark.skipif(promises.IS_LONG, reason="the long form has every case of this and more")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.promise)
def test_the_next_in_the_row_closes_alone(stage: ClosersStage, row: Row, promise: Recorder) -> None:
    found = {row.short: take_away(stage, row, row.short)}
    if row.short == "stopped":
        stage.go_on()
        stage.cancel()
    in_time = is_in_time(stage, row, found[row.short])
    holds = in_time and one_closer(found, [row.closer])
    promise(row.promise, in_words(found), holds=holds)


@pytest.mark.timeout(3600)
@pytest.mark.promise
@pytest.mark.skipif(not promises.IS_LONG, reason="minutes: make faults")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.promise)
def test_at_the_defaults_and_under_a_fast_clock(
    row: Row, tmp_path: Path, promise: Recorder
) -> None:
    found: dict[str, Outcome] = {}
    in_time = []
    for what, delays, speed in (("fast clock", QUICK, SPEED), ("defaults", Delays(), 1.0)):
        for how in SIGNALS:
            name = f"{how}, {what}"
            folder = tmp_path / name.replace(", ", "-").replace(" ", "-")
            folder.mkdir()
            with closers_stage(folder, delays=delays, speed=speed) as stage:
                found[name] = take_away(stage, row, how)
                in_time.append(is_in_time(stage, row, found[name]))
    holds = all(in_time) and one_closer(found, [row.closer])
    promise(row.promise, in_words(found), holds=holds)
