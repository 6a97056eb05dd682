"""The preprocessor's service: wires its database, its engine with the workers, and its desk.

Its process loads no pixel kernel and opens no frame: workers do, at a lower priority, so that the
desk answers while a night is calibrated.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Sequence
from dataclasses import replace

from ctmo_indi.clock import Clock
from ctmo_indi.config import Config
from ctmo_indi.errors import StoreUnavailable
from ctmo_indi.preprocessor.desk_handlers import DeskHandlers, DeskParts
from ctmo_indi.preprocessor.engine import WAIT_FOR_ROOM_MACHINE_S, Engine, EngineParts
from ctmo_indi.preprocessor.executors import Executor
from ctmo_indi.preprocessor.night_book import NightBook
from ctmo_indi.preprocessor.night_run import PixelTasks, RunParts
from ctmo_indi.preprocessor.order_book import OrderBook
from ctmo_indi.preprocessor.owed import Owed
from ctmo_indi.preprocessor.quick_book import QuickBook
from ctmo_indi.preprocessor.quick_desk import QuickDesk
from ctmo_indi.preprocessor.quick_folders import QuickFolders
from ctmo_indi.preprocessor.quick_looker import QuickLooker, QuickParts
from ctmo_indi.preprocessor.setting_up import (
    database_place,
    executor_of,
    parameters_of,
    quick_executor_of,
    roots_of,
    settings_of,
)
from ctmo_indi.profiles import Profile
from ctmo_indi.service_addresses import Address
from ctmo_indi.service_health import Health
from ctmo_indi.store.database import open_database
from ctmo_indi.store.event_log import EventLog
from ctmo_indi.store.event_shelf import EventShelf, Retention
from ctmo_indi.store.intake import Writer
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.desk import Desk, DispatchDesk
from ctmo_indi.work_orders.model import OrderKind
from ctmo_indi.work_orders.revisions import RevisionBoard

_log = logging.getLogger(__name__)

EVENTS = Retention(rows=200_000, age_s=400 * 86400.0)
EVENTS_CLOSE_S = 4.0
ENGINE_STOP_S = 20.0
QUICK_STOP_S = 5.0
QUIET = frozenset({"frame"})
"""Kinds of events that are no news of the service's own Status."""


class PreprocessorService:
    """Takes orders to calibrate nights and carries them out.

    Parameters
    ----------
    executor, tasks, quick_executor
        Instead of the configuration's, and the tasks that open pixels; for tests.
    wait_for_room_machine_s
        How long an order waits on a full disk before it tries again.
    """

    def __init__(
        self,
        config: Config,
        profile: Profile,
        clock: Clock,
        *,
        executor: Executor | None = None,
        tasks: PixelTasks | None = None,
        quick_executor: Executor | None = None,
        wait_for_room_machine_s: float = WAIT_FOR_ROOM_MACHINE_S,
    ) -> None:
        self._address = config.preprocessor
        self._stopped = threading.Event()
        self._database = open_database("preprocessor", database_place(config))
        self._writer = Writer(self._database)
        shelf = EventShelf("history", self._database, self._writer, clock, EVENTS)
        self._events = EventLog([shelf])
        self._board = RevisionBoard(clock, store=self._events, quiet=QUIET)
        self._orders = OrderBook(self._database, self._writer, clock)
        is_compressed = config.preprocessing.has_compression
        settings = replace(settings_of(profile), is_compressed=is_compressed)
        parameters = parameters_of(settings)

        book = QuickBook(self._database, self._writer, clock)
        self.looker = QuickLooker(
            QuickParts(
                QuickFolders(roots_of(config)),
                book,
                quick_executor or quick_executor_of(config),
                settings,
                self._board,
                clock,
            )
        )

        def keep_house() -> None:
            self._events.prune()
            with contextlib.suppress(StoreUnavailable):  # in an hour again
                book.prune()

        def new_book() -> NightBook:
            return NightBook(self._database, self._writer, clock, parameters)

        self.engine = Engine(
            EngineParts(
                orders=self._orders,
                run_parts=RunParts(
                    executor or executor_of(config),
                    new_book(),
                    settings,
                    parameters,
                    tasks=tasks or PixelTasks(),
                ),
                new_book=new_book,
                board=self._board,
                clock=clock,
                wait_for_room_machine_s=wait_for_room_machine_s,
                keep_house=keep_house,
            )
        )
        owed = Owed(self._database, clock, profile, parameters.limits)
        parts = DeskParts(self._orders, self.engine, self._board, roots_of(config), clock, owed)
        self._desk = DispatchDesk(
            "preprocessor",
            Contract.load(profile, clock),
            {
                **DeskHandlers(parts).handlers(),
                OrderKind.FRAMES: QuickDesk(self.looker, book, self._board).frames,
            },
        )

    @property
    def desks(self) -> Sequence[tuple[Desk, Address]]:
        """The desk and where it listens."""
        return [(self._desk, self._address)]

    def start(self) -> None:
        """Put what a crash left back to the line; returns when orders can be taken."""
        for job in self._orders.put_back():
            _log.info(
                "order_found receipt=%s state=%s starts=%d", job.receipt, job.state, job.starts
            )

    def on_ready(self) -> None:
        """Begin with the oldest order, and look at new frames."""
        self.engine.start()
        self.looker.start()

    def health(self) -> Health:
        """Whether the engine does its work."""
        busy = self.engine.busy
        return Health(
            is_alive=self.engine.is_turning,
            status=f"calibrates {busy}" if busy else "waits for orders",
            is_over=self.engine.is_over or not self._writer.is_alive,
        )

    def stop(self, timeout_s: float) -> None:
        """End the workers and everything; what was under way goes on at the next start."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self.engine.stop(min(timeout_s, ENGINE_STOP_S))
        self.looker.stop(min(timeout_s, QUICK_STOP_S))
        self._events.close(EVENTS_CLOSE_S)
        self._writer.close()
        self._database.close()
