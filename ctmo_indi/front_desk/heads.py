"""The head of an HTTP request: whether its body is read at all.

A kept connection sends the same head again and again; the one that was found right last is known
again by comparing it.
"""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import hdrs, web

from ctmo_indi.front_desk.access import HostNames
from ctmo_indi.front_desk.connections import DeskConnection

PATHS = frozenset({"/", "/RPC2"})
_CONTENT_TYPES = frozenset({"text/xml", "application/xml"})
_CHARSETS = frozenset({None, "utf-8", "utf8", "us-ascii"})


class Refusal(Exception):
    """The HTTP request is refused before its body is read."""

    def __init__(self, status: HTTPStatus, text: str, **headers: str) -> None:
        self.status = status
        self.headers = headers
        super().__init__(text)


def check_head(
    request: web.BaseRequest, connection: DeskConnection, hosts: HostNames, most_bytes: int
) -> None:
    """Let a request through whose head is right; raises :class:`Refusal` otherwise.

    Parameters
    ----------
    most_bytes
        Of the body.
    """
    head = (request.method, request.raw_path, request.raw_headers)
    if head != connection.right_head:
        _check(request, hosts, most_bytes)
        connection.right_head = head


def _check(request: web.BaseRequest, names: HostNames, most_bytes: int) -> None:
    headers = request.headers
    hosts = headers.getall(hdrs.HOST, [])
    if len(hosts) != 1 or not names.allows_host(hosts[0]):
        raise Refusal(HTTPStatus.MISDIRECTED_REQUEST, "Host is not a name of this front desk")
    for origin in headers.getall(hdrs.ORIGIN, []):
        if not names.allows_origin(origin, hosts[0]):
            raise Refusal(HTTPStatus.FORBIDDEN, "calls from foreign web pages are refused")
    if request.path not in PATHS:
        raise Refusal(HTTPStatus.NOT_FOUND, "expected the path / or /RPC2")
    if request.method != "POST":
        raise Refusal(
            HTTPStatus.METHOD_NOT_ALLOWED, "expected POST with an XML-RPC call", Allow="POST"
        )
    if headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Encoding is not accepted")
    if hdrs.TRANSFER_ENCODING in headers or hdrs.CONTENT_LENGTH not in headers:
        raise Refusal(HTTPStatus.LENGTH_REQUIRED, "expected a Content-Length")
    length = headers[hdrs.CONTENT_LENGTH]
    if not (length.isascii() and length.isdigit() and len(length) <= 19):
        raise Refusal(HTTPStatus.BAD_REQUEST, "expected a number as Content-Length")
    if int(length) > most_bytes:
        raise Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"expected at most {most_bytes} bytes",
        )
    try:
        charset = request.charset
    except (LookupError, ValueError):
        charset = "unreadable"
    if request.content_type not in _CONTENT_TYPES or (
        (charset.lower() if charset else None) not in _CHARSETS
    ):
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "expected Content-Type text/xml or application/xml in utf-8",
        )
