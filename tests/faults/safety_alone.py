"""The safety service in this process on real simulators, and hands to spoil its surroundings."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ctmo_indi import profiles
from ctmo_indi.clock import Clock
from ctmo_indi.config import Config
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.devices.observatory import driver_executables
from ctmo_indi.devices.opening import open_observatory
from ctmo_indi.front_desk.server import FrontDeskServer
from ctmo_indi.indi.indiserver import IndiServer
from ctmo_indi.models.verdict import VerdictLevel
from ctmo_indi.notify_settings import NotifySettings
from ctmo_indi.profiles import Profile
from ctmo_indi.safety.service import SafetyService
from ctmo_indi.service_addresses import Address, IndiAddress

from ..running_fleet import until

Reply = dict[str, object]


def profile_with(**policy: object) -> Profile:
    """The simulators' profile with other keys of its safety policy; beats may be missing."""
    profile = profiles.load("simulators")
    quiet = {"telescope_silence_s": 3600.0, "scheduler_silence_s": 3600.0}
    return replace(profile, safety=replace(profile.safety, **{**quiet, **policy}))


def drivers() -> list[str]:
    """What indiserver runs."""
    return driver_executables(profiles.load("simulators"))


class SafetyAlone:
    """Safety with its desk; the telescope and the scheduler are not there."""

    def __init__(
        self,
        server: IndiServer,
        data_dir: Path,
        profile: Profile,
        *,
        clock: Clock | None = None,
        notify: NotifySettings | None = None,
    ) -> None:
        endpoint = server.endpoint
        config = Config(
            data_dir=data_dir,
            safety=Address("http://127.0.0.1", "127.0.0.1", 0),
            indi=IndiAddress(endpoint.host, endpoint.port, str(endpoint.socket)),
            notify=notify,
        )
        self.server = server
        self.profile = profile
        self.clock = clock or server.clock
        self.service = SafetyService(config, profile, self.clock)
        self.loop = self.service.loop
        self._front_desk = FrontDeskServer([(self.service.desks[0][0], "127.0.0.1", 0)])

    @contextmanager
    def running(self) -> Iterator[SafetyAlone]:
        """Run it inside."""
        self.service.start()
        (port,) = self._front_desk.start()
        self.url = f"http://127.0.0.1:{port}"
        with DeskClient(self.url, timeout_s=20.0) as self.desk:
            try:
                yield self
            finally:
                self._front_desk.stop()
                self.service.stop(10.0)

    def ask(self, order: Reply) -> Reply:
        """Send an order to its desk."""
        return self.desk.front_desk({"User": "ada", **order})

    def control(self, command: str, **more: object) -> str:
        """Send a Control order; return its message."""
        return str(self.ask({"WOType": "Control", "Command": command, **more})["Message"])

    def wait(self, condition: Callable[[], object], what: str, timeout_s: float = 30.0) -> None:
        """Wait; the failure tells the verdict."""
        until(condition, what, timeout_s, lambda: self.loop.verdict)

    def wait_for(self, level: VerdictLevel, timeout_s: float = 40.0) -> None:
        """Wait for a verdict of that level."""
        self.wait(lambda: self.loop.verdict.level is level, str(level), timeout_s)

    def open(self) -> None:
        """Open the observatory as the telescope would."""
        self.wait_for(VerdictLevel.SAFE)
        policy = self.profile.safety
        open_observatory(self.service.observatory, policy, self.clock, report=lambda _line: None)
        self.wait(lambda: self.loop.state == "OPEN", "OPEN")

    def weather(self, **values: float) -> None:
        """Set what the simulated station reports."""
        self.service.observatory.client.keep("Weather Simulator", "WEATHER_CONTROL", values)

    @contextmanager
    def frozen(self, driver: str) -> Iterator[float]:
        """Stop a driver with SIGSTOP inside; yields the machine second."""
        pid = self.server.driver_pids()[driver]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield time.monotonic()
        finally:
            os.kill(pid, signal.SIGCONT)


class Watcher:
    """Sees every verdict of a loop inside the block, and the gaps between its cycles."""

    def __init__(self, safety: SafetyAlone) -> None:
        self._safety = safety
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher")
        self.seen: list[tuple[float, int, VerdictLevel]] = []

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ending.set()
        self._thread.join(10.0)

    @property
    def longest_gap_s(self) -> float:
        """Between two cycles, as somebody beside the loop sees it."""
        times = [seen_s for seen_s, _cycle, _level in self.seen]
        now_s = time.monotonic()
        return max(later - sooner for sooner, later in zip(times, [*times[1:], now_s], strict=True))

    def levels_since(self, machine_s: float) -> list[VerdictLevel]:
        """Levels of the verdicts of cycles that ended after that instant."""
        return [level for seen_s, _cycle, level in self.seen if seen_s > machine_s]

    def _run(self) -> None:
        while not self._ending.wait(0.005):
            verdict = self._safety.loop.verdict
            if not self.seen or self.seen[-1][1] != verdict.cycle:
                self.seen.append((verdict.machine_s, verdict.cycle, verdict.level))
