"""The telescope's engine: one thread that owns attempts, control orders and closings.

It runs procedures (generators that never block) one at a time, looks at the verdict at every turn
and interrupts what must not go on. Everybody else talks to it through its inbox.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Mapping

from ctmo_indi.errors import CtmoError, WrongState
from ctmo_indi.inbox import Inbox
from ctmo_indi.models.states import AttemptState, FrameType, ObservatoryState
from ctmo_indi.profiles import Role
from ctmo_indi.telescope.attempt import Attempt, Ending
from ctmo_indi.telescope.closing_run import LIMIT_S as CLOSING_LIMIT_S
from ctmo_indi.telescope.closing_run import ClosingRun
from ctmo_indi.telescope.control import ControlTask, by_hand
from ctmo_indi.telescope.dome_follow import THRESHOLD_DEG, target_deg
from ctmo_indi.telescope.engine_parts import EngineParts
from ctmo_indi.telescope.hands import Sight
from ctmo_indi.telescope.hands_off import HandsOff
from ctmo_indi.telescope.ledger import TimeLedger, classify
from ctmo_indi.telescope.procedure import All, Procedure, Steps, Until
from ctmo_indi.telescope.takeover import Takeover
from ctmo_indi.telescope.task_book import Task
from ctmo_indi.telescope.task_line import TaskLine, turn_only
from ctmo_indi.telescope.verdict_rules import Duty

_log = logging.getLogger(__name__)

TURN_MACHINE_S = 0.05
HUNG_MACHINE_S = 10.0
MAX_WAITING = 16


class Engine:
    """All methods but :meth:`start` and :meth:`stop` run in its own thread.

    Call them through ``inbox.ask`` or ``inbox.post``. A long class, because here it is decided what
    may be under way; what it does is elsewhere (task_line, steps, control, closing_run,
    verdict_rules).
    """

    def __init__(self, parts: EngineParts) -> None:
        self._parts = parts
        self.inbox = Inbox("telescope")
        self._thread = threading.Thread(target=self._run, name="telescope-engine", daemon=True)
        self._closing = ClosingRun(parts.hands, parts.clock, parts.publish, self._wake)
        self._beside: list[tuple[ControlTask | None, Procedure]] = []
        self._duty = Duty.HOLD
        self._is_ending = False
        self._is_started = False
        self._was_known = False
        self._ledger = TimeLedger(parts.clock)
        self.takeover = Takeover(parts.clock, parts.hands_off_s, parts.takeover_path)
        self._hands_off = HandsOff(parts.clock, self.takeover, parts.publish)
        self._line = TaskLine(parts, self.takeover, self._hands_off, self.inbox.post)
        self.tasks = self._line.book
        self._failed_turns = 0
        self._turned_machine_s = parts.clock.machine_s()

    @property
    def is_turning(self) -> bool:
        """Whether it does its work; any thread. False: it hangs, or every turn fails."""
        silent_s = self._parts.clock.machine_s() - self._turned_machine_s
        return silent_s <= HUNG_MACHINE_S

    @property
    def is_over(self) -> bool:
        """Whether its thread has ended although nobody stopped it; any thread."""
        return self._is_started and not self._thread.is_alive()

    @property
    def failures(self) -> int:
        """How many turns and procedures ended with a bug of ours since the start; any thread."""
        return self._failed_turns + self._line.failures

    def start(self) -> None:
        """Start the thread; returns at once."""
        self._is_started = True
        self._thread.start()

    # -- orders ------------------------------------------------------------------------------------

    def enqueue(self, task: Task) -> dict[str, object]:
        """Take an attempt or a control order; it starts at once or when it is its turn.

        Raises
        ------
        WrongState
            Too many wait, the service is stopping, or a control order would disturb an attempt.
        """
        known = self.tasks.get(task.receipt)
        if known is not None:
            return known.to_wire()
        if self._is_ending:
            raise WrongState("the telescope service is stopping")
        if isinstance(task, ControlTask) and self._would_hinder_a_closer(task):
            self.tasks.add(task)
            self._line.set_state(task, AttemptState.COMPLETED, "being closed, which stops it")
            return task.to_wire()
        if isinstance(task, ControlTask) and (
            task.runs_beside or (task.stops_only and self._closing.is_under_way)
        ):
            self.tasks.add(task)
            self._line.set_state(task, AttemptState.IN_PROGRESS)
            self._start_beside(task, task.name, by_hand(task, self._parts.hands))
            return task.to_wire()
        if isinstance(task, ControlTask) and not task.is_urgent:
            current = self._line.current
            if current is not None or self._closing.is_under_way:
                busy = current.receipt if current else "a closing"
                raise WrongState(f"{task.name}: {busy} is under way; abort it first or wait")
        elif self._line.waiting >= MAX_WAITING:
            raise WrongState(f"{self._line.waiting} attempts wait already, limit {MAX_WAITING}")
        if isinstance(task, ControlTask) and task.is_urgent:
            self.interrupt(_by(task))
            self._line.join(task, first=True)
        else:
            self._line.join(task)
        return task.to_wire()

    def _would_hinder_a_closer(self, task: ControlTask) -> bool:
        """Whether it is a stop of the scheduler's, which has no target, into a closing.

        An abort would end the parking. A human's stop is meant so.
        """
        if not (task.stops_only and task.user == "scheduler"):
            return False
        news = self._parts.vigil.news
        is_closing = news is not None and (news.safety_is_closing or news.verdict.is_unsafe)
        return is_closing or self._closing.is_under_way

    def close_by_order(self, task: ControlTask) -> dict[str, object]:
        """Close the observatory for a Control order; joins a closing under way."""
        self.tasks.add(task)
        self._line.set_state(task, AttemptState.IN_PROGRESS)
        self.interrupt_and_flush(_by(task))
        self._closing.demand(f"close by {task.user}", task)
        return task.to_wire()

    def cancel(self, receipt: str, user: str, reason: str) -> dict[str, object]:
        """Cancel what waits, end what runs; nothing happens to what has ended.

        The scheduler's word interrupts (pre-emption, weather, end of night), a human's aborts.
        """
        return self._line.cancel(receipt, Ending(_ended_by(user), reason)).to_wire()

    def interrupt(self, ending: Ending) -> bool:
        """End what is under way with ``ending``; False when there is nothing."""
        return self._line.interrupt(ending)

    def interrupt_and_flush(self, ending: Ending) -> bool:
        """As :meth:`interrupt`, and end all that waits: it would open and move again."""
        return self._line.interrupt_and_flush(ending)

    # -- news from the devices ---------------------------------------------------------------------

    def limit_violated(self, reason: str) -> None:
        """Stop and park: the mount went, or is about to go, where it must not.

        Under a lock or the latch it is only told: a human has the telescope in hand. While safety
        closes, too: it parks already, and an abort would end that.
        """
        self._parts.publish("limit", "telescope", {"Reason": reason})
        under_way = any(procedure.name == "limit" for _, procedure in self._beside)
        if under_way or self._closing.is_under_way or self._parts.vigil.is_in_human_hands():
            return
        if self._parts.vigil.safety_closes():
            return
        _log.warning("limit_violated reason=%s", reason)
        self.interrupt(Ending(AttemptState.INTERRUPTED, f"limit: {reason}", stops_motion=False))
        self._start_beside(None, "limit", self._leave_limit())

    def foreign_motion(
        self,
        what: str,
        role: Role = Role.MOUNT,
        *,
        may_be_closer: bool = False,
        heard_elapsed_s: float = math.inf,
    ) -> None:
        """Another INDI client did something: report, and end the attempt it disturbs.

        What our own closers do as well is judged first: :mod:`ctmo_indi.telescope.hands_off`.
        """
        if not self._hands_off.is_humans(
            what, role, may_be_closer=may_be_closer, heard_elapsed_s=heard_elapsed_s
        ):
            return
        self._hands_off.begin(what)
        task = self._line.current
        if isinstance(task, ControlTask) or (
            task and (task.request.frame_type.needs_sky or role is Role.CAMERA)
        ):
            self.interrupt(
                Ending(
                    AttemptState.INTERRUPTED,
                    f"foreign motion: {what}",
                    stops_motion=False,
                    stops_exposure=role is not Role.CAMERA,
                )
            )
        self._parts.hands.let_go(role, f"another INDI client: {what}")

    def release(self, user: str) -> None:
        """End a takeover; what it left neither open nor closed is closed."""
        if self._hands_off.release(user):
            self._was_known = False

    def follow_dome(self, threshold_deg: float = THRESHOLD_DEG) -> None:
        """Turn the dome after the tracking mount; posted by a cycle."""
        hands = self._parts.hands
        sight = hands.sight()
        if self._line.is_dome_by_hand or self._parts.vigil.is_in_human_hands():
            return
        is_pointing = any(word in (self._line.waits_for or "") for word in ("slew", "dome"))
        if is_pointing or self._beside or self.takeover.is_active:
            return
        if not self._parts.vigil.lets_finish():
            return
        if self._closing.is_under_way or sight.ra_deg is None or sight.dec_deg is None:
            return
        wanted_deg = hands.dome_azimuth_for(sight.ra_deg, sight.dec_deg)
        to_deg = target_deg(sight, wanted_deg, threshold_deg)
        if to_deg is not None:
            self._start_beside(None, "dome follows", self._turn_dome(to_deg))

    def publish_telemetry(self, role: Role) -> None:
        """Tell what one device says; posted by that device's cycle."""
        key = role.value.replace("_", " ").title()
        data = self._parts.hands.sight().wire.get(key)
        if isinstance(data, Mapping):
            self._parts.publish("telemetry", role.value, dict(data))

    # -- what others see ---------------------------------------------------------------------------

    def sight(self) -> Sight:
        """Read what the devices say."""
        return self._parts.hands.sight()

    @property
    def busy(self) -> str:
        """What is under way, empty when nothing; any thread, for the beat to safety."""
        return self._line.doing or ("closing" if self._closing.is_under_way else "")

    def to_wire(self) -> dict[str, object]:
        """Tell the service's own status."""
        sight = self._parts.hands.sight()
        current = self._line.current
        return {
            "Observatory": sight.state.value,
            "Link": "UP" if sight.link_up else "DOWN",
            "Devices": sight.wire,
            "Verdict": self._parts.vigil.to_wire(),
            "Duty": self._duty.value,
            "Current": current.to_wire() if current else {},
            "Busy": self.busy,
            "Waits For": self._line.waits_for or "",
            "Waiting": self._line.waiting,
            "Foreign Motion": self.takeover.to_wire(),
            "Held": self.takeover.reason,
            "Alarm": self._closing.alarm,
            "Time Spent": self._ledger.to_wire(),
            "Recovery": self._parts.recovery(),
        }

    # -- the thread --------------------------------------------------------------------------------

    def stop(self, timeout_s: float, *, close: bool) -> None:
        """End what is under way, close the observatory if asked, end the thread; any thread.

        Blocks ``timeout_s`` machine seconds at most.
        """
        ended = threading.Event()
        self.inbox.post(lambda: self._begin_end(close=close, ended=ended))
        if self._thread.is_alive() and not ended.wait(timeout_s):
            _log.error("engine_stop_timed_out timeout_s=%g", timeout_s)
        self.inbox.close()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _begin_end(self, *, close: bool, ended: threading.Event) -> None:
        self._is_ending = True
        self.interrupt_and_flush(Ending(AttemptState.INTERRUPTED, "the telescope service stops"))
        sight = self._parts.hands.sight()
        must_close = close and sight.link_up and sight.state is not ObservatoryState.CLOSED
        if must_close and not self._parts.vigil.is_in_human_hands():
            self._closing.demand("the telescope service stops", is_last=True)

        def end() -> Steps[None]:
            yield Until(self._is_idle, CLOSING_LIMIT_S, "the end")
            if close:
                self._tell_if_open()
            ended.set()

        self._start_beside(None, "end", end())

    def _tell_if_open(self) -> None:
        """Say loudly that this stop, which is to close, leaves the observatory as it is."""
        sight = self._parts.hands.sight()
        if sight.state is ObservatoryState.CLOSED:
            return
        link = "UP" if sight.link_up else "DOWN: nothing could be sent to the INDI server"
        what = "in human hands" if self._parts.vigil.is_in_human_hands() else "not closed"
        _log.critical(
            "stopped_without_closing state=%s what=%r link=%r; what still runs of safety and "
            'INDI\'s WatchDog closes; else "ctmo-indi close", or a hand',
            sight.state,
            what,
            link,
        )

    def _is_idle(self) -> bool:
        return self._line.current is None and not self._closing.is_under_way

    def _run(self) -> None:
        while self.inbox.run_pending(TURN_MACHINE_S):
            try:
                self._turn()
                self._turned_machine_s = self._parts.clock.machine_s()
            except Exception:  # noqa: BLE001 - outermost loop of the engine: log, count, go on
                self._failed_turns += 1
                _log.exception("engine_turn_failed failures=%d", self._failed_turns)

    def _turn(self) -> None:
        self._heed_verdict()
        for order, error in self._closing.advance():
            self._line.conclude(order, error)
        for entry in [entry for entry in self._beside if entry[1].advance()]:
            self._beside.remove(entry)
            self._conclude_beside(*entry)
        self._line.advance()
        if self._is_idle():
            self._line.begin_next()
        self._mind_lamp()
        self._ledger.turn(
            classify(
                self._line.waits_for,
                is_closing=self._closing.is_under_way,
                is_working=self._duty is Duty.WORK,
                state=self._parts.hands.sight().state,
            )
        )

    def _heed_verdict(self) -> None:
        sight = self._parts.hands.sight()
        state = sight.state
        judgement = self._parts.vigil.look(state)
        for suspect in self._hands_off.judge(self._parts.vigil.news):
            self.foreign_motion(suspect.what, suspect.role)
        if state is ObservatoryState.CLOSED:
            self._closing.seen_closed()
        self._tidy_up(sight)
        if judgement.duty is not self._duty:
            _log.info("duty from=%s to=%s reason=%s", self._duty, judgement.duty, judgement.reason)
            data: dict[str, object] = {"Duty": judgement.duty.value, "Reason": judgement.reason}
            self._parts.publish("duty", "telescope", data)
            self._duty = judgement.duty
        task = self._line.current
        if task is not None and not (isinstance(task, ControlTask) and task.is_urgent):
            ending = self._parts.vigil.ending(judgement, task)
            if ending is not None:
                self.interrupt(ending)
        is_vain = self._is_ending and not sight.link_up  # and would go on for as long as it lasts
        if judgement.duty is Duty.CLOSE and state is not ObservatoryState.CLOSED and not is_vain:
            self._closing.demand(judgement.reason)

    def _tidy_up(self, sight: Sight) -> None:
        """Close properly what is in ALARM, and what was found neither open nor closed.

        An ALARM is tried again, after each pause, until it is read as closed or somebody takes it
        in hand: under a SAFE verdict nobody else would. What was found half closed when the devices
        came (back), such as a telescope left unparked under a closed shutter by a power cut, is
        closed once after each (re)connection: what a human does later is not undone.
        """
        is_known = sight.link_up and sight.parked is not None and sight.shutter != "UNKNOWN"
        if not is_known:
            self._was_known = False
        vigil = self._parts.vigil
        if self.takeover.is_active or self._is_ending:
            return
        if sight.state is ObservatoryState.ALARM:
            by_hand = isinstance(self._line.current, ControlTask)
            is_free = sight.link_up and not by_hand and not vigil.is_in_human_hands()
            if is_free and vigil.lets_finish() and not self._closing.is_under_way:
                self._closing.demand("the last closing was not confirmed")
        elif is_known and not self._was_known and vigil.refusal(True) is None and self._is_idle():
            # One that failed a moment ago is tried again after its pause, not forgotten.
            is_half = sight.state is ObservatoryState.UNKNOWN
            self._was_known = not is_half or self._closing.demand("found neither open nor closed")

    def _mind_lamp(self) -> None:
        """Put out a panel that an earlier flat of ours has left lit."""
        lamp, task = self._parts.lamp, self._line.current
        lamp.look()
        is_needed = isinstance(task, Attempt) and task.request.frame_type is FrameType.FLAT
        is_in_hand = self.takeover.is_active or self._parts.vigil.is_in_human_hands()
        if lamp.is_due and not is_needed and not is_in_hand:
            self._start_beside(None, "lamp off", lamp.put_out())

    # -- procedures --------------------------------------------------------------------------------

    def _wake(self) -> None:
        self.inbox.post(turn_only)

    def _start_beside(self, task: ControlTask | None, name: str, steps: Steps[None]) -> None:
        self._beside.append((task, Procedure(name, steps, self._parts.clock, self._wake)))

    def _conclude_beside(self, task: ControlTask | None, procedure: Procedure) -> None:
        if task is not None:
            self._line.conclude(task, procedure.error)
        elif procedure.error is not None:
            _log.warning("beside_failed name=%s error=%s", procedure.name, procedure.error)

    def _turn_dome(self, azimuth_deg: float) -> Steps[None]:
        deed = self._parts.hands.dome_azimuth(azimuth_deg)
        yield All((deed,), self._parts.step_times.motion_s, "dome")

    def _leave_limit(self) -> Steps[None]:
        times = self._parts.step_times
        try:
            yield All((self._parts.hands.abort_motion(),), times.abort_s, "abort at a limit")
        except CtmoError as error:
            _log.error("limit_abort_failed error=%s", error)
        yield All((self._parts.hands.park(),), times.motion_s, "park at a limit")


def _ended_by(user: str) -> AttemptState:
    """The scheduler's own word is no human's abort."""
    return AttemptState.INTERRUPTED if user == "scheduler" else AttemptState.ABORTED


def _by(task: ControlTask) -> Ending:
    return Ending(_ended_by(task.user), f"{task.name} by {task.user}")
