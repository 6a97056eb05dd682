"""A step moves the wall clock and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ctmo_indi.indi.indiserver import fake_time_available
from ctmo_indi.testing.clock_steps import ProcessWall, SteppedClock
from ctmo_indi.testing.fake_clock import EVENING, FakeClock


def test_only_the_wall_jumps_and_only_inside_the_block():
    inner = FakeClock(EVENING, speed=10.0)
    clock = SteppedClock(inner)
    with clock.stepped(-3600.0):
        assert clock.utc() == EVENING - timedelta(hours=1)
        assert clock.elapsed_s() == inner.elapsed_s()
        assert clock.machine_s() == inner.machine_s()
    assert clock.utc() == EVENING
    assert clock.speed == 10.0


def test_steps_add_up_in_wall_seconds_too():
    clock = SteppedClock(FakeClock())
    before_s = clock.wall_s()
    clock.step(100.0)
    clock.step(50.0)
    assert clock.offset_s == 150.0
    assert 150.0 <= clock.wall_s() - before_s < 160.0


TELL = """
import sys, time
for line in sys.stdin:
    print(time.time(), time.monotonic(), flush=True)
"""


class Told:
    """A process that tells its clocks when asked."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", TELL],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def clocks(self) -> tuple[float, float]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("now\n")
        self.process.stdin.flush()
        wall_s, monotonic_s = self.process.stdout.readline().split()
        return float(wall_s), float(monotonic_s)

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10.0)
        self.process.stdout.close()
        for shared in Path("/dev/shm").glob(f"*faketime*_{self.process.pid}"):
            shared.unlink()  # libfaketime never does


@pytest.fixture
def wall(tmp_path: Path) -> ProcessWall:
    if fake_time_available() is None:
        pytest.skip("libfaketime is not installed (Debian package libfaketime)")
    return ProcessWall(tmp_path)


@pytest.fixture
def told(wall: ProcessWall) -> Iterator[Told]:
    told = Told(wall.environment())
    yield told
    told.close()


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_the_wall_of_a_real_process_jumps_within_two_seconds(wall, told, step_s):
    wall_s, monotonic_s = told.clocks()
    wall.step(step_s)
    jump_s = passed_s = 0.0
    while not jump_s and passed_s < 5.0:
        now_s, later_s = told.clocks()
        passed_s = later_s - monotonic_s
        jump_s = round(now_s - wall_s - passed_s, 0)
    assert jump_s == step_s
    assert 0.0 <= passed_s < 3.0
