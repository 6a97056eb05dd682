"""An open observatory whose services are taken away, and who closed it, how soon.

Every figure is taken by an INDI client of its own (``wire_watch``), every sender from indiserver's
own record (``wire_senders``).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from ctmo_indi import catalogue, checked_yaml

from ..running_fleet import MOUNT, RunningFleet, until
from ..wire_senders import SenderRecord, Sent, recorder
from ..wire_watch import Vector, WireWatch

DOME = "Dome Simulator"
CAMERA = "CCD Simulator"
SERVICES = ("safety", "telescope", "scheduler")

# Sky seconds. The simulated mount turns 6 deg/s and rarely more than 180 deg; the shutter takes 6.
T_PARK_S = 33.0
T_CLOSE_S = 6.0
MARGIN_S = 5.0  # machine


@dataclass(frozen=True, slots=True)
class Delays:
    """Machine seconds of the table "who closes"; the defaults of the profile."""

    telescope: float = 30.0
    scheduler: float = 300.0
    safety: float = 30.0
    watchdog: float = 60.0


QUICK = Delays(telescope=4.0, scheduler=4.0, safety=11.0, watchdog=21.0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one fault; machine seconds since it."""

    first_command_s: float
    closed_s: float
    sent: tuple[Sent, ...]

    @property
    def senders(self) -> tuple[str, ...]:
        """Who sent closing commands, each once, in order."""
        return tuple(dict.fromkeys(one.sender for one in self.sent))


def profile_file(folder: Path, delays: Delays, **policy: object) -> Path:
    """Write the simulators' profile with a WatchDog and these delays."""
    data, _ = checked_yaml.read(catalogue.find("profiles", "simulators"))
    data["equipment"]["watchdog"] = {"description": "watchdog"}
    data["safety"] |= {
        "telescope_silence_s": delays.telescope,
        "scheduler_silence_s": delays.scheduler,
        "safety_silence_s": delays.safety,
        "watchdog_silence_s": delays.watchdog,
        **policy,
    }
    path = folder / "closers.yaml"
    path.write_text(json.dumps(data))  # which is YAML, and leaves "on" a word
    return path


class ClosersStage:
    """A fleet, its watcher and its record."""

    def __init__(self, fleet: RunningFleet, delays: Delays, wire: WireWatch) -> None:
        self.fleet = fleet
        self.delays = delays
        self.wire = wire
        self.speed = fleet.clock.speed
        server = fleet.supervisor.indiserver
        assert server is not None
        self._names: dict[int, str] = {}
        self._note_names()
        self._record = SenderRecord(server.log_file, self._name_of)
        self._stopped: list[int] = []

    # -- the scene ---------------------------------------------------------------------------------

    def expose(self) -> None:
        """Bring it to an exposure at the sky, with the WatchDog armed and services beating."""
        until(self.is_armed, "the WatchDog is armed", 30.0)
        self._receipt = self.fleet.observe(**{"Exposure Time": 600.0, "Number of Exposures": 100})
        until(
            lambda: self.is_open() and self.is_exposing(),
            "it exposes",
            30.0 + 200.0 / self.speed,
            lambda: self.fleet.ask({"WOType": "Status", "Receipt": self._receipt}),
        )
        self._note_names()

    def cancel(self) -> None:
        """End the order of :meth:`expose`, so that the next one is seen from its beginning."""
        self.fleet.ask({"WOType": "Cancel", "Receipt": self._receipt})

    def is_open(self) -> bool:
        shutter, park = self.wire.vector(DOME, "DOME_SHUTTER"), self._park()
        return bool(
            shutter and shutter.is_on("SHUTTER_OPEN") and park is not None and park.is_on("UNPARK")
        )

    def is_exposing(self) -> bool:
        exposure = self.wire.vector(CAMERA, "CCD_EXPOSURE")
        return exposure is not None and exposure.state == "Busy"

    def is_parking(self) -> bool:
        self._record.mark()  # senders are found as long as they are connected
        park = self._park()
        return bool(park and park.is_on("PARK") and park.state == "Busy")

    def is_shut(self) -> bool:
        """Whether the shutter is closed, whatever the mount does."""
        shutter = self.wire.vector(DOME, "DOME_SHUTTER")
        return bool(shutter and shutter.is_on("SHUTTER_CLOSE") and shutter.state == "Ok")

    def is_closed(self) -> bool:
        park = self._park()
        return bool(self.is_shut() and park and park.is_on("PARK") and park.state in ("Ok", "Idle"))

    def _park(self) -> Vector | None:
        return self.wire.vector(MOUNT, "TELESCOPE_PARK")

    def is_armed(self) -> bool:
        """Whether WatchDog would close after a silence."""
        trigger = self.wire.vector("WatchDog", "WATCHDOG_Trigger")
        return trigger is not None and trigger.is_on("TRIGGER_CLIENT")

    # -- faults ------------------------------------------------------------------------------------

    def pids(self, *services: str) -> list[int]:
        known = self.fleet.supervisor.pids()
        return [known[service] for service in services]

    def pyindi_pids(self) -> set[int]:
        """The telescope's PyIndi child, or the one that ends and the one that begins."""
        found = set()
        for process in self.fleet.processes():
            with contextlib.suppress(psutil.Error):
                # Not in a path: that may be the folder of a test.
                if any(word.endswith("pyindi_child") for word in process.cmdline()):
                    found.add(process.pid)
        return found

    def send(self, number: int, *pids: int) -> float:
        """Send a signal; return when."""
        for pid in pids:
            os.kill(pid, number)
            if number == signal.SIGSTOP:
                self._stopped.append(pid)
        return time.monotonic()

    def start_again(self, service: str) -> None:
        """Start a dead service, as its supervisor would."""
        self.fleet.supervisor._children[service].process.wait(5.0)
        self.fleet.supervisor._spawn(service, 0)
        self._note_names()

    def bring_back(self, service: str, how: str) -> None:
        """Let a service go on that was ``stopped``, or start one that was ``killed``."""
        if how == "stopped":
            self.go_on()
        else:
            self.start_again(service)

    def go_on(self) -> None:
        """Continue whatever was stopped."""
        while self._stopped:
            try:
                os.kill(self._stopped.pop(), signal.SIGCONT)
            except ProcessLookupError:
                continue

    def mark(self) -> int:
        return self._record.mark()

    def outcome(self, since_s: float, mark: int, delay_s: float) -> Outcome:
        """Wait until the wire says closed; fail long after it should."""
        limit_s = self.limit_s(delay_s) + 30.0
        first: list[float] = []

        def closed() -> bool:
            if not first and self._record.since(mark):
                first.append(time.monotonic() - since_s)
            return self.is_closed()

        until(closed, "closed", limit_s, lambda: self.told(mark))
        closed_s = time.monotonic() - since_s
        sent = tuple(self._record.since(mark))
        return Outcome(first[0] if first else closed_s, closed_s, sent)

    def limit_s(self, delay_s: float) -> float:
        """What is promised, machine seconds."""
        return delay_s + (T_PARK_S + T_CLOSE_S) / self.speed + MARGIN_S

    def sent(self, mark: int) -> list[Sent]:
        """Closing commands since :meth:`mark`."""
        return self._record.since(mark)

    def told(self, mark: int) -> object:
        """For a failure: the closing commands, and the vectors."""
        shutter = self.wire.vector(DOME, "DOME_SHUTTER")
        return self._record.since(mark), self._park(), shutter

    # -- names -------------------------------------------------------------------------------------

    def _note_names(self) -> None:
        for service, pid in self.fleet.supervisor.pids().items():
            self._names[pid] = service
            for child in psutil.Process(pid).children(recursive=True):
                self._names[child.pid] = service

    def _name_of(self, pid: int) -> str:
        if pid not in self._names:
            try:
                words = " ".join(psutil.Process(pid).cmdline())
            except psutil.Error:
                return f"process {pid}"
            named = [service for service in SERVICES if f"serve {service}" in words]
            child = ["telescope"] if "pyindi_child" in words else []
            self._names[pid] = (named + child + [words.split()[0].rsplit("/", 1)[-1]])[0]
        return self._names[pid]


@contextmanager
def closers_stage(
    folder: Path, *, delays: Delays = QUICK, speed: float = 1.0, **policy: object
) -> Iterator[ClosersStage]:
    """Start a fleet that nobody starts again, observing, and end it."""
    fleet = RunningFleet(
        folder / "data",
        profile=str(profile_file(folder, delays, **policy)),
        speed=speed,
        services=("safety", "telescope", "scheduler"),
        path_prefix=(recorder(folder / "bin"),),
    )
    with fleet.running():
        fleet.leave_alone()
        assert fleet.supervisor.indiserver is not None
        with WireWatch(fleet.supervisor.indiserver.endpoint.port) as wire:
            stage = ClosersStage(fleet, delays, wire)
            try:
                yield stage
            finally:
                stage.go_on()


def one_closer(outcomes: Mapping[str, Outcome], expected: Sequence[str]) -> bool:
    """Whether each closing was one closer's, of those expected."""
    return all(len(one.senders) == 1 and one.senders[0] in expected for one in outcomes.values())


def in_words(outcomes: Mapping[str, Outcome]) -> str:
    """One line for the table of promises."""
    return "; ".join(
        f"{name}: closed by {'+'.join(one.senders)} after {one.closed_s:.1f} s "
        f"(first command {one.first_command_s:.1f} s)"
        for name, one in outcomes.items()
    )
