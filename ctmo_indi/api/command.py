"""A command by hand that was sent: how it is with it, and how to wait for its end."""

from __future__ import annotations

from ctmo_indi.api.results import OrderStatus
from ctmo_indi.api.values import Number, number_in
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.errors import CtmoError
from ctmo_indi.work_orders.lifecycle import SETTLED_ATTEMPTS

_NOT_SAFE = frozenset({"INTERRUPTED", "NOT_ATTEMPTED"})
LONGEST_S = 240.0


class NotDone(CtmoError):
    """A command was taken and could not be done; ``status`` has what the telescope told.

    ``exit_code`` is 4 where it was not safe or an interlock forbade it, else 5.
    """

    def __init__(self, name: str, status: OrderStatus) -> None:
        self.status = status
        self.exit_code = 4 if status.status in _NOT_SAFE else 5  # type: ignore[misc] # of this one
        why = status.failure or status.message or "no reason was given"
        super().__init__(f"{name} is {status.status}: {why}")


class Command:
    """One command by hand, under way or ended. It goes on whether anybody waits or not.

    Attributes
    ----------
    name
        "slew", "open" ...
    receipt
        By which the telescope knows it.
    """

    def __init__(self, name: str, client: DeskClient, reply: dict[str, object]) -> None:
        self.name = name
        self._client = client
        self._last = OrderStatus.from_wire(reply)
        self.receipt = self._last.receipt

    def __repr__(self) -> str:
        return f"Command({self.name!r}, {self.receipt!r}, {self._last.status!r})"

    def status(self) -> OrderStatus:
        """Ask how it is with it; blocks for the answer."""
        if not self._has_ended():
            self._last = OrderStatus.from_wire(self._client.status(self.receipt))
        return self._last

    def wait(self, timeout_s: Number = LONGEST_S) -> OrderStatus:
        """Wait until it is done.

        Parameters
        ----------
        timeout_s
            Machine seconds.

        Raises
        ------
        NotDone
            It ended otherwise than COMPLETED, with the reason.
        StillWaiting
            Not within ``timeout_s``; it goes on.
        ServiceUnreachable
            No answer at the deadline.
        """
        longest_s = number_in("s", timeout_s, "timeout_s")
        if not self._has_ended():
            self._last = OrderStatus.from_wire(
                self._client.wait_for(self.receipt, longest_s, until=SETTLED_ATTEMPTS)
            )
        if self._last.status != "COMPLETED":
            raise NotDone(self.name, self._last)
        return self._last

    def _has_ended(self) -> bool:
        return self._last.status in SETTLED_ATTEMPTS
