"""The indiserver we start: address, clock, drivers, restart, and an end without a trace."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.errors import ConfigError, NotConnected
from ctmo_indi.indi.indiserver import IndiServer

pytestmark = pytest.mark.indi

WHEEL = "indi_simulator_wheel"
FOCUSER = "indi_simulator_focus"


def until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "condition not met in time"
        time.sleep(0.005)


def shared_memory_of(pid: int | None) -> list[Path]:
    return [path for path in Path("/dev/shm").glob("*faketime*") if path.name.endswith(f"_{pid}")]


def processes_of(server: IndiServer) -> list[psutil.Process]:
    assert server.pid is not None
    me = psutil.Process(server.pid)
    parent = me.parent()
    assert parent is not None
    return [parent, *parent.children(recursive=True)]


def test_two_servers_run_side_by_side_on_tcp_and_their_own_sockets(indi_simulators):
    servers = [indi_simulators([WHEEL]), indi_simulators([WHEEL])]
    assert servers[0].endpoint.port != servers[1].endpoint.port
    for server in servers:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(5)
            link.connect(server.endpoint.local_address())
            link.sendall(b"<getProperties version='1.7'/>\n")
            assert b"Filter Simulator" in link.recv(65536)


def test_stop_leaves_no_process_no_zombie_and_no_file(indi_simulators):
    server = indi_simulators([WHEEL, FOCUSER], speed=120)
    until(lambda: len(server.driver_pids()) == 2)
    family, pid, fifo = processes_of(server), server.pid, server.fifo
    assert len(family) == 4
    assert shared_memory_of(pid)

    server.stop()

    assert not [process for process in family if process.is_running()]
    assert not shared_memory_of(pid)
    assert fifo is not None
    assert not fifo.parent.exists()
    assert not server.is_alive()


def test_stop_ends_a_driver_that_does_not_end_by_itself(indi_simulators, tmp_path):
    stubborn = tmp_path / "stubborn_driver"
    stubborn.write_text("#!/bin/sh\ntrap '' TERM PIPE HUP\nwhile :; do sleep 60; done\n")
    stubborn.chmod(0o755)
    server = indi_simulators([str(stubborn)])
    until(lambda: str(stubborn) in server.driver_pids())
    family = processes_of(server)
    server.stop()
    assert not [process for process in family if process.is_running()]


def test_the_server_ends_with_the_process_that_started_it(tmp_path):
    program = (
        "import sys, pathlib, time\n"
        "from ctmo_indi.clock import ClockAnchor, SystemClock\n"
        "from ctmo_indi.indi.indiserver import IndiServer\n"
        "clock = SystemClock(ClockAnchor(time.monotonic(), 1.8e9, 120.0))\n"
        f"server = IndiServer(['{WHEEL}'], clock=clock,\n"
        "    workdir=pathlib.Path(sys.argv[1]), fake_time=True)\n"
        "server.start(); print(server.pid, server.fifo, flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    ) as owner:
        assert owner.stdout is not None
        first, second = owner.stdout.readline().decode().split()
        pid, fifo = int(first), Path(second)
        assert fifo.is_fifo()
        parent = psutil.Process(pid).parent()
        assert parent is not None
        family = [parent, *parent.children(recursive=True)]
        owner.kill()
    until(lambda: not [p for p in family if p.is_running() and p.status() != "zombie"])
    until(lambda: not shared_memory_of(pid) and not fifo.parent.exists())


def test_a_killed_server_comes_back_at_the_same_address_and_sky_time(indi_simulators):
    server = indi_simulators([WHEEL, FOCUSER], speed=120)
    restarted: list[int] = []
    server.supervise(lambda: restarted.append(server.starts))
    address, pid = server.endpoint, server.pid
    until(lambda: len(server.driver_pids()) == 2)
    drivers = set(server.driver_pids().values())

    server.kill()
    until(lambda: restarted)

    assert server.endpoint == address
    assert server.pid != pid
    assert not shared_memory_of(pid)
    until(lambda: set(server.driver_pids()) == {WHEEL, FOCUSER})
    assert not drivers & set(server.driver_pids().values())
    # Without the recomputed date it would be minus the 25 or more sky seconds it lived before.
    assert abs(server.measure_utc_offset_s()) < 5.0


def test_offset_of_a_fast_clock_is_measured(indi_simulators):
    server = indi_simulators([WHEEL], speed=120)
    # Calibrated by the fixture; what is left is the measurement's own error. A machine busy with
    # something else adds some milliseconds, i.e. tenths of a sky second.
    left_s = min((server.measure_utc_offset_s() for _ in range(3)), key=abs)
    assert abs(left_s) < 1.0


def test_real_time_has_no_offset(indi_simulators):
    assert abs(indi_simulators([WHEEL]).measure_utc_offset_s()) < 0.2


def test_a_killed_driver_is_restarted_and_found_under_its_name(indi_simulators):
    renamed = f'{FOCUSER} -n "North Focuser"'
    server = indi_simulators([WHEEL, renamed])
    until(lambda: set(server.driver_pids()) == {WHEEL, renamed})
    old = server.driver_pids()[renamed]
    os.kill(old, signal.SIGKILL)
    until(lambda: server.driver_pids().get(renamed, old) != old)


def test_drivers_are_started_and_stopped_through_the_fifo(indi_simulators):
    server = indi_simulators([WHEEL])
    server.start_driver(FOCUSER)
    until(lambda: FOCUSER in server.driver_pids())
    server.stop_driver(FOCUSER)
    until(lambda: FOCUSER not in server.driver_pids())
    server.stop()
    with pytest.raises(NotConnected):
        server.start_driver(FOCUSER)


def test_missing_programs_are_all_named_and_nothing_is_started(tmp_path):
    server = IndiServer(["no_such_driver", WHEEL], clock=SystemClock(), workdir=tmp_path)
    with pytest.raises(ConfigError, match="no_such_driver"):
        server.start()
    assert not server.is_alive()


def test_a_taken_port_is_reported_with_the_server_s_own_words(indi_simulators, tmp_path):
    first = indi_simulators([WHEEL])
    second = IndiServer([WHEEL], clock=SystemClock(), workdir=tmp_path, port=first.endpoint.port)
    with pytest.raises(NotConnected, match=r"(?i)address already in use"):
        second.start(5)
    assert not second.is_alive()
