"""Run all services of one machine as supervised children: the embedded default.

``up`` and ``demo`` use it. In production each service is a systemd or launchd unit instead, and the
service manager does what this module does. It starts indiserver when the profile says so, hands the
clock and a configuration with the real addresses to every child, waits until each desk answers,
starts a child that died again with a growing pause, and leaves nothing behind.
"""

from __future__ import annotations

import itertools
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import yaml

from ctmo_indi import ctrl_c_again, logs, units
from ctmo_indi.child_beats import ChildBeats
from ctmo_indi.clock import ENVIRONMENT_VARIABLE, Clock, ClockAnchor, Deadline, SystemClock
from ctmo_indi.config import Config
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.desk_client.credentials import open_desk
from ctmo_indi.devices.observatory import driver_executables
from ctmo_indi.errors import (
    CommandCanceled,
    ConfigError,
    CtmoError,
    ServiceUnreachable,
    WrongState,
)
from ctmo_indi.indi.indiserver import IndiServer
from ctmo_indi.logging_settings import LoggingSettings
from ctmo_indi.planner_ready import make_planner_ready
from ctmo_indi.profiles import Profile
from ctmo_indi.service_addresses import Address, IndiAddress
from ctmo_indi.simulator.gsc import prepare_gsc
from ctmo_indi.work_orders.lifecycle import SETTLED_ATTEMPTS

_log = logging.getLogger(__name__)

# Start order: safety first, so that nothing can be open before there is a verdict.
SERVICE_ORDER = ("safety", "telescope", "preprocessor", "scheduler")
# Run after them where the site has it; without a front desk, so nothing waits for it.
TANGO = "tango"
START_TIMEOUT_S = 30.0
WATCH_PERIOD_S = 0.05
RESTART_PAUSE_S = (0.2, 0.5, 1.0, 2.0, 5.0)
# A child that lived this long starts again at the first pause.
HEALTHY_AFTER_S = 60.0
STOP_TIMEOUT_S = 60.0
# Sky seconds more for those that may be closing the observatory: killed half-way, they would leave
# it open with nobody to watch over it. Together longer than a service gives itself.
CLOSING_TIMEOUT_S = 640.0
_CLOSERS = ("telescope", "safety")
# From the signal that makes a hanging child write where it hangs to the one that ends it.
LAST_WORDS_S = 2.0
RESUME_TIMEOUT_S = 60.0
# Of one command: the first start on a machine compiles the planner.
COMMAND_TIMEOUT_S = 600.0
# Between two tries: a refusal may be one of a scheduler that is on its way by itself.
_RESUME_PAUSES_S = (0.1, 0.2, 0.5, 1.0, 2.0)
# As systemd is told for the units: a service that hangs longer is ended and started again.
_WATCHDOG_S = {unit.name: float(unit.watchdog_s) for unit in units.SERVICES}
_OTHERS_WATCHDOG_S = 60.0
# As the units have it; glibc's, others do not know the name.
_FEW_HEAPS = {"MALLOC_ARENA_MAX": "2"}
# Summary state -> the command that leads on toward observing.
_NEXT_COMMAND = {"STANDBY": "start", "DISABLED": "enable", "ENABLED": "resume"}


@dataclass
class _Child:
    """One service process and how often it was started."""

    name: str
    process: subprocess.Popen[bytes]
    beats: ChildBeats
    started_machine_s: float
    failures: int = 0
    next_start_machine_s: float = 0.0
    last_words_machine_s: float | None = None


@dataclass(frozen=True, slots=True)
class Fleet:
    """What to run.

    Parameters
    ----------
    speed
        Sky seconds per machine second; other than 1 needs libfaketime.
    start_utc
        Sky time at which the fast clock begins; None is now.
    path_prefix
        Folders put before PATH of indiserver (the ``gsc`` star catalogue).
    services
        Names of :data:`SERVICE_ORDER` to run.
    get_ready
        Called before a fast clock begins, with what tells people: has the planner compiled.
    """

    config: Config
    profile: Profile
    speed: float = 1.0
    start_utc: datetime | None = None
    path_prefix: Sequence[Path] = ()
    services: tuple[str, ...] = SERVICE_ORDER
    notice: Callable[[str], None] = field(default=lambda _text: None)
    get_ready: Callable[[Callable[[str], None]], None] = make_planner_ready

    @property
    def is_simulated_time(self) -> bool:
        """True when sky time is not the machine's time."""
        return self.speed != 1.0 or self.start_utc is not None


class Supervisor:
    """Starts the fleet, keeps it running, stops it.

    Use as a context manager: whatever happens inside, :meth:`stop` runs to its end, also when
    Ctrl-C is pressed once more (``ctrl_c_again``); what hangs is killed after
    :func:`stop_timeout_s` each.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.config = fleet.config
        self.clock: Clock = SystemClock()
        self.indiserver: IndiServer | None = None
        self.restarts: dict[str, int] = {}
        self._children: dict[str, _Child] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._watching_is_over = threading.Event()
        self._all_stopped = threading.Event()
        self._cut_short = threading.Event()
        self._watcher: threading.Thread | None = None
        self._config_path = fleet.config.data_dir / "run" / "ctmo.conf.yaml"

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_: object) -> None:
        with ctrl_c_again.heard(self._tell_of_the_stop, self._cut_short.set):
            self.stop()
        if self._cut_short.is_set():
            raise CommandCanceled(
                f"{ctrl_c_again.LEFT_OPEN} Nothing started here watches over it any longer; "
                '"ctmo-indi close" closes it where its INDI server runs, or "ctmo-indi up".'
            )

    def _tell_of_the_stop(self) -> None:
        seconds = sum(stop_timeout_s(name, self.fleet.speed) for name in _CLOSERS)
        self.fleet.notice(ctrl_c_again.what_goes_on(seconds / 60.0))

    @property
    def config_path(self) -> Path:
        """The configuration written for the children; clients of this fleet use it too."""
        return self._config_path

    def pids(self) -> dict[str, int]:
        """Process ids by service name, for tests and ``--json``."""
        with self._lock:
            return {name: child.process.pid for name, child in self._children.items()}

    def start(self) -> None:
        """Start indiserver and every service; returns when each desk answers.

        Raises
        ------
        ConfigError
            A port is taken, or the fast clock was asked for and libfaketime is missing.
        ServiceUnreachable
            A service did not answer in time; its log is named.
        """
        self._check_ports()
        if self.fleet.is_simulated_time and "scheduler" in self.fleet.services:
            self.fleet.get_ready(self.fleet.notice)
        (self.fleet.config.data_dir / "run").mkdir(parents=True, exist_ok=True)
        (self.fleet.config.data_dir / "logs").mkdir(parents=True, exist_ok=True)
        if self.fleet.profile.indiserver.start:
            self._start_indiserver()
        elif self.fleet.is_simulated_time:
            raise ConfigError(
                f"profile {self.fleet.profile.name}: a fast clock needs simulators started here; "
                "indiserver: {start: true} expected"
            )
        self._write_config()
        for name in self._children_in_order():
            self.fleet.notice(f"starting {name}")
            self._spawn(name, failures=0)
        for name in self.fleet.services:
            self._wait_until_it_answers(name)
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Stop every child in reverse order, then indiserver; kill what does not end in time."""
        self._stopping.set()
        if self._watcher is not None:
            self._watching_is_over.wait(10.0)
        for name in reversed(self._children_in_order()):
            with self._lock:
                child = self._children.pop(name, None)
            if child is None:
                continue
            if name == "safety":
                self._leave_closed(child)
            self._stop_child(child)
            child.beats.close()
        self._all_stopped.set()
        if self._watcher is not None:
            self._watcher.join(10.0)
        if self.indiserver is not None:
            self.indiserver.stop(timeout_s=10.0)
            self.indiserver = None

    def client(self, service: str, *, timeout_s: float = 10.0) -> DeskClient:
        """Return a client of a service's desk."""
        return open_desk(self.config, service, timeout_s=timeout_s)

    def resume_scheduler(self, give_up: threading.Event | None = None) -> None:
        """Bring the scheduler to observing, from whatever state; it remembers that over restarts.

        Parameters
        ----------
        give_up
            Set by another thread to return soon, whatever the scheduler does.

        Raises
        ------
        CtmoError
            It goes on refusing for 60 s, or a command takes longer than ten minutes.
        """
        give_up = give_up or threading.Event()
        deadline = Deadline(SystemClock(), RESUME_TIMEOUT_S)
        pauses_s = itertools.chain(_RESUME_PAUSES_S, itertools.repeat(_RESUME_PAUSES_S[-1]))
        with self.client("scheduler", timeout_s=RESUME_TIMEOUT_S) as desk:
            while not give_up.is_set():
                status = desk.front_desk({"WOType": "Status", "User": "up"})
                if status.get("Running"):
                    return
                try:
                    _lead_on(desk, str(status["Status"]), give_up)
                    deadline = Deadline(SystemClock(), RESUME_TIMEOUT_S)
                except CtmoError:  # it may be on its way by itself, as before a restart
                    if deadline.expired:
                        raise
                    give_up.wait(next(pauses_s))

    def _children_in_order(self) -> tuple[str, ...]:
        more = (TANGO,) if self.config.tango.is_enabled else ()
        return (*self.fleet.services, *more)

    def _address(self, service: str) -> Address:
        address: Address = getattr(self.config, service)
        return address

    def _check_ports(self) -> None:
        names = [*self.fleet.services, *(["dome"] if "telescope" in self.fleet.services else [])]
        problems = []
        places = {f"{name.title()} Address": self._address(name) for name in names}
        if self.config.tango.is_enabled:
            places["Tango"] = Address("", self.config.tango.host, self.config.tango.port)
            if find_spec("tango") is None:
                problems.append('Tango: pytango is not there: pip install "ctmo-indi[tango]"')
        for key, address in places.items():
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((address.ip or "127.0.0.1", address.port))
                except OSError as error:
                    problems.append(
                        f"{key}: port {address.port} on {address.ip} cannot be used "
                        f"({error.strerror}); is the service running already?"
                    )
        if problems:
            raise ConfigError(problems)

    def _start_indiserver(self) -> None:
        settings = self.fleet.profile.indiserver
        if self.fleet.is_simulated_time:
            start_utc = self.fleet.start_utc or SystemClock().utc()
            machine_s = SystemClock().machine_s()
            self.clock = SystemClock(
                ClockAnchor(machine_s, start_utc.timestamp(), self.fleet.speed)
            )
        self.fleet.notice("starting indiserver and its simulators")
        server = IndiServer(
            driver_executables(self.fleet.profile),
            clock=self.clock,
            workdir=self.fleet.config.data_dir / "run",
            fake_time=self.fleet.is_simulated_time,
            restarts=settings.restarts,
            path_prefix=self.fleet.path_prefix,
        )
        self.indiserver = server
        server.start()
        if self.fleet.is_simulated_time:
            self.clock = server.calibrate()
        server.supervise()
        endpoint = server.endpoint
        self.config = replace(
            self.config,
            indi=IndiAddress(
                endpoint.host, endpoint.port, str(endpoint.socket) if endpoint.socket else None
            ),
        )

    def _write_config(self) -> None:
        # Addresses of Notify may hold passwords.
        self._config_path.touch(mode=0o600)
        self._config_path.chmod(0o600)
        self._config_path.write_text(yaml.safe_dump(self.config.as_file(), sort_keys=False))

    def _environment(self) -> Mapping[str, str]:
        environment = {**_FEW_HEAPS, **os.environ}
        environment.pop(ENVIRONMENT_VARIABLE, None)
        if isinstance(self.clock, SystemClock) and self.clock.anchor is not None:
            environment[ENVIRONMENT_VARIABLE] = self.clock.anchor.encode()
        return environment

    def _log_path(self, name: str) -> Path:
        return self.fleet.config.data_dir / "logs" / f"{name}.out"

    def _spawn(self, name: str, failures: int) -> None:
        command = [
            sys.executable, "-m", "ctmo_indi", "serve", name,
            "--config", str(self._config_path), "--parent-pid", str(os.getpid()),
        ]  # fmt: skip
        beats = ChildBeats(SystemClock(), _WATCHDOG_S.get(name, _OTHERS_WATCHDOG_S))
        with self._log_path(name).open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**self._environment(), **beats.environment},
                start_new_session=True,  # Ctrl-C reaches us alone; we stop the children in order
            )
        with self._lock:
            before = self._children.get(name)
            self._children[name] = _Child(
                name, process, beats, started_machine_s=SystemClock().machine_s(), failures=failures
            )
        if before is not None:
            before.beats.close()

    def _wait_until_it_answers(self, name: str) -> None:
        deadline = Deadline(SystemClock(), START_TIMEOUT_S)
        with self.client(name, timeout_s=2.0) as client:
            while True:
                try:
                    client.front_desk({"WOType": "Status", "User": "supervisor"})
                except ServiceUnreachable as error:
                    code = self._children[name].process.poll()
                    if code is not None or deadline.expired or self._stopping.is_set():
                        what = f"ended with {code}" if code is not None else "does not answer"
                        raise ServiceUnreachable(
                            f"{name} {what} at {self._address(name).http}: "
                            f"{_last_line(self._log_path(name)) or error}"
                        ) from error
                    self._stopping.wait(0.05)
                except CtmoError:
                    return  # it answers, be it with a fault
                else:
                    return

    def _watch(self) -> None:
        try:
            while not self._stopping.wait(WATCH_PERIOD_S):
                self._watch_children()
        finally:
            self._watching_is_over.set()
            # Linux sends the parent-death signal when the thread ends that started the child: those
            # that this one started again would all stop at once, not in order.
            self._all_stopped.wait()

    def _watch_children(self) -> None:
        clock = SystemClock()
        with self._lock:
            children = list(self._children.values())
        for child in children:
            code = child.process.poll()
            if code is None:
                self._end_if_hanging(child, clock.machine_s())
                continue
            if code == 0 and child.name == "scheduler":
                continue  # the scheduler alone has an exit command; then it stays away
            if child.next_start_machine_s == 0.0:
                self._plan_restart(child, clock.machine_s())
            elif clock.machine_s() >= child.next_start_machine_s:
                try:
                    self._spawn(child.name, child.failures)
                except OSError as error:  # no process, no memory, no disk: tried again
                    _log.error("service_not_started service=%s error=%s", child.name, error)
                    child.next_start_machine_s = clock.machine_s() + RESTART_PAUSE_S[-1]

    def _end_if_hanging(self, child: _Child, now_machine_s: float) -> None:
        """End a child that lives but does not beat: first a signal that shows where it hangs."""
        silent_s = child.beats.silent_s()
        if silent_s is None:
            return
        if child.last_words_machine_s is None:
            child.last_words_machine_s = now_machine_s
            _log.error("service_hangs service=%s silent_s=%.1f", child.name, silent_s)
            self.fleet.notice(f"{child.name} hangs for {silent_s:.0f} s and is ended")
            child.process.send_signal(signal.SIGABRT)
        elif now_machine_s - child.last_words_machine_s > LAST_WORDS_S:
            child.process.kill()

    def _plan_restart(self, child: _Child, now_machine_s: float) -> None:
        lived_s = now_machine_s - child.started_machine_s
        child.failures = 1 if lived_s > HEALTHY_AFTER_S else child.failures + 1
        pause_s = RESTART_PAUSE_S[min(child.failures, len(RESTART_PAUSE_S)) - 1]
        child.next_start_machine_s = now_machine_s + pause_s
        self.restarts[child.name] = self.restarts.get(child.name, 0) + 1
        _log.error(
            "service_died service=%s exit=%s lived_s=%.1f restart_in_s=%g",
            child.name, child.process.returncode, lived_s, pause_s,
        )  # fmt: skip
        self.fleet.notice(
            f"{child.name} ended with {child.process.returncode}; started again in {pause_s:g} s"
        )

    def _leave_closed(self, safety: _Child) -> None:
        """Have safety close what the telescope, perhaps dead, left open; locks are heeded."""
        if safety.process.poll() is not None:
            return
        deadline = Deadline(SystemClock(), stop_timeout_s("safety", self.fleet.speed))
        order = {"WOType": "Control", "User": "supervisor", "Command": "close", "Reason": "stop"}
        is_asked = False
        try:
            with self.client("safety", timeout_s=5.0) as desk:
                while not deadline.expired and not self._cut_short.is_set():
                    status = desk.status(User="supervisor")
                    lock = status["Verdict"]["Lock"] or status["Verdict"]["Latch"]
                    link_down = "no link" in str(status["Message"])
                    # As the devices say now: the status is of safety's last cycle, a second ago.
                    if status["Devices"]["State"] == "CLOSED" or lock or link_down:
                        return
                    if not is_asked:
                        self.fleet.notice("closing the observatory")
                        desk.front_desk(order)
                        is_asked = True
                    self._all_stopped.wait(0.2)
        except CtmoError as error:
            _log.error("not_closed_at_stop error=%s", error)
            self.fleet.notice(f"safety could not close the observatory: {error}")
        else:
            _log.error("not_closed_at_stop reason=deadline")
            self.fleet.notice("the observatory is not closed")

    def _stop_child(self, child: _Child) -> None:
        if child.process.poll() is not None:
            return
        self.fleet.notice(f"stopping {child.name}")
        child.process.send_signal(signal.SIGTERM)
        timeout_s = stop_timeout_s(child.name, self.fleet.speed)
        deadline = Deadline(SystemClock(), timeout_s)
        while child.process.poll() is None and not deadline.expired:
            if self._cut_short.wait(WATCH_PERIOD_S):
                break
        if child.process.poll() is None:
            cut_short = self._cut_short.is_set()
            _log.error(
                "service_killed service=%s timeout_s=%g cut_short=%s",
                child.name, timeout_s, cut_short,
            )  # fmt: skip
            child.process.kill()
            child.process.wait(timeout=10.0)


def _lead_on(desk: DeskClient, state: str, give_up: threading.Event) -> None:
    """Give the scheduler the next command towards observing, and wait for its end."""
    command = _NEXT_COMMAND.get(state)
    if command is None:
        raise WrongState(f"the scheduler is {state}")
    order = {"WOType": "Scheduler", "User": "up", "Command": command}
    receipt = str(desk.front_desk(order)["Receipt"])
    ended = desk.wait_for(receipt, COMMAND_TIMEOUT_S, until=SETTLED_ATTEMPTS, give_up=give_up)
    if ended["Status"] != "COMPLETED":
        raise WrongState(f"{command}: {ended.get('Message', ended['Status'])}")


def stop_timeout_s(service: str, speed: float) -> float:
    """Machine seconds a service may take to end before it is killed."""
    return STOP_TIMEOUT_S + (CLOSING_TIMEOUT_S / speed if service in _CLOSERS else 0.0)


def quiet_log(name: str, data_dir: Path) -> None:
    """Log this process to ``data_dir/logs/NAME.log`` alone: the terminal belongs to the people."""
    folder = data_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    nowhere = Path(os.devnull).open("w")
    logs.set_up(name, LoggingSettings(folder / f"{name}.log"), SystemClock(), stream=nowhere)


def star_catalogue(folder: Path, notice: Callable[[str], None]) -> Path | None:
    """Prepare the ``gsc`` program for simulated stars; None, with a notice, without a catalogue."""
    try:
        return prepare_gsc(folder.resolve())
    except ConfigError as error:
        notice(str(error))
        return None


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return f"{lines[-1]} (log: {path})" if lines else ""
