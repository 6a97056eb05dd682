"""Take up observing after a restart, when the scheduler was observing before it.

``resume`` is remembered in a small file until ``stop``, ``disable``, ``standby`` or ``exit``: after
a crash or a power cut nobody is there to say it again, and after a ``stop`` nobody wants it said.
The configuration that ``start`` was given is remembered with it: a DRY run must not come back as a
night of observing.

A way back that fails (a configuration that was edited badly meanwhile, a full disk) is tried again,
with growing waits, until it succeeds, a human commands the component, or it goes to FAULT.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.durable_file import write_json
from ctmo_indi.errors import CtmoError
from ctmo_indi.models.states import SummaryState
from ctmo_indi.scheduler.states import COMMAND_RULES, Command
from ctmo_indi.scheduler.tickets import Ticket, TicketState
from ctmo_indi.script_queue.peer import BackOff

_log = logging.getLogger(__name__)

_REMEMBERED = {
    Command.RESUME: True,
    Command.STOP: False,
    Command.DISABLE: False,
    Command.STANDBY: False,
    Command.EXIT_CONTROL: False,
}
_STEPS: Mapping[SummaryState, Command] = {
    SummaryState.STANDBY: Command.START,
    SummaryState.DISABLED: Command.ENABLE,
    SummaryState.ENABLED: Command.RESUME,
}
"""The way back, from wherever the component is; out of FAULT and OFFLINE only a human leads."""

AGAIN_FIRST_S = 5.0
AGAIN_LAST_S = 300.0
"""Machine seconds until a way back that failed is tried again; doubled each time."""

_LOOK_S = 0.05
_NUMBERS = re.compile(r"[0-9]{6,}")
"""Dates and serial numbers: the same trouble an hour later is no other one."""


@dataclass(frozen=True, slots=True)
class WayBack:
    """How the component is led back.

    Parameters
    ----------
    command
        Sends one command and returns its ticket; may block; what it raises is tried again.
    ticket
        Returns the ticket of that receipt as it is now.
    state
        Returns the component's state and whether it observes already.
    """

    command: Callable[[Command], Ticket]
    ticket: Callable[[str], Ticket]
    state: Callable[[], tuple[SummaryState, bool]]
    clock: Clock


@dataclass(frozen=True, slots=True)
class _Told:
    """What Status says; ``again_machine_s``: when it is tried again."""

    text: str = ""
    again_machine_s: float | None = None


class Comeback:
    """Remembers whether to observe, and leads back to it. Thread-safe.

    Parameters
    ----------
    wait
        Waits machine seconds; True when it is over before that. For tests; None: as it should.
    """

    def __init__(self, path: Path, wait: Callable[[float], bool] | None = None) -> None:
        self._path = path
        self._over = threading.Event()
        self._wait = wait or self._over.wait
        self._asked = ""
        self._reasons: set[str] = set()
        self._told = _Told()
        self._lock = threading.Lock()
        self._is_under_way = False

    @property
    def is_wanted(self) -> bool:
        """Whether the scheduler was observing when it was last heard of; False when unknown."""
        return self._read()[0]

    @property
    def configuration(self) -> str:
        """Name that ``start`` was given then; "" when none, or unknown."""
        return self._read()[1]

    @property
    def is_over(self) -> bool:
        """Whether its commands are not to be taken (any more): a human's came first."""
        return self._over.is_set()

    def note(self, command: Command, configuration: str = "") -> None:
        """Remember what a command that was taken means for the next start.

        Parameters
        ----------
        configuration
            Name that came with ``start``.
        """
        if command is Command.START:
            self._asked = configuration
        wanted = _REMEMBERED.get(command)
        if wanted is None:
            return
        state = wanted, self._asked if wanted else ""
        if state == self._read():
            return
        try:
            write_json(self._path, {"observing": state[0], "configuration": state[1]})
        except OSError as error:
            _log.error("comeback not written path=%s error=%r", self._path, error)

    def human_came(self, command: Command) -> None:
        """Leave all to the human whose command was taken; one that only asks or notes is none."""
        if not COMMAND_RULES[command].is_beside:
            self._end(f"ended: {command} was commanded")

    def to_wire(self, clock: Clock) -> str:
        """Say for Status how it stands; "" when there is nothing to say."""
        told = self._told
        if told.again_machine_s is None:
            return told.text
        wait_s = max(0.0, told.again_machine_s - clock.machine_s())
        return f"{told.text}; tried again in {wait_s:.0f} s"

    def _read(self) -> tuple[bool, str]:
        try:
            data = json.loads(self._path.read_text())
            return data["observing"] is True, str(data.get("configuration", ""))
        except FileNotFoundError:
            return False, ""
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.error("comeback unreadable path=%s error=%r", self._path, error)
            return False, ""

    def begin(self, way: WayBack) -> None:
        """Send start, enable and resume from a thread of its own; returns at once."""
        if self.is_over:
            return
        _log.info("comeback: it was observing before the restart")
        self._is_under_way = True
        self._told = _Told("under way")
        threading.Thread(target=self._lead_back, args=(way,), name="comeback", daemon=True).start()

    def end(self) -> None:
        """Give up; the service stops."""
        self._end("ended: the service stops")

    def _end(self, text: str) -> None:
        with self._lock:
            self._over.set()
            if self._is_under_way:
                self._is_under_way = False
                self._told = _Told(text)
                _log.info("comeback %s", text or "done")

    def _tell(self, told: _Told) -> None:
        with self._lock:
            if self._is_under_way:
                self._told = told

    def _lead_back(self, way: WayBack) -> None:
        back_off = BackOff(AGAIN_FIRST_S, AGAIN_LAST_S)
        while not self.is_over:
            if not self.is_wanted:
                self._end("ended: observing is not remembered any more")
                return
            try:
                failure = self._go_back(way)
            except CtmoError as error:
                failure = str(error)
            except Exception as error:  # noqa: BLE001 - outermost loop: told, and tried again
                failure = repr(error)
            if not failure:
                self._end("")
                return
            if self.is_over:
                return
            wait_s = back_off.next_s()
            self._tell(_Told(f"failed: {failure}", way.clock.machine_s() + wait_s))
            reason = _NUMBERS.sub("#", failure)
            if reason not in self._reasons:  # once as a logMessage; Status has it all the time
                self._reasons.add(reason)
                _log.error("comeback failed, it is tried again reason=%r", failure)
            if self._wait(wait_s):
                return

    def _go_back(self, way: WayBack) -> str:
        """Go the rest of the way; return why it failed, "" when it did not."""
        while not self.is_over:
            state, is_running = way.state()
            if is_running:
                return ""
            step = _STEPS.get(state)
            if step is None:
                self._end(f"ended: the component is in {state}")
                return ""
            self._tell(_Told(f"under way: {step}"))
            ended = self._ended(way, way.command(step))
            if ended is None:
                return ""
            if ended.state is not TicketState.COMPLETED:
                return f"{step}: {ended.message}"
            if step is Command.RESUME:
                return ""
        return ""

    def _ended(self, way: WayBack, ticket: Ticket) -> Ticket | None:
        """Wait for the end of a command, which the component sees to; None when it is over."""
        while ticket.state is TicketState.IN_PROGRESS:
            if self._over.wait(_LOOK_S):
                return None
            ticket = way.ticket(ticket.receipt)
        return ticket
