"""The component: summary state, commands, faults. Engine thread only.

The tables stand in ``states.py``. A command that cannot be taken raises at once and changes
nothing; one that is taken gives a ticket. The slow ones (start, load, computePredictedSchedule,
stop with abort, standby) exclude each other and tell their progress on the ticket.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass

from ctmo_indi.clock import Deadline
from ctmo_indi.errors import CtmoError, WrongState
from ctmo_indi.models.states import SummaryState
from ctmo_indi.scheduler.command_call import CommandCall
from ctmo_indi.scheduler.component.csc_parts import CscParts, GoesOn
from ctmo_indi.scheduler.component.detailed import Detailed
from ctmo_indi.scheduler.component.startup import Started, StartWish
from ctmo_indi.scheduler.modes.mode import Mode
from ctmo_indi.scheduler.states import (
    COMMAND_RULES,
    ERROR_MEANINGS,
    SUMMARY_TABLE,
    Command,
    DetailedState,
    ErrorCode,
    check_command,
)
from ctmo_indi.scheduler.tickets import Ticket, TicketState

_log = logging.getLogger(__name__)

START_TIMEOUT_S = 600.0
"""Machine seconds after which a start is given up, its thread left behind."""

LONGEST_MESSAGE = 10_000
"""Characters of why a command failed; it is logged, stored and sent around."""


@dataclass(slots=True)
class _UnderWay:
    """The slow command that is being carried out; ``deadline`` None: others see to its end."""

    command: Command
    ticket: Ticket
    deadline: Deadline | None = None
    give_up: Callable[[], None] | None = None


class SchedulerCsc:
    """Takes commands, holds the states."""

    def __init__(self, parts: CscParts) -> None:
        self._parts = parts
        self.summary = SummaryState.STANDBY
        self.detailed = Detailed(parts.publish, lambda: self.is_running)
        self.error_code = ErrorCode.NONE
        self.error_report = ""
        self.mode: Mode | None = None
        self.started: Started | None = None
        self._busy: _UnderWay | None = None
        self._when_quiet: tuple[Callable[[], None], Deadline | None] | None = None
        self._is_faulting = False
        self._slow: Mapping[Command, Callable[[CommandCall], None]] = {
            Command.START: lambda call: self._start(StartWish(call.configuration)),
            Command.RESUME: lambda _: self._resume(),
            Command.STOP: lambda call: self._stop(call.abort, call.reason or "scheduler stopped"),
            Command.STANDBY: lambda _: self._stop(True, "scheduler goes to STANDBY"),
            Command.DISABLE: lambda _: self._stop(False, "scheduler disabled"),
            Command.LOAD: lambda call: self._load(call.uri),
            Command.COMPUTE_PREDICTED_SCHEDULE: lambda _: self._predict(),
        }

    @property
    def is_running(self) -> bool:
        """Whether the production loop runs."""
        return self.mode is not None and self.mode.is_running

    @property
    def is_emptying_queue(self) -> bool:
        """Whether it waits for the script queue to be empty: nothing is to be added meanwhile."""
        return self._when_quiet is not None

    def command(self, call: CommandCall, wish: StartWish | None = None) -> Ticket:
        """Take a command.

        Parameters
        ----------
        wish
            Of ``start``, instead of what the call says.

        Returns
        -------
        Ticket
            Its end tells that the command is done.

        Raises
        ------
        CtmoError
            Refused; nothing has changed. WrongState: not taken in this state, or another one is
            being carried out.
        """
        command = call.command
        busy = self._busy.command if self._busy is not None else None
        has_driver = self.started is None or self.started.driver is not None
        check_command(
            command, self.summary, running=self.is_running, busy=busy, has_driver=has_driver
        )
        if self._is_faulting and not COMMAND_RULES[command].is_beside:
            raise WrongState(f"{command}: refused, the component goes to FAULT")
        at_once = self._parts.at_once.get(command)
        result = at_once(call) if at_once is not None else None
        _log.info("command taken command=%s abort=%s reason=%r", command, call.abort, call.reason)
        ticket = self._parts.tickets.open(command)
        if isinstance(result, GoesOn):
            result.begun(ticket.receipt)
        elif result is not None:
            self._parts.tickets.close(ticket.receipt, TicketState.COMPLETED, result=result)
        else:
            self._interrupt(f"ended by {command}")
            self._busy = _UnderWay(command, ticket)
            try:
                if wish is not None:
                    self._start(wish)
                else:
                    self._slow.get(command, self._nothing_more)(call)
            except Exception as error:
                self._fail(f"internal error: {error!r}")  # else it would be under way for ever
                raise
        return self._parts.tickets.get(ticket.receipt)

    def tick(self) -> None:
        """Finish what waits for the script queue, else let the mode look."""
        if self._when_quiet is not None:
            go_on, deadline = self._when_quiet
            if self._parts.is_quiet() or (deadline is not None and deadline.expired):
                self._when_quiet = None
                go_on()
        elif self.mode is not None:
            self.mode.tick()
        busy = self._busy
        if busy is not None and busy.deadline is not None and busy.deadline.expired:
            self._overrun(busy)

    def set_detailed(self, state: DetailedState) -> None:
        """Tell what the component is doing; IDLE whenever nothing is produced."""
        self.detailed.set(state)

    def fault(self, code: ErrorCode, report: str) -> None:
        """Stop, leave the devices safe, then go to FAULT; where there is none just report."""
        _log.error("fault code=%d meaning=%r report=%r", code, ERROR_MEANINGS[code], report)
        self._parts.publish(
            "errorCode",
            "",
            {"Code": int(code), "Meaning": ERROR_MEANINGS[code], "Report": report},
        )
        if self._is_faulting or not SUMMARY_TABLE.allows(self.summary, SummaryState.FAULT):
            return
        self._is_faulting = True
        self.error_code = code
        self.error_report = report
        for step in (
            self._stop_mode,
            lambda: self._interrupt(f"the component went to FAULT: {report}"),
            lambda: self.set_detailed(DetailedState.IDLE),
            lambda: self._parts.stop_scripts(f"scheduler fault {code}: {report}"),
            self._parts.make_safe,
        ):
            try:
                step()
            except Exception:  # noqa: BLE001 - whatever breaks, the devices are made safe
                _log.exception("a step to FAULT broke")
        deadline = Deadline(self._parts.clock, self._parts.make_safe_timeout_s, 5.0)
        self._when_quiet = (lambda: self._enter(SummaryState.FAULT), deadline)

    def _stop_mode(self) -> None:
        if self.mode is not None:
            self.mode.stop()

    # -- commands ---------------------------------------------------------------------------------

    def _start(self, wish: StartWish) -> None:
        under_way, parts = self._under_way(START_TIMEOUT_S), self._parts
        receipt = under_way.ticket.receipt
        future = parts.begin_start(wish, lambda text: parts.tickets.tell(receipt, text))
        future.add_done_callback(lambda done: parts.post(lambda: self._started(under_way, done)))

    def _started(self, under_way: _UnderWay, done: Future[Started]) -> None:
        if self._busy is not under_way:
            return  # given up meanwhile
        error = _error(done)
        if error is None:
            try:
                self.started = done.result()
                self.mode = self._parts.make_mode(self.started)
            except Exception as raised:  # noqa: BLE001 - a driver's code, too: it refuses the start
                self.started, error = None, raised
        if error is None:
            self._done()
            return
        if not isinstance(error, CtmoError):
            _log.error("start broke error=%r", error, exc_info=error)
        self._parts.wipe()
        self._fail(f"start refused, the component stays in STANDBY: {error}")

    def _nothing_more(self, _: CommandCall) -> None:
        self._done()

    def _resume(self) -> None:
        if self.mode is not None:
            self.mode.resume()
        self._done()
        self.set_detailed(DetailedState.RUNNING)

    def _stop(self, abort: bool, reason: str) -> None:
        if self.mode is not None:
            self.mode.stop()
        self.set_detailed(DetailedState.IDLE)
        if abort:
            self._parts.stop_scripts(reason)
            self._when_quiet = (self._done, None)
            self.tick()
        else:
            self._done()

    def _load(self, uri: str) -> None:
        under_way = self._under_way(self._parts.driver_timeout_s())
        try:
            future = self._parts.begin_load(uri)
        except CtmoError as error:
            self._fail(str(error))
            return

        def loaded(done: Future[None]) -> None:
            error = _error(done)
            if self._busy is under_way and error is not None:
                self._fail(f"{uri}: {error}")
            elif self._busy is under_way:
                self._done()

        future.add_done_callback(lambda done: self._parts.post(lambda: loaded(done)))

    def _predict(self) -> None:
        under_way = self._under_way(None)
        end_alone = self.detailed.begin_alone()

        def predicted(why: str) -> None:
            if self._busy is not under_way:
                return
            self.set_detailed(DetailedState.RUNNING)
            end_alone()
            if why:
                self._fail(why)
            else:
                self._done()

        self.set_detailed(DetailedState.COMPUTING_PREDICTED_SCHEDULE)
        try:
            under_way.give_up = self._parts.begin_prediction(predicted)
        except CtmoError as error:
            predicted(str(error))

    # -- how they end -----------------------------------------------------------------------------

    def _under_way(self, timeout_s: float | None) -> _UnderWay:
        if self._busy is None:
            raise AssertionError("no command is being carried out")
        if timeout_s is not None:
            self._busy.deadline = Deadline(self._parts.clock, 0.0, timeout_s)
        return self._busy

    def _overrun(self, under_way: _UnderWay) -> None:
        timeout_s = self._parts.driver_timeout_s()
        if under_way.command is Command.LOAD:
            why = f"load: the scheduling driver did not answer within {timeout_s:g} s"
            self.fault(ErrorCode.DRIVER_BLOCKED, why)
        else:
            self._fail(f"given up after {START_TIMEOUT_S:g} s")

    def _interrupt(self, why: str) -> None:
        """End the slow command under way, if there is one."""
        if self._busy is not None:
            if self._busy.give_up is not None:
                self._busy.give_up()
            self._fail(why)
        self._when_quiet = None

    def _done(self) -> None:
        """The command under way is done: its state and its ticket."""
        if self._busy is None:
            return
        under_way, self._busy = self._busy, None
        after = COMMAND_RULES[under_way.command].leads_to
        if after is not None:
            self._enter(after)
        self._parts.tickets.close(under_way.ticket.receipt, TicketState.COMPLETED)

    def _fail(self, why: str) -> None:
        if self._busy is None:
            return
        under_way, self._busy = self._busy, None
        if len(why) > LONGEST_MESSAGE:
            why = f"{why[:LONGEST_MESSAGE]} ..."
        _log.warning("command failed command=%s reason=%r", under_way.command, why)
        self._parts.tickets.close(under_way.ticket.receipt, TicketState.FAILED, why)

    def _enter(self, state: SummaryState) -> None:
        SUMMARY_TABLE.check(self.summary, state)
        self.summary = state
        self._is_faulting = False
        if state is SummaryState.STANDBY:
            self.mode = self.started = None  # nothing survives STANDBY
            self._parts.wipe()
            if self.error_code is not ErrorCode.NONE:
                self.error_code, self.error_report = ErrorCode.NONE, ""
                self._parts.publish("errorCode", "", {"Code": 0, "Meaning": "no error"})
        self.detailed.reset()
        _log.info("summary state %s", state)
        self._parts.publish("summaryState", "", {"Summary State": state.value})
        if state is SummaryState.OFFLINE:
            self._parts.on_offline()


def _error(done: Future[object] | Future[Started] | Future[None]) -> BaseException | None:
    try:
        return done.exception()
    except CancelledError as error:
        return error
