"""Take up observing after a restart, when the scheduler was observing before it.

``resume`` is remembered in a small file until ``stop``, ``disable``, ``standby`` or ``exit``: after
a crash or a power cut nobody is there to say it again, and after a ``stop`` nobody wants it said.
The configuration that ``start`` was given is remembered with it: a DRY run must not come back as a
night of observing.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from ctmo_indi.clock import Clock, Deadline
from ctmo_indi.durable_file import write_json
from ctmo_indi.errors import CtmoError
from ctmo_indi.scheduler.states import Command
from ctmo_indi.scheduler.tickets import Ticket, TicketState

_log = logging.getLogger(__name__)

_REMEMBERED = {
    Command.RESUME: True,
    Command.STOP: False,
    Command.DISABLE: False,
    Command.STANDBY: False,
    Command.EXIT: False,
}
_WAY_BACK = (Command.START, Command.ENABLE, Command.RESUME)
_COMMAND_TIMEOUT_S = 60.0
_LOOK_S = 0.05


class Comeback:
    """Remembers whether to observe, and leads back to it. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._over = threading.Event()
        self._asked = ""

    @property
    def is_wanted(self) -> bool:
        """Whether the scheduler was observing when it was last heard of; False when unknown."""
        return self._read()[0]

    @property
    def configuration(self) -> str:
        """Name that ``start`` was given then; "" when none, or unknown."""
        return self._read()[1]

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

    def _read(self) -> tuple[bool, str]:
        try:
            data = json.loads(self._path.read_text())
            return data["observing"] is True, str(data.get("configuration", ""))
        except FileNotFoundError:
            return False, ""
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.error("comeback unreadable path=%s error=%r", self._path, error)
            return False, ""

    def begin(
        self,
        command: Callable[[Command], Ticket],
        ticket: Callable[[str], Ticket],
        clock: Clock,
    ) -> None:
        """Send start, enable and resume from a thread of its own; returns at once.

        Parameters
        ----------
        command
            Sends one command and returns its ticket; may block.
        ticket
            Returns the ticket of that receipt as it is now.
        """
        _log.info("comeback: it was observing before the restart")
        threading.Thread(
            target=self._lead_back, args=(command, ticket, clock), name="comeback", daemon=True
        ).start()

    def end(self) -> None:
        """Give up; the service stops."""
        self._over.set()

    def _lead_back(
        self,
        command: Callable[[Command], Ticket],
        ticket: Callable[[str], Ticket],
        clock: Clock,
    ) -> None:
        for step in _WAY_BACK:
            try:
                receipt = command(step).receipt
                deadline = Deadline(clock, 0.0, _COMMAND_TIMEOUT_S)
                while ticket(receipt).state is TicketState.IN_PROGRESS and not deadline.expired:
                    if self._over.wait(_LOOK_S):
                        return
                ended = ticket(receipt)
            except CtmoError as error:  # somebody else's command came first, or it is refused
                _log.warning("comeback ended command=%s error=%s", step, error)
                return
            if ended.state is not TicketState.COMPLETED:
                _log.error("comeback failed command=%s message=%r", step, ended.message)
                return
