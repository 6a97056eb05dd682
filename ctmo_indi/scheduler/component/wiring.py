"""What the component is made of: the driver's thread, the starts, and who carries out what.

The wiring around :class:`~ctmo_indi.scheduler.component.csc.SchedulerCsc`. Engine thread, but for
what a start does in the driver's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.errors import ConfigError, CtmoError, WrongState
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.command_call import CommandCall
from ctmo_indi.scheduler.component.component_events import start_events
from ctmo_indi.scheduler.component.csc import SchedulerCsc
from ctmo_indi.scheduler.component.csc_parts import AtOnce, CscParts
from ctmo_indi.scheduler.component.observatory_status import ObservatoryStatus
from ctmo_indi.scheduler.component.startup import Progress, Started, StartParts, StartWish, start
from ctmo_indi.scheduler.configuration import SchedulerCscParameters, StartupType, local_path
from ctmo_indi.scheduler.modes.mode import Mode
from ctmo_indi.scheduler.states import Command
from ctmo_indi.scheduler.tickets import Ticket, TicketBook
from ctmo_indi.scheduler.worker import Worker

_log = logging.getLogger(__name__)

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, slots=True)
class ComponentParts:
    """What the component is wired to.

    Parameters
    ----------
    start
        What a start works with, in the driver's thread.
    make_mode
        Makes the operation mode of what was started, with the driver's thread.
    at_once
        Commands that others carry out on the spot.
    load_folders
        Folders whose files ``load`` may read.
    """

    clock: Clock
    profile: Profile
    tickets: TicketBook
    start: StartParts
    make_mode: Callable[[Started, Worker], Mode]
    at_once: Mapping[Command, AtOnce]
    status: ObservatoryStatus
    load_folders: tuple[Path, ...]
    publish: Callable[[str, str, dict[str, object]], object]
    post: Callable[[Callable[[], object]], None]
    stop_scripts: Callable[[str], None]
    is_quiet: Callable[[], bool]
    make_safe: Callable[[], None]
    make_safe_timeout_s: float
    wipe: Callable[[], None]
    on_offline: Callable[[], None]


class Component:
    """The CSC with its driver's thread."""

    def __init__(self, parts: ComponentParts) -> None:
        self._parts = parts
        self.worker = Worker("scheduler-driver")
        self._was_running = False
        own: Mapping[Command, AtOnce] = {
            Command.SET_LOG_LEVEL: self._set_log_level,
            Command.FLUSH: self._flush,
            Command.RESCHEDULE: self._reschedule,
        }
        self.csc = SchedulerCsc(
            CscParts(
                tickets=parts.tickets,
                clock=parts.clock,
                begin_start=self._begin_start,
                make_mode=self._make_mode,
                begin_load=self._begin_load,
                begin_prediction=self._begin_prediction,
                at_once={**own, **parts.at_once},
                publish=parts.publish,
                post=parts.post,
                stop_scripts=parts.stop_scripts,
                is_quiet=parts.is_quiet,
                make_safe=parts.make_safe,
                make_safe_timeout_s=parts.make_safe_timeout_s,
                driver_timeout_s=lambda: self.parameters.driver_timeout_s,
                wipe=self._wipe,
                on_offline=parts.on_offline,
            )
        )

    @property
    def parameters(self) -> SchedulerCscParameters:
        """Of the configuration that was started; the defaults in STANDBY."""
        started = self.csc.started
        if started is None:
            return SchedulerCscParameters()
        return started.configuration.parameters

    def command(self, call: CommandCall, *, is_comeback: bool = False) -> Ticket:
        """Take a command; see :meth:`SchedulerCsc.command`.

        Parameters
        ----------
        is_comeback
            After a restart of the service: the driver recalls what it can, whatever the
            configuration says of a start, and a component in fault does not keep it from resuming
            (safety and the conditions of every target do).

        Raises
        ------
        WrongState
            ``resume`` while a component is in fault.
        """
        in_fault = self._parts.status.in_fault
        if call.command is Command.RESUME and in_fault and not is_comeback:
            raise WrongState(f"resume: refused, in fault: {', '.join(in_fault)}")
        is_start = call.command is Command.START
        wish = StartWish(call.configuration, StartupType.AUTO) if is_comeback and is_start else None
        ticket = self.csc.command(call, wish)
        self.tick()
        return ticket

    def tick(self) -> None:
        """Let the component look; note when production begins or ends."""
        self.csc.tick()
        if self.csc.is_running is not self._was_running:
            self._was_running = self.csc.is_running
            self._parts.status.set_operational(self._was_running)

    def publish_log_level(self) -> None:
        """Tell how much is logged."""
        level = logging.getLevelName(logging.getLogger().getEffectiveLevel())
        self._parts.publish("logLevel", "", {"Level": level})

    def _begin_start(self, wish: StartWish, tell: Progress) -> Future[Started]:
        self._renew_worker()

        def begin() -> Started:
            started = start(wish, self._parts.start, tell)
            return replace(started, events=start_events(self._parts.profile, started))

        return self.worker.ask(begin)

    def _make_mode(self, started: Started) -> Mode:
        mode = self._parts.make_mode(started, self.worker)
        for kind, data in started.events:
            self._parts.publish(kind, "", data)
        return mode

    def _wipe(self) -> None:
        self._renew_worker()
        self._parts.wipe()

    def _renew_worker(self) -> None:
        """Go on in a new thread: a driver from before may be stuck in the old one."""
        self.worker.stop(0.0)
        self.worker = Worker("scheduler-driver")
        self.worker.start()

    def _begin_load(self, uri: str) -> Future[None]:
        path = self._readable(uri)
        started = self.csc.started
        if started is None or started.driver is None:
            raise WrongState("load: there is no scheduling driver")
        driver = started.driver

        def load() -> None:
            try:
                driver.load(path)
            except CtmoError:
                raise
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise ConfigError(f"the driver {driver.name} cannot take it: {error!r}") from error

        return self.worker.ask(load)

    def _readable(self, uri: str) -> Path:
        """Return the file that ``load`` may read; ConfigError says why it may not."""
        folders = self._parts.load_folders
        try:
            path = local_path(uri).resolve()
            is_allowed = any(path.is_relative_to(folder.resolve()) for folder in folders)
            is_there = is_allowed and path.is_file()
        except (OSError, ValueError, RuntimeError) as error:  # too long, a loop of links
            raise ConfigError(f"{uri}: {error}") from error
        if not is_allowed:
            allowed = " or ".join(str(folder) for folder in folders)
            raise ConfigError(f"{uri}: expected a file in {allowed}")
        if not is_there:
            raise ConfigError(f"{uri}: no such file")
        return path

    def _begin_prediction(self, on_done: Callable[[str], None]) -> Callable[[], None]:
        return self._mode().predict(on_done)

    def _flush(self, _: CommandCall) -> Mapping[str, object]:
        return {"Targets": self._mode().flush()}

    def _reschedule(self, _: CommandCall) -> Mapping[str, object]:
        self._mode().reschedule()
        return {}

    def _mode(self) -> Mode:
        if self.csc.mode is None:
            raise WrongState("there is no operation mode before a start")
        return self.csc.mode

    def _set_log_level(self, call: CommandCall) -> Mapping[str, object]:
        if call.level not in LEVELS:
            raise WrongState(f"Level: came {call.level!r}, expected one of {', '.join(LEVELS)}")
        logging.getLogger().setLevel(call.level)
        self.publish_log_level()
        return {}
