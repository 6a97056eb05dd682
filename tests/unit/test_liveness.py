"""The watchdog is fed only while the service does its work."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.fleet_ports import free_ports
from ctmo_indi.liveness import GIVE_UP_LOOKS, GIVE_UP_MACHINE_S, Liveness
from ctmo_indi.notify import Notifier
from ctmo_indi.service_health import Health
from ctmo_indi.testing.fake_clock import FakeClock

ALIVE = Health(is_alive=True, status="SAFE")
HANGS = Health(is_alive=False, status="engine silent")


class Ear:
    """systemd's end of the socket."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)

    def heard(self, timeout_s: float = 0.0) -> list[str]:
        """All that has come; waits for the first."""
        told = []
        self._socket.settimeout(timeout_s or 0.001)
        try:
            while True:
                told += self._socket.recv(4096).decode().splitlines()
                self._socket.settimeout(0.001)
        except TimeoutError:
            return told

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    made = Ear(tmp_path)
    yield made
    made.close()


def watched(ear: Ear, clock: FakeClock, *healths: Health | Exception) -> Liveness:
    left = list(healths)

    def health() -> Health:
        now = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(now, Exception):
            raise now
        return now

    return Liveness(health, Notifier({"NOTIFY_SOCKET": ear.path}), clock)


def test_a_living_service_beats_and_tells_its_state_on_change_only(ear: Ear) -> None:
    liveness = watched(ear, FakeClock(), ALIVE, ALIVE, Health(is_alive=True, status="UNSAFE"))

    assert all(liveness.look() for _ in range(3))
    assert ear.heard() == [
        "STATUS=SAFE",
        "WATCHDOG=1",
        "WATCHDOG=1",
        "STATUS=UNSAFE",
        "WATCHDOG=1",
    ]


@pytest.mark.parametrize("sign", [HANGS, RuntimeError("no health")])
def test_a_hanging_service_does_not_beat(ear: Ear, sign: Health | Exception) -> None:
    liveness = watched(ear, FakeClock(), sign)

    assert all(liveness.look() for _ in range(3))
    assert "WATCHDOG=1" not in ear.heard()


def test_one_that_hangs_for_good_is_to_end(ear: Ear) -> None:
    clock = FakeClock()
    liveness = watched(ear, clock, HANGS)

    looks = []
    for _ in range(GIVE_UP_LOOKS + 1):
        looks.append(liveness.look())
        clock.advance(GIVE_UP_MACHINE_S / GIVE_UP_LOOKS)

    assert looks == [True] * GIVE_UP_LOOKS + [False]


def test_a_sleep_of_the_machine_is_no_death(ear: Ear) -> None:
    clock = FakeClock()
    liveness = watched(ear, clock, HANGS, HANGS, ALIVE)

    first = liveness.look()
    clock.advance(10 * GIVE_UP_MACHINE_S)

    assert (first, liveness.look(), liveness.look()) == (True, True, True)
    assert ear.heard()[-1] == "WATCHDOG=1"


def test_a_service_without_its_engine_is_to_end_at_once(ear: Ear) -> None:
    over = Health(is_alive=True, status="engine gone", is_over=True)

    assert not watched(ear, FakeClock(), over).look()


def serve(folder: Path, ear: Ear, trouble: str) -> subprocess.Popen[bytes]:
    """Run the preprocessor's process with a health that gets into trouble."""
    ports = free_ports(5)
    names = ("Scheduler", "Telescope", "Dome", "Preprocessor", "Safety")
    config = "".join(
        f"{name} Address: {{HTTP: 'http://127.0.0.1:{port}', IP: 127.0.0.1, Port: {port}}}\n"
        for name, port in zip(names, ports, strict=True)
    )
    file = folder / "ctmo.conf.yaml"
    file.write_text(config + f"Data Directory: {folder}\nProfile: simulators\n")
    code = (
        "import itertools, sys, pathlib\n"
        "from ctmo_indi import daemon, liveness\n"
        "from ctmo_indi.preprocessor.service import PreprocessorService\n"
        "from ctmo_indi.service_health import Health\n"
        "looks = itertools.count()\n"
        f"PreprocessorService.health = lambda self: {trouble}\n"
        f"daemon.serve('preprocessor', config_path=pathlib.Path({str(file)!r}))\n"
    )
    environment = {**os.environ, "NOTIFY_SOCKET": ear.path, "WATCHDOG_USEC": "200000"}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.alarm(60) and None,
    )


def test_the_process_says_ready_beats_and_says_that_it_stops(tmp_path: Path, ear: Ear) -> None:
    with serve(tmp_path, ear, "Health(True, 'well')") as process:
        told = ear.heard(20.0)
        while "WATCHDOG=1" not in told:
            told += ear.heard(5.0)
        process.terminate()
        assert process.wait(20.0) == 0
        told += ear.heard()
    assert told[0] == "READY=1"
    assert "STATUS=well" in told
    assert told[-1] == "STOPPING=1"


def test_a_process_whose_loop_hangs_misses_its_beats(tmp_path: Path, ear: Ear) -> None:
    with serve(tmp_path, ear, "Health(next(looks) < 2, 'x' * next(looks))") as process:
        told = ear.heard(20.0)
        while told.count("STATUS=xxxxxxxxx") == 0:  # five looks
            told += ear.heard(5.0)
        process.kill()
    assert told.count("WATCHDOG=1") == 1


def test_a_process_without_its_engine_ends_to_be_started_again(tmp_path: Path, ear: Ear) -> None:
    with serve(tmp_path, ear, "Health(True, 'gone', is_over=next(looks) > 1)") as process:
        assert process.wait(30.0) == 5
        assert process.stderr is not None
        assert b"service_dead" in process.stderr.read()


def test_the_period_is_a_second_or_half_the_watchdogs(tmp_path: Path) -> None:
    for limit_us, period_s in (("1000000", 0.5), ("30000000", 1.0), ("0", 1.0)):
        notifier = Notifier({"WATCHDOG_USEC": limit_us})
        assert Liveness(lambda: ALIVE, notifier, SystemClock()).period_s == period_s
