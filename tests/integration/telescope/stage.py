"""The telescope service on INDI simulators under a fast clock; the test plays safety."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ctmo_indi import profiles
from ctmo_indi.config import Config
from ctmo_indi.devices.observatory import driver_executables
from ctmo_indi.errors import ServiceUnreachable, WrongState
from ctmo_indi.indi.indiserver import IndiServer
from ctmo_indi.models.coordinates import sidereal_time_h
from ctmo_indi.models.verdict import Latch, Lock, Verdict, VerdictLevel
from ctmo_indi.profiles import Profile
from ctmo_indi.service_addresses import IndiAddress
from ctmo_indi.telescope.service import TelescopeService
from ctmo_indi.work_orders.access import Caller, Role

CALLER = Caller("anonymous", Role.OPERATE, "127.0.0.1")
SETTLED = ("COMPLETED", "INTERRUPTED", "FAILED", "ABORTED", "NOT_ATTEMPTED", "CANCELED")


class PlayedSafety:
    """Safety's desk: says what the test wants, and remembers what it was told."""

    def __init__(self, clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._cycle = 0
        self.level = VerdictLevel.SAFE
        self.reasons: tuple[str, ...] = ()
        self.lock: Lock | None = None
        self.latch: Latch | None = None
        self.is_dead = False
        self.orders: list[Mapping[str, object]] = []

    def front_desk(self, order: Mapping[str, object]) -> dict[str, object]:
        if self.is_dead:
            raise ServiceUnreachable("safety is dead")
        with self._lock:
            self.orders.append(order)
            self._cycle += 1
            verdict = Verdict(
                self.level,
                self.reasons,
                self._cycle,
                self._clock.utc().isoformat(),
                self._clock.machine_s(),
                self.lock,
                self.latch,
            )
        return {"Verdict": verdict.to_wire()}

    def say_unsafe(self, *reasons: str) -> None:
        self.level, self.reasons = VerdictLevel.UNSAFE, reasons


class Stage:
    """Simulators, service and an observer's hands."""

    def __init__(
        self,
        server: IndiServer,
        folder: Path,
        *,
        profile: Profile | None = None,
        **options: object,
    ) -> None:
        self.server = server
        self.clock = server.clock
        endpoint = server.endpoint
        self.profile = profile or profiles.load("simulators")
        self.config = replace(
            Config(),
            data_dir=folder,
            indi=IndiAddress(
                endpoint.host, endpoint.port, str(endpoint.socket) if endpoint.socket else None
            ),
        )
        self.safety = PlayedSafety(self.clock)
        self.service = TelescopeService(
            self.config, self.profile, self.clock, safety=self.safety, **options
        )
        self._count = 0

    def start(self) -> Stage:
        self.service.start()
        self.service.on_ready()
        return self

    def ready(self) -> Stage:
        """Wait until every device is there and the verdict is known."""
        self.until(
            lambda: (
                self.service.client.link.value == "UP"
                and not self.service.observatory.status().disconnected
                and self.service.observatory.verdict is not None
            ),
            20.0,
            "all devices",
        )
        return self

    def stop(self, timeout_s: float = 30.0) -> None:
        self.service.stop(timeout_s)

    def indi(self, program: str, *words: str) -> str:
        """Run indi_getprop or indi_setprop as another client; return what it says."""
        port = str(self.server.endpoint.port)
        return subprocess.run(
            [program, "-p", port, *words],
            capture_output=True,
            text=True,
            timeout=10.0,
            check=False,
        ).stdout

    def shutter(self) -> str:
        dome = self.service.observatory.dome
        assert dome is not None
        return str(dome.status().shutter)

    # -- orders ------------------------------------------------------------------------------------

    def ask(self, order: Mapping[str, object], desk: str = "telescope") -> dict[str, object]:
        chosen = self.service.telescope_desk if desk == "telescope" else self.service.dome_desk
        return asyncio.run(chosen.handle({"User": "ada", **order}, CALLER))

    def by_hand(self, command: str, **keys: object) -> dict[str, object]:
        """Give a Control order and wait for its end; a closing under way is waited for first."""
        taken: list[dict[str, object]] = []

        def is_taken() -> bool:
            try:
                taken.append(self.ask({"WOType": "Control", "Command": command, **keys}))
            except WrongState:
                return False
            return True

        self.until(is_taken, 15.0, f"{command} is taken")
        return self.ended(str(taken[0]["Receipt"]))

    def target(self, hour_angle_h: float = -1.0, dec_deg: float = 30.0) -> dict[str, float]:
        """A target that stands well now."""
        ra_h = (sidereal_time_h(self.profile.site, self.clock.utc()) - hour_angle_h) % 24.0
        return {"RA": round(ra_h * 15.0, 4), "Dec": dec_deg, "RA Unit": "deg"}

    def attempt(self, **keys: object) -> str:
        """Order what the scheduler would; return the attempt's id."""
        self._count += 1
        attempt_id = f"A-{self._count:026d}"
        order: dict[str, object] = {
            "WOType": "Observation",
            "ID": attempt_id,
            "User": "scheduler",
            "Parent": f"O-{self._count:026d}",
            "Parent User": "ada",
            "Parent ID": f"order {self._count}",
            "Telescope Name": "CTMO",
            "Exposure Time": 20.0,
            "Number of Exposures": 1,
            **keys,
        }
        reply = self.ask(order)
        assert reply["Receipt"] == attempt_id
        return attempt_id

    def light(self, **keys: object) -> str:
        return self.attempt(**{"Filter": "V", "Object": "field", **self.target(), **keys})

    def status(self, receipt: str) -> dict[str, object]:
        return self.ask({"WOType": "Status", "Receipt": receipt})

    def ended(self, receipt: str, timeout_s: float = 40.0) -> dict[str, object]:
        """Wait for the end of an order and return its status."""
        view: dict[str, object] = {}

        def is_settled() -> bool:
            view.update(self.status(receipt))
            return view["Status"] in SETTLED

        self.until(is_settled, timeout_s, f"the end of {receipt}", lambda: str(view))
        return view

    def step(self, receipt: str, word: str, timeout_s: float = 30.0) -> None:
        """Wait until an attempt does something whose name has ``word`` in it."""
        view: dict[str, object] = {}

        def is_there() -> bool:
            view.update(self.status(receipt))
            assert view["Status"] not in SETTLED, view
            return word in str(view["Step"])

        self.until(is_there, timeout_s, f"step {word}", lambda: str(view))

    def exposing(self, receipt: str) -> None:
        """Wait until the camera exposes for an attempt."""
        self.step(receipt, "exposure")
        camera = self.service.observatory.camera
        assert camera is not None
        self.until(lambda: camera.status().exposing is True, 10.0, "an exposure")

    def events(self, kind: str) -> list[dict[str, object]]:
        page = self.service.board.events(0, (kind,), 1000)
        return [event.to_wire() for event in page.events]

    def until(
        self,
        condition: Callable[[], bool],
        timeout_s: float,
        what: str,
        detail: Callable[[], str] = str,
    ) -> None:
        end_s = time.monotonic() + timeout_s
        pause = threading.Event()
        while not condition():
            assert time.monotonic() < end_s, f"{what}: not in {timeout_s} s; {detail()}"
            pause.wait(0.02)


def drivers() -> tuple[str, ...]:
    return driver_executables(profiles.load("simulators"))


EVENING = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
