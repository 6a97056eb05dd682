"""From a target to an ended attempt: the engine's link between orders book and script queue.

Engine thread only. An attempt is stored before its script is queued and settled when the script has
ended; one whose end is not known (restart, silent telescope) is adopted again until it is.
"""

from __future__ import annotations

import logging

from ctmo_indi.clock import Clock
from ctmo_indi.errors import UnknownOrder
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.scheduler.orders_book import OpenAttempt, OrdersBook, Settled
from ctmo_indi.scheduler.settlement import Cause
from ctmo_indi.scheduling.target import DriverTarget
from ctmo_indi.script_queue.attempts import AttemptProgress, AttemptResult, AttemptScript
from ctmo_indi.script_queue.peer import BackOff, FrontDesk
from ctmo_indi.script_queue.queueing import ScriptQueue
from ctmo_indi.script_queue.script import ScriptRun
from ctmo_indi.script_queue.scripts.calibrations import calibrations
from ctmo_indi.script_queue.scripts.observe import observe

_log = logging.getLogger(__name__)

ADOPT_FIRST_S = 1.0
ADOPT_LAST_S = 30.0
READOUT_S = 10.0


class AttemptRunner:
    """Starts, adopts, cancels and settles attempts.

    Parameters
    ----------
    telescope
        Its desk, for the scripts.
    """

    def __init__(
        self, book: OrdersBook, queue: ScriptQueue, telescope: FrontDesk, clock: Clock
    ) -> None:
        self._book = book
        self._queue = queue
        self._telescope = telescope
        self._clock = clock
        self._causes: dict[str, Cause] = {}
        self._adopt_wait = BackOff(ADOPT_FIRST_S, ADOPT_LAST_S)
        self._adopt_machine_s = 0.0

    @property
    def is_idle(self) -> bool:
        """True when no script waits or runs and no attempt is open."""
        return self._queue.is_idle and not self._book.open_attempts()

    def begin(self, target: DriverTarget) -> ScriptRun:
        """Store an attempt at the target and queue its script.

        Raises
        ------
        UnknownOrder, WrongState
            The order was canceled, or has ended, since the driver chose it.
        """
        attempt = self._book.begin_attempt(target.receipt)
        script = self._script(attempt, target.duration_s, is_new=True)
        return self._queue.add(script)

    def reconcile(self) -> None:
        """Ask the telescope about open attempts that no script follows."""
        if not self._queue.is_idle or self._clock.machine_s() < self._adopt_machine_s:
            return
        waiting = self._book.open_attempts()
        if not waiting:
            return
        self._adopt_machine_s = self._clock.machine_s() + self._adopt_wait.next_s()
        for attempt in waiting:
            _log.info(
                "attempt adopted attempt=%s state=%s", attempt.row.attempt_id, attempt.row.state
            )
            script = self._script(attempt, _duration_s(attempt.request), is_new=False)
            self._queue.add(script)

    def cancel(self, receipt: str, reason: str) -> bool:
        """Cancel an order; False when its attempt is being ended first."""
        attempt_id = self._book.cancel(receipt, reason)
        if not attempt_id:
            return True
        self._causes[attempt_id] = Cause.ORDER_CANCELED
        current = self._queue.current
        if current is not None and current.subject == attempt_id:
            self._queue.stop_current(reason)
        return False

    def stop_all(self, reason: str) -> None:
        """End every script; attempts under way become INTERRUPTED."""
        for run in (*self._queue.waiting, self._queue.current):
            if run is not None and run.subject:
                self._causes.setdefault(run.subject, Cause.SCHEDULER_STOPPED)
        self._queue.stop_all(reason)

    def script_reported(self, report: object) -> None:
        """Note the progress a script has reported."""
        if isinstance(report, AttemptProgress):
            self._book.progressed(report.attempt_id, report.exposures)

    def script_ended(self, run: ScriptRun) -> Settled | None:
        """Settle the attempt of an ended script.

        Returns
        -------
        Settled or None
            None for other scripts, and for an attempt whose end is not known yet.
        """
        cause = self._causes.pop(run.subject, Cause.ITSELF)
        if run.is_overrun:
            cause = Cause.OVERRUN
        if not isinstance(run.result, AttemptResult):
            return None
        settled = self._book.settle(run.result, cause)
        if settled is not None:
            self._adopt_wait.reset()
            self._adopt_machine_s = 0.0
        return settled

    def _script(self, attempt: OpenAttempt, duration_s: float, *, is_new: bool) -> AttemptScript:
        make = observe if attempt.request.frame_type.needs_sky else calibrations
        if not is_new and self._is_cancel_requested(attempt):
            self._causes[attempt.row.attempt_id] = Cause.ORDER_CANCELED
        return make(
            self._telescope,
            attempt.row.attempt_id,
            attempt.row.parent,
            wire=attempt.row.wire if is_new else None,
            duration_s=duration_s,
        )

    def _is_cancel_requested(self, attempt: OpenAttempt) -> bool:
        try:
            return self._book.order(attempt.row.parent).is_cancel_requested
        except UnknownOrder:
            return False


def _duration_s(request: ObservationRequest) -> float:
    return request.count * (request.exposure_s + READOUT_S)
