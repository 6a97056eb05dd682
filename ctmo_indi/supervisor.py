"""Run all services of one machine as supervised children: the embedded default.

``up`` and ``demo`` use it. In production each service is a systemd or launchd unit instead, and the
service manager does what this module does. It starts indiserver when the profile says so, hands the
clock and a configuration with the real addresses to every child, waits until each desk answers,
starts a child that died again with a growing pause, and leaves nothing behind.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import yaml

from ctmo_indi import ctrl_c_again
from ctmo_indi.child_output import keep_short, last_line
from ctmo_indi.clock import Clock, ClockAnchor, Deadline, SystemClock
from ctmo_indi.config import Config
from ctmo_indi.desk_client import start_observing
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.desk_client.credentials import open_desk
from ctmo_indi.devices.observatory import driver_executables
from ctmo_indi.durable_file import replacing
from ctmo_indi.errors import (
    CommandCanceled,
    ConfigError,
    CtmoError,
    ServiceUnreachable,
)
from ctmo_indi.fleet_ports import check_ports
from ctmo_indi.indi.indiserver import IndiServer
from ctmo_indi.planner_ready import make_planner_ready
from ctmo_indi.profiles import Profile
from ctmo_indi.service_addresses import Address, IndiAddress
from ctmo_indi.supervised_child import (
    CLOSERS,
    RESTART_PAUSE_S,
    WATCH_PERIOD_S,
    SupervisedChild,
    start_child,
    stop_timeout_s,
)

_log = logging.getLogger(__name__)

OUTPUT_PERIOD_S = 10.0

# Start order: safety first, so that nothing can be open before there is a verdict.
SERVICE_ORDER = ("safety", "telescope", "preprocessor", "scheduler")
# Run after them where the site has it; without a front desk, so nothing waits for it.
TANGO = "tango"
START_TIMEOUT_S = 30.0


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
        self._children: dict[str, SupervisedChild] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._watching_is_over = threading.Event()
        self._all_stopped = threading.Event()
        self._cut_short = threading.Event()
        self._watcher: threading.Thread | None = None
        self._outputs_looked_at = Deadline(SystemClock(), 0.0)
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

    def _tell(self, text: str) -> None:
        """Tell people; a terminal that is gone or a full disk keeps nobody from work."""
        try:
            self.fleet.notice(text)
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            _log.warning("notice_not_told text=%r error=%s", text, error)

    def _tell_of_the_stop(self) -> None:
        seconds = sum(stop_timeout_s(name, self.fleet.speed) for name in CLOSERS)
        self._tell(ctrl_c_again.what_goes_on(seconds / 60.0))

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
        check_ports(self.config, self.fleet.services)
        if self.fleet.is_simulated_time and "scheduler" in self.fleet.services:
            self.fleet.get_ready(self._tell)
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
            self._tell(f"starting {name}")
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
            try:
                self._stop_child(child)
            except Exception:  # noqa: BLE001 - the others must close all the same
                _log.exception("service_not_stopped service=%s", name)
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
        with self.client("scheduler", timeout_s=start_observing.TIMEOUT_S) as desk:
            start_observing.start_observing(desk, give_up or threading.Event())

    def _children_in_order(self) -> tuple[str, ...]:
        more = (TANGO,) if self.config.tango.is_enabled else ()
        return (*self.fleet.services, *more)

    def _address(self, service: str) -> Address:
        address: Address = getattr(self.config, service)
        return address

    def _start_indiserver(self) -> None:
        settings = self.fleet.profile.indiserver
        if self.fleet.is_simulated_time:
            start_utc = self.fleet.start_utc or SystemClock().utc()
            machine_s = SystemClock().machine_s()
            self.clock = SystemClock(
                ClockAnchor(machine_s, start_utc.timestamp(), self.fleet.speed)
            )
        self._tell("starting indiserver and its simulators")
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
        # Whole or not at all: who reads an empty one speaks to the services of the default ports.
        with replacing(self._config_path) as file:
            os.fchmod(file.fileno(), 0o600)  # addresses of Notify may hold passwords
            file.write(yaml.safe_dump(self.config.as_file(), sort_keys=False).encode())

    def _log_path(self, name: str) -> Path:
        return self.fleet.config.data_dir / "logs" / f"{name}.out"

    def _spawn(self, name: str, failures: int) -> None:
        child = start_child(name, self._config_path, self._log_path(name), self.clock, failures)
        with self._lock:
            before = self._children.get(name)
            self._children[name] = child
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
                            f"{last_line(self._log_path(name)) or error}"
                        ) from error
                    self._stopping.wait(0.05)
                except CtmoError:
                    return  # it answers, be it with a fault
                else:
                    return

    def _watch(self) -> None:
        try:
            while not self._stopping.wait(WATCH_PERIOD_S):
                try:
                    self._watch_children()
                    self._keep_outputs_short()
                except Exception:  # noqa: BLE001 - outermost loop: nobody else watches the services
                    _log.exception("services_not_watched")
                    self._stopping.wait(RESTART_PAUSE_S[-1])
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
                silent_s = child.end_if_hanging(clock.machine_s())
                if silent_s is not None:
                    self._tell(f"{child.name} hangs for {silent_s:.0f} s and is ended")
                continue
            if code == 0 and child.name == "scheduler":
                continue  # the scheduler alone has an exit command; then it stays away
            if child.next_start_machine_s == 0.0:
                self._plan_restart(child)
            elif clock.machine_s() >= child.next_start_machine_s:
                try:
                    self._spawn(child.name, child.failures)
                except OSError as error:  # no process, no memory, no disk: tried again
                    _log.error("service_not_started service=%s error=%s", child.name, error)
                    child.next_start_machine_s = clock.machine_s() + RESTART_PAUSE_S[-1]

    def _keep_outputs_short(self) -> None:
        if self._outputs_looked_at.expired:
            self._outputs_looked_at = Deadline(SystemClock(), OUTPUT_PERIOD_S)
            for name in self._children_in_order():
                keep_short(self._log_path(name))

    def _plan_restart(self, child: SupervisedChild) -> None:
        pause_s = child.plan_restart(SystemClock().machine_s())
        self.restarts[child.name] = self.restarts.get(child.name, 0) + 1
        self._tell(
            f"{child.name} ended with {child.process.returncode}; started again in {pause_s:g} s"
        )

    def _leave_closed(self, safety: SupervisedChild) -> None:
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
                        self._tell("closing the observatory")
                        desk.front_desk(order)
                        is_asked = True
                    self._all_stopped.wait(0.2)
        except Exception as error:  # noqa: BLE001 - the rest of the stop must go on
            _log.exception("not_closed_at_stop")
            self._tell(f"safety could not close the observatory: {error}")
        else:
            _log.error("not_closed_at_stop reason=deadline")
            self._tell("the observatory is not closed")

    def _stop_child(self, child: SupervisedChild) -> None:
        if child.process.poll() is not None:
            return
        self._tell(f"stopping {child.name}")
        child.stop(stop_timeout_s(child.name, self.fleet.speed), self._cut_short)
