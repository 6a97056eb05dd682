"""A desk takes orders and answers them; services compose theirs from handlers, one a kind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from ctmo_indi.errors import NotServedHere
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.work_orders.access import Caller
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.model import (
    CheckedOrder,
    ControlRequest,
    HeartbeatRequest,
    OrderKind,
)
from ctmo_indi.work_orders.permissions import needed

Reply: TypeAlias = dict[str, object]
Handler: TypeAlias = Callable[[CheckedOrder, Caller], Awaitable[Reply]]

_LONGEST_COMMAND = 40  # characters told in a refusal


class Desk(Protocol):
    """Takes Work Orders of one service."""

    @property
    def service(self) -> str:
        """Name for logs and messages: "scheduler", "telescope" ..."""
        ...

    async def handle(self, order: Mapping[str, object], caller: Caller) -> Reply:
        """Carry out or refuse ``order``; on the front desk's loop, must not block it.

        Raises
        ------
        CtmoError
            The refusal; it becomes an XML-RPC Fault with the error's ``fault_code``.
        """
        ...


class DispatchDesk:
    """A desk that checks role, contract and name, then asks the handler of the order's kind.

    Keys of every reply that a handler leaves out are there all the same, empty.

    Parameters
    ----------
    handlers
        Kinds that are missing are refused with NotServedHere. A handler runs on the front desk's
        asyncio loop: blocking work goes to an executor or the service's inbox.
    """

    def __init__(
        self, service: str, contract: Contract, handlers: Mapping[OrderKind, Handler]
    ) -> None:
        self.service = service
        self._contract = contract
        self._handlers = dict(handlers)

    @property
    def kinds(self) -> frozenset[OrderKind]:
        """Kinds this desk takes."""
        return frozenset(self._handlers)

    async def handle(self, order: Mapping[str, object], caller: Caller) -> Reply:
        """Check and dispatch; BadOrder, NotServedHere, NotPermitted, or the handler's error."""
        kind = self._contract.kind_of(order)
        handler = self._handlers.get(kind)
        if handler is None:
            served = ", ".join(sorted(self._handlers)) or "nothing"
            raise NotServedHere(
                f"WOType: came {kind.value!r}, which {self.service} does not carry out;"
                f" it serves {served}"
            )
        command = order.get("Command")
        has_word = isinstance(command, str) and len(command) <= _LONGEST_COMMAND
        what = f"{kind.value} {command!r}" if has_word else kind.value
        caller.require(needed(kind, command), what)
        if caller.is_known and not order.get("User"):
            order = {**order, "User": caller.name}
        checked = self._contract.check(order)
        caller.require_name(checked.user)
        if isinstance(checked.request, HeartbeatRequest):
            caller.require_name(checked.request.service)
        empty = order_reply(checked, status="", message="")
        return empty | await handler(checked, caller)


def order_reply(
    checked: CheckedOrder,
    *,
    status: str,
    message: str,
    receipt: str = "",
    revision: int = 0,
    priority: float | None = None,
    reasons: Sequence[str] = (),
    extra: Mapping[str, object] | None = None,
) -> Reply:
    """Return the reply every order gets; its keys are in ``xmlrpc/front_desk.yaml``.

    Parameters
    ----------
    message
        For an accepted order it begins "Work order received.", as the original's did.
    extra
        Keys of this kind of order.
    """
    reply: Reply = {
        "ID": checked.id,
        "Receipt": receipt,
        "Kind": checked.kind.value,
        "Status": status,
        "Revision": revision,
        "Message": message,
        "Reasons": list(reasons),
    }
    if priority is not None:
        reply["Priority"] = priority
    request = checked.request
    if isinstance(request, ObservationRequest | ControlRequest) and request.ra_deg is not None:
        reply["RA"] = request.ra_deg
        reply["Dec"] = request.dec_deg
    if extra:
        reply.update(extra)
    return reply
