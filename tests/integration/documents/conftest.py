"""The observatory that the documents' reader has: ``ctmo-indi up --speed 300`` in a folder.

Only the ports are others: several tests run at a time.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from ctmo_indi import config
from ctmo_indi.cli import run
from ctmo_indi.fleet_ports import free_ports

from ...documented import Command
from ...running_fleet import command_line, nothing_left_behind, require_simulators

PORTS = {"Scheduler": 8000, "Telescope": 8010, "Dome": 8020, "Preprocessor": 8030, "Safety": 8040}
READY = "Ready."


class Answer(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Running:
    """The reader's folder, what ``up`` told, and the ports it took instead of those documented."""

    folder: Path
    told: str
    ports: dict[int, int]

    def here(self, text: str) -> str:
        """Put the real ports into a documented text."""
        for documented, real in self.ports.items():
            text = text.replace(f"localhost:{documented}", f"localhost:{real}")
        return text

    def as_documented(self, text: str) -> str:
        """Put the documented ports into what was printed."""
        for documented, real in self.ports.items():
            text = text.replace(f"localhost:{real}", f"localhost:{documented}")
        return text


Shell = Callable[[Command], Answer]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    require_simulators()
    folder = tmp_path_factory.mktemp("reader")
    ports = dict(zip(PORTS.values(), free_ports(len(PORTS)), strict=True))
    lines = [
        f"{name} Address: {{HTTP: 'http://localhost:{ports[port]}', Port: {ports[port]}}}\n"
        for name, port in PORTS.items()
    ]
    file = folder / "ports.yaml"
    file.write_text("".join(lines) + f"Data Directory: {folder / 'ctmo-data'}\n")
    with nothing_left_behind() as processes:
        process = command_line("up", "--speed", 300, "--config", file, cwd=folder)
        try:
            yield Running(folder, _told_until_ready(process), ports)
            processes()
        finally:
            os.kill(process.pid, signal.SIGINT)
            _, err = process.communicate(timeout=60.0)
    assert process.returncode == 0, err


def _told_until_ready(process: subprocess.Popen[str]) -> str:
    """What it printed, errors first; the process ends by itself should it never be ready."""
    assert process.stdout is not None
    assert process.stderr is not None
    told = ""
    while READY not in told:
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        told += line
    os.set_blocking(process.stderr.fileno(), False)
    return process.stderr.read() + told


@pytest.fixture
def home(running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that holds ``ctmo-data``, on a machine where nothing is installed."""
    monkeypatch.chdir(running.folder)
    monkeypatch.setattr(config, "DEFAULT_FILE", tmp_path / "not-installed.yaml")
    monkeypatch.setenv("COLUMNS", "200")
    return running.folder


@pytest.fixture
def shell(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Run one documented command, in this process."""

    def call(command: Command) -> Answer:
        monkeypatch.setattr("sys.stdin", io.StringIO(command.stdin))
        capsys.readouterr()
        code = run(list(command.words))
        return Answer(code, *capsys.readouterr())

    return call
