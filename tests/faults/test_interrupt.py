"""Ctrl-C ends ``demo`` and ``up`` in order: the observatory closed, no process left, no clock."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ctmo_indi import catalogue
from ctmo_indi import config as config_file
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.errors import CtmoError
from ctmo_indi.fleet_config import free_ports

from ..running_fleet import command_line, nothing_left_behind, require_simulators, until

pytestmark = [pytest.mark.indi, pytest.mark.faults]

INTERRUPTED = 130


@contextmanager
def started(*words: object) -> Iterator[subprocess.Popen[str]]:
    """Run a command inside; afterwards nothing of it may be left."""
    require_simulators()
    with nothing_left_behind() as ours:
        process = command_line(*words)
        process.ours = ours  # type: ignore[attr-defined]
        try:
            yield process
        finally:
            process.kill()
            process.communicate(timeout=10.0)


def interrupt(process: subprocess.Popen[str], times: int = 1) -> str:
    """Press Ctrl-C; return what the command said until its end."""
    process.ours()  # type: ignore[attr-defined]  # the processes whose traces are looked for
    for _ in range(times):
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=40.0)
    assert "Traceback" not in out + err, err
    return out + err


def wait_for_desk(data_dir: Path, service: str) -> DeskClient:
    """Wait until that service of a starting fleet answers."""
    written = data_dir / "run" / "ctmo.conf.yaml"
    until(written.is_file, "the configuration of the children")
    desk = DeskClient(getattr(config_file.load(written), service).http, user="ada")

    def answers() -> bool:
        try:
            desk.status()
        except CtmoError:
            return False
        return True

    until(answers, f"{service} answers")
    return desk


def wait_for_exposure(data_dir: Path) -> None:
    with wait_for_desk(data_dir, "telescope") as desk:
        until(
            lambda: desk.status()["Devices"].get("Camera", {}).get("Exposing") is True,
            "an exposure",
            40.0,
            desk.status,
        )


def last_state(data_dir: Path) -> str:
    """The observatory's last state, as the telescope's log tells it."""
    log = (data_dir / "logs" / "telescope.out").read_text()
    return re.findall(r"observatory_state before=\w+ now=(\w+)", log)[-1]


def test_the_demo_interrupted_in_an_exposure_closes_the_observatory(tmp_path: Path) -> None:
    with started("demo", "--data", tmp_path, "--speed", 120) as demo:
        wait_for_exposure(tmp_path)
        interrupt(demo, times=2)  # an impatient hand

    assert demo.returncode == INTERRUPTED
    assert last_state(tmp_path) == "CLOSED"


def test_the_demo_interrupted_while_it_starts(tmp_path: Path) -> None:
    with started("demo", "--data", tmp_path) as demo:
        until((tmp_path / "run" / "ctmo.conf.yaml").is_file, "services are being started")
        interrupt(demo)

    assert demo.returncode == INTERRUPTED


def write_site_at_midnight(folder: Path) -> Path:
    """A configuration whose observatory has its midnight now, whatever the hour of the test."""
    now = datetime.now(UTC)
    longitude_deg = 180.0 - (180.0 + 15.0 * (now.hour + now.minute / 60.0)) % 360.0
    text = (catalogue.folder("profiles") / "simulators.yaml").read_text()
    text, count = re.subn(r"longitude_deg: \S+", f"longitude_deg: {longitude_deg:.3f}", text)
    assert count == 1
    (folder / "midnight.yaml").write_text(text)
    addresses = "".join(
        f"{name} Address: {{IP: 127.0.0.1, Port: {port}}}\n"
        for name, port in zip(
            ("Scheduler", "Telescope", "Dome", "Preprocessor", "Safety"), free_ports(5), strict=True
        )
    )
    config = folder / "ctmo.conf.yaml"
    config.write_text(
        f"{addresses}Profile: {folder / 'midnight.yaml'}\nData Directory: {folder / 'data'}\n"
    )
    return config


def test_up_interrupted_in_an_exposure_closes_the_observatory(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    config = write_site_at_midnight(tmp_path)
    with started("up", "--config", config, "--speed", 120) as up:
        with wait_for_desk(data_dir, "scheduler") as scheduler:
            order = {
                "WOType": "Observation",
                "Exposure Time": 900.0,
                "Number of Exposures": 9,
                "Filter": "V",
                "RA": 0.0,
                "Dec": 85.0,
            }
            receipt = scheduler.front_desk(order)["Receipt"]
        wait_for_exposure(data_dir)
        said = interrupt(up)

    assert up.returncode == 0
    assert "Ready." in said
    assert last_state(data_dir) == "CLOSED"
    assert receipt.startswith("O-")
