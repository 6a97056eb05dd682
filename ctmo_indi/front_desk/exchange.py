"""One exchange: from an HTTP request to the reply or fault of a desk."""

from __future__ import annotations

import asyncio
import logging
import secrets
from http import HTTPStatus

from aiohttp import hdrs, web

from ctmo_indi.errors import CtmoError, NotPermitted
from ctmo_indi.front_desk.access import Access, HostNames, NotIdentified
from ctmo_indi.front_desk.connections import DeskConnection, Phase
from ctmo_indi.front_desk.decoder import Call, decode_call
from ctmo_indi.front_desk.encoder import clean, encode_fault, encode_reply
from ctmo_indi.front_desk.faults import CallError, CallFault
from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.work_orders.access import Caller
from ctmo_indi.work_orders.desk import Desk, Reply

_log = logging.getLogger(__name__)

METHOD = "front_desk"
PATHS = frozenset({"/", "/RPC2"})
_CONTENT_TYPES = frozenset({"text/xml", "application/xml"})
_CHARSETS = frozenset({None, "utf-8", "utf8", "us-ascii"})
_SERVER = "ctmo-indi"


class _Refusal(Exception):
    """The HTTP request is refused before its body is read."""

    def __init__(self, status: HTTPStatus, text: str, **headers: str) -> None:
        self.status = status
        self.headers = headers
        super().__init__(text)


class Exchange:
    """Answers the requests to one desk; runs on the front desk's loop."""

    def __init__(self, desk: Desk, limits: Limits, access: Access, hosts: HostNames) -> None:
        self._desk = desk
        self._limits = limits
        self._access = access
        self._hosts = hosts
        self._deeds: set[asyncio.Task[Reply]] = set()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Return the response to ``request``; never raises but for cancellation."""
        connection = request.protocol
        assert isinstance(connection, DeskConnection)  # DeskHttpServer makes no other
        try:
            self._check_headers(request)
            address = connection.address
            caller = self._identify(request, address)
            body = await self._body(request, connection)
        except _Refusal as refusal:
            _log.info(
                "http_refused service=%s address=%s status=%d reason=%r",
                self._desk.service,
                connection.address,
                refusal.status,
                str(refusal),
            )
            response = web.Response(
                status=refusal.status,
                text=f"{refusal.status.value}: {refusal}\n",
                headers={hdrs.SERVER: _SERVER, **refusal.headers},
            )
            response.force_close()
            return response
        connection.enter(Phase.ANSWER, self._limits.answer_s + self._limits.reply_s)
        return web.Response(
            body=await self._respond(body, caller),
            headers={hdrs.SERVER: _SERVER, hdrs.CONTENT_TYPE: "text/xml; charset=utf-8"},
        )

    def _check_headers(self, request: web.BaseRequest) -> None:
        headers = request.headers
        hosts = headers.getall(hdrs.HOST, [])
        if len(hosts) != 1 or not self._hosts.allows_host(hosts[0]):
            raise _Refusal(HTTPStatus.MISDIRECTED_REQUEST, "Host is not a name of this front desk")
        for origin in headers.getall(hdrs.ORIGIN, []):
            if not self._hosts.allows_origin(origin, hosts[0]):
                raise _Refusal(HTTPStatus.FORBIDDEN, "calls from foreign web pages are refused")
        if request.path not in PATHS:
            raise _Refusal(HTTPStatus.NOT_FOUND, "expected the path / or /RPC2")
        if request.method != "POST":
            raise _Refusal(
                HTTPStatus.METHOD_NOT_ALLOWED, "expected POST with an XML-RPC call", Allow="POST"
            )
        if headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
            raise _Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Encoding is not accepted")
        if hdrs.TRANSFER_ENCODING in headers or hdrs.CONTENT_LENGTH not in headers:
            raise _Refusal(HTTPStatus.LENGTH_REQUIRED, "expected a Content-Length")
        length = headers[hdrs.CONTENT_LENGTH]
        if not (length.isascii() and length.isdigit() and len(length) <= 19):
            raise _Refusal(HTTPStatus.BAD_REQUEST, "expected a number as Content-Length")
        if int(length) > self._limits.body_bytes:
            raise _Refusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"expected at most {self._limits.body_bytes} bytes",
            )
        try:
            charset = request.charset
        except (LookupError, ValueError):
            charset = "unreadable"
        if request.content_type not in _CONTENT_TYPES or (
            (charset.lower() if charset else None) not in _CHARSETS
        ):
            raise _Refusal(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "expected Content-Type text/xml or application/xml in utf-8",
            )

    def _identify(self, request: web.BaseRequest, address: str) -> Caller:
        if len(request.headers.getall(hdrs.AUTHORIZATION, ())) > 1:
            raise _Refusal(HTTPStatus.BAD_REQUEST, "expected one Authorization header")
        try:
            return self._access.identify(request.headers, address)
        except NotIdentified as error:
            raise _Refusal(error.status, str(error), **error.headers) from error
        except NotPermitted as error:
            raise _Refusal(HTTPStatus.FORBIDDEN, str(error)) from error

    async def _body(self, request: web.BaseRequest, connection: DeskConnection) -> bytes:
        connection.enter(Phase.BODY, self._limits.body_s + self._limits.reply_s)
        if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # what follows is still the first response
        try:
            async with asyncio.timeout(self._limits.body_s):
                return await request.read()
        except TimeoutError as error:
            raise _Refusal(
                HTTPStatus.REQUEST_TIMEOUT,
                f"the body did not come within {self._limits.body_s:g} s",
            ) from error

    async def _respond(self, body: bytes, caller: Caller) -> bytes:
        service = self._desk.service
        try:
            order = order_of(decode_call(body, self._limits))
            async with asyncio.timeout(self._limits.answer_s):
                reply = await self._handle(order, caller)
            return encode_reply(reply)
        except CallError as error:
            code, text = int(error.code), str(error)
        except CtmoError as error:
            code, text = error.fault_code, str(error)
        except Exception as error:  # noqa: BLE001 - outermost of an exchange: log, answer, go on
            error_id = secrets.token_hex(4)
            code, text = 500, f"internal error {error_id}; the log of {service} has more"
            if isinstance(error, TimeoutError):
                text += f"; no answer within {self._limits.answer_s:g} s"
            _log.exception("exchange_failed service=%s error_id=%s", service, error_id)
        _log.info(
            "order_refused service=%s caller=%s address=%s code=%d reason=%s",
            service,
            caller.name,
            caller.address,
            code,
            clean(text).replace("\n", " | "),
        )
        return encode_fault(code, text)

    async def _handle(self, order: dict[str, object], caller: Caller) -> Reply:
        """Hand the order over; one that only waits for news ends with its caller, others do not."""
        if "Wait" in order:
            return await self._desk.handle(order, caller)
        deed = asyncio.create_task(self._desk.handle(order, caller))
        self._deeds.add(deed)  # asyncio itself keeps only a weak reference
        deed.add_done_callback(self._deed_done)
        return await asyncio.shield(deed)

    def _deed_done(self, deed: asyncio.Task[Reply]) -> None:
        self._deeds.discard(deed)
        if not deed.cancelled():
            deed.exception()  # seen: shield hands it to the caller, if there still is one


def order_of(call: Call) -> dict[str, object]:
    """Return the one struct of a call to ``front_desk``; CallError when it is something else."""
    if call.method != METHOD:
        raise CallError(
            CallFault.METHOD_NOT_FOUND,
            f"method {call.method!r} does not exist; the only one is {METHOD}(work_order)",
        )
    if len(call.parameters) != 1 or not isinstance(call.parameters[0], dict):
        came = ", ".join(type(value).__name__ for value in call.parameters) or "nothing"
        raise CallError(
            CallFault.INVALID_PARAMETERS,
            f"{METHOD}: came {came}, expected one struct, the Work Order",
        )
    return call.parameters[0]
