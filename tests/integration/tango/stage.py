"""The device server as a real process over desks that answer as a test says."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ctmo_indi import profiles
from ctmo_indi.config import Config
from ctmo_indi.errors import CtmoError
from ctmo_indi.fleet_ports import free_ports
from ctmo_indi.front_desk.access import Access
from ctmo_indi.service_addresses import Address
from ctmo_indi.tango_settings import TangoSettings
from ctmo_indi.testing.desks import FakeDesk, accept, serving
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.desk import Reply
from ctmo_indi.work_orders.model import CheckedOrder, OrderKind

tango = pytest.importorskip("tango", reason="pytango is not installed (pip install pytango)")

Says = dict[str, Any]
VERDICT: Says = {"Level": "SAFE", "Reasons": [], "Rules": [], "Lock": {}, "Latch": {}}
DEVICES: Says = {
    "State": "OPEN",
    "Mount": {
        "Connected": True, "RA": 133.2, "Dec": 11.8, "RA of Date (hour)": 8.9, "Dec of Date": 11.7,
        "Altitude": 49.4, "Azimuth": 102.8, "Hour Angle (hour)": -2.7, "Tracking": True,
        "Parked": False, "Slewing": False, "Pier Side": "west", "Age (s)": 0.8,
    },
    "Dome": {"Connected": True, "Azimuth": 115.6, "Parked": False, "Shutter": "OPEN",
             "Moving": False, "Age (s)": 28883.9},
    "Camera": {"Connected": True, "Exposing": False, "Remaining (s)": 0.0, "Temperature (C)": -10.0,
               "Binning": 1, "Age (s)": 92.2},
    "Filter Wheel": {"Connected": True, "Moving": False, "Slot": 8, "Slot Name": "Clear",
                     "Filter": "Clear", "Age (s)": 1059.8},
    "Weather": {"Connected": True, "State": "Ok", "Age (s)": 1.9,
                "Readings": {"WEATHER_TEMPERATURE": 15.0, "WEATHER_WIND_SPEED": 3.0}},
}  # fmt: skip
STATUS: Mapping[str, Says] = {
    "telescope": {
        "Observatory": "OPEN", "Link": "UP", "Devices": DEVICES, "Verdict": VERDICT, "Busy": "",
        "Current": {}, "Held": "", "Alarm": "",
    },
    "safety": {"Verdict": VERDICT, "Devices": DEVICES, "Message": "safe", "Alarm": ""},
    "scheduler": {
        "Summary State": "ENABLED", "Detailed State": "IDLE", "Running": False, "Mode": "ADVANCE",
        "Configuration": "default", "Current": {}, "Queue": [], "Error Code": 0,
        "Error Report": "", "Verdict": VERDICT, "Message": "",
    },
}  # fmt: skip


class Desk(FakeDesk):
    """A service that says what the test says, and keeps what it was told."""

    def __init__(self, service: str, contract: Contract) -> None:
        super().__init__(service, answer=self._speak, contract=contract)
        self.says: Says = copy.deepcopy(STATUS[service])
        self.refusal: CtmoError | None = None
        self.failure = ""
        self.failure_code: int | None = None
        self.news: list[Says] = []

    @property
    def told(self) -> list[Mapping[str, object]]:
        """The orders that came, but for those that only ask."""
        asking = (OrderKind.STATUS, OrderKind.EVENTS)
        return [
            each.wire for each in self.orders if each.kind not in asking or "Receipt" in each.wire
        ]

    def publish(self, kind: str, data: Says) -> None:
        """Have an event read by the next who asks."""
        self.news.append({"Revision": 1, "Kind": kind, "Subject": "", "UTC": "", "Data": data})

    def _speak(self, checked: CheckedOrder) -> Reply:
        reply = accept(checked)
        if checked.kind is OrderKind.EVENTS:
            news, self.news = self.news, []
            return {**reply, "Events": news}
        if checked.kind is OrderKind.STATUS and "Receipt" not in checked.wire:
            return {**reply, **copy.deepcopy(self.says)}
        if self.refusal is not None:
            raise self.refusal
        code = {} if self.failure_code is None else {"Failure Code": self.failure_code}
        return {**reply, "Failure": self.failure, **code}


@dataclass
class Stage:
    """Desks, the server's process, and proxies of its devices."""

    desks: Mapping[str, Desk]
    settings: TangoSettings
    config: Path
    output: Path
    process: subprocess.Popen[bytes] | None = None
    urls: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start the server; returns when every device says something."""
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ctmo_indi", "serve", "tango", "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
            )
        until(self._is_there, "the devices say something", 30.0, self.log)

    def _is_there(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        try:
            states = [self.device(name).state() for name in self.settings.names]
        except tango.DevFailed:
            return False
        return not {tango.DevState.INIT, tango.DevState.UNKNOWN} & set(states)

    def device(self, name: str) -> Any:
        """Return a proxy of a device by the name of its class."""
        return tango.DeviceProxy(self.urls.get(name) or self.settings.url(name))

    def log(self) -> str:
        """Return the end of what the server wrote."""
        return self.output.read_text()[-3000:]

    def end(self, number: int = signal.SIGTERM, timeout_s: float = 8.0) -> tuple[int, float]:
        """Send a signal; return exit code and how long it took."""
        assert self.process is not None
        begun_s = time.monotonic()
        self.process.send_signal(number)
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        return code, time.monotonic() - begun_s


def until(
    condition: Callable[[], object],
    what: str,
    timeout_s: float = 10.0,
    detail: Callable[[], object] = str,
) -> None:
    """Wait for something that only asking tells."""
    end_s = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end_s, f"not within {timeout_s} s: {what}; {detail()}"
        pause.wait(0.02)


@contextmanager
def staged(
    folder: Path,
    *,
    profile: str = "simulators",
    access: Access | None = None,
    **tango_keys: Any,
) -> Iterator[Stage]:
    """Serve the desks, and write the configuration of a server over them; end what was started."""
    contract = Contract.load(profiles.load(profile))
    desks = {name: Desk(name, contract) for name in STATUS}
    settings = TangoSettings(port=free_ports(1)[0], **tango_keys)
    with ExitStack() as stack:  # each in a thread of its own, as services are
        urls = [stack.enter_context(serving(desk, access=access))[0] for desk in desks.values()]
        places = {
            name: Address(url, "127.0.0.1", int(url.rsplit(":", 1)[1]))
            for name, url in zip(desks, urls, strict=True)
        }
        config = replace(Config(), data_dir=folder, tango=settings, profile=profile, **places)
        file = folder / "ctmo.conf.yaml"
        file.write_text(yaml.safe_dump(config.as_file()))
        stage = Stage(desks, settings, file, folder / "tango.out")
        try:
            yield stage
        finally:
            if stage.process is not None and stage.process.poll() is None:
                stage.process.kill()
                stage.process.wait()


def reason(failed: Any) -> tuple[str, str]:
    """Return reason and text of a DevFailed."""
    first = failed.value.args[0]
    return first.reason, first.desc


class Changes:
    """What a client was told by change events."""

    def __init__(self, device: Any, *names: str) -> None:
        self.seen: dict[str, list[Any]] = {name: [] for name in names}
        self.raw: dict[str, list[Any]] = {name: [] for name in names}
        self._device = device
        kind = tango.EventType.CHANGE_EVENT
        self._ids = [
            device.subscribe_event(name, kind, lambda event, name=name: self._take(name, event))
            for name in names
        ]

    def _take(self, name: str, event: Any) -> None:
        self.raw[name].append(event)
        if not event.err:
            self.seen[name].append(event.attr_value.value)

    def wait_for(self, name: str, value: object, timeout_s: float = 10.0) -> None:
        until(lambda: value in self.seen[name], f"{name} is {value}", timeout_s, lambda: self.seen)

    def close(self) -> None:
        for number in self._ids:
            self._device.unsubscribe_event(number)
