"""One service as a real process on free loopback ports: for benchmarks and fault tests."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import yaml

from ctmo_indi.clock import Clock, Deadline, SystemClock
from ctmo_indi.config import Config
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.errors import ServiceUnreachable
from ctmo_indi.fleet_ports import on_free_ports

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """A running service.

    Parameters
    ----------
    url, port
        Of its front desk.
    output
        File with what it wrote to stdout and stderr.
    """

    name: str
    process: psutil.Process
    url: str
    port: int
    data_dir: Path
    output: Path

    def cpu_s(self) -> float:
        """CPU seconds of all its threads so far, user and system."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def rss_mb(self) -> float:
        """Resident memory now, in 10^6 bytes."""
        return float(self.process.memory_info().rss) / 1e6

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return bool(self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE)


@contextmanager
def service_process(
    name: str,
    data_dir: Path,
    *,
    profile: str = "simulators",
    settings: Mapping[str, object] | None = None,
    command: tuple[str, ...] = (sys.executable, "-m", "ctmo_indi"),
    environment: Mapping[str, str] | None = None,
) -> Iterator[ServiceProcess]:
    """Run ``ctmo-indi serve NAME`` while inside; its peers' ports are free, nobody answers there.

    Parameters
    ----------
    settings
        Keys of the configuration file beside the addresses.
    command
        Instead of this Python's ``-m ctmo_indi``: for a profiler around it.
    environment
        Variables beside this process' own.

    Raises
    ------
    TimeoutError
        It did not answer within :data:`START_TIMEOUT_S`; the text has its output.
    """
    config = on_free_ports(replace(Config(), profile=profile, data_dir=data_dir))
    address = getattr(config, name)
    data_dir.mkdir(parents=True, exist_ok=True)
    file = data_dir / f"{name}.conf.yaml"
    file.write_text(yaml.safe_dump(_keys(config) | dict(settings or {})), encoding="utf-8")
    output = data_dir / f"{name}.out"
    arguments = ["serve", name, "--config", str(file), "--profile", profile]
    with output.open("wb") as written:
        child = subprocess.Popen(
            [*command, *arguments, "--data", str(data_dir)],
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    running = ServiceProcess(
        name, psutil.Process(child.pid), address.http, address.port, data_dir, output
    )
    try:
        _wait(running, child, SystemClock())
        yield running
    finally:
        _end(child)


def _keys(config: Config) -> dict[str, object]:
    services = ("scheduler", "telescope", "dome", "preprocessor", "safety")
    addresses = {service: getattr(config, service) for service in services}
    return {
        f"{service.title()} Address": {"HTTP": one.http, "IP": one.ip, "Port": one.port}
        for service, one in addresses.items()
    }


def _wait(running: ServiceProcess, child: subprocess.Popen[bytes], clock: Clock) -> None:
    deadline = Deadline(clock, 0.0, START_TIMEOUT_S)
    with contextlib.closing(DeskClient(running.url, timeout_s=2.0, clock=clock)) as desk:
        while True:
            try:
                desk.front_desk({"WOType": "Status"})
            except ServiceUnreachable as error:
                if child.poll() is None and not deadline.expired:
                    time.sleep(0.02)
                    continue
                said = running.output.read_text(encoding="utf-8", errors="replace")[-4000:]
                raise TimeoutError(f"{running.name} does not answer: {error}; {said}") from error
            return


def _end(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait(STOP_TIMEOUT_S)
