"""Ctrl-C and SIGTERM end ``demo`` and ``up``: closed, no process left, no simulated clock."""

from __future__ import annotations

import re
import signal
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from ctmo_indi import catalogue
from ctmo_indi import config as config_file
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.errors import CtmoError
from ctmo_indi.fleet_ports import free_ports

from ..running_fleet import command_line, nothing_left_behind, require_simulators, until

pytestmark = [pytest.mark.indi, pytest.mark.faults]

INTERRUPTED = 130
CUT_SHORT = 5


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


def interrupt(process: subprocess.Popen[str], *, is_impatient: bool = False) -> str:
    """Press Ctrl-C; return what the command said until its end."""
    process.ours()  # type: ignore[attr-defined]  # the processes whose traces are looked for
    process.send_signal(signal.SIGINT)
    said = []
    if is_impatient:  # a second time in the middle of the closing, and hammered
        said = wait_for_words(process, "stopping telescope")
        for _ in range(5):
            process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=40.0)
    err = "".join(said) + err
    assert "Traceback" not in out + err, err
    return out + err


def wait_for_words(process: subprocess.Popen[str], words: str) -> list[str]:
    """Read what the command says until it says that; return the lines."""
    assert process.stderr is not None  # a pipe
    lines = []
    for line in process.stderr:  # its alarm ends the process, and so this, in the worst case
        lines.append(line)
        if words in line:
            return lines
    pytest.fail(f"ended without saying {words!r}: {lines}")


def wait_for_desk(data_dir: Path, service: str) -> DeskClient:
    """Wait until that service of a starting fleet answers."""
    written = data_dir / "run" / "ctmo.conf.yaml"
    until(written.is_file, "the configuration of the children", 60.0)
    desk = DeskClient(getattr(config_file.load(written), service).http, user="ada")

    def answers() -> bool:
        try:
            desk.status()
        except CtmoError:
            return False
        return True

    until(answers, f"{service} answers", 60.0)
    return desk


def wait_for_exposure(data_dir: Path) -> None:
    with wait_for_desk(data_dir, "telescope") as desk:
        until(
            lambda: desk.status()["Devices"].get("Camera", {}).get("Exposing") is True,
            "an exposure",
            40.0,
            desk.status,
        )


def begin_exposures(data_dir: Path) -> str:
    """Hand in an order of long exposures, and wait until it exposes; return its receipt."""
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
    return str(receipt)


def last_state(data_dir: Path) -> str:
    """The observatory's last state, as the telescope's log tells it."""
    log = (data_dir / "logs" / "telescope.out").read_text()
    return re.findall(r"observatory_state before=\w+ now=(\w+)", log)[-1]


def test_the_demo_interrupted_in_an_exposure_closes_the_observatory(tmp_path: Path) -> None:
    with started("demo", "--data", tmp_path, "--speed", 120) as demo:
        wait_for_exposure(tmp_path)
        said = interrupt(demo, is_impatient=True)

    assert "LEAVE THE DOME OPEN" in said
    assert demo.returncode == INTERRUPTED
    assert last_state(tmp_path) == "CLOSED"


def test_the_demo_terminated_in_an_exposure_closes_the_observatory_and_says_so(
    tmp_path: Path,
) -> None:
    with started("demo", "--data", tmp_path, "--speed", 120) as demo:
        wait_for_exposure(tmp_path)
        demo.ours()  # type: ignore[attr-defined]  # the processes whose traces are looked for
        demo.send_signal(signal.SIGTERM)
        wait_for_words(demo, "stopping telescope")
        demo.send_signal(signal.SIGTERM)  # as a service manager may
        demo.send_signal(signal.SIGHUP)
        _, err = demo.communicate(timeout=40.0)

    assert "stopping safety" in err
    assert "Traceback" not in err
    assert demo.returncode == INTERRUPTED
    assert last_state(tmp_path) == "CLOSED"


def test_the_demo_interrupted_while_it_starts(tmp_path: Path) -> None:
    with started("demo", "--data", tmp_path) as demo:
        until((tmp_path / "run" / "ctmo.conf.yaml").is_file, "services are being started")
        interrupt(demo)

    assert demo.returncode == INTERRUPTED


def test_up_whose_closing_hangs_is_ended_by_one_more_ctrl_c_and_says_so(tmp_path: Path) -> None:
    config = write_site_at_midnight(tmp_path)
    with started("up", "--config", config, "--no-resume") as up:
        assert up.stdout is not None  # a pipe
        while "Ready." not in up.stdout.readline():
            assert up.poll() is None
        (telescope,) = processes_of(up, "telescope")
        telescope.suspend()
        up.send_signal(signal.SIGINT)
        wait_for_words(up, "stopping telescope")
        up.send_signal(signal.SIGINT)
        wait_for_words(up, "LEAVE THE DOME OPEN")
        still_closes = up.poll() is None
        until(lambda: is_over_when_pressed(up), "the end", 10.0)
        _, err = up.communicate(timeout=10.0)

    assert still_closes
    assert "THE DOME MAY BE OPEN" in err
    assert up.returncode == CUT_SHORT


def is_over_when_pressed(process: subprocess.Popen[str]) -> bool:
    """Press Ctrl-C once more unless it has ended."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    return process.poll() is not None


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
        receipt = begin_exposures(data_dir)
        said = interrupt(up)

    assert up.returncode == 0
    assert "Ready." in said
    assert last_state(data_dir) == "CLOSED"
    assert receipt.startswith("O-")
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o750
    databases = [path.stat().st_mode for path in data_dir.glob("*.sqlite3")]
    assert databases
    assert not [mode for mode in databases if mode & 0o007]


def test_up_whose_terminal_is_gone_watches_on_and_closes_at_its_end(tmp_path: Path) -> None:
    """A window closed, a connection by ssh lost: what it says cannot be written any more."""
    data_dir = tmp_path / "data"
    with started("up", "--config", write_site_at_midnight(tmp_path), "--speed", 120) as up:
        begin_exposures(data_dir)
        assert up.stdout is not None  # pipes
        assert up.stderr is not None
        up.stdout.close()
        up.stderr.close()
        before = processes_of(up, "preprocessor")
        for process in before:
            process.kill()
        until(lambda: processes_of(up, "preprocessor") - before, "it is started again", 30.0)
        up.send_signal(signal.SIGHUP)
        up.wait(60.0)

    assert last_state(data_dir) == "CLOSED"
    assert "Traceback" not in (data_dir / "logs" / "up.log").read_text()


def processes_of(up: subprocess.Popen[str], service: str) -> set[psutil.Process]:
    """Those of a service that run now."""
    running = set()
    for process in up.ours():  # type: ignore[attr-defined]  # of nothing_left_behind
        with suppress(psutil.Error):
            if process.cmdline()[2:5] == ["ctmo_indi", "serve", service]:
                running.add(process)
    return running
