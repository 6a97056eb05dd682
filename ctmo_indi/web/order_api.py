"""Work Orders as JSON: the same orders, the same desk, the same roles as by XML-RPC.

An order for the scheduler goes to its audited desk. One for another service is looked at by the
contract and the table of roles as that service's desk would, and handed on in its caller's name:
he gets nothing by way of the page that he would not get directly.

What the desk says comes with the HTTP status 200, be it a reply or a fault: a refused order is an
answer, and browsers write failed requests to their console. A body that is no order gets 400.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial

from aiohttp import web

from ctmo_indi.audit_log import AuditEntry
from ctmo_indi.clock import SystemClock
from ctmo_indi.desk_client.client import DeskClient, DeskFault
from ctmo_indi.errors import BadOrder, CtmoError, ServiceUnreachable
from ctmo_indi.front_desk.deeds import Deeds
from ctmo_indi.front_desk.encoder import clean
from ctmo_indi.front_desk.opening import sparing
from ctmo_indi.front_desk.pages import PageConnection
from ctmo_indi.front_desk.sparing import SparingLog
from ctmo_indi.own_thread import FewOwnThreads, TooManyThreads, in_own_thread
from ctmo_indi.web.answers import fault, json_answer
from ctmo_indi.web.order_json import read_order
from ctmo_indi.work_orders.access import Caller, PassedOn
from ctmo_indi.work_orders.audited import AuditedDesk
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.desk import Desk, DispatchDesk, Reply
from ctmo_indi.work_orders.model import CheckedOrder, OrderKind
from ctmo_indi.work_orders.permissions import only_asks

_log = logging.getLogger(__name__)

MOST_QUESTIONS = 32
"""To one service at once."""

_LONGEST_FAULT = 4000
_SERVICES_OWN = frozenset({OrderKind.HEARTBEAT})
"""What services say to each other; nobody speaks for them through a page."""


class OrderApi:
    """Answers ``POST /api/order``; on the front desk's loop.

    Parameters
    ----------
    others
        Desks by service, beside the one the page stands at.
    """

    def __init__(self, others: Mapping[str, Desk]) -> None:
        self._others = {service: Deeds(desk) for service, desk in others.items()}
        self._sparing = SparingLog(_log)

    async def answer(
        self, request: web.BaseRequest, caller: Caller, connection: PageConnection
    ) -> web.StreamResponse:
        """Answer with ``reply`` or ``fault``."""
        body = await connection.read_body()
        caller = connection.identify_again()  # the body may have taken its time
        try:
            sent = read_order(body, connection.limits)
        except BadOrder as error:
            return json_answer(request, fault(error.fault_code, str(error)), 400)
        service = sent.service
        try:
            if service == connection.desk.service:
                reply = await connection.ask(sent.order, caller)
            elif service in self._others:
                reply = await connection.ask(sent.order, caller, self._others[service])
            else:
                known = ", ".join(sorted({connection.desk.service, *self._others}))
                raise BadOrder(f"service: came {service[:80]!r}, expected one of {known}")
        except TimeoutError:
            text = f"{service} did not answer in time"
            return json_answer(request, fault(ServiceUnreachable.fault_code, text))
        except CtmoError as error:
            text = clean(str(error))[:_LONGEST_FAULT]
            self._sparing.log(
                logging.INFO,
                "order_refused",
                "service=%s caller=%s address=%s code=%d reason=%s",
                clean(service)[:40],
                caller.name,
                caller.address,
                error.fault_code,
                text.replace("\n", " | "),
            )
            return json_answer(request, fault(error.fault_code, text))
        return json_answer(request, {"reply": reply})


def passing_desk(
    service: str,
    contract: Contract,
    client: DeskClient,
    record: Callable[[AuditEntry], None] = lambda _entry: None,
) -> Desk:
    """Return a desk that checks as the service's own would, and hands orders on to it.

    Parameters
    ----------
    client
        Asked in a thread of its own for each order: none waits behind another. Questions are few
        at once, for their askers may have left.
    record
        Gets what is refused here, or does not arrive; what the service answers is in its own log.
    """
    questions = FewOwnThreads(MOST_QUESTIONS)

    async def pass_on(checked: CheckedOrder, caller: Caller) -> Reply:
        order = PassedOn({**checked.wire, "User": checked.user}, caller)
        call, name = partial(client.front_desk, order), f"page-to-{service}"
        if not only_asks(checked.wire):
            return await in_own_thread(call, name)
        try:
            return await questions.run(call, name)
        except TooManyThreads as error:
            raise ServiceUnreachable(f"{service}: {error}; ask again later") from None

    kinds = [kind for kind in OrderKind if kind not in _SERVICES_OWN]
    desk = DispatchDesk(service, contract, dict.fromkeys(kinds, pass_on))
    return AuditedDesk(desk, record, spared=sparing(SystemClock()), is_ours=_is_said_here)


def _is_said_here(error: CtmoError | None) -> bool:
    return error is not None and not isinstance(error, DeskFault)
