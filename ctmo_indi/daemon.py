"""Wire one service and run it until it is told to stop. No behaviour of its own.

Order of a start: configuration, log, profile, service, front desk, READY, then what is heavy. Order
of a stop: the front desk closes its doors, the service stops in order; after :data:`STOP_TIMEOUT_S`
the process ends all the same, since an unattended machine must not hang on the way down. A human at
the terminal can end it earlier, see ``ctrl_c_again``.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ctmo_indi import config as config_file
from ctmo_indi import ctrl_c_again, garbage, logs, notify, profiles
from ctmo_indi.clock import Clock, SystemClock
from ctmo_indi.errors import ConfigError
from ctmo_indi.liveness import Liveness

if TYPE_CHECKING:
    from ctmo_indi.config import Config
    from ctmo_indi.front_desk.pages import PublicRoute, Route
    from ctmo_indi.profiles import Profile
    from ctmo_indi.service_addresses import Address
    from ctmo_indi.service_health import Health
    from ctmo_indi.work_orders.desk import Desk

_log = logging.getLogger(__name__)

# Long, since the telescope closes the observatory: a mount may take minutes to park.
# Longer than the worst closing (parking, three tries of the shutter, parking the dome): 630 s.
STOP_TIMEOUT_S = 660.0
FRONT_DESK_STOP_S = 20.0
# For threads that outlast the stop, such as one in a call to a file system that hangs.
EXIT_S = 30.0
EXIT_DEAD = 5
_PR_SET_PDEATHSIG = 1  # prctl(2), Linux
_FOR_OTHERS = 0o007


class Service(Protocol):
    """What every service class offers."""

    @property
    def desks(self) -> Sequence[tuple[Desk, Address]]:
        """The desks it serves and where they listen."""
        ...

    def start(self) -> None:
        """Begin; returns when orders can be taken."""
        ...

    def on_ready(self) -> None:
        """Begin what would have kept the desk from answering: heavy imports; returns at once."""
        ...

    def health(self) -> Health:
        """Whether its own loops come round; any thread, does not block."""
        ...

    def stop(self, timeout_s: float) -> None:
        """End in order within ``timeout_s`` machine seconds."""
        ...


# Service name -> module and class. Imported only in the process that runs it, so that each process
# carries what it needs and no more.
SERVICES = {
    "scheduler": ("ctmo_indi.scheduler.service", "SchedulerService"),
    "telescope": ("ctmo_indi.telescope.service", "TelescopeService"),
    "safety": ("ctmo_indi.safety.service", "SafetyService"),
    "preprocessor": ("ctmo_indi.preprocessor.service", "PreprocessorService"),
}
# Service name -> module and function: what its port serves besides orders.
PAGES = {"scheduler": ("ctmo_indi.web.routes", "routes_for")}
ALIASES = {"dome": "telescope"}
# No service: a client of the others that speaks Tango, with no front desk of its own.
OUTSIDER = "tango"
# Those whose stop may be a closing of the observatory.
CLOSERS = ("telescope", "safety")


def build(
    name: str, config: Config, profile: Profile, clock: Clock, on_offline: Callable[[], None]
) -> Service:
    """Import and construct the service called ``name``.

    Parameters
    ----------
    on_offline
        Called when the scheduler took the ``exit`` command; no other service has such a command.
    """
    known = ALIASES.get(name, name)
    if known not in SERVICES:
        raise ConfigError(f"service {name!r}: no such service, expected {', '.join(SERVICES)}")
    module, attribute = SERVICES[known]
    factory: Callable[..., Service] = getattr(importlib.import_module(module), attribute)
    more = {"on_offline": on_offline} if known == "scheduler" else {}
    return factory(config, profile, clock, **more)


def pages_of(
    service: str,
    config: Config,
    profile: Profile,
    clock: Clock,
    opened: contextlib.ExitStack,
) -> Sequence[Route | PublicRoute]:
    """Import and construct what the port of ``service`` serves besides orders and metrics.

    What is to be closed after the port is put into ``opened``.
    """
    if service not in PAGES:
        return ()
    module, attribute = PAGES[service]
    factory: Callable[..., Sequence[Route | PublicRoute]]
    factory = getattr(importlib.import_module(module), attribute)
    return factory(config, profile, clock, opened)


def die_with_parent(parent_pid: int) -> None:
    """Ask Linux to end this process when its parent dies; a no-op elsewhere.

    Raises
    ------
    SystemExit
        The parent was gone before the request.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent_pid:
        raise SystemExit(f"the parent process {parent_pid} is gone")


def load(
    config_path: Path | None, profile: str | None, data_dir: Path | None
) -> tuple[Config, Profile]:
    """Read the configuration and its profile; the given profile and data folder win.

    Raises
    ------
    ConfigError
        Names file, line, key, what came and what was expected.
    """
    config = config_file.load(config_path)
    config = replace(
        config, profile=profile or config.profile, data_dir=data_dir or config.data_dir
    )
    return config, profiles.load(config.profile)


def serve(
    name: str,
    *,
    config_path: Path | None = None,
    profile_name: str | None = None,
    data_dir: Path | None = None,
    parent_pid: int | None = None,
) -> None:
    """Run one service in this process until one of ``ctrl_c_again.stop_signals``.

    Parameters
    ----------
    parent_pid
        When given, end with that parent: for the children of ``ctmo-indi up``.
    """
    # SIGABRT is what a watchdog sends to one that hangs: every thread's stack goes to stderr.
    faulthandler.enable()
    # Nothing that we write is for others; whether for the group is for who starts us to say.
    os.umask(os.umask(_FOR_OTHERS) | _FOR_OTHERS)
    if parent_pid is not None:
        die_with_parent(parent_pid)
    stop = threading.Event()
    for number in ctrl_c_again.stop_signals():
        signal.signal(number, lambda *_: stop.set())

    config, profile = load(config_path, profile_name, data_dir)
    clock = SystemClock.from_environment()
    logs.set_up(name, config.logging, clock, in_background=True)
    if name == OUTSIDER:
        _serve_tango(config, profile, clock, stop)
        return
    service = build(name, config, profile, clock, on_offline=stop.set)
    # aiohttp: once the arguments are good
    from ctmo_indi.front_desk.opening import open_front_desk
    from ctmo_indi.front_desk.pages import RouteTable
    from ctmo_indi.metrics.counted_desk import CountedDesk
    from ctmo_indi.metrics.page import MetricsPage

    desks = [(CountedDesk(desk), address) for desk, address in service.desks]
    counted = [desk for desk, _ in desks]
    metrics = MetricsPage(ALIASES.get(name, name), counted, profile, service.health, clock)
    routes: dict[str, list[Route | PublicRoute]]
    routes = {desk.service: [metrics.route()] for desk in counted}
    opened = contextlib.ExitStack()
    for port, rows in routes.items():
        rows += pages_of(port, config, profile, clock, opened)
    pages = {port: RouteTable(rows) for port, rows in routes.items()}
    front_desk = open_front_desk(desks, config, pages=pages)
    metrics.gate = front_desk.gate
    service.start()
    try:
        front_desk.start()
        notifier = notify.Notifier()
        notifier.ready(f"{name} takes orders")
        _log.info("service_ready service=%s profile=%s pid=%d", name, profile.name, os.getpid())
        service.on_ready()
        liveness = Liveness(service.health, notifier, SystemClock())
        collector = garbage.Collector(SystemClock())
        while not stop.wait(liveness.period_s):
            collector.look()
            if not liveness.look():
                logs.flush()
                os._exit(EXIT_DEAD)  # its threads do not end; the supervisor starts it again
        notifier.stopping()
    finally:
        rest_s = STOP_TIMEOUT_S - FRONT_DESK_STOP_S
        steps = (
            (front_desk.stop, FRONT_DESK_STOP_S),
            (lambda _timeout_s: opened.close(), 0.0),
            (service.stop, rest_s),
        )
        if ALIASES.get(name, name) in CLOSERS:
            told = ctrl_c_again.what_goes_on(STOP_TIMEOUT_S / 60.0)
            with ctrl_c_again.heard(lambda: _tell(told), _end_now):
                _stop(name, *steps)
        else:
            _stop(name, *steps)


def _serve_tango(config: Config, profile: Profile, clock: Clock, stop: threading.Event) -> None:
    """Run the Tango device server; ConfigError where pytango is not installed."""
    try:
        server = importlib.import_module("ctmo_indi.tango.server")
    except ModuleNotFoundError as error:
        if error.name != "tango":
            raise
        raise ConfigError('serve tango needs pytango: pip install "ctmo-indi[tango]"') from None
    server.run(config, profile, clock, stop)


def _stop(name: str, *steps: tuple[Callable[[float], None], float]) -> None:
    """Run the stop steps, ending the process by force when they take too long."""
    guard = threading.Timer(STOP_TIMEOUT_S + 10.0, _give_up, args=(name,))
    guard.daemon = True
    guard.start()
    failures = []
    for step, timeout_s in steps:
        try:
            step(timeout_s)
        except Exception as error:  # noqa: BLE001 - a desk that hangs must not keep us from closing
            _log.exception("stop_step_failed service=%s", name)
            failures.append(error)
    guard.cancel()
    _log.info("service_stopped service=%s failures=%d", name, len(failures))
    code = EXIT_DEAD if failures else 0
    last = threading.Timer(EXIT_S, _end_without, args=(name, code))
    last.daemon = True
    last.start()
    if failures:
        raise failures[0]


def _give_up(name: str) -> None:
    _log.critical("stop_timed_out service=%s timeout_s=%g", name, STOP_TIMEOUT_S)
    logs.flush()
    os._exit(EXIT_DEAD)


def _end_without(name: str, code: int) -> None:
    """End a process whose service has stopped in order and whose threads do not end."""
    left = [
        one.name
        for one in threading.enumerate()
        if not one.daemon and one is not threading.main_thread()
    ]
    _log.error("exit_timed_out service=%s threads=%s", name, ",".join(left))
    logs.flush()
    os._exit(code)


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _end_now() -> None:
    """End half-way by a human's wish."""
    with contextlib.suppress(OSError):  # the terminal is gone
        _tell(
            f"{ctrl_c_again.LEFT_OPEN} Where safety runs, it closes soon after the telescope fell "
            'silent; "ctmo-indi close" closes at once.'
        )
    logs.flush()
    os._exit(EXIT_DEAD)
