"""What SIMPLE and ADVANCE have in common: the target production loop.

It asks the driver when there is a reason to, never by the clock alone; a decision runs in the
driver's thread, so neither a silent telescope nor a slow driver stops the engine. No target is
normal: the loop says when one is expected and looks again. Successes are registered whether it
runs or not. A mode says when a decision is wanted, how it is made and what is done with it.

An exception of our own in here is a FAULT with the mode's code: a loop that would stand still
RUNNING all night is worse than one that has ended and says why.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from typing import ClassVar

from ctmo_indi.errors import (
    CtmoError,
    InternalError,
    StoreUnavailable,
    UnknownOrder,
    WrongState,
)
from ctmo_indi.models.states import AttemptState
from ctmo_indi.scheduler.modes.dawn_watch import DawnWatch
from ctmo_indi.scheduler.modes.decision import Decision, Question, reasons, with_slew
from ctmo_indi.scheduler.modes.driver_calls import DriverCalls, broken
from ctmo_indi.scheduler.modes.gather import Gatherer
from ctmo_indi.scheduler.modes.idle_keeper import Estimator, IdleKeeper
from ctmo_indi.scheduler.modes.mode import ModeContext, ResultT
from ctmo_indi.scheduler.modes.prediction import PredictionQuestion, Predictor
from ctmo_indi.scheduler.modes.queue_view import QueueView
from ctmo_indi.scheduler.modes.registration import Registrar
from ctmo_indi.scheduler.modes.target_events import next_event, planned_event, target_event
from ctmo_indi.scheduler.orders.open_orders import Settled
from ctmo_indi.scheduler.states import DetailedState, ErrorCode
from ctmo_indi.scheduling.conditions import Conditions, Night
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.lookahead import PlannedTarget
from ctmo_indi.script_queue.peer import BackOff
from ctmo_indi.script_queue.script import ScriptRun

_log = logging.getLogger(__name__)

SILENCE_FIRST_S = 0.5
SILENCE_LAST_S = 10.0
ROOM_WAIT_S = 5.0
CLOCK_STEP_S = 10.0
"""A sky time that differs by more from the monotonic one than before was set by somebody."""


class Production(ABC):
    """The loop; see the module. Engine thread only, but for :meth:`decide`."""

    loop_code: ClassVar[ErrorCode]

    def __init__(self, context: ModeContext) -> None:
        if context.driver is None:
            raise InternalError("a mode that produces targets needs a scheduling driver")
        self.context = context
        self.real_driver: Driver = context.driver
        self.calls = DriverCalls(
            context.driver,
            context.worker,
            context.clock,
            timeout_s=context.parameters.driver_timeout_s,
            loop_code=self.loop_code,
            post=context.post,
            fault=context.fault,
        )
        driver = context.driver
        self.gatherer = Gatherer(
            context.telescope, context.clock, lambda: dict(driver.raw_telemetry)
        )
        self.predictor = Predictor(
            driver,
            self.calls,
            self.gatherer,
            timedelta(hours=context.parameters.predicted_scheduler_window_h),
            context.publish,
        )
        self.idle = IdleKeeper(context)
        self._dawn = DawnWatch(context, self.idle)
        self.is_running = False
        self.is_poked = True
        self.generation = 0
        self.last: Decision | None = None
        self._decisions = 0
        self._decision_s: float | None = None
        self.shown = DetailedState.IDLE
        self._is_deciding = False
        self._is_broken = False
        self._estimator = Estimator()
        self._wake_elapsed_s: float | None = None
        self._silence = BackOff(SILENCE_FIRST_S, SILENCE_LAST_S)
        self._not_before_machine_s = 0.0
        self._sky_offset_s = self._offset_s()
        self._registrar = Registrar(
            self.calls, context.book.observations_after, driver.observation_number
        )
        self._registrar.catch_up()

    # -- what a mode brings ------------------------------------------------------------------------

    @abstractmethod
    def wants_decision(self) -> bool:
        """Whether the driver is to be asked now."""

    @abstractmethod
    def question(self) -> Question:
        """Put together what the next decision is made on."""

    @abstractmethod
    def decide(self, question: Question, generation: int) -> Decision:
        """Ask the driver; in its thread. What it raises puts the component in FAULT."""

    @abstractmethod
    def take(self, question: Question, decision: Decision) -> None:
        """Do what was decided."""

    @abstractmethod
    def ended_short(self, why: str) -> None:
        """An attempt did not succeed, or nobody knows whether it did."""

    @abstractmethod
    def look(self) -> None:
        """Do at a tick what needs no decision."""

    # -- commands ----------------------------------------------------------------------------------

    def resume(self) -> None:
        """Begin to produce targets."""
        self.is_running = True
        self.generation += 1
        self.idle.over()
        self.poke()

    def stop(self) -> None:
        """Produce no further target; scripts already queued go on."""
        self.is_running = False
        self.generation += 1
        self.predictor.cancel()

    def poke(self) -> None:
        """Decide anew, soon."""
        self.is_poked = True
        self.look_soon()

    def reschedule(self) -> None:
        """Choose anew what has not begun."""
        self.poke()

    def flush(self) -> int:
        """Withdraw what has not begun; return how many targets that were."""
        return 0

    def predict(self, on_done: Callable[[str], None]) -> Callable[[], None]:
        """Begin a predicted schedule; see :meth:`ctmo_indi.scheduler.modes.mode.Mode.predict`."""
        context = self.context
        view = QueueView.look(context.queue, context.runner)
        question = PredictionQuestion(
            context.book.pending(), context.safety.news, self.resting(), view
        )
        self.predictor.begin(question, on_done)
        return self.predictor.cancel

    def ask_driver(self, job: Callable[[Driver], ResultT]) -> Future[ResultT]:
        """Put a question that changes nothing to the driver; see ``Mode.ask_driver``."""
        if self.calls.is_over:
            raise WrongState(f"the scheduling driver {self.real_driver.name} has failed")
        return self.calls.question(job)

    # -- the loop ----------------------------------------------------------------------------------

    def tick(self) -> None:
        """Look whether the driver is late and whether there is something to do."""
        if self._is_broken:
            return
        with self._guarded("the look for something to do"):
            self._tick()

    def _tick(self) -> None:
        self.calls.watch()
        self._watch_clock()
        if not self.is_running or self.calls.is_over:
            return
        self.look()
        if self._is_deciding or not self.is_running:
            return
        if self.context.clock.machine_s() < self._not_before_machine_s:
            return
        if self.wants_decision():
            self._ask()
        elif self._dawn.is_due:
            self._look_at_dawn()

    def look_soon(self) -> None:
        """Tick again as soon as what is under way in the engine is over."""
        self.context.post(self.tick)

    @property
    def is_deciding(self) -> bool:
        """Whether the driver is being asked."""
        return self._is_deciding

    @property
    def is_time(self) -> bool:
        """Whether the wait that the last decision brought is over; True without one."""
        wake_s = self._wake_elapsed_s
        return wake_s is None or self.context.clock.elapsed_s() >= wake_s

    def sleep(self, sky_s: float | None) -> None:
        """Let :attr:`is_time` be False for that long; None: not at all."""
        self._wake_elapsed_s = None
        if sky_s is not None:
            self._wake_elapsed_s = self.context.clock.elapsed_s() + sky_s

    def attempt_settled(self, settled: Settled) -> None:
        """Register a success; let the mode know of anything else."""
        with self._guarded(f"the end of attempt {settled.attempt.attempt_id}"):
            self._attempt_settled(settled)

    def _attempt_settled(self, settled: Settled) -> None:
        if settled.observation is not None:
            self._registrar.register(settled.observation)
        attempt = settled.attempt
        is_withdrawn = attempt.state is AttemptState.CANCELED  # whoever did it has said so
        if self.is_running and settled.observation is None and not is_withdrawn:
            self.ended_short(f"attempt {attempt.attempt_id} {attempt.state}: {attempt.reason}")
        self.look_soon()

    def script_ended(self, run: ScriptRun) -> None:
        """Look again after another script; an attempt without a known end is no success."""
        with self._guarded(f"the end of script {run.index} {run.name}"):
            self._script_ended(run)

    def _script_ended(self, run: ScriptRun) -> None:
        self.idle.script_ended(run)
        if run.subject and self.is_running:
            self.ended_short(f"attempt {run.subject}: its end is not known yet")
        self.sleep(None)
        self.look_soon()

    def report(self) -> dict[str, object]:
        """Say when a target is expected and why there is none now."""
        wire: dict[str, object] = {"Next Target": {}}
        why: list[str] = []
        last = self.last
        if last is not None and last.targets:
            wire["Next Target"] = target_event(last.targets[0].target)
        elif last is not None:
            why = reasons(last)
            if last.next_target is not None:
                wire["Next Target"] = next_event(last.next_target, last.conditions)
        # These even while there is another target: who misses one of them wants to know.
        wire["Decisions"] = {"Number": self._decisions}
        if self._decision_s is not None:
            wire["Decisions"] = {"Number": self._decisions, "Last (s)": round(self._decision_s, 3)}
        if self.calls.disk_trouble:
            why = [self.calls.disk_trouble, *why]
        wire["Reasons"] = why + self.context.book.resting_for_the_night(self.real_driver.name)
        if self.predictor.latest:
            wire["Predicted Schedule"] = self.predictor.latest
        return wire

    # -- for modes ---------------------------------------------------------------------------------

    def show(self, state: DetailedState) -> None:
        """Tell what is being done."""
        self.shown = state
        self.context.set_detailed(state)

    def resting(self) -> dict[str, float]:
        """Return which of the driver's own targets are left alone, as Conditions has them."""
        return self.context.book.resting(self.real_driver.name)

    def gather(self, question: Question) -> tuple[Conditions, Night]:
        """Steps 1 and 2, in the driver's thread: telemetry, and the driver is told of it."""
        driver = self.calls.driver
        conditions = self.gatherer.gather(
            question.pending, question.news, question.not_before_utc_s, question.view.names
        )
        driver.update_conditions(conditions)
        night = driver.night
        if night is None:
            raise InternalError(f"driver {driver.name}: update_conditions kept no night")
        return conditions, night

    def nothing(self, conditions: Conditions, night: Night) -> Decision:
        """Return that there is no target, with when one is expected; driver's thread."""
        upcoming = self._estimator.estimate(self.calls.driver, conditions)
        return Decision(conditions, night, next_target=upcoming)

    def queue_target(self, planned: PlannedTarget, snapshot: str = "") -> bool:
        """Put a target on the queue; False when it was not."""
        context, target = self.context, with_slew(planned)
        self.show(DetailedState.QUEUEING_TARGET)
        try:
            run = context.runner.begin(target, self.real_driver.name)
        except (UnknownOrder, WrongState) as error:
            _log.info("target dropped receipt=%s reason=%s", target.receipt, error)
            self.poke()
            return False
        except StoreUnavailable as error:
            self.wait_for_room(str(error))
            return False
        except CtmoError as error:
            context.fault(ErrorCode.TARGET_NOT_QUEUED, str(error))
            return False
        finally:
            self.show(DetailedState.RUNNING)
        self.idle.over()
        self.sleep(None)
        context.publish("target", run.subject, target_event(target, snapshot))
        context.publish(
            "timeToNextTarget", target.receipt, planned_event(planned, context.clock.utc())
        )
        return True

    def wait_for_target(self, decision: Decision) -> None:
        """There is nothing to observe and nothing under way."""
        if decision.next_target is None:
            return
        self.show(DetailedState.WAITING_NEXT_TARGET_TIMER_TASK)
        sky_s = self.idle.look(decision.conditions, decision.night, decision.next_target)
        # A silent telescope is asked again as its back-off says.
        self.sleep(sky_s if decision.conditions.telescope_answers else None)

    def wait_for_room(self, why: str) -> None:
        """Nothing can be kept now (full disk): decide again in some seconds, it is no fault."""
        _log.error("nothing can be stored, decided again later wait_s=%g why=%s", ROOM_WAIT_S, why)
        self._not_before_machine_s = self.context.clock.machine_s() + ROOM_WAIT_S
        self.is_poked = True

    # -- inside ------------------------------------------------------------------------------------

    @contextmanager
    def _guarded(self, what: str) -> Iterator[None]:
        """Let the component go to FAULT, once, when something in here raises.

        Never raises itself: the fault ends attempts, which come by here again.
        """
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the engine's half of the loop: FAULT is next
            report = broken(what, error)
            if not self._is_broken:
                self._is_broken = True
                self.context.fault(self.loop_code, report)

    def _ask(self) -> None:
        self.predictor.cancel()
        question, generation = self.question(), self.generation
        asked_machine_s = self.context.clock.machine_s()
        self.is_poked = False
        self._is_deciding = True
        self.show(DetailedState.GENERATING_TARGET_QUEUE)
        self.calls.ask(
            lambda: self.decide(question, generation),
            lambda decision: self._decided(question, generation, decision, asked_machine_s),
        )

    def _decided(
        self, question: Question, generation: int, decision: Decision, asked_machine_s: float
    ) -> None:
        self._is_deciding = False
        self._decisions += 1
        self._decision_s = self.context.clock.machine_s() - asked_machine_s
        if not self.is_running:
            return
        self.show(DetailedState.RUNNING)
        if generation != self.generation:
            self.poke()
            return
        if decision.conditions.telescope_answers:
            self._silence.reset()
        else:
            wait_s = self._silence.next_s()
            self._not_before_machine_s = self.context.clock.machine_s() + wait_s
        if decision.no_room:
            self.wait_for_room(decision.no_room)
            return
        self.last = decision
        self.take(question, decision)
        self.look_soon()

    def _look_at_dawn(self) -> None:
        self._dawn.begin()
        self._is_deciding = True
        question = self.question()
        self.calls.ask(lambda: self.gather(question), self._dawn_looked)

    def _dawn_looked(self, seen: tuple[Conditions, Night]) -> None:
        self._is_deciding = False
        if self.is_running:
            self._dawn.seen(*seen)
        self.look_soon()

    def _offset_s(self) -> float:
        clock = self.context.clock
        return clock.utc().timestamp() - clock.elapsed_s()

    def _watch_clock(self) -> None:
        """A clock that was set makes every estimate wrong."""
        before, self._sky_offset_s = self._sky_offset_s, self._offset_s()
        if abs(self._sky_offset_s - before) > CLOCK_STEP_S:
            _log.warning("clock was set step_s=%.0f", self._sky_offset_s - before)
            self.sleep(None)
            self.is_poked = True
