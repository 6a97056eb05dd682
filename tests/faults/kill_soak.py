"""Kill a running fleet again and again, at random and at named points, under a client's orders.

One :class:`KillSoak` is one simulated night: its fleet, its client, its folder; the long form runs
several. What is killed is started again by the supervisor alone.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.errors import CtmoError, ServiceUnreachable
from ctmo_indi.kill_points import POINTS, VARIABLE

from ..running_fleet import RunningFleet, all_connected, until
from .kill_checker import Findings, check

SPEED = 60.0
CLIENT = Path(__file__).with_name("kill_client.py")
PLACES = ((-1.0, 30.0), (-1.5, 35.0), (-2.0, 25.0), (1.0, 20.0))
TARGETS = {
    ("scheduler",): 35,
    ("telescope",): 35,
    ("safety",): 10,
    ("pyindi child",): 10,
    ("scheduler", "telescope", "safety"): 10,
}
REACH_S = 2.5
ANSWER_S = 30.0
VERIFY_S = 60.0


@dataclass
class Tally:
    """What was measured, over all nights."""

    kills: int = 0
    at_points: dict[str, int] = field(default_factory=dict)
    receipt_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    verified_s: list[float] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)

    @property
    def all_receipts_s(self) -> list[float]:
        return [seconds for found in self.receipt_s.values() for seconds in found]

    def add(self, findings: Findings) -> None:
        self.findings.lost += findings.lost
        self.findings.repeated += findings.repeated
        self.findings.broken += findings.broken
        self.findings.counts += findings.counts


def percentile(values: list[float], share: float) -> float:
    """The smallest value that ``share`` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@contextmanager
def armed_folder(folder: Path) -> Iterator[Path]:
    """Let every service started inside look for kill points in ``folder``.

    Their byte code is kept, as that of an installed package is: compiling it at each start would be
    the better part of a restart.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = dict(os.environ)
    os.environ |= {VARIABLE: f"@{folder}", "PYTHONPYCACHEPREFIX": str(folder / ".pyc")}
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        yield folder
    finally:
        os.environ.clear()
        os.environ |= before


class KillSoak:
    """One night of kills.

    Parameters
    ----------
    verify_every
        After every which kill the way back to verified devices is waited for.
    """

    def __init__(
        self, folder: Path, seed: int, tally: Tally, *, verify_every: int = 1, speed: float = SPEED
    ) -> None:
        self.folder = folder
        self.tally = tally
        self._random = random.Random(seed)
        self._seed = seed
        self._verify_every = verify_every
        self._speed = speed
        self._points = folder / "kill-points"

    def run(self, kills: int) -> None:
        """Do it, then have everything checked."""
        data_dir = self.folder / "data"
        notes = self.folder / "acknowledgements.jsonl"
        with (
            armed_folder(self._points),
            RunningFleet(data_dir, speed=self._speed).running() as self.fleet,
        ):
            with self._client(notes):
                for number in range(kills):
                    self._kill_once(is_verified=number % self._verify_every == 0)
            self.settle(notes)
        self.tally.add(check(data_dir, notes))

    @contextmanager
    def _client(self, notes: Path) -> Iterator[None]:
        url = self.fleet.supervisor.config.scheduler.http
        targets = (self.fleet.target(*place) for place in PLACES)
        places = [f"{target['RA']},{target['Dec']}" for target in targets]
        command = [sys.executable, str(CLIENT), url, str(notes), str(self._seed), *places]
        with subprocess.Popen(command) as client:
            try:
                yield
            finally:
                client.terminate()
                client.wait(30.0)
        assert client.returncode == 0

    def _kill_once(self, *, is_verified: bool) -> None:
        threading.Event().wait(self._random.uniform(0.0, 1.0))
        self.forgive()
        if self._random.random() < 0.5:
            services, killed_s = self._at_a_point()
        else:
            services, killed_s = self._at_random()
        self.tally.kills += 1
        for service in services:
            answered_s = self.first_receipt(service)
            self.tally.receipt_s[service].append(answered_s - killed_s)
        if is_verified:
            self.tally.verified_s.append(self.verified() - killed_s)

    def forgive(self) -> None:
        """Let the supervisor take the services for well until now: it pauses longer each time."""
        for child in self.fleet.supervisor._children.values():
            child.failures = 0

    def _at_random(self) -> tuple[list[str], float]:
        (names,) = self._random.choices(list(TARGETS), TARGETS.values())
        if names == ("pyindi child",):
            self._kill_child()
            return [], time.monotonic()
        for name in names:
            self.fleet.kill(name)
        return list(names), time.monotonic()

    def _at_a_point(self) -> tuple[list[str], float]:
        """Arm a point and wait until it is reached; one that is not is killed at random."""
        name = self._random.choice([point for point in POINTS if not point.startswith("file.h")])
        service = self.arm(name)
        before = self.fleet.supervisor.pids()[service]
        if not self.reached(name, REACH_S):
            (self._points / name).unlink(missing_ok=True)
            return self._at_random()
        killed_s = time.monotonic()
        self.tally.at_points[name] = self.tally.at_points.get(name, 0) + 1
        until(lambda: not psutil.pid_exists(before) or _is_dead(before), "it is dead", 5.0)
        return [service], killed_s

    def arm(self, name: str, passages: int = 1) -> str:
        """Arm a point; return the service that passes it. A recovery needs a crash before it."""
        service = service_of(name)
        (self._points / name).write_text(str(passages))
        if ".recovery." in name:
            self.fleet.kill(service)
            self.forgive()
        return service

    def reached(self, name: str, timeout_s: float) -> bool:
        """Whether the armed point was reached in time."""
        end_s = time.monotonic() + timeout_s
        while (self._points / name).exists():
            if time.monotonic() > end_s:
                return False
            time.sleep(0.01)
        return True

    def _kill_child(self) -> None:
        for process in psutil.Process(self.fleet.supervisor.pids()["telescope"]).children():
            if any("pyindi_child" in word for word in process.cmdline()):
                process.kill()

    # -- coming back -------------------------------------------------------------------------------

    def first_receipt(self, service: str) -> float:
        """Machine seconds when the service has acknowledged an order (safety: answered)."""
        order: dict[str, object] = {"WOType": "Status"}
        if service == "scheduler":
            order = {**self.fleet.observation(), **{"Exposure Time": 5.0}, "User": "probe"}
        elif service == "telescope":
            order = {"WOType": "Dome", "ID": "probe", "Blink01": True}
        return _when(lambda: self._is_answered(service, order), f"{service} answers", ANSWER_S)

    def _is_answered(self, service: str, order: dict[str, object]) -> bool:
        try:
            reply = self.fleet.ask(order, service)
        except (ServiceUnreachable, DeskFault):
            return False
        if service == "scheduler":  # the probe is not to be observed
            self._cancel(str(reply["Receipt"]))
        return True

    def _cancel(self, receipt: str) -> None:
        try:
            self.fleet.ask({"WOType": "Cancel", "Receipt": receipt})
        except CtmoError:
            return

    def verified(self) -> float:
        """Machine seconds when devices are read and safety is content, for both who ask them."""
        return _when(self._is_verified, "devices and verdict", VERIFY_S)

    def _is_verified(self) -> bool:
        try:
            told = [self.fleet.ask({"WOType": "Status"}, name) for name in ("telescope", "safety")]
        except CtmoError:
            return False
        return all(
            status["Verdict"]["Level"] == "SAFE" and all_connected(status["Devices"])
            for status in told
        )

    def settle(self, notes: Path) -> None:
        """Wait until what the last crash left is settled, and every cancel carried out."""
        self.verified()
        self.fleet.watch(
            "telescope", lambda status: not status["Recovery"]["Doing"], "recovery", 60.0
        )
        self.fleet.supervisor.resume_scheduler()
        told = (json.loads(line) for line in notes.read_text().splitlines())
        canceled = {
            note["reply"]["Receipt"]
            for note in told
            if note["order"]["WOType"] == "Cancel" and "reply" in note
        }
        for receipt in canceled:
            self.fleet.ended(receipt, 60.0)


def service_of(point: str) -> str:
    """Name of the service that passes a point."""
    first, word, *_ = point.split(".")
    if first == "file":
        return "safety" if word == "holds" else "scheduler"
    return first


def _when(condition: Callable[[], bool], what: str, timeout_s: float) -> float:
    until(condition, what, timeout_s)
    return time.monotonic()


def _is_dead(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True
