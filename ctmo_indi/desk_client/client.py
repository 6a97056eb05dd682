"""The client of a front desk."""

from __future__ import annotations

import ssl
import threading
import xmlrpc.client
from collections.abc import Callable, Collection, Mapping
from typing import Any
from xml.parsers.expat import ExpatError

from ctmo_indi.clock import Clock, SystemClock
from ctmo_indi.desk_client.connection import DeskConnections
from ctmo_indi.errors import BadOrder, CtmoError, ServiceUnreachable
from ctmo_indi.models.states import OrderState
from ctmo_indi.work_orders.access import ON_BEHALF, PassedOn
from ctmo_indi.work_orders.lifecycle import SETTLED_ORDERS
from ctmo_indi.work_orders.receipts import new_receipt

_ONCE = frozenset({"Observation", "Scheduler", "Script Queue"})
_LONGEST_WAIT_S = 60.0  # of the contract: Status and Events
_BACK_OFF_S = 0.5
_PACE_S = 0.2  # between polls that brought nothing new although they could have waited
_SAFETY_CODES = range(423, 427)


class DeskFault(CtmoError):
    """A front desk refused.

    Parameters
    ----------
    code
        As ``xmlrpc/front_desk.yaml`` lists them; the exit code follows from it: unsafe or
        interlocked 4, a service behind the desk unreachable 3, the sender's fault 2, else 5.
    text
        The reasons, as they came.
    """

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text
        self.fault_code = code  # type: ignore[misc] # the code that came, not the class's
        self.exit_code = _exit_code(code)  # type: ignore[misc] # likewise
        super().__init__(text)

    @property
    def is_safety(self) -> bool:
        """True when nothing moved because it would not have been safe, or a human holds it."""
        return self.code in _SAFETY_CODES

    @property
    def is_senders(self) -> bool:
        """True when sending the same order again cannot help."""
        return 400 <= self.code < 500 and not self.is_safety


def _exit_code(code: int) -> int:
    if code in _SAFETY_CODES:
        return 4
    if code == 503:
        return 3
    return 2 if 400 <= code < 500 else 5


class StillWaiting(CtmoError):
    """The deadline passed before the order was settled; ``last`` is its latest Status reply."""

    def __init__(self, text: str, last: Mapping[str, object]) -> None:
        self.last = last
        super().__init__(text)


class DeskClient:
    """Sends Work Orders to one front desk. Thread-safe; calls block their thread.

    A context manager: it closes at the end.

    Parameters
    ----------
    url
        ``http://localhost:8000``, ``https://...``.
    timeout_s
        Machine seconds for an answer, beside the ``Wait`` of the order.
    token
        Sent as Bearer; a function is asked at each call.
    trust
        Whom to believe with https, or what says so at each new connection, see ``credentials.py``;
        the system's authorities when None.
    user
        Put into orders that have no ``User``.
    believed_uids
        Whose processes may answer on this machine, see ``local_peer.py``; everybody's when None.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 10.0,
        token: str | Callable[[], str] | None = None,
        trust: ssl.SSLContext | Callable[[], ssl.SSLContext] | None = None,
        user: str | None = None,
        clock: Clock | None = None,
        believed_uids: Collection[int] | None = None,
    ) -> None:
        self._connections = DeskConnections(url, token, trust, believed_uids)
        self._timeout_s = timeout_s
        self._user = user
        self._clock = clock or SystemClock()

    @property
    def url(self) -> str:
        """Address without name and token, for messages."""
        return self._connections.name

    def __enter__(self) -> DeskClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the kept connections."""
        self._connections.close()

    def front_desk(self, order: Mapping[str, object]) -> dict[str, Any]:
        # Any: a reply holds whatever XML-RPC can carry; xmlrpc/front_desk.yaml has the keys.
        """Send ``order`` and return the reply.

        Orders that must not be carried out twice get an ID if they have none, so that a repeated
        sending after a dropped connection is recognised. With an order that is
        :class:`~ctmo_indi.work_orders.access.PassedOn` goes the name of whom it is for.

        Raises
        ------
        BadOrder
            It holds something that XML-RPC cannot carry; nothing was sent.
        DeskFault
            The order was refused.
        ServiceUnreachable
            No answer; the order may have been carried out.
        """
        sent = dict(order)
        if self._user is not None:
            sent.setdefault("User", self._user)
        if not sent.get("ID") and (sent.get("WOType") in _ONCE or "Request" in sent):
            sent["ID"] = new_receipt("W", self._clock.utc())
        wait = sent.get("Wait")
        wait_s = float(wait) if isinstance(wait, int | float) else 0.0
        try:
            text = xmlrpc.client.dumps((sent,), "front_desk", allow_none=True)
        except (OverflowError, TypeError) as error:
            raise BadOrder(
                f"the order cannot be written as XML-RPC: {error}; expected numbers, text, true or "
                "false, arrays and structs, and whole numbers of more than 32 bit as text"
            ) from error
        body = text.encode("utf-8", "xmlcharrefreplace")
        more = {ON_BEHALF: order.on_behalf} if isinstance(order, PassedOn) else None
        status, answer = self._connections.post(body, self._timeout_s + wait_s, more)
        if status != 200:
            raise DeskFault(status, answer[:500].decode("utf-8", "replace").strip())
        return self._read(answer)

    def _read(self, answer: bytes) -> dict[str, Any]:  # Any: see front_desk
        try:
            (reply,), _ = xmlrpc.client.loads(answer.decode("utf-8"))
        except xmlrpc.client.Fault as fault:
            raise DeskFault(fault.faultCode, fault.faultString) from None
        except (ExpatError, xmlrpc.client.Error, ValueError) as error:
            raise ServiceUnreachable(f"{self.url} does not answer in XML-RPC: {error}") from error
        if not isinstance(reply, dict):
            raise ServiceUnreachable(f"{self.url} answered {reply!r:.80}, expected a struct")
        return reply

    def status(self, receipt: str = "", **more: object) -> dict[str, Any]:  # Any: see front_desk
        """Return the Status of an order, attempt or ticket; of the service without ``receipt``.

        Parameters
        ----------
        more
            Further keys of the order: ``Since=3, Wait=30.0``.
        """
        order: dict[str, object] = {"WOType": "Status", **more}
        if receipt:
            order["Receipt"] = receipt
        return self.front_desk(order)

    def wait_for(
        self,
        receipt: str,
        timeout_s: float,
        *,
        until: Collection[str] = SETTLED_ORDERS,
        give_up: threading.Event | None = None,
        on_news: Callable[[Mapping[str, object]], object] | None = None,
    ) -> dict[str, Any]:  # Any: see front_desk
        """Return the Status reply once "Status" is in ``until``; long polls meanwhile.

        A service that cannot be reached is tried again until the deadline.

        Parameters
        ----------
        timeout_s
            Machine seconds.
        until
            Order states, or those of attempts and tickets.
        give_up
            Set by another thread to end the waiting; noticed at the end of a poll.
        on_news
            Told of every Status reply that came, in the calling thread.

        Raises
        ------
        StillWaiting
            The deadline passed, or ``give_up`` was set.
        DeskFault, ServiceUnreachable
            As of :meth:`front_desk`; the latter when it is the last word at the deadline.
        """
        give_up = give_up or threading.Event()
        end_s = self._clock.machine_s() + timeout_s
        last: dict[str, Any] = {}  # Any: see front_desk
        while True:
            left_s = max(0.0, end_s - self._clock.machine_s())
            since = last.get("Revision", 0)
            try:
                news = {"Since": since} if last else {}
                last = self.status(receipt, **news, Wait=min(_LONGEST_WAIT_S, left_s))
                if on_news is not None:
                    on_news(last)
            except ServiceUnreachable:
                if left_s <= 0.0:
                    raise
                give_up.wait(min(_BACK_OFF_S, left_s))
            if last.get("Status") in until:
                return last
            if left_s <= 0.0 or give_up.is_set():
                state = last.get("Status", OrderState.RECEIVED)
                raise StillWaiting(f"{receipt} is {state} after {timeout_s:g} s", last)
            if news and last.get("Revision") == since:
                give_up.wait(min(_PACE_S, left_s))

    def submit_and_wait(
        self, order: Mapping[str, object], timeout_s: float
    ) -> dict[str, Any]:  # Any: see front_desk
        """Send ``order`` and return the Status reply once it is settled; errors of both."""
        reply = self.front_desk(order)
        return self.wait_for(str(reply["Receipt"]), timeout_s)
