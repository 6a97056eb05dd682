"""Tickets: the receipts of commands, which Status can wait for.

In memory: those under way, and the last ones that have ended.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice

from ctmo_indi.errors import UnknownOrder

KEPT = 500


class TicketState(StrEnum):
    """Life of a command."""

    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Ticket:
    """One command and what became of it.

    Parameters
    ----------
    message
        Why it failed.
    progress
        What a slow command is doing, for people.
    result
        What a command that asks was answered; wire values.
    """

    receipt: str
    command: str
    state: TicketState
    revision: int
    message: str = ""
    progress: str = ""
    result: Mapping[str, object] = field(default_factory=dict)

    def to_wire(self) -> dict[str, object]:
        """Keys of a reply."""
        doing = f": {self.progress}" if self.progress else ""
        wire: dict[str, object] = {
            "Receipt": self.receipt,
            "Kind": "Ticket",
            "Command": self.command,
            "Status": self.state.value,
            "Revision": self.revision,
            "Message": self.message or f"{self.command}: {self.state.value}{doing}",
            "Failure": self.message if self.state is TicketState.FAILED else "",
            "Progress": self.progress,
        }
        if self.result:
            wire["Result"] = dict(self.result)
        return wire


class TicketBook:
    """Thread-safe book of tickets.

    Parameters
    ----------
    new_receipt
        Gives the text of the next receipt.
    on_change
        Told of every new value; called in the thread that changed it.
    """

    def __init__(
        self, new_receipt: Callable[[], str], on_change: Callable[[Ticket], object]
    ) -> None:
        self._new_receipt = new_receipt
        self._on_change = on_change
        self._lock = threading.Lock()
        self._tickets: OrderedDict[str, Ticket] = OrderedDict()

    def open(self, command: str) -> Ticket:
        """Start a ticket."""
        ticket = Ticket(self._new_receipt(), command, TicketState.IN_PROGRESS, 1)
        with self._lock:
            self._tickets[ticket.receipt] = ticket
            self._drop_oldest()
        self._on_change(ticket)
        return ticket

    def tell(self, receipt: str, progress: str) -> None:
        """Say how far a slow command is; nothing changes when it has ended, or is said again."""
        self._change(receipt, lambda ticket: replace(ticket, progress=progress))

    def close(
        self,
        receipt: str,
        state: TicketState,
        message: str = "",
        result: Mapping[str, object] | None = None,
    ) -> None:
        """End a ticket; one that was ended before stays as it is."""

        def ended(ticket: Ticket) -> Ticket:
            return replace(
                ticket, state=state, message=message, progress="", result=dict(result or {})
            )

        self._change(receipt, ended)

    def _change(self, receipt: str, change: Callable[[Ticket], Ticket]) -> None:
        with self._lock:
            ticket = self._tickets.get(receipt)
            if ticket is None or ticket.state is not TicketState.IN_PROGRESS:
                return
            changed = change(ticket)
            if changed == ticket:
                return
            ticket = replace(changed, revision=ticket.revision + 1)
            self._tickets[receipt] = ticket
        self._on_change(ticket)

    def _drop_oldest(self) -> None:
        """Keep the last ones, and every command that is still being carried out."""
        surplus = len(self._tickets) - KEPT
        if surplus > 0:
            ended = (
                receipt
                for receipt, ticket in self._tickets.items()
                if ticket.state is not TicketState.IN_PROGRESS
            )
            for receipt in list(islice(ended, surplus)):
                del self._tickets[receipt]

    def get(self, receipt: str) -> Ticket:
        """Return the ticket; UnknownOrder when there is none (any more)."""
        with self._lock:
            ticket = self._tickets.get(receipt)
        if ticket is None:
            raise UnknownOrder(f"ticket {receipt}: unknown, or too old")
        return ticket
