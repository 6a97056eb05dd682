"""``ctmo-indi close`` closes by whatever is left, says how it went, and fights with nobody."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctmo_indi import catalogue
from ctmo_indi.clock import SystemClock

from ..open_by_hand import SHUT, close, is_closed, open_by_hand, owners_environment
from ..running_fleet import MOUNT, RunningFleet, command_line

pytestmark = [pytest.mark.indi, pytest.mark.faults]

SPEED = 20.0
PARK_TIMEOUT_S = 4  # of the command's own clock, which is the machine's


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """Nothing but indiserver: safety has connected the devices, and is dead."""
    folder = tmp_path_factory.mktemp("last-resort")
    text = (catalogue.folder("profiles") / "simulators.yaml").read_text()
    text, count = re.subn(r"park_timeout_s: \d+", f"park_timeout_s: {PARK_TIMEOUT_S}", text)
    assert count == 1
    (folder / "impatient.yaml").write_text(text)
    made = RunningFleet(
        folder,
        profile=str(folder / "impatient.yaml"),
        speed=SPEED,
        services=("safety",),
        resume=False,
    )
    with made.running() as running:
        running.hold_dead("safety")
        yield running


def test_everything_dead_is_closed_over_indi(fleet: RunningFleet) -> None:
    open_by_hand(fleet)

    code, steps = close(fleet)

    assert code == 0, steps
    assert steps[:2] == ["telescope: does not answer", "safety: does not answer"]
    assert [word for word in ("parking", "closing the shutter", "closed") if word in str(steps)]
    assert is_closed(fleet)


def test_a_terminal_that_is_gone_keeps_nothing_open(fleet: RunningFleet) -> None:
    open_by_hand(fleet)

    words = ("close", "--config", fleet.supervisor.config_path)
    with command_line(*words, env=owners_environment()) as process:
        assert process.stdout is not None  # pipes
        assert process.stderr is not None
        first = process.stdout.readline()
        process.stdout.close()
        process.send_signal(signal.SIGHUP)
        code = process.wait(100.0)
        complaint = process.stderr.read()

    assert first == "telescope: does not answer\n"
    assert (code, complaint) == (0, "")
    assert is_closed(fleet)


def test_it_may_be_said_again(fleet: RunningFleet) -> None:
    close(fleet)
    code, steps = close(fleet)
    assert code == 0, steps


@pytest.mark.parametrize("broken", ["configuration", "none"])
def test_without_a_configuration_the_devices_are_found(
    fleet: RunningFleet, tmp_path: Path, broken: str
) -> None:
    open_by_hand(fleet)
    assert fleet.supervisor.indiserver is not None
    server = ("--host", "127.0.0.1", "--port", fleet.supervisor.indiserver.endpoint.port)
    words: tuple[object, ...] = ()
    if broken == "configuration":
        (tmp_path / "ctmo.conf.yaml").write_text("Safety Address: [")
        words = ("--config", tmp_path / "ctmo.conf.yaml")

    code, steps = close(fleet, *server, *words, config=False)

    assert code == 0, steps
    assert f"INDI: found {MOUNT} as mount" in steps
    assert is_closed(fleet)


def test_a_maintenance_lock_is_heeded_and_can_be_overruled(fleet: RunningFleet) -> None:
    open_by_hand(fleet)
    lock = {
        "kind": "maintenance", "owner": "ada", "reason": "in the dome",
        "since_utc": "", "expires_utc": None,
    }  # fmt: skip
    holds = fleet.data_dir / "safety" / "holds.json"
    holds.parent.mkdir(exist_ok=True)
    holds.write_text(json.dumps({"lock": lock, "latch": None}))
    try:
        refused, why = close(fleet)
        open_still = fleet.indi_value(SHUT) == "Off"
        overruled, steps = close(fleet, "--despite-lock")
    finally:
        holds.unlink()

    assert (refused, open_still) == (4, True)
    assert "ada" in str(why)
    assert overruled == 0, steps
    assert is_closed(fleet)


def test_a_hanging_mount_driver_is_closed_over_and_told(fleet: RunningFleet) -> None:
    open_by_hand(fleet)
    assert fleet.supervisor.indiserver is not None
    driver = fleet.supervisor.indiserver.driver_pids()["indi_simulator_telescope"]
    os.kill(driver, signal.SIGSTOP)
    try:
        begun_s = SystemClock().machine_s()
        code, steps = close(fleet)
        took_s = SystemClock().machine_s() - begun_s
        shut = fleet.indi_value(SHUT)
    finally:
        os.kill(driver, signal.SIGCONT)

    assert code == 5, steps
    assert shut == "On"
    assert any("over an unparked telescope" in step for step in steps)
    assert "the mount does not read as parked" in str(steps)
    assert took_s < PARK_TIMEOUT_S + 6.0 + 20.0


def test_without_an_indi_server_it_says_so(fleet: RunningFleet) -> None:
    code, steps = close(fleet, "--host", "127.0.0.1", "--port", 1)
    assert code == 3
    assert "no INDI server" in steps[-1]
