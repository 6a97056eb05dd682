"""The whole fleet under test: indiserver, simulators and every service as real processes.

One :class:`RunningFleet` takes seconds to start, so modules share one. Everything a test waits for
has a deadline; where a desk can tell, it is asked by long poll.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from ctmo_indi import profiles
from ctmo_indi.clock import Clock
from ctmo_indi.config import Config
from ctmo_indi.desk_client.client import DeskClient, DeskFault
from ctmo_indi.errors import ServiceUnreachable
from ctmo_indi.fleet_ports import on_free_ports
from ctmo_indi.indi.indiserver import fake_time_available
from ctmo_indi.models.coordinates import sidereal_time_h
from ctmo_indi.simulator.rehearsal import coming_night
from ctmo_indi.supervisor import SERVICE_ORDER, Fleet, Supervisor
from ctmo_indi.work_orders.lifecycle import SETTLED_ATTEMPTS, SETTLED_ORDERS

SPEED = 120.0
NOON = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
MOUNT = "Telescope Simulator"
SETTLED = frozenset(SETTLED_ATTEMPTS) | frozenset(SETTLED_ORDERS)
_MARK = "CTMO_TEST_FLEET"  # in the environment of every process that a test started
_LONGEST_LIFE_S = 150

Reply = dict[str, object]


def require_simulators(*, fast: bool = True) -> None:
    """Skip the test where indiserver, or the fast clock, is not installed."""
    if shutil.which("indiserver") is None:
        pytest.skip("indiserver is not installed (Debian package indi-bin)")
    if fast and fake_time_available() is None:
        pytest.skip("libfaketime is not installed (Debian package libfaketime)")


def until(
    condition: Callable[[], object],
    what: str,
    timeout_s: float = 20.0,
    detail: Callable[[], object] = str,
) -> None:
    """Wait for something that no desk tells."""
    end_s = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end_s, f"not within {timeout_s} s: {what}; {detail()}"
        pause.wait(0.02)


def _clocks() -> list[str]:
    return [path.name for path in Path("/dev/shm").glob("*faketime*")]


@contextmanager
def nothing_left_behind() -> Iterator[Callable[[], list[psutil.Process]]]:
    """Yield a list of the processes started inside; after it none may run, nor leave a clock."""
    mark = uuid.uuid4().hex
    before = set(_clocks())  # of others: in a long run their process ids come again
    around = os.environ.get(_MARK)  # fixtures may overlap
    os.environ[_MARK] = mark
    seen: set[int] = set()

    def ours() -> list[psutil.Process]:
        found = [process for process in psutil.process_iter() if _is_marked(process, mark)]
        seen.update(process.pid for process in found)
        return found

    try:
        yield ours
    finally:
        if os.environ.get(_MARK) == mark:
            os.environ.pop(_MARK)
            if around is not None:
                os.environ[_MARK] = around
        try:
            until(lambda: not ours(), "every process has ended", 5.0, ours)
        finally:
            for process in ours():
                process.kill()
    # Of ours all have ended; a number that lives has come again, for somebody else.
    ended = {pid for pid in seen if not psutil.pid_exists(pid)}
    new = set(_clocks()) - before
    left = [name for name in new if int(re.sub(r"\D", "", name)) in ended]
    assert left == [], "shared memory of libfaketime"


def all_connected(devices: Mapping[str, object]) -> bool:
    """Whether every device of a Status is connected."""
    parts = [part for part in devices.values() if isinstance(part, Mapping)]
    return all(part["Connected"] for part in parts if "Connected" in part)


def _is_marked(process: psutil.Process, mark: str) -> bool:
    try:
        if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.environ().get(_MARK) == mark
    except psutil.Error:
        return False


def command_line(*words: object, **options: object) -> subprocess.Popen[str]:
    """Start ``ctmo-indi`` as a process that ends by itself after some minutes at most."""
    return subprocess.Popen(
        [sys.executable, "-m", "ctmo_indi", *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_as_from_a_terminal,
        **options,  # type: ignore[call-overload]
    )


def _as_from_a_terminal() -> None:
    signal.alarm(_LONGEST_LIFE_S)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may have it ignored


class MissedStep(AssertionError):
    """A step of an attempt was over before the test saw it."""


class RunningFleet:
    """Supervisor, clients and the hands of a second INDI client.

    Parameters
    ----------
    profile
        Name or file.
    after_dusk
        When the sky clock starts; None with speed 1 is now.
    resume
        Whether the scheduler observes from the beginning.
    path_prefix
        Folders put before PATH of indiserver.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        profile: str = "simulators",
        speed: float = SPEED,
        services: tuple[str, ...] = SERVICE_ORDER,
        after_dusk: timedelta = timedelta(minutes=5),
        resume: bool = True,
        path_prefix: tuple[Path, ...] = (),
    ) -> None:
        require_simulators()
        self.data_dir = data_dir
        self.profile = profiles.load(profile)
        config = on_free_ports(replace(Config(), profile=profile, data_dir=data_dir))
        self.supervisor = Supervisor(
            Fleet(
                config,
                self.profile,
                speed=speed,
                start_utc=coming_night(self.profile, NOON).dusk_utc + after_dusk,
                services=services,
                path_prefix=path_prefix,
                get_ready=lambda _notice: None,  # tests/conftest.py has done it
            )
        )
        self.resume = resume
        self._count = itertools.count(1)
        self._desks: dict[str, DeskClient] = {}

    # -- life --------------------------------------------------------------------------------------

    @contextmanager
    def running(self) -> Iterator[RunningFleet]:
        """Run it inside, and leave nothing."""
        with nothing_left_behind() as self.processes, self.supervisor:
            try:
                self.supervisor.start()
                self.wait_for_devices()
                if self.resume:
                    self.supervisor.resume_scheduler()
                yield self
                self.processes()
            finally:
                for desk in self._desks.values():
                    desk.close()
        self._check_order_of_stop()

    def _check_order_of_stop(self) -> None:
        """The scheduler stops first, safety last, whatever was started again meanwhile."""
        stopped = []
        for service in self.supervisor.fleet.services:
            log = (self.data_dir / "logs" / f"{service}.out").read_text()
            lines = [line for line in log.splitlines() if "service_stopped" in line]
            stopped += [line.split()[0] for line in lines[-1:]]  # none when it was held dead
        assert stopped == sorted(stopped, reverse=True), stopped

    def wait_for_devices(self) -> None:
        """Until the link is up, every device is there and safety is content, and it is known.

        What the telescope knew before that is a second old: a verdict of safety's beginning. The
        simulated mount begins unparked, so the telescope first closes what it found half closed.
        """
        since_utc = ""
        for service in ("safety", "telescope"):
            if service in self.supervisor.fleet.services:
                status = self.watch(
                    service,
                    lambda status, since_utc=since_utc: (
                        status["Verdict"].get("Level") == "SAFE"
                        and status["Verdict"]["UTC"] >= since_utc
                        and all_connected(status["Devices"])
                        and status.get("Observatory") not in ("UNKNOWN", "CLOSING")
                    ),
                    "every device is there, it is safe and no closing is under way",
                    40.0,
                )
                since_utc = status["Verdict"]["UTC"]

    @property
    def clock(self) -> Clock:
        return self.supervisor.clock

    def kill(self, service: str) -> int:
        """End a service as a crash would; return the pid it had."""
        pid = self.supervisor.pids()[service]
        os.kill(pid, signal.SIGKILL)
        return pid

    def leave_alone(self) -> None:
        """Have nothing started again from now on, be it dead or hanging."""
        self.supervisor._stopping.set()
        assert self.supervisor._watching_is_over.wait(5.0)

    def hold_dead(self, service: str) -> None:
        """End a service for good; none is started again after this."""
        self.leave_alone()
        self.kill(service)
        until(lambda: not self.answers(service), f"{service} is dead")

    def wait_for_restart(self, service: str, old_pid: int) -> None:
        """Until the supervisor has started it again and its desk answers."""
        until(lambda: self.supervisor.pids()[service] != old_pid, f"a new {service}")
        until(lambda: self.answers(service), f"the new {service} answers")

    def answers(self, service: str) -> bool:
        try:
            self.ask({"WOType": "Status"}, service)
        except ServiceUnreachable:
            return False
        return True

    # -- orders ------------------------------------------------------------------------------------

    def desk(self, service: str) -> DeskClient:
        if service not in self._desks:
            self._desks[service] = self.supervisor.client(service)
        return self._desks[service]

    def ask(self, order: Mapping[str, object], service: str = "scheduler") -> Reply:
        return self.desk(service).front_desk({"User": "ada", **order})

    def fault(self, order: Mapping[str, object], service: str = "scheduler") -> DeskFault:
        """Return the Fault an order is refused with."""
        with pytest.raises(DeskFault) as refused:
            self.ask(order, service)
        return refused.value

    def target(self, hour_angle_h: float = -1.0, dec_deg: float = 30.0) -> dict[str, float]:
        """A place that stands well now."""
        ra_h = (sidereal_time_h(self.profile.site, self.clock.utc()) - hour_angle_h) % 24.0
        return {"RA": round(ra_h * 15.0, 4) % 360.0, "Dec": dec_deg}

    def observation(self, **keys: object) -> Reply:
        """An order for a place that stands well."""
        return {
            "WOType": "Observation",
            "ID": f"fleet-{next(self._count)}",
            "User": "ada",
            "Filter": "V",
            "Exposure Time": 30.0,
            "Number of Exposures": 1,
            **self.target(),
            **keys,
        }

    def observe(self, **keys: object) -> str:
        """Hand an observation in; return its receipt."""
        return str(self.ask(self.observation(**keys))["Receipt"])

    def watch(
        self,
        service: str,
        condition: Callable[[Reply], object],
        what: str,
        timeout_s: float = 20.0,
        **name: object,
    ) -> Reply:
        """Ask for a Status by long poll until it is as wanted; a silent service is asked again.

        Parameters
        ----------
        name
            ``Receipt`` of what is asked about; nothing for the service itself.
        """
        end_s = time.monotonic() + timeout_s
        since: dict[str, object] = {}
        last: object = None
        while time.monotonic() < end_s:
            try:
                last = status = self.ask({"WOType": "Status", **name, **since}, service)
            except ServiceUnreachable as error:
                last, since = error, {}
                threading.Event().wait(0.05)
                continue
            if condition(status):
                return status
            # What the devices do is published from time to time only.
            since = {"Since": status["Revision"], "Wait": 1.0 if name else 0.1}
        raise AssertionError(f"not within {timeout_s} s: {what}; last: {last!s:.1500}")

    def ended(self, receipt: str, timeout_s: float = 40.0, service: str = "scheduler") -> Reply:
        """Wait for the end of an order and return its Status."""
        return self.watch(
            service,
            lambda status: status["Status"] in SETTLED,
            f"the end of {receipt}",
            timeout_s,
            Receipt=receipt,
        )

    def attempt_of(self, receipt: str, timeout_s: float = 20.0) -> str:
        """Wait for an attempt at an order that has not ended; return its name."""

        def is_under_way(status: Reply) -> bool:
            assert status["Status"] not in SETTLED, status
            return any(each["Status"] not in SETTLED for each in status["Attempts"])

        status = self.watch("scheduler", is_under_way, "an attempt", timeout_s, Receipt=receipt)
        return next(
            str(each["Receipt"]) for each in status["Attempts"] if each["Status"] not in SETTLED
        )

    def step(self, receipt: str, word: str, timeout_s: float = 30.0) -> str:
        """Wait until the attempt at an order does something with ``word`` in its name.

        Raises
        ------
        MissedStep
            The attempt ended before we saw it: some steps last a fraction of a second.
        """
        attempt = self.attempt_of(receipt, timeout_s)
        until(lambda: self._is_known(attempt), f"the telescope knows {attempt}")

        def is_there(status: Reply) -> bool:
            if status["Status"] in SETTLED:
                raise MissedStep(f"{word} was not seen: {status}")
            return word in str(status["Step"])

        self.watch("telescope", is_there, f"step {word}", timeout_s, Receipt=attempt)
        return attempt

    def exposing(self, receipt: str) -> str:
        """Wait until the camera exposes for an order; return the attempt."""
        attempt = self.step(receipt, "exposure 1 of")
        self.watch(
            "telescope", lambda status: status["Devices"]["Camera"]["Exposing"], "an exposure"
        )
        return attempt

    def _is_known(self, attempt: str) -> bool:
        try:
            self.ask({"WOType": "Status", "Receipt": attempt}, "telescope")
        except DeskFault:
            return False
        return True

    def events(self, service: str, kind: str) -> list[Reply]:
        """Everything of that kind a service has published since its start."""
        page = self.ask({"WOType": "Events", "Cursor": 0, "Kinds": [kind], "Limit": 500}, service)
        return list(page["Events"])  # type: ignore[call-overload]

    def let_sky_pass(self, seconds: float) -> None:
        """Wait until the sky clock is that much later."""
        end_s = self.clock.elapsed_s() + seconds
        until(lambda: self.clock.elapsed_s() >= end_s, f"{seconds} sky seconds")

    # -- another INDI client -----------------------------------------------------------------------

    def indi_get(self, *names: str) -> dict[str, str]:
        """Run indi_getprop; return "device.property.element" -> text."""
        lines = self._indi("indi_getprop", *names).splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def indi_value(self, name: str) -> str:
        return self.indi_get(name)[name]

    def indi_set(self, assignment: str) -> None:
        """Run indi_setprop with ``device.property.e1;e2=v1;v2``."""
        self._indi("indi_setprop", assignment)

    def _indi(self, program: str, *words: str) -> str:
        assert self.supervisor.indiserver is not None
        port = str(self.supervisor.indiserver.endpoint.port)
        return subprocess.run(
            [program, "-p", port, "-t", "2", *words],
            capture_output=True,
            text=True,
            timeout=10.0,
            check=False,
        ).stdout

    def mount_position(self) -> tuple[float, float]:
        """RA in hours and Dec in degrees, of date, as another client reads them."""
        found = self.indi_get(
            f"{MOUNT}.EQUATORIAL_EOD_COORD.RA", f"{MOUNT}.EQUATORIAL_EOD_COORD.DEC"
        )
        return tuple(float(found[f"{MOUNT}.EQUATORIAL_EOD_COORD.{axis}"]) for axis in ("RA", "DEC"))
