"""SIMPLE mode: one target at a time.

1. Gather conditions, 2. update the driver, 3. ask one target, 4. queue its script, 5. wait until it
has ended, 6. register it with the driver if it succeeded. A failure leaves the driver as if the
target had never been asked for. Others' scripts are waited for, and so is a paused queue: a target
that was chosen before a pause would be hours old after it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, cast

from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.scheduler.modes.decision import Decision, Question, placed
from ctmo_indi.scheduler.modes.production import Production
from ctmo_indi.scheduler.modes.queue_view import QueueView
from ctmo_indi.scheduler.states import ErrorCode
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.lookahead import PlannedTarget, select_guarded


class SimpleMode(Production):
    """One target at a time; see the module."""

    loop_code: ClassVar[ErrorCode] = ErrorCode.SIMPLE_LOOP

    def look(self) -> None:
        """Do nothing but decide."""

    def wants_decision(self) -> bool:
        """When nothing is under way: after news, and when the wait is over."""
        return self._is_free and (self.is_poked or self.is_time)

    def question(self) -> Question:
        """Ask on what waits; the queue is empty, but for a look at dawn."""
        context = self.context
        view = QueueView.look(context.queue, context.runner)
        return Question(context.book.pending(), context.safety.news, self.resting(), view)

    def decide(self, question: Question, _generation: int) -> Decision:
        """Steps 1 to 3."""
        conditions, night = self.gather(question)
        driver = self.calls.driver
        target = select_guarded(driver, conditions)
        if target is None:
            return self.nothing(conditions, night)
        state = _state(conditions)
        visit = driver.models.observatory.observe(state, target.request, target.count)
        planned = placed(PlannedTarget(target, visit), self.context.profile.site)
        return Decision(conditions, night, (planned,))

    def take(self, _question: Question, decision: Decision) -> None:
        """Step 4."""
        if not decision.targets:
            self.wait_for_target(decision)
        elif self._is_free:
            self.queue_target(decision.targets[0])
        else:  # somebody queued a script meanwhile, or paused the queue
            self.poke()

    def ended_short(self, _why: str) -> None:
        """Ask again when all is over."""
        self.is_poked = True

    def report(self) -> dict[str, object]:
        """Say as well that nothing is chosen for a paused queue."""
        wire, queue = super().report(), self.context.queue
        if queue.is_paused:
            why = ["the script queue is paused", *filter(None, [queue.pause_reason])]
            wire["Reasons"] = [": ".join(why), *cast("list[str]", wire["Reasons"])]
        return wire

    @property
    def _is_free(self) -> bool:
        return self.context.runner.is_idle and not self.context.queue.is_paused


def _state(conditions: Conditions) -> ObservatoryModelState:
    utc_s = conditions.utc.timestamp()
    if conditions.state is not None:
        return replace(conditions.state, utc_s=utc_s)
    is_open = conditions.observatory is ObservatoryState.OPEN
    return ObservatoryModelState(utc_s, is_parked=not is_open, is_open=is_open)
