"""From a target to an ended attempt: the engine's link between orders book and script queue.

Engine thread only. An attempt is stored before its script is queued and settled when the script has
ended; one whose end is not known (restart, silent telescope) is adopted again until it is. One that
had not begun, of which the telescope had never heard and which it will not carry out if it comes
late, is as if it had not been chosen.
"""

from __future__ import annotations

import logging
from typing import Protocol

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError, StoreUnavailable, UnknownOrder
from ctmo_indi.kill_points import passing
from ctmo_indi.models.states import AttemptState
from ctmo_indi.scheduler.blocks.targets import target_values
from ctmo_indi.scheduler.orders.open_orders import OpenAttempt, Settled
from ctmo_indi.scheduler.orders.orders_book import OrdersBook
from ctmo_indi.scheduler.orders.settlement import Cause
from ctmo_indi.scheduling.errors import FailedToQueueTargetsError
from ctmo_indi.scheduling.target import DriverTarget
from ctmo_indi.script_queue.attempts import AttemptProgress, AttemptResult, AttemptScript
from ctmo_indi.script_queue.kinds import AttemptBinding
from ctmo_indi.script_queue.peer import BackOff, FrontDesk
from ctmo_indi.script_queue.queueing import ScriptQueue
from ctmo_indi.script_queue.script import ScriptMetadata, ScriptRun
from ctmo_indi.script_queue.scripts.observing import (
    CALIBRATIONS_PREPARATION_S,
    OBSERVE_PREPARATION_S,
    attempt_script,
    kind_for,
)
from ctmo_indi.script_queue.substitution import Values

_log = logging.getLogger(__name__)

ADOPT_FIRST_S = 1.0
ADOPT_LAST_S = 30.0
READOUT_S = 10.0


class TargetBlocks(Protocol):
    """Carries targets out by observing blocks: ``scheduler/blocks/book.py``."""

    def of_program(self, program: str) -> str:
        """Return the name of the block of a target's program; "" when there is none."""
        ...

    def queue_target(self, name: str, binding: AttemptBinding, values: Values) -> ScriptRun:
        """Queue the scripts of a target's block; return the one that is the attempt's."""
        ...


class AttemptRunner:
    """Starts, adopts, withdraws, cancels and settles attempts.

    Parameters
    ----------
    telescope
        Its desk, for the scripts.
    blocks
        None: every attempt is the one script of its kind of frame.
    """

    def __init__(
        self,
        book: OrdersBook,
        queue: ScriptQueue,
        telescope: FrontDesk,
        clock: Clock,
        blocks: TargetBlocks | None = None,
    ) -> None:
        self._book = book
        self._queue = queue
        self._telescope = telescope
        self._clock = clock
        self._blocks = blocks
        self._targets: dict[str, DriverTarget] = {}
        self._adopted: set[str] = set()
        self._causes: dict[str, Cause] = {}
        self._adopt_wait = BackOff(ADOPT_FIRST_S, ADOPT_LAST_S)
        self._adopt_machine_s = 0.0

    @property
    def is_idle(self) -> bool:
        """True when no script waits or runs and no attempt is open."""
        return self._queue.is_idle and not self._book.open_attempts()

    @property
    def has_unfollowed(self) -> bool:
        """True while an attempt is open that no script of the queue follows."""
        return bool(self._unfollowed())

    def begin(self, target: DriverTarget, driver: str = "") -> ScriptRun:
        """Store an attempt at the target and queue its script.

        Parameters
        ----------
        driver
            Name of the scheduling driver, for targets of its own.

        Raises
        ------
        UnknownOrder, WrongState
            The order was canceled, or has ended, since the driver chose it.
        StoreUnavailable
            Nothing can be stored now.
        FailedToQueueTargetsError
            Anything else that stood against it; nothing is left of it.
        """
        try:
            attempt = self._book.begin_attempt(target, driver)
        except CtmoError as error:
            if target.receipt or isinstance(error, StoreUnavailable):
                raise
            raise FailedToQueueTargetsError(f"target {_name(target)}: {error}") from error
        attempt_id = attempt.row.attempt_id
        self._targets[attempt_id] = target
        try:
            run = self._queue_scripts(attempt, target)
        except CtmoError as error:
            failed = AttemptResult(attempt_id, AttemptState.NOT_ATTEMPTED, failure=str(error))
            self._settle(failed, Cause.REPLANNED)
            raise FailedToQueueTargetsError(f"target {_name(target)}: {error}") from error
        passing("scheduler.attempt.queued")
        return run

    def target_of(self, run: ScriptRun) -> DriverTarget | None:
        """Return the target a script of the queue carries out; None for other scripts."""
        return self._targets.get(run.subject) if run.subject else None

    def is_withdrawable(self, run: ScriptRun) -> bool:
        """Whether a script of the queue is an attempt of which nothing has begun.

        Not even a step before it in its block; and an adopted one may be under way.
        """
        return (
            bool(run.subject)
            and run.started_utc is None
            and run.subject not in self._adopted
            and not self._has_begun(run)
        )

    def withdraw(self, attempt_id: str, reason: str) -> bool:
        """Take an attempt that has not begun from the queue; its order waits again at once.

        Returns
        -------
        bool
            False when it does not wait in the queue (any more).
        """
        return self._take_out(attempt_id, reason, Cause.REPLANNED)

    def reconcile(self) -> None:
        """Ask the telescope about open attempts that no script follows; end canceled ones."""
        current = self._queue.current
        if current is not None and self._causes.get(current.subject) is Cause.ORDER_CANCELED:
            self._queue.stop_current("the order was canceled")  # one that was adopted
        waiting = self._unfollowed()
        if not waiting or self._clock.machine_s() < self._adopt_machine_s:
            return
        self._adopt_machine_s = self._clock.machine_s() + self._adopt_wait.next_s()
        for attempt in waiting:
            attempt_id = attempt.row.attempt_id
            _log.info("attempt adopted attempt=%s state=%s", attempt_id, attempt.row.state)
            self._adopted.add(attempt_id)
            target = self._targets.get(attempt_id) or self._target(attempt)
            if attempt.is_readable:
                self._targets[attempt_id] = target
            if self._is_cancel_requested(attempt):
                self._causes[attempt_id] = Cause.ORDER_CANCELED
            self._queue.add(self._plain_script(_binding(attempt, target, is_new=False), target))

    def cancel(self, receipt: str, reason: str) -> bool:
        """Cancel an order; False when its attempt is being ended first."""
        attempt_id = self._book.cancel(receipt, reason)
        if not attempt_id:
            return True
        if not self._take_out(attempt_id, reason, Cause.ORDER_CANCELED):
            self._causes[attempt_id] = Cause.ORDER_CANCELED
            self._stop_attempt(attempt_id, reason)
        return not self._book.is_open(receipt)

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
        if run.result.is_unheard_of and cause is Cause.ITSELF:
            cause = Cause.NEVER_BEGAN
        return self._settle(run.result, cause)

    def _settle(self, result: AttemptResult, cause: Cause) -> Settled | None:
        settled = self._book.settle(result, cause)
        if settled is not None:
            self._targets.pop(result.attempt_id, None)
            self._adopted.discard(result.attempt_id)
            self._adopt_wait.reset()
            self._adopt_machine_s = 0.0
        return settled

    def _take_out(self, attempt_id: str, reason: str, cause: Cause) -> bool:
        for run in self._queue.waiting:
            if run.subject == attempt_id and self.is_withdrawable(run):
                self._causes[attempt_id] = cause
                self._queue.remove(run.index, reason)
                return True
        return False

    def _has_begun(self, run: ScriptRun) -> bool:
        """Whether an earlier script of a waiting one's block runs."""
        current = self._queue.current
        return bool(run.group) and current is not None and current.group == run.group

    def _stop_attempt(self, attempt_id: str, reason: str) -> None:
        """Stop what is done for an attempt, a step before the attempt itself included."""
        current = self._queue.current
        if current is None or attempt_id not in (current.subject, current.group):
            return
        if not (current.group and self._queue.stop_group(current.group, reason)):
            self._queue.stop_current(reason)

    def _unfollowed(self) -> tuple[OpenAttempt, ...]:
        current = self._queue.current
        followed = {run.subject for run in self._queue.waiting}
        if current is not None and not current.is_final:
            followed |= {current.subject, current.group}  # a step behind it in its block, too
        return tuple(
            attempt
            for attempt in self._book.open_attempts()
            if attempt.row.attempt_id not in followed
        )

    def _target(self, attempt: OpenAttempt) -> DriverTarget:
        """Return the target of an attempt that was begun before our start."""
        request = attempt.request
        count = attempt.row.wire.get("Number of Exposures")
        frames = count if isinstance(count, int) else request.count
        return DriverTarget(
            request=request,
            obs_time=self._clock.utc(),
            duration_s=frames * (request.exposure_s + READOUT_S),
            count=frames,
            receipt=attempt.row.parent,
            target_id=attempt.target_id,
            note="adopted",
        )

    def _queue_scripts(self, attempt: OpenAttempt, target: DriverTarget) -> ScriptRun:
        binding = _binding(attempt, target, is_new=True)
        if self._blocks is None:
            return self._queue.add(self._plain_script(binding, target))
        name = target.block or self._blocks.of_program(target.program)
        name = name or kind_for(target.request.frame_type).name
        values = target_values(
            target, attempt_id=binding.attempt_id, receipt=binding.receipt, block=name
        )
        return self._blocks.queue_target(name, binding, values)

    def _plain_script(self, binding: AttemptBinding, target: DriverTarget) -> AttemptScript:
        frame_type = target.request.frame_type
        return attempt_script(
            kind_for(frame_type).name,
            self._telescope,
            binding,
            preparation_s=(
                OBSERVE_PREPARATION_S if frame_type.needs_sky else CALIBRATIONS_PREPARATION_S
            ),
        )

    def _is_cancel_requested(self, attempt: OpenAttempt) -> bool:
        try:
            return self._book.order(attempt.row.parent).is_cancel_requested
        except UnknownOrder:
            return False


def _binding(attempt: OpenAttempt, target: DriverTarget, *, is_new: bool) -> AttemptBinding:
    request, (ra_deg, dec_deg) = target.request, target.place_deg or (None, None)
    return AttemptBinding(
        attempt_id=attempt.row.attempt_id,
        receipt=attempt.row.parent,
        wire=attempt.row.wire if is_new else None,
        duration_s=target.duration_s,
        metadata=ScriptMetadata(
            duration_s=target.slew_time_s + target.duration_s,
            ra_deg=ra_deg,
            dec_deg=dec_deg,
            filter_name=request.filter_name,
        ),
    )


def _name(target: DriverTarget) -> str:
    return repr(target.target_id or target.receipt or target.request.object_name)
