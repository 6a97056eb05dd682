"""``/api/picture?file=NAME``: a frame as a picture, from the preprocessor by way of the scheduler.

The order Frames is asked in the caller's name. A picture of a frame never changes, so a browser may
keep it for long; its tag is of its bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from http import HTTPStatus

from aiohttp import hdrs, web

from ctmo_indi.errors import (
    BadFrame,
    BadOrder,
    CtmoError,
    NotPermitted,
    NotServedHere,
    UnknownOrder,
)
from ctmo_indi.front_desk.encoder import clean
from ctmo_indi.front_desk.heads import Refusal
from ctmo_indi.front_desk.pages import PageConnection
from ctmo_indi.work_orders.access import Caller

MOST_BYTES = 1024 * 1024
_TYPES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
"""Beginnings of the pictures that browsers get; nothing else is handed on as one."""

_STATUS = {
    BadOrder.fault_code: HTTPStatus.BAD_REQUEST,
    NotPermitted.fault_code: HTTPStatus.FORBIDDEN,
    NotServedHere.fault_code: HTTPStatus.NOT_FOUND,
    UnknownOrder.fault_code: HTTPStatus.NOT_FOUND,
    BadFrame.fault_code: HTTPStatus.NOT_FOUND,
}
_LONGEST = 500
_KEPT = "private, max-age=3600"


async def picture_answer(
    request: web.BaseRequest, caller: Caller, connection: PageConnection
) -> web.StreamResponse:
    """Answer with the picture.

    Raises
    ------
    Refusal
        400 without a file's name, 404 when there is no picture of it, 503 when nobody can say.
    """
    names = request.query.getall("file", [])
    if len(names) != 1 or not names[0]:
        raise Refusal(HTTPStatus.BAD_REQUEST, "expected /api/picture?file=NAME")
    order: dict[str, object] = {"WOType": "Frames", "Picture": names[0]}
    night = request.query.get("night", "")
    if night:
        order["Night"] = night
    try:
        reply = await connection.ask(order, caller)
    except CtmoError as error:
        status = _STATUS.get(error.fault_code, HTTPStatus.SERVICE_UNAVAILABLE)
        raise Refusal(status, clean(str(error))[:_LONGEST]) from error
    return _answer(request, reply.get("Picture"))


def _answer(request: web.BaseRequest, text: object) -> web.Response:
    try:
        body = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except binascii.Error:
        body = b""
    begins = (kind for start, kind in _TYPES.items() if body.startswith(start))
    content_type = next(begins, "")
    if not content_type or len(body) > MOST_BYTES:
        raise Refusal(HTTPStatus.NOT_FOUND, "there is no picture of that frame")
    tag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
    headers = {hdrs.ETAG: tag, hdrs.CACHE_CONTROL: _KEPT, hdrs.VARY: hdrs.AUTHORIZATION}
    if tag in request.headers.get(hdrs.IF_NONE_MATCH, ""):
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, headers={**headers, hdrs.CONTENT_TYPE: content_type})
