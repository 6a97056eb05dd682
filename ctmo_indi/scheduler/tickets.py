"""Tickets: the receipts of commands, which Status can wait for. In memory, the last ones only."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from ctmo_indi.errors import UnknownOrder

KEPT = 500


class TicketState(StrEnum):
    """Life of a command."""

    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Ticket:
    """One command and what became of it."""

    receipt: str
    command: str
    state: TicketState
    revision: int
    message: str = ""

    def to_wire(self) -> dict[str, object]:
        """Keys of a reply."""
        return {
            "Receipt": self.receipt,
            "Kind": "Ticket",
            "Command": self.command,
            "Status": self.state.value,
            "Revision": self.revision,
            "Message": self.message or f"{self.command}: {self.state.value}",
            "Failure": self.message if self.state is TicketState.FAILED else "",
        }


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
            while len(self._tickets) > KEPT:
                self._tickets.popitem(last=False)
        self._on_change(ticket)
        return ticket

    def close(self, receipt: str, state: TicketState, message: str = "") -> None:
        """End a ticket; one that was ended before stays as it is."""
        with self._lock:
            ticket = self._tickets.get(receipt)
            if ticket is None or ticket.state is not TicketState.IN_PROGRESS:
                return
            ticket = replace(ticket, state=state, message=message, revision=ticket.revision + 1)
            self._tickets[receipt] = ticket
        self._on_change(ticket)

    def get(self, receipt: str) -> Ticket:
        """Return the ticket; UnknownOrder when there is none (any more)."""
        with self._lock:
            ticket = self._tickets.get(receipt)
        if ticket is None:
            raise UnknownOrder(f"ticket {receipt}: unknown, or too old")
        return ticket
