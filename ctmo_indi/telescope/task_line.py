"""Attempts and orders by hand stand in line: one is under way, the others wait for their turn.

It begins them, tells and stores each change of their state, and says how they ended. When the next
may begin, and what ends the one under way, is decided in :mod:`ctmo_indi.telescope.engine`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from ctmo_indi.errors import CtmoError, ForeignMotion, SafetyError, WrongState
from ctmo_indi.models.states import AttemptState
from ctmo_indi.telescope.attempt import Attempt, Ending, failure_code, outcome
from ctmo_indi.telescope.control import ControlTask, by_hand
from ctmo_indi.telescope.engine_parts import EngineParts
from ctmo_indi.telescope.hands_off import HandsOff
from ctmo_indi.telescope.procedure import Procedure
from ctmo_indi.telescope.scene import Scene
from ctmo_indi.telescope.steps import attempt_steps
from ctmo_indi.telescope.takeover import Takeover
from ctmo_indi.telescope.task_book import Task, TaskBook

_log = logging.getLogger(__name__)


class TaskLine:
    """Engine thread only, but for what is marked.

    Parameters
    ----------
    post
        Has something done in the engine thread, which then takes a turn; any thread.

    Attributes
    ----------
    book
        Every task that is remembered, also those that have ended.
    is_dome_by_hand
        Whether a human has turned the dome, and nothing was pointed since.
    failures
        How many procedures ended with a bug of ours.
    """

    def __init__(
        self,
        parts: EngineParts,
        takeover: Takeover,
        hands_off: HandsOff,
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        self._parts = parts
        self._takeover = takeover
        self._hands_off = hands_off
        self._post = post
        self._waiting: deque[Task] = deque()
        self._current: tuple[Task, Procedure] | None = None
        self.book = TaskBook()
        self.is_dome_by_hand = False
        self.failures = 0

    # -- what stands in it -------------------------------------------------------------------------

    @property
    def current(self) -> Task | None:
        """What is under way; any thread."""
        current = self._current
        return current[0] if current is not None else None

    @property
    def doing(self) -> str:
        """Name of what is under way, empty when nothing; any thread."""
        current = self._current
        return current[1].name if current is not None else ""

    @property
    def waits_for(self) -> str | None:
        """What the one under way waits for, None when there is none; any thread."""
        current = self._current
        return current[1].waits_for if current is not None else None

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    # -- coming and going --------------------------------------------------------------------------

    def join(self, task: Task, *, first: bool = False) -> None:
        """Put a task at the end, or before all that wait."""
        self.book.add(task)
        if first:
            self._waiting.appendleft(task)
        else:
            self._waiting.append(task)
        self._tell(task)

    def cancel(self, receipt: str, ending: Ending) -> Task:
        """Cancel what waits, end what runs; nothing happens to what has ended.

        Raises
        ------
        WrongState
            Nothing of that receipt is remembered.
        """
        task = self.book.get(receipt)
        if task is None:
            raise WrongState(f"{receipt}: not under way here")
        if task in self._waiting:
            self._waiting.remove(task)
            self._end(task, AttemptState.CANCELED, ending.reason, ending)
        elif self.current is task:
            self.interrupt(ending)
        return task

    def interrupt(self, ending: Ending) -> bool:
        """End what is under way with ``ending``; False when there is nothing."""
        if self._current is None or not self._current[1].interrupt(ending):
            return False
        _log.info("interrupted receipt=%s by=%s", self._current[0].receipt, ending)
        return True

    def interrupt_and_flush(self, ending: Ending) -> bool:
        """As :meth:`interrupt`, and end all that waits."""
        while self._waiting:
            self._end(self._waiting.popleft(), *outcome(ending, has_begun=False), ending)
        return self.interrupt(ending)

    def begin_next(self) -> None:
        """Begin the first that may; attempts only when ``may_attempt`` says so."""
        may_attempt = self._parts.may_attempt()
        for task in self._waiting:
            if may_attempt or isinstance(task, ControlTask):
                self._waiting.remove(task)
                self._begin(task)
                return

    def advance(self) -> None:
        """Go on with what is under way, and conclude it at its end."""
        if self._current is not None and self._current[1].advance():
            task, procedure = self._current
            self._current = None
            self.conclude(task, procedure.error)

    def conclude(self, task: Task, error: BaseException | None) -> None:
        """Give a task the state it ended with; ``error`` is what ended it, None when it is done."""
        has_begun = task.has_begun if isinstance(task, Attempt) else True
        state, reason = outcome(error, has_begun=has_begun)
        if error is not None and not isinstance(error, CtmoError | Ending | OSError):
            self.failures += 1
            _log.error("procedure_failed receipt=%s", task.receipt, exc_info=error)
        if isinstance(error, ForeignMotion):
            self._hands_off.begin(reason)
        self._end(task, state, reason, error)

    def set_state(self, task: Task, state: AttemptState, reason: str = "") -> None:
        """Change the state of a task, be it in the line or beside it; store and tell it."""
        task.state, task.reason = state, reason
        if isinstance(task, Attempt):
            _log.info("attempt attempt=%s state=%s reason=%s", task.receipt, state, reason)
            self._parts.on_state(task)
        else:
            self._parts.on_hand_state(task)
        self._tell(task)

    def _end(
        self, task: Task, state: AttemptState, reason: str, error: BaseException | None
    ) -> None:
        if isinstance(task, ControlTask):
            task.failure_code = failure_code(error)
        self.set_state(task, state, reason)

    # -- beginning ---------------------------------------------------------------------------------

    def _begin(self, task: Task) -> None:
        # What a human has turned the dome to stands until something is pointed anew.
        stays = self.is_dome_by_hand and isinstance(task, ControlTask) and not task.points
        self.is_dome_by_hand = stays or (isinstance(task, ControlTask) and task.turns_dome)
        if isinstance(task, ControlTask):
            self.set_state(task, AttemptState.IN_PROGRESS)
            name, steps = task.name, by_hand(task, self._parts.hands)
        else:
            name, steps = f"attempt {task.attempt_id}", attempt_steps(self._scene(task))
        self._current = (task, Procedure(name, steps, self._parts.clock, self._wake))
        self._wake()

    def _scene(self, attempt: Attempt) -> Scene:
        def begin() -> None:
            attempt.has_begun = True
            self.set_state(attempt, AttemptState.IN_PROGRESS)

        def report(text: str) -> None:
            attempt.step = text
            _log.info("attempt_step attempt=%s step=%s", attempt.attempt_id, text)
            self._tell(attempt)

        return Scene(
            attempt=attempt,
            hands=self._parts.hands,
            lamp=self._parts.lamp,
            frames=self._parts.frames,
            clock=self._parts.clock,
            times=self._parts.step_times,
            refusal=self._attempt_refusal,
            is_held=self._is_held,
            observable=self._parts.observable,
            begin=begin,
            report=report,
            report_later=lambda text: self._post(lambda: report(text)),
            is_suspicious=lambda: self._hands_off.is_suspicious,
            place=self._parts.place,
        )

    def _attempt_refusal(self, needs_sky: bool) -> SafetyError | None:
        return self._parts.vigil.refusal(needs_sky) or self._takeover.refusal()

    def _is_held(self, needs_sky: bool) -> bool:
        return self._parts.vigil.is_held(needs_sky) or self._hands_off.is_suspicious

    def _wake(self) -> None:
        self._post(turn_only)

    def _tell(self, task: Task) -> None:
        kind, data = "control", task.to_wire
        if isinstance(task, Attempt):
            kind, data = "attempt", task.news
        task.revision = self._parts.publish(kind, task.receipt, data())


def turn_only() -> None:
    """Do nothing: the turn that follows every inbox call looks at the procedures."""
