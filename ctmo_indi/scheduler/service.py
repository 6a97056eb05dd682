"""The scheduler service: wires store, engine, cycles and desk; has no behaviour of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ctmo_indi import catalogue
from ctmo_indi.clock import Clock
from ctmo_indi.config import Config
from ctmo_indi.cycles import Cycle, Cycles, sky_period_s
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.desk_client.credentials import open_desk
from ctmo_indi.errors import BadOrder, WrongState
from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.models import named_objects
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler import configuration
from ctmo_indi.scheduler.command_call import CommandCall
from ctmo_indi.scheduler.component.comeback import Comeback, WayBack
from ctmo_indi.scheduler.component.component_events import LogMessages, birth_events
from ctmo_indi.scheduler.component.startup import StartParts, registered_driver
from ctmo_indi.scheduler.configuration import Configuration
from ctmo_indi.scheduler.desk_handlers import DeskHandlers, EngineCalls, Peers
from ctmo_indi.scheduler.engine import SchedulerEngine
from ctmo_indi.scheduler.engine_parts import EngineParts
from ctmo_indi.scheduler.event_store import TELEMETRY_KINDS, open_event_log
from ctmo_indi.scheduler.explaining import DriverQuestions, Explainer
from ctmo_indi.scheduler.general_info import GeneralInfo
from ctmo_indi.scheduler.nights.night_facts import NightFacts
from ctmo_indi.scheduler.nights.night_keeper import USER as NIGHTS_USER
from ctmo_indi.scheduler.nights.night_keeper import KeeperParts, NightKeeper
from ctmo_indi.scheduler.orders.intake import NewOrder, OrderIntake
from ctmo_indi.scheduler.orders.records import Records
from ctmo_indi.scheduler.orders.room import no_room
from ctmo_indi.scheduler.report.night_reports import NightReports
from ctmo_indi.scheduler.states import Command
from ctmo_indi.scheduler.telemetry import TELEMETRY_TIMEOUT_S, TelemetryLoop
from ctmo_indi.scheduler.tickets import Ticket
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.models import Models
from ctmo_indi.script_queue.block_library import BlockLibrary
from ctmo_indi.script_queue.registry import ScriptRegistry
from ctmo_indi.service_addresses import Address
from ctmo_indi.service_health import Health
from ctmo_indi.store.database import Database, open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.orders import OrderRow
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.desk import Desk, DispatchDesk
from ctmo_indi.work_orders.revisions import RevisionBoard
from ctmo_indi.work_orders.room import least_visit_s

if TYPE_CHECKING:
    from ctmo_indi.models.sure_targets import SureTargets

_log = logging.getLogger(__name__)

PEER_TIMEOUT_S = 10.0
SAFETY_TIMEOUT_S = 3.0
REPORT_TIMEOUT_S = 5.0
BEAT_PERIOD_S = 1.0
TELEMETRY_PERIOD_S = 1.0
PRUNE_PERIOD_S = 3600.0
TICK_SKY_S = 5.0
TICK_LONGEST_S = 1.0
EXPIRE_SKY_S = 60.0
EXPIRE_LONGEST_S = 60.0
BUSY_BOARD = 1024
"""Events kept in memory: telemetry and a burst of orders are among them."""


class SchedulerService:
    """The scheduler of one observatory.

    Parameters
    ----------
    load_configuration, driver_class
        Give the component's configuration and the scheduling driver of a name; for tests.
    on_offline
        Called in the engine thread after the ``exit`` command; the process is then to end.
    make_models
        Models for tests; those of the profile's site when None.
    """

    def __init__(
        self,
        config: Config,
        profile: Profile,
        clock: Clock,
        *,
        load_configuration: Callable[[str], Configuration] | None = None,
        make_models: Callable[[], Models] | None = None,
        driver_class: Callable[[str], type[Driver]] = registered_driver,
        on_offline: Callable[[], None] = lambda: None,
    ) -> None:
        self._config = config
        self._profile = profile
        self._clock = clock
        self._load_configuration = load_configuration or configuration.load
        self._driver_class = driver_class
        self._make_models = make_models or partial(_site_models, profile)
        self._on_offline = on_offline
        self._contract = Contract.load(profile, clock)
        self._database: Database = open_database(
            "scheduler", config.database_url or Path(config.data_dir) / "scheduler.sqlite3"
        )
        self._writer = Writer(self._database)
        self._events = open_event_log(config, self._database, self._writer, clock)
        self._board = RevisionBoard(
            clock, keep=BUSY_BOARD, store=self._events, quiet=TELEMETRY_KINDS
        )
        self._log_messages = LogMessages(self._board.publish)
        self._engine = self._build_engine()
        self._sure_targets: SureTargets | None = None
        self._comeback = Comeback(config.data_dir / "scheduler" / "comeback.json")
        self._cycles = Cycles(clock, self._cycle_table(), on_step=self._clock_was_set)
        self._reports = self._build_reports()
        self.desk: Desk = self._build_desk()
        self._nights = self._build_night_keeper() if profile.calibration.after_night else None

    @property
    def desks(self) -> list[tuple[Desk, Address]]:
        """The desk it serves and where it listens."""
        return [(self.desk, self._config.scheduler)]

    def start(self) -> None:
        """Take up what the store knows and begin the cycles.

        The component is in STANDBY; with :meth:`on_ready` it goes on to observe by itself when it
        was observing before and the configuration lets it.
        """
        available = configuration.available()
        for kind, data in birth_events(available, self._config.scheduler_configuration):
            self._board.publish(kind, "", data)
        logging.getLogger().addHandler(self._log_messages)
        self._engine.start()
        self._engine.inbox.post(self._engine.component.publish_log_level)
        self._cycles.start()

    def on_ready(self) -> None:
        """Import the sky models, which take a second, and observe again if it did before."""
        threading.Thread(target=self._warm_up, name="scheduler-warm-up", daemon=True).start()
        self._reports.start()
        if self._nights is not None:
            self._nights.start()
        if self._config.resume_at_start and self._comeback.is_wanted:
            self._comeback.begin(self._way_back())

    def health(self) -> Health:
        """Whether cycles reach the engine and the engine carries them out."""
        csc = self._engine.csc
        running = ", observing" if csc.is_running else ""
        return Health(
            is_alive=self._engine.is_turning,
            status=f"{csc.summary}{running}",
            is_over=self._engine.is_over or not self._writer.is_alive,
        )

    def stop(self, timeout_s: float) -> None:
        """End within ``timeout_s`` machine seconds; attempts under way go on at the telescope."""
        logging.getLogger().removeHandler(self._log_messages)
        self._comeback.end()
        self._reports.stop(timeout_s / 16)
        if self._nights is not None:
            self._nights.stop(timeout_s / 16)
        self._cycles.stop(timeout_s / 16)
        self._engine.stop(timeout_s * 9 / 16)
        self._events.close(timeout_s / 8)
        self._writer.close(timeout_s / 8)
        self._database.close()
        for client in (self._telescope, self._safety, *self._others):
            client.close()

    def _build_engine(self) -> SchedulerEngine:
        config, clock = self._config, self._clock

        def client(service: str, timeout_s: float) -> DeskClient:
            return open_desk(config, service, timeout_s=timeout_s, clock=clock)

        self._telescope = client("telescope", PEER_TIMEOUT_S)
        self._safety = client("safety", SAFETY_TIMEOUT_S)
        self._dome = client("dome", PEER_TIMEOUT_S)
        self._preprocessor = client("preprocessor", PEER_TIMEOUT_S)
        watched = client("telescope", TELEMETRY_TIMEOUT_S)
        self._quick_preprocessor = client("preprocessor", REPORT_TIMEOUT_S)
        self._others = (self._dome, self._preprocessor, self._quick_preprocessor, watched)
        self._night_info = GeneralInfo(self._profile)
        self._telemetry = TelemetryLoop(watched, clock, self._board.publish, self._general_info)
        return SchedulerEngine(
            EngineParts(
                profile=self._profile,
                clock=clock,
                database=self._database,
                writer=self._writer,
                telescope=self._telescope,
                dome=self._dome,
                safety=self._safety,
                telemetry=self._telemetry,
                publish=self._board.publish,
                read_request=self._read_request,
                start=self._start_parts(),
                data_dir=config.data_dir,
                load_folders=(catalogue.SITE_FOLDER, *_folder_of(config.file)),
                on_offline=self._on_offline,
            )
        )

    def _general_info(self, utc: datetime) -> dict[str, object]:
        told = self._night_info(utc)
        self._engine.inbox.post(lambda: self._engine.night_told(told["Is Night"] is True))
        return told

    def _start_parts(self) -> StartParts:
        default = self._config.scheduler_configuration
        board = self._board
        return StartParts(
            clock=self._clock,
            load_configuration=lambda name: self._load_configuration(name or default),
            make_models=self._make_models,
            database=self._database,
            snapshots_folder=self._config.data_dir / "snapshots",
            open_telemetry=self._telemetry.open,
            load_blocks=lambda folder: BlockLibrary.load(folder, ScriptRegistry.load()),
            driver_class=self._driver_class,
            announce=lambda snapshot: board.publish(
                "largeFileObjectAvailable", snapshot.path.name, snapshot.to_wire()
            ),
        )

    def _build_desk(self) -> Desk:
        engine = self._engine
        inbox = engine.inbox
        engine.queue_commands.on_move = self._queue_moved

        def stored(new: Sequence[NewOrder]) -> None:
            inbox.post(lambda: engine.orders_stored(new))

        def repeated(receipts: Sequence[str]) -> None:
            inbox.post(lambda: engine.orders_repeated(receipts))

        self._intake = OrderIntake(
            self._database,
            self._writer,
            self._clock,
            self._profile.priority,
            self._is_sure,
            self._why_never,
            stored,
            lambda: no_room(Path(self._config.data_dir), self._profile.safety.disk_free_min_mb),
            self._place_now,
            repeated,
        )
        records = Records(self._database, engine.tickets)
        handlers = DeskHandlers(
            inbox,
            EngineCalls(self._command, engine.cancel, self._answer, engine.queue_commands.handle),
            records,
            self._intake,
            self._board,
            Peers(self._telescope, self._dome, self._safety, self._preprocessor),
            Explainer(
                inbox,
                DriverQuestions(engine.order_facts, engine.ask_driver),
                records,
                self._read_request,
                self._profile,
                self._clock,
            ),
            self._reports.desk.handle,
        )
        return DispatchDesk("scheduler", self._contract, handlers.table())

    def _build_reports(self) -> NightReports:
        return NightReports(
            self._config,
            self._profile,
            self._clock,
            self._database,
            self._events,
            self._quick_preprocessor,
            self._read_request,
            self._board.publish,
        )

    def _build_night_keeper(self) -> NightKeeper:
        clock = self._clock
        return NightKeeper(
            KeeperParts(
                facts=NightFacts(self._profile, clock, self._database, NIGHTS_USER),
                preprocessor=self._preprocessor,
                place=self._place,
                clock=clock,
                file=self._config.data_dir / "scheduler" / "nights.json",
            )
        )

    def _place(self, order: Mapping[str, object]) -> None:
        """In the night keeper's thread: take an order of ours as if it came to the desk."""
        caller = Caller(NIGHTS_USER, Role.SUBMIT, "here")
        asyncio.run(self._intake.handle(self._contract.check(order), caller))

    def _queue_moved(self, told: dict[str, object]) -> None:
        """In the engine thread: every plan counts on the order of before."""
        self._board.publish("scriptQueue", "", told)
        if self._engine.csc.mode is not None:
            self._engine.csc.mode.poke()

    def _answer(self) -> dict[str, object]:
        return {
            **self._engine.answer(),
            "Comeback": self._comeback.to_wire(self._clock),
            "Engine": {"Failures": self._engine.inbox.failures},
            "Cycles": self._cycles.to_wire(),
            "Telemetry": self._telemetry.to_wire(),
            "Events": self._events.to_wire(),
            "Nights": [] if self._nights is None else self._nights.to_wire(),
            **self._reports.to_wire(),
        }

    def _clock_was_set(self, step_s: float) -> None:
        _log.warning("the clock was set step_s=%.1f", step_s)
        self._engine.inbox.post(self._engine.look_anew)

    def _command(self, call: CommandCall, *, is_comeback: bool = False) -> Ticket:
        """In the engine thread: take a command and remember what it means for the next start."""
        if is_comeback and self._comeback.is_over:
            raise WrongState(f"{call.command}: the comeback is over")
        ticket = self._engine.command(call, is_comeback=is_comeback)
        self._comeback.note(call.command, call.configuration)
        if not is_comeback:
            self._comeback.human_came(call.command)
        return ticket

    def _way_back(self) -> WayBack:
        engine = self._engine
        return WayBack(
            self._command_and_wait,
            engine.tickets.get,
            lambda: (engine.csc.summary, engine.csc.is_running),
            self._clock,
        )

    def _command_and_wait(self, command: Command) -> Ticket:
        given = self._comeback.configuration if command is Command.START else ""
        call = CommandCall(command, reason="comeback", configuration=given)
        asked = self._engine.inbox.ask(lambda: self._command(call, is_comeback=True))
        return asked.result(PEER_TIMEOUT_S)

    def _cycle_table(self) -> tuple[Cycle, ...]:
        engine, inbox, clock = self._engine, self._engine.inbox, self._clock
        tick_s = sky_period_s(clock, TICK_SKY_S, TICK_LONGEST_S)
        expire_s = sky_period_s(clock, EXPIRE_SKY_S, EXPIRE_LONGEST_S)
        return (
            Cycle("beat", BEAT_PERIOD_S, lambda: inbox.post(engine.beat)),
            Cycle("tick", tick_s, lambda: inbox.post(engine.tick)),
            Cycle("telemetry", TELEMETRY_PERIOD_S, lambda: inbox.post(engine.ask_telemetry)),
            Cycle("prune", PRUNE_PERIOD_S, self._events.prune),
            Cycle("expire", expire_s, lambda: inbox.post(engine.expire)),
        )

    def _read_request(self, row: OrderRow) -> ObservationRequest:
        request = self._contract.check(row.wire).request
        if not isinstance(request, ObservationRequest):
            raise BadOrder(f"order {row.receipt} is {row.kind}, expected an Observation")
        return request

    def _why_never(self, request: ObservationRequest) -> str:
        with FIRST_IMPORT:
            from ctmo_indi.models import sky  # heavy: the front desk is up before it is imported

        profile = self._profile
        is_possible, reason = sky.ever_observable(
            request,
            profile.site,
            profile.limits,
            profile.night,
            utc=self._clock.utc(),
            visit_s=least_visit_s(request, profile.kinematics.readout_s, profile.night),
        )
        return "" if is_possible else reason

    def _place_now(self, request: ObservationRequest) -> tuple[float, float]:
        with FIRST_IMPORT:
            from ctmo_indi.models import moving_targets  # heavy, as the sky

        return moving_targets.place_icrs_deg(request, self._profile.site, self._clock.utc())

    def _is_sure(self, request: ObservationRequest) -> bool:
        return self._sure_targets is not None and self._sure_targets.has(request)

    def _warm_up(self) -> None:
        """Import the sky models before the first order asks for them."""
        with FIRST_IMPORT:
            from ctmo_indi.models.sure_targets import SureTargets  # heavy, as the sky

        profile = self._profile
        self._sure_targets = SureTargets.of(
            profile.site, profile.limits, profile.night, self._clock.utc()
        )
        named_objects.warm_up()
        _log.info("sky models ready sure_targets=%s", any(self._sure_targets.dark))


def _folder_of(file: Path | None) -> tuple[Path, ...]:
    return () if file is None else (file.resolve().parent,)


def _site_models(profile: Profile) -> Models:
    with FIRST_IMPORT:
        # Heavy: in the driver's thread.
        from ctmo_indi.scheduler.models_of_site import models_of_site

    return models_of_site(profile)
