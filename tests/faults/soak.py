"""A soak: an observatory at work under a fast clock while faults strike at random.

:class:`World` is an eye of its own: the shutter as an independent INDI client sees it, the weather
as it was set, the Sun as computed here. It measures how long the observatory stands open although
it must not. :class:`Samples` looks at memory, threads and descriptors of the services.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.errors import CtmoError
from ctmo_indi.models import sun_moon

from ..running_fleet import MOUNT, RunningFleet, until
from ..wire_watch import WireWatch

DOME = "Dome Simulator"
WEATHER = "Weather Simulator"
GALE_KPH = 99.0
AT_WORK_S = 15.0
MOST_OPEN = 30
"""Orders that may wait: more would come than a site can observe between faults."""

FLOOR_S = 120.0
"""Machine seconds of which the least memory counts."""

_PERIOD_S = 0.2
_SUN_MARGIN_DEG = 0.3


class World:
    """How long the observatory is open while it must not be; a context manager.

    Parameters
    ----------
    fleet
        Running.
    """

    def __init__(self, fleet: RunningFleet) -> None:
        self._fleet = fleet
        assert fleet.supervisor.indiserver is not None
        self._watch = WireWatch(fleet.supervisor.indiserver.endpoint.port)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="world", daemon=True)
        self._since_machine_s: float | None = None
        self.is_gale = False
        self.longest_machine_s = 0.0
        self.episodes = 0
        self.closings: list[float] = []

    def __enter__(self) -> World:
        self._watch.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5.0)
        self._watch.__exit__()

    @property
    def is_open(self) -> bool | None:
        """Whether the shutter is anything but closed; None while nobody can tell."""
        shutter = self._watch.vector(DOME, "DOME_SHUTTER")
        if shutter is None:
            return None
        return not (shutter.is_on("SHUTTER_CLOSE") and shutter.state != "Busy")

    @property
    def is_day(self) -> bool:
        """Whether the Sun is too high."""
        profile = self._fleet.profile
        sun_deg = sun_moon.sun_altitude_deg(profile.site, self._fleet.clock.utc())
        return float(sun_deg) > profile.safety.sun_max_altitude_deg + _SUN_MARGIN_DEG

    @property
    def must_be_closed(self) -> bool:
        """By the weather as it was set, or by the Sun."""
        return self.is_gale or self.is_day

    def _run(self) -> None:
        while not self._stop.wait(_PERIOD_S):
            self._look(time.monotonic())

    def _look(self, now_s: float) -> None:
        # Nobody can tell: a restarted dome driver keeps the shutter as it was, so time goes on.
        is_open = self.is_open
        if is_open is None and self._since_machine_s is not None:
            is_open = True
        if not (is_open and self.must_be_closed):
            if self._since_machine_s is not None:
                self.closings.append(now_s - self._since_machine_s)
            self._since_machine_s = None
            return
        if self._since_machine_s is None:
            self._since_machine_s = now_s
            self.episodes += 1
        self.longest_machine_s = max(self.longest_machine_s, now_s - self._since_machine_s)


@dataclass
class Samples:
    """Memory, threads and descriptors of each service over time; rows also go to a file."""

    fleet: RunningFleet
    path: Path
    rows: list[dict[str, float | str]] = field(default_factory=list)

    def take(self) -> None:
        """One row for each service that lives."""
        with self.path.open("a") as file:
            for name, pid in self.fleet.supervisor.pids().items():
                with suppress(psutil.Error):
                    process = psutil.Process(pid)
                    row: dict[str, float | str] = {
                        "service": name,
                        "pid": pid,
                        "machine_s": time.monotonic(),
                        "rss_mb": process.memory_info().rss / 2**20,
                        "threads": process.num_threads(),
                        "descriptors": process.num_fds(),
                    }
                    self.rows.append(row)
                    file.write(json.dumps(row) + "\n")

    def last_lives(self, skip_s: float) -> Iterator[tuple[str, Mapping[str, np.ndarray]]]:
        """Of each service: its last process' columns, without the first ``skip_s``."""
        for name in sorted({str(row["service"]) for row in self.rows}):
            rows = [row for row in self.rows if row["service"] == name]
            rows = [row for row in rows if row["pid"] == rows[-1]["pid"]]
            begin_s = float(rows[0]["machine_s"]) + skip_s
            rows = [row for row in rows if float(row["machine_s"]) >= begin_s]
            if rows:
                keys = ("machine_s", "rss_mb", "threads", "descriptors")
                yield name, {key: np.array([row[key] for row in rows], float) for key in keys}


def floors(at: np.ndarray, value: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the least value in each ``width`` of ``at``, and when it was; empty ones left out."""
    window = ((at - at[:1]) // width).astype(int)
    least = [
        inside[np.argmin(value[inside])]
        for number in np.unique(window)
        for inside in (np.flatnonzero(window == number),)
    ]
    return at[least], value[least]


def slope_mb_h(columns: Mapping[str, np.ndarray]) -> float:
    """Memory growth by Theil and Sen's median of slopes: single steps do not bend it.

    Of the least in each two minutes: what is held for a frame comes and goes by 40 MB, which is no
    growth, and alone bends a slope over looks at random by some MB an hour.
    """
    hours, mb = floors(columns["machine_s"] / 3600.0, columns["rss_mb"], FLOOR_S / 3600.0)
    first, second = np.triu_indices(len(hours), 1)
    if len(first) == 0:
        return 0.0
    return float(np.median((mb[second] - mb[first]) / (hours[second] - hours[first])))


Fault = Callable[["Soak"], None]


class Soak:
    """Faults at random on a running fleet.

    Parameters
    ----------
    seed
        Of everything random here; the same seed gives the same faults in the same order.
    """

    def __init__(self, fleet: RunningFleet, world: World, seed: int) -> None:
        self.fleet, self.world = fleet, world
        self.random = random.Random(seed)
        self.receipts: list[str] = []
        self._open: deque[str] = deque()  # the latest: done, canceled or waiting
        self.counts: dict[str, int] = {}
        self.struck_open = 0
        self._deck: list[str] = []  # each kind of fault once before any comes again
        self._pause = threading.Event()

    def strike(self, faults: Mapping[str, Fault]) -> str:
        """One fault, from its beginning to its end; returns its name.

        By night it waits a while until the observatory is at work: closed it cannot fail.
        """
        with suppress(AssertionError):
            until(lambda: self.world.is_open or self.world.is_day, "it is open", AT_WORK_S)
        self._deck = [name for name in self._deck if name in faults]
        if not self._deck:
            self._deck = self.random.sample(list(faults), len(faults))
        name = self._deck.pop()
        self.counts[name] = self.counts.get(name, 0) + 1
        self.struck_open += bool(self.world.is_open)
        faults[name](self)
        return name

    def submit(self) -> None:
        """An order for a place that stands well, or a cancellation of an earlier one.

        Of those that are not done yet the oldest are canceled when there are many: what waits must
        not grow, or memory grows with it.
        """
        with suppress(CtmoError):
            if len(self._open) >= MOST_OPEN:
                self.fleet.ask({"WOType": "Cancel", "Receipt": self._open.popleft()})
        with suppress(CtmoError):
            if self.receipts and self.random.random() < 0.2:
                receipt = self.random.choice(self.receipts)
                self.fleet.ask({"WOType": "Cancel", "Receipt": receipt})
                return
            keys = {
                "Exposure Time": self.random.uniform(10.0, 600.0),
                "Number of Exposures": self.random.randint(1, 4),
                "Filter": self.random.choice(list(self.fleet.profile.filters)),
                **self.fleet.target(self.random.uniform(-2.0, 2.0), self.random.uniform(0, 60)),
            }
            receipt = self.fleet.observe(**keys)
            self.receipts.append(receipt)
            self._open.append(receipt)

    def wait(self, machine_s: float) -> None:
        """Let the fault last; machine seconds."""
        self._pause.wait(machine_s)

    def retry(self, what: Callable[[], object], timeout_s: float = 90.0) -> None:
        """Do something that a fault under way may hinder, until it is done."""

        def done() -> bool:
            try:
                what()
            except (CtmoError, DeskFault):
                return False
            return True

        until(done, "it can be done", timeout_s)

    @contextmanager
    def frozen(self, pid: int) -> Iterator[None]:
        """Stop a process inside."""
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def wind(self, kph: float) -> None:
        """Set the wind, and see that the station says so."""
        name = f"{WEATHER}.WEATHER_PARAMETERS.WEATHER_WIND_SPEED"

        def is_set() -> bool:
            self.fleet.indi_set(f"{WEATHER}.WEATHER_CONTROL.Wind={kph}")
            found = self.fleet.indi_get(name)
            return abs(float(found.get(name, "nan")) - kph) < 0.5

        until(is_set, f"a wind of {kph} kph", 60.0)

    def driver(self, name: str) -> int | None:
        """The pid of a driver; None while it is being started again."""
        server = self.fleet.supervisor.indiserver
        return server.driver_pids().get(name) if server else None


def weather(soak: Soak) -> None:
    """A gale comes and goes."""
    soak.wind(GALE_KPH)
    soak.world.is_gale = True
    soak.wait(soak.random.uniform(3.0, 15.0))
    soak.world.is_gale = False
    soak.wind(0.0)


def kill_service(soak: Soak) -> None:
    """A service crashes; sometimes in a gale."""
    name = soak.random.choice(list(soak.fleet.supervisor.pids()))
    with ExitStack() as stack:
        if soak.random.random() < 0.3:
            soak.wind(GALE_KPH)
            soak.world.is_gale = True
            stack.callback(soak.wind, 0.0)
            stack.callback(setattr, soak.world, "is_gale", False)
        soak.fleet.wait_for_restart(name, soak.fleet.kill(name))
        soak.wait(3.0)


def freeze_service(soak: Soak) -> None:
    """A service hangs for a while."""
    name = soak.random.choice(list(soak.fleet.supervisor.pids()))
    with soak.frozen(soak.fleet.supervisor.pids()[name]):
        soak.wait(soak.random.uniform(1.0, 8.0))


def kill_pyindi(soak: Soak) -> None:
    """The child that holds PyIndi crashes."""
    for process in soak.fleet.processes():
        with suppress(psutil.Error):
            if any("pyindi_child" in word for word in process.cmdline()):
                process.kill()


def kill_server(soak: Soak) -> None:
    """The INDI server dies."""
    server = soak.fleet.supervisor.indiserver
    assert server is not None
    starts = server.starts
    soak.fleet.processes()
    server.kill()
    until(lambda: server.starts > starts, "indiserver runs again", 30.0)


def kill_driver(soak: Soak) -> None:
    """A driver dies; indiserver starts it again."""
    server = soak.fleet.supervisor.indiserver
    assert server is not None
    pids = server.driver_pids()
    if pids:
        with suppress(ProcessLookupError):
            os.kill(soak.random.choice(list(pids.values())), signal.SIGKILL)


def freeze_driver(soak: Soak) -> None:
    """A driver hangs for a while."""
    server = soak.fleet.supervisor.indiserver
    assert server is not None
    pids = server.driver_pids()
    if pids:
        with soak.frozen(soak.random.choice(list(pids.values()))):
            soak.wait(soak.random.uniform(1.0, 8.0))


def foreign_move(soak: Soak) -> None:
    """Somebody moves the mount with another client, and lets go."""
    ra_h = soak.random.uniform(0.0, 24.0)
    soak.fleet.indi_set(f"{MOUNT}.EQUATORIAL_EOD_COORD.RA;DEC={ra_h:.4f};40")
    soak.wait(soak.random.uniform(1.0, 5.0))
    soak.retry(lambda: soak.fleet.ask({"WOType": "Control", "Command": "release"}))


def lock(soak: Soak) -> None:
    """An observer locks and unlocks."""
    order = {"WOType": "Control", "Command": "lock", "Reason": "soak"}
    soak.retry(lambda: soak.fleet.ask({**order, "Kind": "observer"}))
    soak.wait(soak.random.uniform(1.0, 5.0))
    soak.retry(lambda: soak.fleet.ask({"WOType": "Control", "Command": "unlock"}))


def stop(soak: Soak) -> None:
    """Somebody presses stop and releases it."""
    soak.retry(lambda: soak.fleet.ask({"WOType": "Control", "Command": "stop", "Reason": "soak"}))
    soak.wait(soak.random.uniform(1.0, 5.0))
    soak.retry(lambda: soak.fleet.ask({"WOType": "Control", "Command": "release"}))


def gale_and_crash(soak: Soak) -> None:
    """A gale comes, and right then a driver, the server or the child of PyIndi dies."""
    soak.wind(GALE_KPH)
    soak.world.is_gale = True
    soak.random.choice([kill_driver, kill_server, kill_pyindi, freeze_driver])(soak)
    soak.wait(soak.random.uniform(2.0, 8.0))
    soak.world.is_gale = False
    soak.wind(0.0)


# Those that leave every service alive, and those that do not.
MILD: Mapping[str, Fault] = {
    "weather": weather,
    "gale_and_crash": gale_and_crash,
    "freeze_service": freeze_service,
    "kill_driver": kill_driver,
    "freeze_driver": freeze_driver,
    "kill_server": kill_server,
    "kill_pyindi": kill_pyindi,
    "foreign_move": foreign_move,
    "lock": lock,
    "stop": stop,
}
ALL: Mapping[str, Fault] = {**MILD, "kill_service": kill_service}
