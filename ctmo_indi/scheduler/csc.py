"""The component: summary state, commands, faults. Engine thread only.

The tables stand in ``states.py``. A command that cannot be taken raises at once and changes
nothing; one that is taken gives a ticket, and no second one is taken until it is done.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future

from ctmo_indi.errors import CtmoError
from ctmo_indi.models.states import SummaryState
from ctmo_indi.scheduler.modes import Mode
from ctmo_indi.scheduler.startup import Started
from ctmo_indi.scheduler.states import (
    COMMAND_RULES,
    SUMMARY_TABLE,
    Command,
    DetailedState,
    ErrorCode,
    check_command,
)
from ctmo_indi.scheduler.tickets import Ticket, TicketBook, TicketState

_log = logging.getLogger(__name__)


class SchedulerCsc:
    """Takes commands, holds the states.

    Parameters
    ----------
    start_driver
        Begins the start-up in the driver's thread.
    make_mode
        Makes the operation mode around a started driver.
    post
        Runs a call later in the engine thread.
    stop_scripts
        Ends every script, for the given reason; completion is seen by ``is_quiet``.
    is_quiet
        Whether no script waits or runs.
    make_safe
        Called on FAULT after the scripts were told to end: leave the devices safe.
    """

    def __init__(
        self,
        *,
        tickets: TicketBook,
        start_driver: Callable[[], Future[Started]],
        make_mode: Callable[[Started], Mode],
        publish: Callable[[str, str, dict[str, object]], object],
        post: Callable[[Callable[[], object]], None],
        stop_scripts: Callable[[str], None],
        is_quiet: Callable[[], bool],
        make_safe: Callable[[], None],
        on_offline: Callable[[], None],
    ) -> None:
        self._tickets = tickets
        self._start_driver = start_driver
        self._make_mode = make_mode
        self._publish = publish
        self._post = post
        self._stop_scripts = stop_scripts
        self._is_quiet = is_quiet
        self._make_safe = make_safe
        self._on_offline = on_offline
        self.summary = SummaryState.STANDBY
        self.detailed = DetailedState.IDLE
        self.error_code = ErrorCode.NONE
        self.error_report = ""
        self.mode: Mode | None = None
        self._busy: tuple[Command, Ticket] | None = None
        self._when_quiet: Callable[[], None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether the production loop runs."""
        return self.mode is not None and self.mode.is_running

    def command(self, command: Command, *, abort: bool = False, reason: str = "") -> Ticket:
        """Take a command.

        Returns
        -------
        Ticket
            Its end tells that the command is done.

        Raises
        ------
        WrongState
            It is not taken in this state, or another one is being carried out.
        """
        busy = self._busy[0] if self._busy is not None else None
        check_command(command, self.summary, running=self.is_running, busy=busy)
        ticket = self._tickets.open(command)
        self._busy = (command, ticket)
        _log.info("command taken command=%s abort=%s reason=%r", command, abort, reason)
        if command is Command.START:
            self._start()
        elif command is Command.RESUME and self.mode is not None:
            self.mode.resume()
            self._done()
            self.set_detailed(DetailedState.RUNNING)
        elif command is Command.STOP:
            self._stop(abort=abort, reason=reason or "scheduler stopped")
        elif command is Command.STANDBY:
            self._stop(abort=True, reason="scheduler goes to STANDBY")
        elif command is Command.DISABLE:
            self._stop(abort=False, reason="scheduler disabled")
        else:
            self._done()
        return self._tickets.get(ticket.receipt)

    def tick(self) -> None:
        """Finish what waits for the script queue, else let the mode look."""
        if self._when_quiet is not None:
            if self._is_quiet():
                go_on, self._when_quiet = self._when_quiet, None
                go_on()
        elif self.mode is not None:
            self.mode.tick()

    def set_detailed(self, state: DetailedState) -> None:
        """Tell what the component is doing; IDLE whenever the production loop does not run."""
        if not self.is_running:
            state = DetailedState.IDLE
        if state is not self.detailed:
            self.detailed = state
            self._publish("detailedState", "", {"Detailed State": state.value})

    def fault(self, code: ErrorCode, report: str) -> None:
        """Stop, leave the devices safe, go to FAULT; in another state than ENABLED just report."""
        _log.error("fault code=%s report=%r", code, report)
        self._publish("errorCode", "", {"Code": int(code), "Report": report})
        if not SUMMARY_TABLE.allows(self.summary, SummaryState.FAULT):
            return
        if self.mode is not None:
            self.mode.stop()
        self._stop_scripts(f"scheduler fault {code}: {report}")
        self._make_safe()
        if self._busy is not None:
            self._refuse(f"the component went to FAULT: {report}")
        self._when_quiet = None
        self.error_code = code
        self.error_report = report
        self._enter(SummaryState.FAULT)

    def _start(self) -> None:
        future = self._start_driver()
        future.add_done_callback(lambda done: self._post(lambda: self._started(done)))

    def _started(self, done: Future[Started]) -> None:
        error = done.exception()
        if error is not None:
            if not isinstance(error, CtmoError):
                _log.error("start broke error=%r", error, exc_info=error)
            self._refuse(f"start refused, the component stays in STANDBY: {error}")
            return
        started = done.result()
        self.mode = self._make_mode(started)
        topology = started.topology
        self._publish(
            "surveyTopology",
            "",
            {
                "Driver": topology.driver,
                "General": list(topology.general_propos),
                "Sequence": list(topology.sequence_propos),
            },
        )
        self._done()

    def _stop(self, *, abort: bool, reason: str) -> None:
        if self.mode is not None:
            self.mode.stop()
        self.set_detailed(DetailedState.IDLE)
        if abort:
            self._stop_scripts(reason)
            self._when_quiet = self._done
            self.tick()
        else:
            self._done()

    def _done(self) -> None:
        """The command under way is done: its state and its ticket."""
        if self._busy is None:
            return
        command, ticket = self._busy
        self._busy = None
        after = COMMAND_RULES[command].leads_to
        if after is not None:
            self._enter(after)
        self._tickets.close(ticket.receipt, TicketState.COMPLETED)

    def _refuse(self, why: str) -> None:
        if self._busy is None:
            return
        command, ticket = self._busy
        self._busy = None
        _log.warning("command failed command=%s reason=%r", command, why)
        self._tickets.close(ticket.receipt, TicketState.FAILED, why)

    def _enter(self, state: SummaryState) -> None:
        SUMMARY_TABLE.check(self.summary, state)
        self.summary = state
        if state is SummaryState.STANDBY:
            self.mode = None  # nothing survives STANDBY
            self.error_code = ErrorCode.NONE
            self.error_report = ""
        self.set_detailed(DetailedState.IDLE)
        _log.info("summary state %s", state)
        self._publish("summaryState", "", {"Summary State": state.value})
        if state is SummaryState.OFFLINE:
            self._on_offline()
