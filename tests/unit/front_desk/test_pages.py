"""Pages at a desk's port: behind the same doors as orders, and no harm to the desk."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator

import pytest
from aiohttp import web

from ctmo_indi.front_desk.access import LoopbackAccess
from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.front_desk.pages import PAGE_HEADERS, PageConnection, PublicRoute, Route, RouteTable
from ctmo_indi.testing.desks import FakeDesk, serving
from ctmo_indi.work_orders.access import Caller, Role

from .test_server import IMPATIENT, honest, port_of, raw, read_all

JSON = "Content-Type: application/json\r\n"


async def _public(_request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="for all")


async def _who(
    _request: web.BaseRequest, caller: Caller, _connection: PageConnection
) -> web.StreamResponse:
    return web.json_response({"name": caller.name, "role": caller.role.name})


async def _status(
    request: web.BaseRequest, caller: Caller, connection: PageConnection
) -> web.StreamResponse:
    body = await connection.read_body() if request.method == "POST" else b""
    reply = await connection.ask({"WOType": "Status"}, caller)
    return web.json_response({"Kind": reply["Kind"], "bytes": len(body)})


async def _broken(*_: object) -> web.StreamResponse:
    raise ZeroDivisionError("secret of the page")


async def _endless(
    request: web.BaseRequest, _caller: Caller, connection: PageConnection
) -> web.StreamResponse:
    response = web.StreamResponse()
    response.force_close()
    connection.stream_goes_on(0.3)
    await response.prepare(request)
    await response.write(b"begun")
    await _wait_for_ever()
    return response


async def _wait_for_ever() -> None:
    await asyncio.Event().wait()


TABLE = RouteTable(
    (
        PublicRoute("/", _public),
        PublicRoute("/files/", _public),
        Route("/api/who", _who),
        Route("/api/status", _status, methods=frozenset({"GET", "POST"})),
        Route("/api/operate", _who, role=Role.OPERATE),
        Route("/api/broken", _broken),
        Route("/api/endless", _endless),
    )
)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of a desk with pages and usual limits."""
    with serving(FakeDesk("scheduler"), pages={"scheduler": TABLE}) as (url,):
        yield port_of(url)


@pytest.fixture
def impatient() -> Iterator[int]:
    """Of a desk with pages and short deadlines."""
    with serving(FakeDesk("scheduler"), limits=IMPATIENT, pages={"scheduler": TABLE}) as (url,):
        yield port_of(url)


def ask(port: int, line: str, more: str = "", body: bytes = b"") -> tuple[int, str, bytes]:
    """Send a request; return status, head and body of the answer."""
    host = "" if "Host:" in more else "Host: localhost\r\n"
    request = f"{line} HTTP/1.1\r\n{host}{more}Connection: close\r\n\r\n"
    head, _, rest = raw(port, request.encode() + body).partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode(), rest


@pytest.mark.parametrize(
    ("line", "more", "status"),
    [
        ("GET /", "", 200),
        ("HEAD /", "", 200),
        ("PUT /", "", 405),
        ("GET /RPC2", "", 405),
        ("GET /files/some.js", "", 200),
        ("DELETE /files/some.js", "", 405),
        ("GET /nothing", "", 404),
        ("GET /api/who", "", 200),
        ("GET /api/who?many=1&many=2", "", 200),
        ("GET /api/who/", "", 404),
        ("GET /api/WHO", "", 404),
        ("GET //api/who", "", 404),
        ("POST /api/who", f"{JSON}Content-Length: 2\r\n", 405),
        ("TRACE /api/who", "", 405),
        ("GET /api/who", "Host: evil.example\r\n", 421),
        ("GET /", "Host: evil.example\r\n", 421),
        ("GET /api/who", "Host: localhost\r\nHost: localhost\r\n", 400),
        ("GET /api/who", "Origin: http://evil.example\r\n", 403),
        ("GET /api/who", "Origin: null\r\n", 403),
        ("GET /files/some.js", "Origin: http://evil.example\r\n", 403),
        ("GET /api/who", "Origin: http://localhost\r\n", 200),
        ("GET /api/who", "Sec-Fetch-Site: cross-site\r\n", 403),
        ("GET /api/who", "Sec-Fetch-Site: same-site\r\n", 403),
        ("GET /api/who", "Sec-Fetch-Site: same-origin\r\n", 200),
        ("GET /", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n", 200),
        ("GET /api/who", "Content-Length: 5\r\n", 400),
        ("GET /api/who", "Transfer-Encoding: chunked\r\n", 400),
        ("POST /api/status", f"{JSON}Content-Length: 65537\r\n", 413),
        ("POST /api/status", f"{JSON}Content-Length: nine\r\n", 400),
        ("POST /api/status", JSON, 411),
        ("POST /api/status", f"{JSON}Transfer-Encoding: chunked\r\n", 411),
        ("POST /api/status", f"{JSON}Content-Encoding: gzip\r\nContent-Length: 2\r\n", 415),
        ("POST /api/status", "Content-Type: text/plain\r\nContent-Length: 2\r\n", 415),
        ("POST /api/status", "Content-Type: text/xml\r\nContent-Length: 2\r\n", 415),
        ("POST /api/status", "Content-Length: 2\r\n", 415),
        (
            "POST /api/status",
            "Content-Type: application/json; charset=utf-16\r\nContent-Length: 2\r\n",
            415,
        ),
        (
            "POST /api/status",
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n",
            415,
        ),
        ("GET /api/broken", "", 500),
    ],
)
def test_each_request_gets_its_answer(port: int, line: str, more: str, status: int) -> None:
    body = b"{}" if "Content-Length: 2\r\n" in more else b""
    found, head, rest = ask(port, line, more, body)
    assert found == status, head
    assert b"secret" not in rest
    assert honest(port) == "PENDING"


def test_every_answer_keeps_browsers_from_what_is_not_ours(port: int) -> None:
    for line in ("GET /", "GET /api/who", "DELETE /", "GET /api/broken", "POST /api/who"):
        head = ask(port, line)[1]
        if line != "DELETE /":  # that one is refused as an order
            for name, value in PAGE_HEADERS.items():
                assert f"{name}: {value}" in head, line


def test_a_post_to_the_root_is_an_order(port: int) -> None:
    assert honest(port) == "PENDING"


def test_head_has_no_body(port: int) -> None:
    status, head, body = ask(port, "HEAD /")
    assert (status, body) == (200, b"")
    assert "Content-Length: 7" in head


def test_a_page_asks_the_desk_in_the_callers_name(port: int) -> None:
    length = f"{JSON}Content-Length: 2\r\n"
    assert json.loads(ask(port, "POST /api/status", length, b"{}")[2]) == {
        "Kind": "Status",
        "bytes": 2,
    }


def test_a_role_that_does_not_reach_is_refused() -> None:
    access = LoopbackAccess(anonymous_may_operate=False)
    with serving(FakeDesk("scheduler"), access=access, pages={"scheduler": TABLE}) as (url,):
        assert ask(port_of(url), "GET /api/operate")[0] == 403
        assert ask(port_of(url), "GET /api/who")[0] == 200


def test_a_body_that_does_not_come_ends_the_request(impatient: int) -> None:
    head = f"POST /api/status HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Length: 9\r\n\r\n"
    assert raw(impatient, head.encode()).startswith(b"HTTP/1.1 408")


def test_a_stream_whose_reader_takes_nothing_is_cut(impatient: int) -> None:
    with socket.create_connection(("127.0.0.1", impatient), timeout=10.0) as peer:
        peer.sendall(b"GET /api/endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"begun" in read_all(peer)


def test_streams_give_way_to_orders() -> None:
    with serving(FakeDesk("scheduler"), pages={"scheduler": _Patient(TABLE)}) as (url,):
        port = port_of(url)
        peers = [_streaming(port) for _ in range(Limits().connections)]
        assert honest(port) == "PENDING"
        for peer in peers:
            peer.close()


def _streaming(port: int) -> socket.socket:
    """Return a connection whose stream has begun."""
    peer = socket.create_connection(("127.0.0.1", port), timeout=10.0)
    peer.sendall(b"GET /api/endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = b""
    while b"begun" not in answer:
        answer += peer.recv(4096)
    return peer


class _Patient(RouteTable):
    """As a table, with streams that nothing but the cap ends."""

    def __init__(self, table: RouteTable) -> None:
        self._exact, self._below = dict(table._exact), dict(table._below)
        self._exact["/api/endless"] = Route("/api/endless", self._stream)

    async def _stream(
        self, request: web.BaseRequest, _caller: Caller, connection: PageConnection
    ) -> web.StreamResponse:
        response = web.StreamResponse()
        response.force_close()
        connection.stream_goes_on(60.0)
        await response.prepare(request)
        await response.write(b"begun")
        await _wait_for_ever()
        return response


def test_a_path_comes_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        RouteTable((PublicRoute("/a", _public), Route("/a", _who)))


def test_a_desk_without_pages_serves_none() -> None:
    with serving(FakeDesk("telescope")) as (url,):
        assert ask(port_of(url), "GET /")[0] == 405
        assert ask(port_of(url), "GET /api/who")[0] == 404
