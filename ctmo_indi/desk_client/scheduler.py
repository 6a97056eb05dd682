"""Every command of the scheduler and of its script queue, in one line of Python.

::

    with DeskClient("http://localhost:8000", user="ada") as desk:
        scheduler = SchedulerClient(desk)
        scheduler.start(configuration="survey")
        scheduler.enable()
        scheduler.resume()
        scheduler.queue_add("park", location="first")

Which command is taken when is the scheduler's business: it refuses with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.desk_client.script_queue import ScriptQueueCalls, given
from ctmo_indi.errors import CtmoError
from ctmo_indi.work_orders.model import SchedulerCommand

TICKET_ENDED = ("COMPLETED", "FAILED")
LONGEST_PAGE = 100
FEW = 10  # events of a page where each may be large
NEAR = 4000  # events: what a service has in memory


@dataclass(frozen=True, slots=True)
class CommandTicket:
    """What became of a command.

    Parameters
    ----------
    status
        COMPLETED, or IN_PROGRESS where nobody waited.
    progress
        How far it is; "" where it does not tell.
    result
        Of ``get_block_status`` and ``validate_block``: what was found.
    """

    receipt: str
    command: str
    status: str
    message: str
    progress: str = ""
    result: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def from_wire(cls, reply: Mapping[str, object]) -> CommandTicket:
        """Read a reply to a Scheduler order, or to Status of its ticket."""
        result = reply.get("Result")
        return cls(
            receipt=str(reply.get("Receipt", "")),
            command=str(reply.get("Command", "")),
            status=str(reply.get("Status", "")),
            message=str(reply.get("Message", "")),
            progress=str(reply.get("Progress") or ""),
            result=result if isinstance(result, Mapping) else {},
        )


class CommandFailed(CtmoError):
    """A command was taken, begun, and could not be done; ``ticket`` has what it told."""

    def __init__(self, ticket: CommandTicket, why: str) -> None:
        self.ticket = ticket
        super().__init__(f"{ticket.command or 'command'}: {why}")


class SchedulerClient(ScriptQueueCalls):
    """Commands to one scheduler. Thread-safe as its desk client; every call blocks its thread.

    All commands take ``reason`` (for the log) and ``wait_s`` (machine seconds; 0 returns the
    ticket as it was given), and raise

    * DeskFault: refused, with the reason, and nothing was begun;
    * CommandFailed: begun, and not done;
    * StillWaiting: not done within ``wait_s``; it goes on;
    * ServiceUnreachable: no answer; the command may have been taken.

    Parameters
    ----------
    desk
        Client of the scheduler's desk.
    wait_s
        How long commands are waited for where a call does not say.
    on_progress
        Told of every Status reply of a ticket while it is waited for.
    """

    def __init__(
        self,
        desk: DeskClient,
        *,
        wait_s: float = 60.0,
        on_progress: Callable[[Mapping[str, object]], object] | None = None,
    ) -> None:
        super().__init__(desk)
        self._wait_s = wait_s
        self._on_progress = on_progress

    def send(
        self,
        command: str,
        keys: Mapping[str, object] | None = None,
        *,
        wait_s: float | None = None,
    ) -> dict[str, object]:
        """Send a command by its name on the wire; return the last reply, also of a failed one.

        Parameters
        ----------
        keys
            Further keys of the order; those that are None, "" or empty are left out.
        """
        order = {"WOType": "Scheduler", "Command": command, **given(keys or {})}
        reply: dict[str, object] = self._desk.front_desk(order)
        longest_s = self._wait_s if wait_s is None else wait_s
        if longest_s <= 0.0 or reply.get("Status") in TICKET_ENDED:
            return reply
        return self._desk.wait_for(
            str(reply["Receipt"]), longest_s, until=TICKET_ENDED, on_news=self._on_progress
        )

    def _do(
        self, command: SchedulerCommand, reason: str, wait_s: float | None, **keys: object
    ) -> CommandTicket:
        reply = self.send(command.value, {"Reason": reason, **keys}, wait_s=wait_s)
        ticket = CommandTicket.from_wire(reply)
        if ticket.status == "FAILED":
            raise CommandFailed(ticket, str(reply.get("Failure") or ticket.message))
        return ticket

    # Summary state

    def start(
        self, configuration: str = "", *, reason: str = "", wait_s: float | None = None
    ) -> CommandTicket:
        """STANDBY to DISABLED: read the configuration and make the scheduling driver.

        Parameters
        ----------
        configuration
            Bare name; "" for the one of the configuration file.
        """
        return self._do(SchedulerCommand.START, reason, wait_s, Configuration=configuration)

    def enable(self, *, reason: str = "", wait_s: float | None = None) -> CommandTicket:
        """DISABLED to ENABLED; nothing is observed before :meth:`resume`."""
        return self._do(SchedulerCommand.ENABLE, reason, wait_s)

    def disable(self, *, reason: str = "", wait_s: float | None = None) -> CommandTicket:
        """ENABLED to DISABLED, gently."""
        return self._do(SchedulerCommand.DISABLE, reason, wait_s)

    def standby(self, *, reason: str = "", wait_s: float | None = None) -> CommandTicket:
        """DISABLED or FAULT to STANDBY; nothing survives it."""
        return self._do(SchedulerCommand.STANDBY, reason, wait_s)

    def exit_control(self, *, reason: str = "", wait_s: float | None = None) -> CommandTicket:
        """STANDBY or FAULT to OFFLINE: the service ends."""
        return self._do(SchedulerCommand.EXIT_CONTROL, reason, wait_s)

    # While ENABLED

    def resume(self, *, reason: str = "", wait_s: float | None = None) -> CommandTicket:
        """Choose targets and observe them."""
        return self._do(SchedulerCommand.RESUME, reason, wait_s)

    def stop(
        self, *, abort: bool = False, reason: str = "", wait_s: float | None = None
    ) -> CommandTicket:
        """Choose no further target; what is queued goes on, unless ``abort``."""
        return self._do(SchedulerCommand.STOP, reason, wait_s, Abort=abort or None)

    def load(self, uri: str, *, reason: str = "", wait_s: float | None = None) -> CommandTicket:
        """Hand a file to the scheduling driver; ``uri`` such as ``file:///srv/list.yaml``."""
        return self._do(SchedulerCommand.LOAD, reason, wait_s, URI=uri)

    def compute_predicted_schedule(
        self, *, reason: str = "", wait_s: float | None = None
    ) -> CommandTicket:
        """Predict without observing; :meth:`predicted_schedule` has the answer then."""
        return self._do(SchedulerCommand.COMPUTE_PREDICTED_SCHEDULE, reason, wait_s)

    def flush(self, *, reason: str = "", wait_s: float | None = None) -> CommandTicket:
        """Give up the targets that are planned or queued and not begun."""
        return self._do(SchedulerCommand.FLUSH, reason, wait_s)

    def reschedule(self, *, reason: str = "", wait_s: float | None = None) -> CommandTicket:
        """Choose the targets that are not begun anew."""
        return self._do(SchedulerCommand.RESCHEDULE, reason, wait_s)

    # Observing blocks

    def add_block(
        self,
        block: str,
        override: Mapping[str, object] | None = None,
        *,
        reason: str = "",
        wait_s: float | None = None,
    ) -> CommandTicket:
        """Queue an observing block.

        Parameters
        ----------
        override
            Values for parameters of the block, by name; its own for the others.
        """
        return self._do(SchedulerCommand.ADD_BLOCK, reason, wait_s, Block=block, Override=override)

    def get_block_status(
        self, block: str, *, reason: str = "", wait_s: float | None = None
    ) -> CommandTicket:
        """Ask how it is with a block; the answer is ``result`` of the ticket."""
        return self._do(SchedulerCommand.GET_BLOCK_STATUS, reason, wait_s, Block=block)

    def remove_block(
        self, block: str, *, reason: str = "", wait_s: float | None = None
    ) -> CommandTicket:
        """Take back a block that has not begun."""
        return self._do(SchedulerCommand.REMOVE_BLOCK, reason, wait_s, Block=block)

    def validate_block(
        self, block: str, *, reason: str = "", wait_s: float | None = None
    ) -> CommandTicket:
        """Check a block's file, script by script; the answer is ``result`` of the ticket."""
        return self._do(SchedulerCommand.VALIDATE_BLOCK, reason, wait_s, Block=block)

    # The service

    def set_log_level(
        self, level: str, *, reason: str = "", wait_s: float | None = None
    ) -> CommandTicket:
        """Log lines of this importance and above: DEBUG, INFO, WARNING or ERROR."""
        return self._do(SchedulerCommand.SET_LOG_LEVEL, reason, wait_s, Level=level)

    def update_observatory_status(
        self, *status: str, note: str = "", reason: str = "", wait_s: float | None = None
    ) -> CommandTicket:
        """Say how the observatory is: OPERATIONAL, FAULT, WEATHER, DOWNTIME, DAYTIME, IDLE."""
        return self._do(
            SchedulerCommand.UPDATE_OBSERVATORY_STATUS,
            reason,
            wait_s,
            Status=list(status),
            Note=note,
        )

    def events(
        self,
        *kinds: str,
        cursor: int | None = None,
        wait_s: float = 0.0,
        limit: int = LONGEST_PAGE,
    ) -> dict[str, object]:
        """Return one page of what was published: Events, Cursor, Lost.

        Parameters
        ----------
        kinds
            Only these; all when there are none.
        cursor
            As the last page gave it; 0 for the oldest kept, None for only what comes now.
        wait_s
            Machine seconds to wait for the first, 0 to 60.
        """
        order: dict[str, object] = {"WOType": "Events", "Limit": limit, "Wait": wait_s}
        if kinds:
            order["Kinds"] = list(kinds)
        if cursor is not None:
            order["Cursor"] = cursor
        return self._desk.front_desk(order)

    def past_events(
        self, *kinds: str, cursor: int = 0, limit: int = LONGEST_PAGE
    ) -> Iterator[Mapping[str, object]]:
        """Yield the events above ``cursor`` that are kept now, oldest first."""
        while True:
            page = self.events(*kinds, cursor=cursor, limit=limit)
            events = page["Events"]
            if not isinstance(events, Sequence) or not events:
                return
            yield from events
            cursor = int(str(page["Cursor"]))

    def last_event(self, kind: str) -> Mapping[str, object] | None:
        """Return the newest event of ``kind`` that is kept; None when there is none.

        Asks for the latest events first: those of weeks may be kept.
        """
        now = int(str(self.events(limit=1)["Cursor"]))
        back = NEAR
        while True:
            start = max(0, now - back)
            last = None
            for last in self.past_events(kind, cursor=start, limit=FEW):  # noqa: B007
                pass
            if last is not None or start == 0:
                return last
            back *= 8

    def predicted_schedule(self) -> Mapping[str, object] | None:
        """Return the last ``predictedSchedule`` event; None when there is none."""
        return self.last_event("predictedSchedule")
