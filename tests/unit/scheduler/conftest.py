"""A scheduler with a fake telescope and fake safety behind real front desks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from ctmo_indi import profiles
from ctmo_indi.clock import ClockAnchor, SystemClock
from ctmo_indi.config import Config
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.front_desk.server import FrontDeskServer
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler import configuration
from ctmo_indi.scheduler.component.startup import registered_driver
from ctmo_indi.scheduler.service import SchedulerService
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.models import Models
from ctmo_indi.service_addresses import Address
from ctmo_indi.testing.fake_clock import EVENING
from ctmo_indi.testing.fake_desk import FakeSafety, FakeTelescope
from ctmo_indi.testing.fake_sky import FakeSky, fake_models

SPEED = 60.0


@pytest.fixture(scope="session")
def profile() -> Profile:
    return profiles.load("simulators")


class Stack:
    """Telescope and safety behind one server; schedulers come and go on one database."""

    def __init__(self, folder: Path, profile: Profile) -> None:
        self.set_clock(EVENING)
        self.profile = profile
        self.folder = folder
        self.configuration = "simple"
        self.driver_class: Callable[[str], type[Driver]] = registered_driver
        self.sky = FakeSky()
        self.make_models: Callable[[], Models] | None = lambda: fake_models(self.sky)
        self.telescope = FakeTelescope(profile, self.clock)
        self.safety = FakeSafety(profile, self.clock)
        self.offline = threading.Event()
        self._peers: FrontDeskServer | None = None
        self._ports: tuple[int, ...] = (0, 0)
        self.preprocessor_port = 9  # nobody is there
        self._scheduler: tuple[SchedulerService, FrontDeskServer] | None = None
        self.desk: DeskClient = DeskClient("http://127.0.0.1:9")

    def set_clock(self, utc: datetime) -> None:
        """Let it be ``utc`` now; before a scheduler is started."""
        now_s = SystemClock().machine_s()
        self.clock = SystemClock(ClockAnchor(now_s, utc.timestamp(), SPEED))

    def start_peers(self) -> None:
        """Serve telescope and safety, on the ports of before if there were any."""
        desks = (self.telescope, self.safety)
        self._peers = FrontDeskServer(
            [(desk, "127.0.0.1", port) for desk, port in zip(desks, self._ports, strict=True)]
        )
        self._ports = self._peers.start()

    def stop_peers(self) -> None:
        """Let telescope and safety be dead."""
        if self._peers is not None:
            self._peers.stop()
            self._peers = None

    def start_scheduler(self) -> SchedulerService:
        """Start a scheduler on the one database."""
        telescope, safety = (
            Address(f"http://127.0.0.1:{port}", "127.0.0.1", port) for port in self._ports
        )
        port = self.preprocessor_port
        config = replace(
            Config(),
            telescope=telescope,
            dome=telescope,
            safety=safety,
            preprocessor=Address(f"http://127.0.0.1:{port}", "127.0.0.1", port),
            data_dir=self.folder,
        )
        service = SchedulerService(
            config,
            self.profile,
            self.clock,
            make_models=self.make_models,
            load_configuration=lambda name: configuration.load(
                self.configuration if name == "default" else name, site_folder=self.folder
            ),
            driver_class=self.driver_class,
            on_offline=self.offline.set,
        )
        service.start()
        service.on_ready()
        server = FrontDeskServer([(service.desk, "127.0.0.1", 0)])
        (port,) = server.start()
        self._scheduler = (service, server)
        self.desk = DeskClient(f"http://127.0.0.1:{port}", user="ana")
        return service

    def stop_scheduler(self) -> None:
        """End the scheduler in order."""
        if self._scheduler is not None:
            service, server = self._scheduler
            self.desk.close()
            server.stop()
            service.stop(8.0)
            self._scheduler = None

    def command(self, *commands: str, **more: object) -> str:
        """Give commands and wait for each; return how the last one ended."""
        state = ""
        for command in commands:
            reply = self.desk.front_desk(
                {"WOType": "Scheduler", "User": "ana", "Command": command, **more}
            )
            ended = self.desk.wait_for(str(reply["Receipt"]), 20.0, until=("COMPLETED", "FAILED"))
            state = str(ended["Status"])
        return state

    def configure(self, text: str, name: str = "simple") -> Path:
        """Write a configuration of the site's own; it is used unless ``start`` names another."""
        path = self.folder / "profiles" / f"{name}.scheduler.yaml"
        path.parent.mkdir(exist_ok=True)
        whole = path.with_name("whole")  # a scheduler that comes back reads it at any moment
        whole.write_text(text, encoding="utf-8")
        whole.replace(path)
        return path

    def submit(self, name: str, **keys: object) -> str:
        """Submit an order for the sky; return its receipt."""
        order = {
            "WOType": "Observation",
            "ID": name,
            "Object": name,
            "RA": 30.0,
            "Dec": 20.0,
            "Filter": "V",
            "Exposure Time": 30.0,
            "Number of Exposures": 2,
        }
        order |= {key.replace("_", " "): value for key, value in keys.items()}
        order = {key: value for key, value in order.items() if value is not None}
        return str(self.desk.front_desk(order)["Receipt"])

    def ended(self, receipt: str, timeout_s: float = 20.0) -> dict[str, object]:
        """Wait until the order is settled and return its status."""
        return self.desk.wait_for(receipt, timeout_s)

    def wait_until(self, is_true: Callable[[], bool], timeout_s: float = 20.0) -> None:
        """Wait for events of the scheduler until ``is_true``; AssertionError at the deadline."""
        end_s = self.clock.machine_s() + timeout_s
        pause = threading.Event()
        while not is_true():
            if self.clock.machine_s() > end_s:
                raise AssertionError(f"it did not become true within {timeout_s} s")
            pause.wait(0.02)


@pytest.fixture
def stack(tmp_path: Path, profile: Profile) -> Iterator[Stack]:
    made = Stack(tmp_path, profile)
    made.start_peers()
    yield made
    made.telescope.close()
    made.stop_scheduler()
    made.stop_peers()
