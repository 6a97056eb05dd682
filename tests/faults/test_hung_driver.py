"""A driver that hangs while indiserver lives: its device is unknown until it answers again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ctmo_indi.models.verdict import VerdictLevel

from .. import promises
from ..integration.telescope.stage import EVENING, drivers
from .killed_stage import KilledStage
from .test_link import spread

pytestmark = [pytest.mark.indi, pytest.mark.faults, pytest.mark.promise]

SPEED = 20.0
UNKNOWN_S = 15.0
HEALED_S = 10.0
HUNG = ("indi_simulator_telescope", "indi_simulator_dome")


@contextmanager
def stopped(pids: list[int]) -> Iterator[float]:
    """Stop processes inside; yields the machine second."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield time.monotonic()
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_a_hanging_driver_is_unknown_until_it_answers(indi_simulators, tmp_path: Path, promise):
    server = indi_simulators(drivers(), speed=SPEED, utc=EVENING)
    noticed_s, verdict_s, known_s = [], [], []
    with KilledStage(server, tmp_path).running() as stage:
        for _ in range(promises.runs(short=1, long=20)):
            # Parked and idle: they would say nothing anyway.
            stage.safety.wait_for(VerdictLevel.SAFE)
            lost = len(stage.losses.devices)
            with stopped([server.driver_pids()[driver] for driver in HUNG]) as begun_s:
                stage.scene.until(
                    lambda lost=lost: (
                        len(stage.losses.devices) >= lost + len(HUNG) * len(stage.clients)
                    ),
                    30.0,
                    "both services lose both drivers",
                )
                noticed_s.append(time.monotonic() - begun_s)
                stage.safety.wait(lambda: stage.safety.loop.verdict.is_unsafe, "UNSAFE", 5.0)
                verdict_s.append(time.monotonic() - begun_s)
                assert not stage.is_known()
            begun_s = time.monotonic()
            stage.scene.until(stage.is_known, 30.0, "all is known again")
            known_s.append(time.monotonic() - begun_s)
        assert stage.losses.links == []
    promise(
        "driver_hung",
        f"{len(noticed_s)} x SIGSTOP of mount and dome, idle: unknown after {spread(noticed_s)}, "
        f"UNSAFE after {spread(verdict_s)}; known again {spread(known_s)} after SIGCONT",
        holds=max(noticed_s) <= UNKNOWN_S and max(known_s) <= HEALED_S,
    )
