"""The head of an HTTP request: whether its body is read at all.

:func:`check_head` is for orders, :func:`check_page_head` for what else a desk's port serves.

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


def check_page_head(request: web.BaseRequest, names: HostNames, most_bytes: int) -> None:
    """Let a request for a page through whose head is right; :class:`Refusal` otherwise.

    What it is asked for and by which method is for the page to look at.

    Parameters
    ----------
    most_bytes
        Of the body; a request that only looks has none.
    """
    _check_caller(request, names)
    if request.method == hdrs.METH_POST:
        _check_length(request, most_bytes)
        if request.content_type != "application/json" or not _is_utf8(request):
            raise Refusal(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected Content-Type application/json in utf-8"
            )
    elif hdrs.TRANSFER_ENCODING in request.headers or (
        request.headers.get(hdrs.CONTENT_LENGTH, "0") != "0"
    ):
        raise Refusal(HTTPStatus.BAD_REQUEST, f"{request.method}: expected no body")


def _check(request: web.BaseRequest, names: HostNames, most_bytes: int) -> None:
    _check_caller(request, names)
    if request.path not in PATHS:
        raise Refusal(HTTPStatus.NOT_FOUND, "expected the path / or /RPC2")
    if request.method != "POST":
        raise Refusal(
            HTTPStatus.METHOD_NOT_ALLOWED, "expected POST with an XML-RPC call", Allow="POST"
        )
    _check_length(request, most_bytes)
    if request.content_type not in _CONTENT_TYPES or not _is_utf8(request):
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "expected Content-Type text/xml or application/xml in utf-8",
        )


def _check_caller(request: web.BaseRequest, names: HostNames) -> None:
    """Refuse what was sent to somebody else, or by a web page that is not ours."""
    hosts = request.headers.getall(hdrs.HOST, [])
    if len(hosts) != 1 or not names.allows_host(hosts[0]):
        raise Refusal(HTTPStatus.MISDIRECTED_REQUEST, "Host is not a name of this front desk")
    for origin in request.headers.getall(hdrs.ORIGIN, []):
        if not names.allows_origin(origin, hosts[0]):
            raise Refusal(HTTPStatus.FORBIDDEN, "calls from foreign web pages are refused")
    # What a browser says where it sends no Origin; a link on another page may lead here.
    is_foreign = request.headers.get("Sec-Fetch-Site", "none") in ("cross-site", "same-site")
    if is_foreign and request.headers.get("Sec-Fetch-Mode") != "navigate":
        raise Refusal(HTTPStatus.FORBIDDEN, "calls from foreign web pages are refused")


def _check_length(request: web.BaseRequest, most_bytes: int) -> None:
    headers = request.headers
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


def _is_utf8(request: web.BaseRequest) -> bool:
    try:
        charset = request.charset
    except (LookupError, ValueError):
        return False
    return (charset.lower() if charset else None) in _CHARSETS
