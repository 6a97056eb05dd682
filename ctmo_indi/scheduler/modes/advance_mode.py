"""ADVANCE mode: several targets ahead, two of them on the script queue.

1. Gather telemetry, 2. the model of the observatory becomes the real one, 3. save a snapshot of the
driver and announce it, then simulate what is already queued, 4. ask target after target, each
simulated and registered, 5. reset the driver to the snapshot, 6. keep one target executing and one
waiting, registering each success, 7. when all are queued begin again at 1, while the last ones are
still executing.

An attempt that does not succeed makes the driver one that was never asked: what waits is withdrawn,
the plan is dropped and made anew. News (an order, a verdict, a cancel) has the plan made anew for
what has not begun; a target that is chosen again stays where it is.

A paused queue is filled up to its two targets all the same, and waits with them: they are chosen
anew as ever, and go on when it is resumed; a plan that is too late by then is made anew.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import ClassVar

from ctmo_indi.errors import CtmoError
from ctmo_indi.scheduler.modes.decision import Decision, Question, placed
from ctmo_indi.scheduler.modes.mode import ModeContext
from ctmo_indi.scheduler.modes.prediction import PredictionQuestion
from ctmo_indi.scheduler.modes.production import Production
from ctmo_indi.scheduler.modes.queue_view import QueuedScript, QueueView
from ctmo_indi.scheduler.modes.replay import Replay, simulation
from ctmo_indi.scheduler.modes.target_events import target_event
from ctmo_indi.scheduler.orders.open_orders import Settled
from ctmo_indi.scheduler.snapshots import (
    NoRoomForSnapshot,
    Snapshot,
    SnapshotError,
    SnapshotFolder,
)
from ctmo_indi.scheduler.states import DetailedState, ErrorCode
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.lookahead import LookAhead, PlannedTarget
from ctmo_indi.scheduling.target import DriverTarget
from ctmo_indi.script_queue.script import ScriptRun

_log = logging.getLogger(__name__)

ON_QUEUE = 2
"""Targets on the script queue: one that executes, one that waits."""

LOOK_AGAIN_S = 60.0
"""Sky seconds until a driver without a target is asked again while something executes."""

LATE_S = 600.0
"""Sky seconds by which a plan may lag behind before it is made anew."""

PREDICT_EVERY_S = 300.0
PREDICT_EVERY_MACHINE_S = 15.0
PREDICT_AGAIN_MACHINE_S = 1.0
"""Machine seconds until a prediction that gave way to a decision is begun anew."""


@dataclass(frozen=True, slots=True)
class PlanQuestion(Question):
    """``withdrawable``: attempts that the plan is made without, since they may be replaced."""

    withdrawable: tuple[QueuedScript, ...] = ()


class AdvanceMode(Production):
    """Plans ahead; see the module."""

    loop_code: ClassVar[ErrorCode] = ErrorCode.ADVANCE_LOOP

    def __init__(self, context: ModeContext) -> None:
        self._plan: deque[PlannedTarget] = deque()
        self._snapshot = ""
        self._is_exhausted = False
        self._others: frozenset[int] = frozenset()
        self._is_prediction_due = False
        self._predicted_at: tuple[float, float] | None = None
        self._prediction_not_before_machine_s = 0.0
        super().__init__(context)
        self._snapshots = SnapshotFolder(
            context.snapshots_folder, context.parameters.snapshots_kept, self._announce
        )

    # -- commands ----------------------------------------------------------------------------------

    def resume(self) -> None:
        """Begin to produce targets."""
        self._is_exhausted = False
        super().resume()

    def stop(self) -> None:
        """Produce no further target; both queued ones go on."""
        self._plan.clear()
        super().stop()

    def flush(self) -> int:
        """Withdraw what has not begun, drop the plan."""
        dropped = len(self._plan)
        return dropped + self._drop("flushed")

    # -- the loop ----------------------------------------------------------------------------------

    def look(self) -> None:
        """Keep two targets on the queue; predict when there is nothing better to do."""
        view = self._view()
        if view.of_others - self._others:
            self.is_poked = True  # somebody queued a script: everything after it moves
        self._others = view.of_others
        if not (self.is_poked or self.is_deciding):
            self._fill()
        if not self.wants_decision() and not self.is_deciding:
            self._predict_when_due()

    def wants_decision(self) -> bool:
        """After news; when all targets are queued; when a wait for one is over."""
        if self.context.runner.has_unfollowed or self._view().has_unknown:
            return False
        if self.is_poked:
            return True
        return not self._plan and (not self._is_exhausted or self.is_time)

    def question(self) -> PlanQuestion:
        """Take what has begun for given; after news, what waits may be chosen anew."""
        context, view = self.context, self._view()
        withdrawable = view.withdrawable if self.is_poked else ()
        also = {one.target.receipt for one in withdrawable if one.target is not None}
        return PlanQuestion(
            context.book.pending(also),
            context.safety.news,
            self.resting(),
            view.without(withdrawable),
            withdrawable,
        )

    def decide(self, question: Question, generation: int) -> Decision:
        """Steps 1 to 5."""
        conditions, night = self.gather(question)
        if not conditions.telescope_answers:
            return self.nothing(conditions, night)
        driver = self.calls.driver
        try:
            snapshot = self._snapshots.save(driver, conditions.utc)
        except NoRoomForSnapshot as error:
            return Decision(conditions, night, no_room=str(error))
        look_ahead = LookAhead(driver, driver.models)
        with simulation(self.real_driver):
            try:
                replay = Replay(look_ahead, driver.models, conditions)
                replay.queue(question.view)
                found = look_ahead.targets(
                    replay.conditions,
                    n_targets=self.context.parameters.n_targets,
                    goes_on=lambda: generation == self.generation,
                )
                targets = tuple(placed(one, self.context.profile.site) for one in found)
            finally:
                _reset(driver, snapshot)
        if not targets and not question.view.attempts:
            return self.nothing(conditions, night)
        return Decision(conditions, night, targets, snapshot=snapshot.path.absolute().as_uri())

    def take(self, question: Question, decision: Decision) -> None:
        """Step 6: what is chosen again stays where it is, the rest of what waits is withdrawn."""
        view = self._view()
        if not decision.conditions.telescope_answers and view.attempts:
            self.is_poked = True  # nothing is known: leave all as it is, ask again
            return
        planned = deque(decision.targets)
        waiting = question.withdrawable if isinstance(question, PlanQuestion) else ()
        while waiting and planned and _is_same(waiting[0].target, planned[0].target):
            waiting = waiting[1:]
            planned.popleft()
        if not all(self._withdraw(one, "replanned: another target comes first") for one in waiting):
            self.poke()  # one has begun meanwhile, and the plan does not know of it
            return
        self._plan, self._snapshot = planned, decision.snapshot
        self._is_exhausted = not decision.targets
        self._is_prediction_due = True
        if decision.targets:
            self.sleep(None)
            self._fill()  # even after more news: without end they would keep the queue empty
        elif view.attempts or not self.context.queue.is_idle:
            self.sleep(LOOK_AGAIN_S)
        else:
            self.wait_for_target(decision)

    def attempt_settled(self, settled: Settled) -> None:
        """Register a success; a driver that had no target may have one now."""
        if settled.observation is not None:
            self._is_exhausted = False
        super().attempt_settled(settled)

    def script_ended(self, run: ScriptRun) -> None:
        """Look again after another script."""
        self._is_exhausted = False
        super().script_ended(run)

    def ended_short(self, why: str) -> None:
        """Be as if the driver had never been asked."""
        self._drop(f"replanned: {why}")

    def report(self) -> dict[str, object]:
        """Say what is planned as well."""
        wire = super().report()
        coming = [one.target for one in self._view().withdrawable if one.target is not None]
        coming += [one.target for one in self._plan]
        if coming:
            wire["Next Target"] = target_event(coming[0])
        return wire | {"Plan": [target_event(one.target) for one in self._plan]}

    # -- inside ------------------------------------------------------------------------------------

    def _view(self) -> QueueView:
        return QueueView.look(self.context.queue, self.context.runner)

    def _fill(self) -> None:
        while self._plan and self._has_room() and self._send():
            pass

    def _has_room(self) -> bool:
        """Whether the next target of the plan may go on the queue now."""
        view, target = self._view(), self._plan[0].target
        if len(view.attempts) >= ON_QUEUE or view.has_unknown:
            return False
        if target.receipt and self.context.book.attempt_of(target.receipt):
            return False  # the same order: its next frames come when these are made
        return not self.context.runner.has_unfollowed

    def _send(self) -> bool:
        planned = self._plan[0]
        late_s = self.context.clock.utc().timestamp() - planned.visit.start_utc_s
        if late_s > LATE_S:
            _log.info("plan is late late_s=%.0f", late_s)
            self._plan.clear()
            return False
        self._plan.popleft()
        return self.queue_target(planned, self._snapshot)

    def _drop(self, why: str) -> int:
        """Withdraw what has not begun and forget the plan; return how many were withdrawn."""
        self.generation += 1
        self._plan.clear()
        self._is_exhausted = False
        withdrawn = sum(self._withdraw(one, why) for one in self._view().withdrawable)
        self.poke()
        return withdrawn

    def _withdraw(self, queued: QueuedScript, why: str) -> bool:
        return self.context.runner.withdraw(queued.attempt_id, why)

    def _announce(self, snapshot: Snapshot) -> None:
        """In the driver's thread: tell of a new snapshot."""
        context = self.context
        context.post(lambda: context.publish("largeFileObjectAvailable", "", snapshot.to_wire()))

    def _predict_when_due(self) -> None:
        clock = self.context.clock
        now = clock.elapsed_s(), clock.machine_s()
        last = self._predicted_at
        if not self._is_prediction_due or self.predictor.is_under_way:
            return
        if now[1] < self._prediction_not_before_machine_s:
            return
        if last is not None and (
            now[0] - last[0] < PREDICT_EVERY_S or now[1] - last[1] < PREDICT_EVERY_MACHINE_S
        ):
            return
        context = self.context
        self._is_prediction_due = False
        before = self.shown
        self.show(DetailedState.COMPUTING_PREDICTED_SCHEDULE)
        question = PredictionQuestion(
            context.book.pending(),
            context.safety.news,
            self.resting(),
            self._view(),
            tuple(one.target for one in self._plan),
        )
        self.predictor.begin(question, lambda trouble: self._predicted(trouble, before))

    def _predicted(self, trouble: str, before: DetailedState) -> None:
        clock = self.context.clock
        now_machine_s = clock.machine_s()
        if trouble:
            self._is_prediction_due = True
            self._prediction_not_before_machine_s = now_machine_s + PREDICT_AGAIN_MACHINE_S
        else:
            self._predicted_at = clock.elapsed_s(), now_machine_s
        if self.shown is DetailedState.COMPUTING_PREDICTED_SCHEDULE:
            self.show(before)


def _is_same(queued: DriverTarget | None, planned: DriverTarget) -> bool:
    """Whether a queued target was chosen again."""
    return queued is not None and (
        queued.receipt == planned.receipt
        and queued.target_id == planned.target_id
        and queued.count == planned.count
        and queued.request == planned.request
    )


def _reset(driver: Driver, snapshot: Snapshot) -> None:
    try:
        driver.reset_from_state(snapshot.path)
    except CtmoError as error:
        raise SnapshotError(f"driver {driver.name}: {error}") from error
