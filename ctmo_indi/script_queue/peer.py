"""Talk to another service's front desk from a script: with back-off, and until stopped.

Which answers mean "ask again", "not now" and "never" is one table here, so that no script decides
it by itself.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.errors import (
    ConflictingOrder,
    Interlocked,
    Locked,
    ServiceUnreachable,
    Stopped,
    UnknownOrder,
    Unsafe,
    WrongState,
)

BACK_OFF_FIRST_S = 0.2
BACK_OFF_LAST_S = 5.0
BACK_OFF_FACTOR = 2.0


class FrontDesk(Protocol):
    """A peer's front desk, as :class:`ctmo_indi.desk_client.client.DeskClient` offers it.

    ``front_desk`` blocks up to the client's time-out; it raises DeskFault when the peer refuses and
    ServiceUnreachable when it does not answer.
    """

    def front_desk(self, order: dict[str, object], /) -> dict[str, object]:
        """Hand in one order and return the reply."""
        ...


class Refusal(StrEnum):
    """What a fault of a peer means for what we do next."""

    ASK_AGAIN = "ASK_AGAIN"  # it is overloaded or starting
    NOT_NOW = "NOT_NOW"  # safety, lock, latch, state: nobody failed
    UNKNOWN = "UNKNOWN"  # it has never heard of the order
    NEVER = "NEVER"  # the order itself, or our standing with the peer, is wrong


_MEANING: dict[int, Refusal] = {
    429: Refusal.ASK_AGAIN,
    ServiceUnreachable.fault_code: Refusal.ASK_AGAIN,
    UnknownOrder.fault_code: Refusal.UNKNOWN,
    WrongState.fault_code: Refusal.NOT_NOW,
    Unsafe.fault_code: Refusal.NOT_NOW,
    Interlocked.fault_code: Refusal.NOT_NOW,
    Locked.fault_code: Refusal.NOT_NOW,
    Stopped.fault_code: Refusal.NOT_NOW,
    ConflictingOrder.fault_code: Refusal.NEVER,
}


def meaning(fault: DeskFault) -> Refusal:
    """Look the fault's code up; what is not in the table is NEVER."""
    return _MEANING.get(fault.code, Refusal.NEVER)


class BackOff:
    """Growing waits, in machine seconds; starts again after :meth:`reset`."""

    def __init__(self, first_s: float = BACK_OFF_FIRST_S, last_s: float = BACK_OFF_LAST_S) -> None:
        self._first_s = first_s
        self._last_s = last_s
        self._next_s = first_s

    def next_s(self) -> float:
        """Return how long to wait now."""
        wait_s = self._next_s
        self._next_s = min(self._last_s, wait_s * BACK_OFF_FACTOR)
        return wait_s

    def reset(self) -> None:
        """Start with the shortest wait again."""
        self._next_s = self._first_s
