"""One exchange: from an HTTP request to the reply or fault of a desk."""

from __future__ import annotations

import asyncio
import logging
import secrets
from http import HTTPStatus

from aiohttp import hdrs, web

from ctmo_indi.errors import CtmoError, NotPermitted
from ctmo_indi.front_desk.access import Access, HostNames, NotIdentified
from ctmo_indi.front_desk.connections import SERVER, DeskConnection, Phase
from ctmo_indi.front_desk.decoder import Call, decode_call
from ctmo_indi.front_desk.deeds import Deeds
from ctmo_indi.front_desk.encoder import clean, encode_fault, encode_reply
from ctmo_indi.front_desk.faults import CallError, CallFault
from ctmo_indi.front_desk.heads import PATHS, Refusal, check_head, check_page_head
from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.front_desk.pages import PAGE_HEADERS, PageConnection, Pages
from ctmo_indi.front_desk.sparing import SparingLog
from ctmo_indi.work_orders.access import Caller
from ctmo_indi.work_orders.desk import Desk
from ctmo_indi.work_orders.permissions import only_asks

__all__ = ["METHOD", "PATHS", "Exchange", "order_of"]

_log = logging.getLogger(__name__)

METHOD = "front_desk"
_OF_SCRIPTS = "/api/"
"""Paths that the page's own script asks for: it asks its reader for a token itself."""

_HEADERS = {hdrs.SERVER: SERVER, hdrs.CONTENT_TYPE: "text/xml; charset=utf-8"}


class Exchange:
    """Answers the requests to one desk; runs on the front desk's loop.

    Parameters
    ----------
    pages
        Served besides orders; None: nothing.
    """

    def __init__(
        self,
        desk: Desk,
        limits: Limits,
        access: Access,
        hosts: HostNames,
        pages: Pages | None = None,
    ) -> None:
        self._desk = desk
        self._limits = limits
        self._access = access
        self._hosts = hosts
        self._pages = pages
        self._deeds = Deeds(desk)
        self._sparing = SparingLog(_log)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Return the response to ``request``; never raises but for cancellation."""
        connection = request.protocol
        assert isinstance(connection, DeskConnection)  # DeskHttpServer makes no other
        pages = self._pages
        if pages is not None and pages.answers(request.method, request.path):
            return await self._answer_page(pages, request, connection)
        try:
            check_head(request, connection, self._hosts, self._limits.body_bytes)
            caller = self._identify(request, connection.address)
            body = await self._body(request, connection)
            if connection.phase is Phase.BODY:  # it took its time: who called then may not now
                caller = self._identify(request, connection.address)
        except Refusal as refusal:
            return self._refused(refusal, connection.address)
        return web.Response(body=await self._respond(body, caller, connection), headers=_HEADERS)

    async def _answer_page(
        self, pages: Pages, request: web.BaseRequest, connection: DeskConnection
    ) -> web.StreamResponse:
        """Return what the pages answer; never raises but for cancellation."""
        caller = None
        try:
            check_page_head(request, self._hosts, self._limits.body_bytes)
            if not pages.is_public(request.path):
                caller = self._identify(request, connection.address)
            at_desk = PageConnection(
                connection,
                self._desk,
                self._deeds,
                self._limits,
                lambda: self._identify(request, connection.address),
                lambda: self._body(request, connection),
            )
            response = await pages.answer(request, caller, at_desk)
        except Refusal as refusal:
            if request.path.startswith(_OF_SCRIPTS):
                refusal.headers.pop(hdrs.WWW_AUTHENTICATE, None)  # no dialogue of the browser's
            response = self._refused(refusal, connection.address)
        except NotPermitted as error:
            response = self._refused(Refusal(HTTPStatus.FORBIDDEN, str(error)), connection.address)
        except Exception as error:  # noqa: BLE001 - outermost of an exchange: log, answer, go on
            response = web.Response(status=500, text=f"500: {self._internal(error)}\n")
            response.force_close()
        if not response.prepared:
            response.headers.update(PAGE_HEADERS)
        return response

    def _refused(self, refusal: Refusal, address: str) -> web.Response:
        # Whoever floods us with wrong tokens must not flush the log.
        is_flood = refusal.status is HTTPStatus.TOO_MANY_REQUESTS
        self._sparing.log(
            logging.DEBUG if is_flood else logging.INFO,
            f"http_refused status={refusal.status:d}",  # a kind each: none hides another
            "service=%s address=%s reason=%r",
            self._desk.service,
            address,
            str(refusal),
        )
        response = web.Response(
            status=refusal.status,
            text=f"{refusal.status.value}: {refusal}\n",
            headers={hdrs.SERVER: SERVER, **refusal.headers},
        )
        response.force_close()
        return response

    def _internal(self, error: Exception) -> str:
        """Log a bug of ours; return what its sender is told."""
        error_id = secrets.token_hex(4)
        _log.exception("exchange_failed service=%s error_id=%s", self._desk.service, error_id)
        text = f"internal error {error_id}; the log of {self._desk.service} has more"
        if isinstance(error, TimeoutError):
            text += f"; no answer within {self._limits.answer_s:g} s"
        return text

    def _identify(self, request: web.BaseRequest, address: str) -> Caller:
        if len(request.headers.getall(hdrs.AUTHORIZATION, ())) > 1:
            raise Refusal(HTTPStatus.BAD_REQUEST, "expected one Authorization header")
        try:
            return self._access.identify(request.headers, address)
        except NotIdentified as error:
            raise Refusal(error.status, str(error), **error.headers) from error
        except NotPermitted as error:
            raise Refusal(HTTPStatus.FORBIDDEN, str(error)) from error

    async def _body(self, request: web.BaseRequest, connection: DeskConnection) -> bytes:
        content = request.content
        if content.is_eof():  # it came with its head, as of nearly every order
            return content.read_nowait()
        connection.enter(Phase.BODY, self._limits.body_s + self._limits.reply_s)
        if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # what follows is still the first response
        try:
            async with asyncio.timeout(self._limits.body_s):
                return await request.read()
        except TimeoutError as error:
            raise Refusal(
                HTTPStatus.REQUEST_TIMEOUT,
                f"the body did not come within {self._limits.body_s:g} s",
            ) from error

    async def _respond(self, body: bytes, caller: Caller, connection: DeskConnection) -> bytes:
        service = self._desk.service
        try:
            order = order_of(decode_call(body, self._limits))
            reply = await connection.answered(
                self._deeds.begin(order, caller), only_asks=only_asks(order)
            )
            return encode_reply(reply)
        except CallError as error:
            code, text = int(error.code), str(error)
        except CtmoError as error:
            code, text = error.fault_code, str(error)
        except Exception as error:  # noqa: BLE001 - outermost of an exchange: log, answer, go on
            code, text = 500, self._internal(error)
        self._sparing.log(
            logging.INFO,
            "order_refused",
            "service=%s caller=%s address=%s code=%d reason=%s",
            service,
            caller.name,
            caller.address,
            code,
            clean(text).replace("\n", " | "),
        )
        return encode_fault(code, text)


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
