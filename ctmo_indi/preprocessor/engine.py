"""The thread that carries out calibration orders: the oldest first, one at a time.

The orders are in the database; this thread has no other memory. Ended in the middle, it takes the
same order up again, and what was made is found. Without room on the disk, or without the farm, an
order waits, with the reason in its status, and goes on when it can.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError, ServiceUnreachable, StoreUnavailable, WrongState
from ctmo_indi.models.states import AttemptState
from ctmo_indi.preprocessor.locations import products_folder
from ctmo_indi.preprocessor.night_run import (
    Book,
    NightRun,
    NoRoom,
    Progress,
    Report,
    RunEnded,
    RunParts,
)
from ctmo_indi.preprocessor.order_book import OrderBook
from ctmo_indi.store.calibration_jobs import CalibrationJob
from ctmo_indi.work_orders.revisions import RevisionBoard

_log = logging.getLogger(__name__)

IDLE_MACHINE_S = 1.0
WAIT_FOR_ROOM_MACHINE_S = 10.0
#: Workers hold memory that others may want; new ones are ready within some seconds.
REST_AFTER_MACHINE_S = 60.0
#: A run looks around several times a second; only planning and commits take longer.
SILENT_MACHINE_S = 120.0
PROGRESS_PERIOD_MACHINE_S = 1.0
HOUSEKEEPING_PERIOD_MACHINE_S = 3600.0


@dataclass(frozen=True, slots=True)
class EngineParts:
    """What the engine works with.

    Parameters
    ----------
    run_parts
        What each run works with; ``tell`` and ``is_ended`` are the engine's own.
    new_book
        Makes what a run keeps its products in.
    board
        Told of every change of an order.
    keep_house
        Called once an hour while there is nothing to do; must not fail.
    """

    orders: OrderBook
    run_parts: RunParts
    new_book: Callable[[], Book]
    board: RevisionBoard
    clock: Clock
    wait_for_room_machine_s: float = WAIT_FOR_ROOM_MACHINE_S
    keep_house: Callable[[], None] = lambda: None


class Engine:
    """Carries out orders in its own thread; the methods are for any thread and do not block."""

    def __init__(self, parts: EngineParts) -> None:
        self._parts = parts
        self._stopping = threading.Event()
        self._news = threading.Event()
        self._canceled: dict[str, str] = {}  # receipt -> reason
        self._busy = ""
        self._turned_machine_s = parts.clock.machine_s()
        self._worked_machine_s: float | None = None
        self._noted_machine_s = float("-inf")
        self._housekeeping_machine_s = float("-inf")
        #: Receipt -> stage, done, total of the order under way; replaced, never changed.
        self.progress: dict[str, tuple[str, int, int]] = {}
        self._thread = threading.Thread(target=self._run, name="preprocessor-engine", daemon=True)

    @property
    def busy(self) -> str:
        """Receipt of the order under way; "" when there is none."""
        return self._busy

    @property
    def is_turning(self) -> bool:
        """Whether the thread has come round lately."""
        silent_s = self._parts.clock.machine_s() - self._turned_machine_s
        return self._thread.is_alive() and silent_s < SILENT_MACHINE_S

    @property
    def is_over(self) -> bool:
        """Whether the thread has ended without being asked to."""
        was_started = self._thread.ident is not None
        return was_started and not self._thread.is_alive() and not self._stopping.is_set()

    def start(self) -> None:
        """Begin with the oldest order."""
        self._thread.start()

    def wake(self) -> None:
        """Look for an order now."""
        self._news.set()

    def cancel(self, receipt: str, reason: str) -> None:
        """End an order that is under way; its status tells when it has ended."""
        self._canceled[receipt] = reason
        self._news.set()

    def stop(self, timeout_s: float) -> None:
        """End; the order under way is taken up again at the next start. Blocks."""
        self._stopping.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    # -- in the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._turn()
        finally:
            self._parts.run_parts.executor.close()

    def _turn(self) -> None:
        self._beat()
        try:
            job = self._parts.orders.begin_next()
        except CtmoError as error:
            _log.error("orders_not_read error=%s", error)
            self._sleep(self._parts.wait_for_room_machine_s)
            return
        if job is None:
            self._rest()
            self._sleep(IDLE_MACHINE_S)
            return
        self._busy = job.receipt
        self._tell(job.receipt)
        try:
            self._carry_out(job)
        finally:
            self._busy = ""
            self.progress = {}
            self._canceled.pop(job.receipt, None)
            self._worked_machine_s = self._parts.clock.machine_s()
            self._tell(job.receipt)

    def _carry_out(self, job: CalibrationJob) -> None:
        _log.info("calibration_begins receipt=%s folder=%s", job.receipt, job.folder)
        while not self._is_ended(job.receipt):
            try:
                report = self._night(job)
            except RunEnded:
                break
            except (NoRoom, StoreUnavailable, ServiceUnreachable) as error:
                _log.error("calibration_waits receipt=%s error=%s", job.receipt, error)
                self._parts.run_parts.executor.close()  # a farm is to be connected to anew
                self._note(job.receipt, Progress(f"waits: {error}"))
                self._wait_for_room(job.receipt)
            except CtmoError as error:
                self._finish(job, AttemptState.FAILED, (str(error),))
                return
            except Exception as error:  # noqa: BLE001 - outermost of an order: it failed, the next runs
                _log.exception("calibration_failed receipt=%s", job.receipt)
                self._finish(job, AttemptState.FAILED, (f"{type(error).__name__}: {error}",))
                return
            else:
                _log.info("calibration_done receipt=%s %s", job.receipt, report)
                self._finish(job, AttemptState.COMPLETED, reasons_of(report))
                return
        if job.receipt in self._canceled:
            self._finish(job, AttemptState.CANCELED, (self._canceled[job.receipt],))
        else:
            self._give_back(job)

    def _night(self, job: CalibrationJob) -> Report:
        parts = replace(
            self._parts.run_parts,
            book=self._parts.new_book(),
            tell=lambda progress: self._note(job.receipt, progress),
            is_ended=lambda: self._is_ended(job.receipt),
        )
        return NightRun(job.folder, products_folder(job.folder), parts).run()

    def _is_ended(self, receipt: str) -> bool:
        self._beat()
        return self._stopping.is_set() or receipt in self._canceled

    def _note(self, receipt: str, progress: Progress) -> None:
        """Tell of progress: to those who ask at once, to the database a little later."""
        now_s = self._parts.clock.machine_s()
        newest = (progress.stage, progress.done, progress.total)
        is_new_stage = self.progress.get(receipt, ("",))[0] != progress.stage
        self.progress = {receipt: newest}
        is_last = progress.done == progress.total
        is_time = now_s - self._noted_machine_s >= PROGRESS_PERIOD_MACHINE_S
        if is_new_stage or is_last or is_time:
            self._noted_machine_s = now_s
            try:
                self._parts.orders.progress(receipt, *newest)
            except StoreUnavailable as error:
                _log.warning("progress_not_stored receipt=%s error=%s", receipt, error)
            self._tell(receipt, str(progress))

    def _finish(self, job: CalibrationJob, state: AttemptState, reasons: tuple[str, ...]) -> None:
        """Write the end of an order, however long the disk is full; a restart would do it again."""
        newest = self.progress.get(job.receipt)
        while True:
            try:
                if newest is not None:  # the last second's is not written yet
                    self._parts.orders.progress(job.receipt, *newest)
                self._parts.orders.finish(job.receipt, state, reasons)
            except WrongState as error:
                _log.warning("end_not_stored receipt=%s error=%s", job.receipt, error)
            except StoreUnavailable as error:
                _log.error("end_not_stored receipt=%s error=%s", job.receipt, error)
                self._sleep(self._parts.wait_for_room_machine_s)
                if not self._stopping.is_set():
                    continue
            return

    def _give_back(self, job: CalibrationJob) -> None:
        try:
            self._parts.orders.give_back(job.receipt)
        except CtmoError as error:  # it is found IN_PROGRESS at the next start
            _log.warning("order_not_given_back receipt=%s error=%s", job.receipt, error)

    def _wait_for_room(self, receipt: str) -> None:
        end_s = self._parts.clock.machine_s() + self._parts.wait_for_room_machine_s
        while self._parts.clock.machine_s() < end_s and not self._is_ended(receipt):
            self._sleep(IDLE_MACHINE_S)

    def _rest(self) -> None:
        """Keep house, and give the workers back when there was nothing to do for a while."""
        now_s = self._parts.clock.machine_s()
        if now_s >= self._housekeeping_machine_s:
            self._housekeeping_machine_s = now_s + HOUSEKEEPING_PERIOD_MACHINE_S
            self._parts.keep_house()
        worked_s = self._worked_machine_s
        if worked_s is not None and now_s - worked_s > REST_AFTER_MACHINE_S:
            self._parts.run_parts.executor.close()
            self._worked_machine_s = None

    def _sleep(self, most_machine_s: float) -> None:
        self._beat()
        self._news.wait(most_machine_s)
        self._news.clear()

    def _beat(self) -> None:
        self._turned_machine_s = self._parts.clock.machine_s()

    def _tell(self, receipt: str, message: str = "") -> None:
        self._parts.board.publish("order", receipt, {"Progress": message})


def reasons_of(report: Report) -> tuple[str, ...]:
    """Return what an observer should know of a night, one line each."""
    return (
        str(report),
        *(f"{name}: {reason}" for name, reason in report.not_made.items()),
        *(f"{name}: {reason}" for name, reason in report.rejected.items()),
        *report.notes,
    )
