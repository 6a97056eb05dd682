"""The scheduler's engine: one thread that owns component, orders book and script queue.

Everything else posts into its inbox. Nothing in this thread blocks for longer than a commit.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace

from ctmo_indi.clock import Deadline
from ctmo_indi.errors import CtmoError, WrongState
from ctmo_indi.inbox import Inbox
from ctmo_indi.models.states import ObservatoryState, SummaryState
from ctmo_indi.models.verdict import Verdict
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.blocks.book import BlockBook
from ctmo_indi.scheduler.blocks.commands import BlockCommands
from ctmo_indi.scheduler.command_call import CommandCall
from ctmo_indi.scheduler.component.observatory_status import ObservatoryStatus
from ctmo_indi.scheduler.component.service_status import facts_of, service_status
from ctmo_indi.scheduler.component.startup import Started
from ctmo_indi.scheduler.component.wiring import Component, ComponentParts
from ctmo_indi.scheduler.engine_parts import EngineParts
from ctmo_indi.scheduler.explaining import DriverJob, OrderFacts
from ctmo_indi.scheduler.modes.choice import make_mode
from ctmo_indi.scheduler.modes.mode import Mode, ModeContext
from ctmo_indi.scheduler.orders.attempt_runner import AttemptRunner
from ctmo_indi.scheduler.orders.intake import NewOrder
from ctmo_indi.scheduler.orders.orders_book import OrdersBook
from ctmo_indi.scheduler.queue_commands import QueueCommands
from ctmo_indi.scheduler.safety_link import SafetyLink, VerdictNews
from ctmo_indi.scheduler.states import Command
from ctmo_indi.scheduler.tickets import Ticket, TicketBook
from ctmo_indi.scheduler.worker import Worker
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.script_queue.kinds import AttemptBinding, ScriptParts
from ctmo_indi.script_queue.queueing import ScriptQueue, Sender
from ctmo_indi.script_queue.registry import ScriptRegistry
from ctmo_indi.script_queue.script import ScriptRun
from ctmo_indi.script_queue.scripts import park
from ctmo_indi.store.orders import OrderRow
from ctmo_indi.work_orders.receipts import new_receipt

_log = logging.getLogger(__name__)

HUNG_MACHINE_S = 15.0


class SchedulerEngine:
    """Wires the engine's parts; any thread may use ``inbox``, the rest is the engine thread's."""

    def __init__(self, parts: EngineParts) -> None:
        self._parts = parts
        clock = parts.clock
        self.inbox = Inbox("scheduler")
        self.tickets = TicketBook(
            lambda: new_receipt("T", clock.utc()),
            lambda ticket: parts.publish("ticket", ticket.receipt, ticket.to_wire()),
        )
        self.book = OrdersBook(
            parts.database,
            parts.writer,
            clock,
            parts.profile.night,
            parts.read_request,
            parts.publish,
            parts.profile.site,
        )
        self.queue = ScriptQueue(
            clock,
            self.inbox.post,
            on_change=self._script_changed,
            on_report=lambda _run, report: self.runner.script_reported(report),
            on_pause=self._queue_paused,
        )
        own_folder = parts.data_dir / "scheduler"
        self.blocks = BlockBook(
            self.queue, clock, own_folder / "blocks.json", parts.publish, self._script_parts
        )
        self.runner = AttemptRunner(self.book, self.queue, parts.telescope, clock, self.blocks)
        self.queue_commands = QueueCommands(
            self.queue,
            ScriptRegistry.load(),
            self._script_parts,
            lambda: self.csc.is_emptying_queue,
        )
        self.status = ObservatoryStatus(own_folder / "observatory_status.json", parts.publish)
        self._block_commands = BlockCommands(
            self.blocks, self.tickets, lambda: self.component.csc.detailed
        )
        self.safety = SafetyLink(
            parts.safety, clock, self.inbox.post, self._verdict_came, self._safety_answers
        )
        self.component = Component(
            ComponentParts(
                clock=clock,
                profile=parts.profile,
                tickets=self.tickets,
                start=parts.start,
                make_mode=self._make_mode,
                at_once={
                    **self._block_commands.table(),
                    Command.UPDATE_OBSERVATORY_STATUS: self._update_status,
                },
                status=self.status,
                load_folders=(parts.data_dir, *parts.load_folders),
                publish=parts.publish,
                post=self.inbox.post,
                stop_scripts=self.runner.stop_all,
                is_quiet=lambda: self.queue.is_idle,
                make_safe=self._make_safe,
                make_safe_timeout_s=_close_timeout_s(parts.profile),
                wipe=self._wipe,
                on_offline=parts.on_offline,
            )
        )
        self.csc = self.component.csc
        self._thread = threading.Thread(target=self.inbox.run, name="scheduler-engine", daemon=True)
        self._last_verdict: Verdict | None = None
        self._held: tuple[str, ...] = ()
        self._beats = 0
        self._is_started = False
        self._beat_machine_s = clock.machine_s()
        self._is_day: bool | None = None

    def start(self) -> None:
        """Read the open orders, then start the threads. Blocks for the reading."""
        self.book.load()
        self.component.worker.start()
        self._parts.telemetry.start()
        self.safety.start()
        self._beat_machine_s = self._parts.clock.machine_s()
        self._thread.start()
        self._is_started = True
        self.inbox.post(self.runner.reconcile)

    @property
    def is_turning(self) -> bool:
        """Whether cycles reach it and it carries them out; any thread."""
        silent_s = self._parts.clock.machine_s() - self._beat_machine_s
        return silent_s <= HUNG_MACHINE_S

    @property
    def is_over(self) -> bool:
        """Whether its thread has ended although nobody stopped it; any thread."""
        return self._is_started and not self._thread.is_alive()

    def stop(self, timeout_s: float) -> None:
        """End the threads; attempts under way go on, the next start adopts them.

        Blocks ``timeout_s`` machine seconds at most.
        """
        deadline = Deadline(self._parts.clock, 0.0, timeout_s)
        try:
            script = self.inbox.ask(self.queue.leave).result(timeout_s / 4)
        except (TimeoutError, RuntimeError):
            script = None
            _log.error("engine does not answer, it is stopped without order")
        if script is not None:
            script.join(deadline.remaining_machine_s() / 2)
        self.inbox.close()
        if self._thread.is_alive():
            self._thread.join(deadline.remaining_machine_s() / 2)
        self.safety.stop(deadline.remaining_machine_s() / 2)
        self._parts.telemetry.stop(deadline.remaining_machine_s() / 2)
        self.component.worker.stop(deadline.remaining_machine_s())

    # What follows runs in the engine thread.

    def beat(self) -> None:
        """Tell the world and safety that the engine lives; once a machine second."""
        self._beats += 1
        self._beat_machine_s = self._parts.clock.machine_s()
        self._parts.publish(
            "heartbeat", "", {"Count": self._beats, "Summary State": self.csc.summary.value}
        )
        self.safety.beat(
            {
                "Summary State": self.csc.summary.value,
                "Detailed State": self.csc.detailed.state.value,
                "Running": self.csc.is_running,
                "Busy": self.queue.current.name if self.queue.current is not None else "",
            }
        )
        self._look_at_status()

    def tick(self) -> None:
        """Enforce deadlines, adopt open attempts, let the component look; the main cycle."""
        self.queue.tick()
        self.runner.reconcile()
        self.component.tick()
        self._look_at_status()

    def ask_telemetry(self) -> None:
        """Have the telescope asked, but in STANDBY and OFFLINE, where there is nobody to know."""
        if self.csc.summary not in (SummaryState.STANDBY, SummaryState.OFFLINE):
            self._parts.telemetry.ask()

    def night_told(self, is_night: bool) -> None:
        """Note whether it is night."""
        self._is_day = not is_night

    def look_anew(self) -> None:
        """Nothing decided before holds: the clock was set."""
        self.expire()
        self._poke()
        self.tick()

    def expire(self) -> None:
        """End the waiting orders whose windows are over."""
        if self.book.expire():
            self._poke()

    def orders_stored(self, new: Sequence[NewOrder]) -> None:
        """Take new orders; their rows are durable already."""
        for order in new:
            self.book.adopt(order.row, order.request)
            self._publish_new(order.row)
        self._poke()

    def orders_repeated(self, receipts: Sequence[str]) -> None:
        """Take of these waiting orders those that are not known here: see the book."""
        adopted = [row for row in map(self.book.adopt_unknown, receipts) if row is not None]
        for row in adopted:
            self._publish_new(row)
        if adopted:
            self._poke()

    def _publish_new(self, row: OrderRow) -> None:
        self._parts.publish(
            "order", row.receipt, {"Receipt": row.receipt, "Status": row.state.value}
        )

    def cancel(self, receipt: str, reason: str) -> bool:
        """Cancel an order; False when its attempt has to end first."""
        is_done = self.runner.cancel(receipt, reason)
        self._poke()
        return is_done

    def command(self, call: CommandCall, *, is_comeback: bool = False) -> Ticket:
        """Take a command of the component; CtmoError when it is refused."""
        ticket = self.component.command(call, is_comeback=is_comeback)
        self._look_at_status()
        return ticket

    def answer(self) -> dict[str, object]:
        """Say how the service is."""
        return service_status(
            self.csc, self.queue, self.safety, self.status, self._parts.clock.utc()
        )

    def order_facts(self, receipt: str) -> OrderFacts:
        """Say what is known of an order that waits, and of the observatory as safety last told."""
        news, clock = self.safety.news, self._parts.clock
        conditions = Conditions(
            utc=clock.utc(),
            observatory=ObservatoryState.OPEN,  # not known here, and no word about it
            verdict=None if news is None else news.verdict,
            verdict_age_s=math.inf if news is None else clock.machine_s() - news.asked_machine_s,
            telescope_answers=True,
            pending=(),
            takeover="" if news is None else news.takeover,
        )
        known = next((one for one in self.book.pending() if one.receipt == receipt), None)
        facts = OrderFacts(blocked=conditions.blocked, forbidden=conditions.sky_forbidden)
        if known is None:
            return facts
        not_before_s = max(known.not_before_utc_s, known.due_utc_s)
        return replace(facts, missing_count=known.missing_count, not_before_utc_s=not_before_s)

    def ask_driver(self, job: DriverJob) -> Future[object]:
        """Put a question to the scheduling driver; WrongState when there is none to ask."""
        mode, summary = self.csc.mode, self.csc.summary
        if mode is None or summary is not SummaryState.ENABLED:
            raise WrongState(f"the scheduling driver is not asked: the scheduler is {summary}")
        return mode.ask_driver(job)

    def _look_at_status(self) -> None:
        verdict = self.safety.news.verdict if self.safety.news is not None else None
        self.status.look(facts_of(self.csc.summary, verdict, is_day=self._is_day, held=self._held))

    def _update_status(self, call: CommandCall) -> Mapping[str, object]:
        self.status.update(call.status, call.note)
        return self.status.to_wire()

    def _script_parts(self, attempt: AttemptBinding | None) -> ScriptParts:
        return ScriptParts(self._parts.telescope, self._parts.dome, attempt)

    def _wipe(self) -> None:
        """Nothing that was gathered survives STANDBY, or a start that failed."""
        self.blocks.drop()
        self._parts.telemetry.forget()

    def _make_mode(self, started: Started, worker: Worker) -> Mode:
        parts = self._parts
        self.blocks.use(started.blocks)
        parameters = started.configuration.parameters
        self.queue.pause_policy = parameters.pause_on_failure
        return make_mode(parameters)(
            ModeContext(
                clock=parts.clock,
                profile=parts.profile,
                driver=started.driver,
                parameters=parameters,
                snapshots_folder=parts.start.snapshots_folder,
                worker=worker,
                book=self.book,
                runner=self.runner,
                queue=self.queue,
                telescope=parts.telescope,
                safety=self.safety,
                publish=parts.publish,
                post=self.inbox.post,
                set_detailed=self.csc.set_detailed,
                fault=self.csc.fault,
            )
        )

    def _make_safe(self) -> None:
        timeout_s = _close_timeout_s(self._parts.profile)
        closing = park.park(self._parts.telescope, timeout_s=timeout_s)
        self.queue.add(closing, sender=Sender(is_urgent=True))

    def _script_changed(self, run: ScriptRun) -> None:
        self._parts.publish("script", run.subject, run.to_wire())
        self.blocks.script_changed(run)
        self._block_commands.tell_progress()
        if not run.is_final:
            return
        try:
            settled = self.runner.script_ended(run)
        except CtmoError as error:
            # The attempt stays open in the store and is adopted again.
            _log.error("attempt not settled subject=%s error=%s", run.subject, error)
            return
        mode = self.csc.mode
        if mode is None:
            return
        if settled is not None:
            mode.attempt_settled(settled)
        else:
            mode.script_ended(run)

    def _queue_paused(self, is_paused: bool, reason: str) -> None:
        self._parts.publish("scriptQueue", "", {"Paused": is_paused, "Reason": reason})
        self._poke()

    def _verdict_came(self, news: VerdictNews) -> None:
        before, self._last_verdict = self._last_verdict, news.verdict
        is_new = before is None or _says(before) != _says(news.verdict)
        if is_new or _rules(before) != _rules(news.verdict):
            self._parts.publish("verdict", "safety", news.verdict.to_wire())
        if is_new:
            self._poke()
        if news.held != self._held:
            self._hold_changed(news.held)

    def _safety_answers(self, does: bool, why: str) -> None:
        self._parts.publish("safetyLink", "safety", {"Answers": does, "Reason": why})

    def _hold_changed(self, held: tuple[str, ...]) -> None:
        """Humans took the observatory, or gave it back: then all goes on at once."""
        _log.warning("held by=%r", held)
        was_held, self._held = bool(self._held), held
        self._parts.publish("held", "", {"Held": "; ".join(held)})
        if was_held and not held:
            self.book.hold_is_over()
        self._poke()

    def _poke(self) -> None:
        if self.csc.mode is not None:
            self.csc.mode.poke()


def _says(verdict: Verdict) -> tuple[object, ...]:
    return verdict.level, verdict.lock, verdict.latch


def _rules(verdict: Verdict | None) -> tuple[str, ...]:
    """Return which rules are not content: why it is not SAFE may change while its level stays."""
    return () if verdict is None else tuple(finding.rule for finding in verdict.findings)


def _close_timeout_s(profile: Profile) -> float:
    """Elapsed seconds that a whole closing may take, its repetitions included."""
    safety = profile.safety
    return 4.0 * (safety.park_timeout_s + 2.0 * safety.shutter_timeout_s)
