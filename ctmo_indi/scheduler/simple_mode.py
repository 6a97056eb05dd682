"""SIMPLE mode: one target at a time.

1. Gather conditions, 2. update the driver, 3. ask one target, 4. queue its script, 5. wait until it
has ended, 6. register it with the driver if it succeeded. A failure leaves the driver as if the
target had never been asked for. No target is normal: the mode says when one is expected, stops
tracking once, closes at the end of the night, and looks again.

Steps 1 to 3 run in the driver's thread, so neither a silent telescope nor a slow driver stops the
engine.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta

from ctmo_indi.errors import CtmoError, InternalError, UnknownOrder, WrongState
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.scheduler.idle import IdleAction, IdleFacts, idle_action
from ctmo_indi.scheduler.modes import ModeContext
from ctmo_indi.scheduler.orders_book import Settled
from ctmo_indi.scheduler.safety_link import VerdictNews
from ctmo_indi.scheduler.states import DetailedState, ErrorCode
from ctmo_indi.scheduling.conditions import Conditions, Night
from ctmo_indi.scheduling.target import DriverTarget, NextTarget, PendingOrder
from ctmo_indi.script_queue.peer import BackOff
from ctmo_indi.script_queue.script import ScriptRun, ScriptState
from ctmo_indi.script_queue.scripts import park, stop_tracking

_log = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(seconds=60)
ESTIMATE_VALID = timedelta(minutes=30)
SILENCE_FIRST_S = 0.5
SILENCE_LAST_S = 10.0
PARK_AGAIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Decision:
    """What the driver's thread found; ``next_target`` only when there is no target."""

    conditions: Conditions
    target: DriverTarget | None
    night: Night
    next_target: NextTarget | None = None


class SimpleMode:
    """One target at a time; see the module."""

    def __init__(self, context: ModeContext) -> None:
        self._context = context
        self.is_running = False
        self._generation = 0
        self._is_deciding = False
        self._is_poked = True
        self._wake_utc: datetime | None = None
        self._silence = BackOff(SILENCE_FIRST_S, SILENCE_LAST_S)
        self._not_before_machine_s = 0.0
        self._last: Decision | None = None
        self._estimated_for: tuple[PendingOrder, ...] = ()
        self._published: tuple[datetime | None, str] | None = None
        self._idle_since: datetime | None = None
        self._is_tracking_stopped = False
        self._park_not_before_machine_s = 0.0

    def resume(self) -> None:
        """Begin to produce targets."""
        self.is_running = True
        self._generation += 1
        self._is_poked = True
        self._idle_since = None
        self._is_tracking_stopped = False

    def stop(self) -> None:
        """Produce no further target."""
        self.is_running = False
        self._generation += 1

    def poke(self) -> None:
        """Decide at the next tick."""
        self._is_poked = True

    def tick(self) -> None:
        """Start a decision when nothing is under way and there is a reason to."""
        context = self._context
        if not self.is_running or self._is_deciding or not context.runner.is_idle:
            return
        if context.clock.machine_s() < self._not_before_machine_s:
            return
        is_time = self._wake_utc is None or context.clock.utc() >= self._wake_utc
        if not (self._is_poked or is_time):
            return
        self._is_poked = False
        self._is_deciding = True
        context.set_detailed(DetailedState.GENERATING_TARGET_QUEUE)
        generation = self._generation
        pending = context.book.pending()
        news = context.safety.news
        future = context.worker.ask(lambda: self._decide(pending, news))
        future.add_done_callback(lambda done: context.post(lambda: self._decided(generation, done)))

    def attempt_settled(self, settled: Settled) -> None:
        """Register a success with the driver and look for the next target."""
        made = settled.observation
        if made is not None:
            driver = self._context.driver
            self._context.worker.ask(lambda: driver.register_observation(made))
        self._is_poked = True
        self.tick()

    def script_ended(self, run: ScriptRun) -> None:
        """Note whether stop_tracking or park did their work."""
        if run.name == park.NAME and run.state is not ScriptState.DONE:
            self._park_not_before_machine_s = self._context.clock.machine_s() + PARK_AGAIN_S
        self._is_poked = True

    def report(self) -> dict[str, object]:
        """Say when a target is expected and why there is none now."""
        last = self._last
        if last is None:
            return {"Next Target": {}, "Reasons": []}
        if last.target is not None:
            return {"Next Target": _target_to_wire(last.target), "Reasons": []}
        blocked = list(last.conditions.sky_forbidden)
        upcoming = last.next_target
        if upcoming is None:
            return {"Next Target": {}, "Reasons": blocked}
        if not last.conditions.pending:
            blocked.append("no order is pending")
        for receipt, reasons in list(upcoming.reasons.items())[:_REASONS_SHOWN]:
            blocked.extend(f"{receipt}: {reason}" for reason in reasons)
        return {"Next Target": _next_to_wire(upcoming), "Reasons": blocked}

    def _decide(self, pending: tuple[PendingOrder, ...], news: VerdictNews | None) -> Decision:
        """Steps 1 to 3; driver's thread, may block for the telescope's time-out."""
        conditions = self._gather(pending, news)
        driver = self._context.driver
        driver.update_conditions(conditions)
        night = driver.night
        if night is None:
            raise InternalError(f"driver {driver.name}: update_conditions kept no night")
        target = driver.select_next_target()
        if target is not None:
            return Decision(conditions, target, night)
        return Decision(conditions, None, night, self._estimate(conditions))

    def _estimate(self, conditions: Conditions) -> NextTarget:
        """When to expect a target; what was found stays valid for a while."""
        last = self._last.next_target if self._last is not None else None
        if (
            last is not None
            and self._last is not None
            and self._estimated_for == conditions.pending
            and conditions.utc - self._last.conditions.utc < ESTIMATE_VALID
            and last.utc is not None
            and conditions.utc < last.utc
        ):
            return last
        self._estimated_for = conditions.pending
        return self._context.driver.estimate_next_target()

    def _gather(self, pending: tuple[PendingOrder, ...], news: VerdictNews | None) -> Conditions:
        clock = self._context.clock
        observatory, trouble = ObservatoryState.UNKNOWN, ""
        try:
            reply = self._context.telescope.front_desk({"WOType": "Status", "User": "scheduler"})
            observatory = ObservatoryState(str(reply.get("Observatory")))
        except (CtmoError, ValueError) as error:
            trouble = str(error)
        age_s = float("inf") if news is None else clock.machine_s() - news.asked_machine_s
        return Conditions(
            utc=clock.utc(),
            observatory=observatory,
            verdict=news.verdict if news is not None else None,
            verdict_age_s=age_s,
            telescope_answers=not trouble,
            pending=pending,
            telescope_trouble=trouble,
        )

    def _decided(self, generation: int, done: Future[Decision]) -> None:
        self._is_deciding = False
        if generation != self._generation or not self.is_running:
            return
        error = done.exception()
        if error is not None:
            _log.error("no decision error=%r", error, exc_info=error)
            self._context.fault(ErrorCode.SIMPLE_LOOP, f"the scheduling driver failed: {error!r}")
            return
        decision = done.result()
        self._last = decision
        if decision.conditions.telescope_answers:
            self._silence.reset()
        else:
            wait_s = self._silence.next_s()
            self._not_before_machine_s = self._context.clock.machine_s() + wait_s
        if decision.target is not None:
            self._queue(decision.target)
        else:
            self._idle(decision)

    def _queue(self, target: DriverTarget) -> None:
        self._idle_since = None
        self._is_tracking_stopped = False
        self._wake_utc = None
        self._published = None
        context = self._context
        context.set_detailed(DetailedState.QUEUEING_TARGET)
        try:
            run = context.runner.begin(target)
        except (UnknownOrder, WrongState) as error:
            _log.info("target dropped receipt=%s reason=%s", target.receipt, error)
            self._is_poked = True
            return
        finally:
            context.set_detailed(DetailedState.RUNNING)
        context.publish("target", run.subject, _target_to_wire(target))

    def _idle(self, decision: Decision) -> None:
        upcoming = decision.next_target
        if upcoming is None:
            return
        now = decision.conditions.utc
        self._idle_since = self._idle_since or now
        self._wake_utc = None  # a silent telescope is asked again as its back-off says
        if decision.conditions.telescope_answers:
            self._wake_utc = min(now + LOOK_AGAIN, max(upcoming.utc or now + LOOK_AGAIN, now))
        self._context.set_detailed(DetailedState.WAITING_NEXT_TARGET_TIMER_TASK)
        if (upcoming.utc, upcoming.receipt) != self._published:
            self._published = (upcoming.utc, upcoming.receipt)
            self._context.publish("timeToNextTarget", upcoming.receipt, _next_to_wire(upcoming))
        facts = IdleFacts(
            conditions=decision.conditions,
            night=decision.night,
            next_target=upcoming,
            idle_s=(now - self._idle_since).total_seconds(),
            is_tracking_stopped=self._is_tracking_stopped,
        )
        action, why = idle_action(facts)
        context = self._context
        if action is IdleAction.STOP_TRACKING:
            self._is_tracking_stopped = True
            _log.info("stop_tracking queued reason=%r", why)
            context.queue.add(stop_tracking.stop_tracking(context.telescope))
        elif (
            action is IdleAction.PARK
            and context.clock.machine_s() >= self._park_not_before_machine_s
        ):
            _log.info("park queued reason=%r", why)
            safety = context.profile.safety
            timeout_s = 4.0 * (safety.park_timeout_s + 2.0 * safety.shutter_timeout_s)
            context.queue.add(park.park(context.telescope, timeout_s=timeout_s))


_REASONS_SHOWN = 20


def _target_to_wire(target: DriverTarget) -> dict[str, object]:
    request = target.request
    wire: dict[str, object] = {
        "Parent": target.receipt,
        "Object": request.object_name,
        "Frame Type": request.frame_type.value,
        "Filter": request.filter_name or "",
        "Exposure Time": request.exposure_s,
        "Number of Exposures": target.count,
        "Duration": target.duration_s,
        "Priority": target.priority,
        "Note": target.note,
    }
    if request.ra_deg is not None and request.dec_deg is not None:
        wire |= {"RA": request.ra_deg, "Dec": request.dec_deg}
    return wire


def _next_to_wire(upcoming: NextTarget) -> dict[str, object]:
    return {
        "UTC": upcoming.utc.isoformat() if upcoming.utc is not None else "",
        "Parent": upcoming.receipt,
        "Looked Until": upcoming.until_utc.isoformat(),
    }
