"""Front desk over loopback sockets: every row of the attack table, honest callers beside."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import http.client
import logging
import re
import socket
import threading
import xmlrpc.client
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import pytest

from ctmo_indi.clock import Deadline, SystemClock
from ctmo_indi.errors import ConfigError, Interlocked, NotPermitted
from ctmo_indi.front_desk.access import LoopbackAccess, NotIdentified
from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.front_desk.server import FrontDeskServer
from ctmo_indi.testing.desks import FakeDesk, serving
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.desk import Reply

ORDER = {
    "WOType": "Observation",
    "ID": "1",
    "User": "Ada",
    "RA": 23.1,
    "Dec": 13.2,
    "Filter": "I",
    "Exposure Time": 30.0,
}
BODY = xmlrpc.client.dumps((ORDER,), "front_desk").encode()
IMPATIENT = Limits(headers_s=0.3, body_s=0.3, idle_s=0.6, reply_s=0.3, answer_s=0.5, sweep_s=0.05)
PATIENCE_S = 10.0  # of a test; far above every limit of IMPATIENT


@pytest.fixture(scope="module")
def desk() -> Iterator[tuple[FakeDesk, int]]:
    """A desk with usual limits, and its port."""
    fake = FakeDesk("scheduler")
    with serving(fake) as (url,):
        yield fake, port_of(url)


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def raw(port: int, request: bytes) -> bytes:
    """Send bytes, return all that comes until the peer closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as peer:
        with contextlib.suppress(ConnectionError):
            peer.sendall(request)
        return read_all(peer)


def read_all(peer: socket.socket) -> bytes:
    answer = b""
    with contextlib.suppress(ConnectionError):
        while chunk := peer.recv(65536):
            answer += chunk
    return answer


def post(port: int, body: bytes = BODY, **headers: str | None) -> tuple[int, bytes]:
    """POST ``body`` with usual headers changed (None: left out); return status and body."""
    usual: dict[str, str | None] = {
        "Host": "localhost",
        "Content-Type": "text/xml",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    usual |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in usual.items() if value is not None)
    answer = raw(port, f"POST / HTTP/1.1\r\n{head}\r\n".encode() + body)
    top, _, rest = answer.partition(b"\r\n\r\n")
    return int(top.split()[1]), rest


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until ``condition`` holds; fail after PATIENCE_S."""
    deadline = Deadline(SystemClock(), PATIENCE_S)
    tick = threading.Event()
    while not condition():
        assert not deadline.expired
        tick.wait(0.01)


def honest(port: int) -> str:
    """Submit as an honest caller; return the Status."""
    with xmlrpc.client.ServerProxy(f"http://127.0.0.1:{port}/") as proxy:
        reply: Any = proxy.front_desk(ORDER)
        return str(reply["Status"])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Content_Type": "application/xml; charset=UTF-8"}, 200),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "text/xml; charset=utf-16"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content_Type": None}, 415),
        ({"Content_Encoding": "gzip"}, 415),
        ({"Content_Encoding": "deflate"}, 415),
        ({"Content_Encoding": "identity"}, 200),
        ({"Content_Length": "-1"}, 400),
        ({"Content_Length": "many"}, 400),
        ({"Content_Length": "9" * 30}, 400),
        ({"Content_Length": "65537"}, 413),
        ({"Host": "evil.example"}, 421),
        ({"Host": "localhost.evil.example:8000"}, 421),
        ({"Host": "[::1]:9000"}, 200),
        ({"Host": "LOCALHOST.:80"}, 200),
        ({"Host": None}, 400),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:1"}, 403),
        ({"Origin": "http://localhost"}, 200),
    ],
)
def test_headers_decide(
    desk: tuple[FakeDesk, int], headers: dict[str, str | None], status: int
) -> None:
    fake, port = desk
    before = len(fake.orders)
    assert post(port, **headers)[0] == status
    assert len(fake.orders) - before == (status == 200)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET / HTTP/1.1", 405),
        (b"OPTIONS / HTTP/1.1", 405),
        (b"PUT /RPC2 HTTP/1.1", 405),
        (b"POST /RPC2 HTTP/1.1", 411),
        (b"POST /RPC3 HTTP/1.1", 404),
        (b"POST /../RPC2/x HTTP/1.1", 404),
        (b"nonsense", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"POST /" + b"a" * 5000 + b" HTTP/1.1", 400),
    ],
)
def test_request_line_decides(desk: tuple[FakeDesk, int], line: bytes, status: int) -> None:
    answer = raw(desk[1], line + b"\r\nHost: localhost\r\n\r\n")
    assert int(answer.split()[1]) == status
    assert b"Traceback" not in answer
    assert b"access-control" not in answer.lower()


@pytest.mark.parametrize(
    ("more", "body"),
    [
        (b"", b""),
        (b"Transfer-Encoding: chunked\r\n", b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)),
    ],
    ids=["no length", "chunked"],
)
def test_length_is_required(desk: tuple[FakeDesk, int], more: bytes, body: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n" + more
    assert raw(desk[1], head + b"\r\n" + body).startswith(b"HTTP/1.1 411 ")


def test_two_hosts_are_refused(desk: tuple[FakeDesk, int]) -> None:
    answer = raw(desk[1], b"POST / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
    assert int(answer.split()[1]) in (400, 421)


def test_body_over_the_cap_is_not_read(desk: tuple[FakeDesk, int]) -> None:
    """300 MB are announced and begun; the answer comes before, and others are served."""
    with socket.create_connection(("127.0.0.1", desk[1]), timeout=PATIENCE_S) as peer:
        peer.sendall(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
            b"Content-Length: 300000000\r\n\r\n" + b"A" * 100_000
        )
        assert b" 413 " in peer.recv(4096)
        assert honest(desk[1]) == "PENDING"
        read_all(peer)


def test_gzip_bomb_is_not_unpacked(desk: tuple[FakeDesk, int]) -> None:
    body = gzip.compress(BODY + b" " * 20_000_000)
    assert len(body) < 65536
    assert post(desk[1], body, Content_Encoding="gzip")[0] == 415


@pytest.mark.parametrize("method", ["system.listMethods", "system.multicall", "front_desk.x"])
def test_other_methods_do_not_exist(desk: tuple[FakeDesk, int], method: str) -> None:
    fake, port = desk
    before = len(fake.orders)
    with pytest.raises(xmlrpc.client.Fault) as fault:
        xmlrpc.client.loads(post(port, xmlrpc.client.dumps((), method).encode())[1])
    assert fault.value.faultCode == -32601
    assert len(fake.orders) == before


@pytest.mark.parametrize("parameters", [(), ("text",), (1,), ([ORDER],), (ORDER, ORDER)])
def test_only_one_struct_is_an_order(
    desk: tuple[FakeDesk, int], parameters: tuple[Any, ...]
) -> None:
    body = xmlrpc.client.dumps(parameters, "front_desk").encode()
    with pytest.raises(xmlrpc.client.Fault) as fault:
        xmlrpc.client.loads(post(desk[1], body)[1])
    assert fault.value.faultCode == -32602


def test_unreadable_values_are_named_with_all_other_wrong_keys(
    desk: tuple[FakeDesk, int],
) -> None:
    body = BODY.replace(b"<double>23.1</double>", b"<double>NaN</double>")
    body = body.replace(b"<double>30.0</double>", b"<int>1_0</int>")
    body = body.replace(b"<string>I</string>", b"<string>ultraviolet</string>")
    with pytest.raises(xmlrpc.client.Fault) as fault:
        xmlrpc.client.loads(post(desk[1], body)[1])
    assert fault.value.faultCode == 400
    keys = {line.split(": ")[0] for line in fault.value.faultString.split("; ")}
    assert {"RA", "Exposure Time", "Filter"} <= keys


def test_expect_continue_is_answered(desk: tuple[FakeDesk, int]) -> None:
    with socket.create_connection(("127.0.0.1", desk[1]), timeout=PATIENCE_S) as peer:
        peer.sendall(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nConnection: close\r\n"
            b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY)
        )
        assert peer.recv(4096).startswith(b"HTTP/1.1 100 ")
        peer.sendall(BODY)
        assert read_all(peer).startswith(b"HTTP/1.1 200 ")


def test_kept_connection_carries_many_calls(desk: tuple[FakeDesk, int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", desk[1], timeout=PATIENCE_S)
    with contextlib.closing(connection):
        connection.request("POST", "/RPC2", BODY, {"Content-Type": "text/xml"})
        connection.getresponse().read()
        first = connection.sock
        connection.request("POST", "/RPC2", BODY, {"Content-Type": "text/xml"})
        assert connection.getresponse().status == 200
        assert connection.sock is first


def test_thirty_two_threads_are_served_at_once(desk: tuple[FakeDesk, int]) -> None:
    with ThreadPoolExecutor(32) as pool:
        assert set(pool.map(honest, [desk[1]] * 96)) == {"PENDING"}


class BrokenDesk:
    """Raises what it is told to."""

    service = "broken"

    def __init__(self, error: BaseException) -> None:
        self.error = error

    async def handle(self, order: object, caller: object) -> Reply:
        raise self.error


def test_bug_is_answered_with_an_error_id_and_no_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving(BrokenDesk(RuntimeError("secret detail"))) as (url,):
        with caplog.at_level(logging.ERROR), pytest.raises(xmlrpc.client.Fault) as fault:
            xmlrpc.client.loads(post(port_of(url))[1])
    assert fault.value.faultCode == 500
    assert "secret" not in fault.value.faultString
    found = re.search(r"internal error ([0-9a-f]{8})", fault.value.faultString)
    assert found is not None
    assert found[1] in caplog.text
    assert "secret detail" in caplog.text


def test_refusal_has_the_code_of_its_error_and_one_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving(BrokenDesk(Interlocked("altitude 3 deg\nevent=forged \x1b[31m"))) as (url,):
        with caplog.at_level(logging.INFO), pytest.raises(xmlrpc.client.Fault) as fault:
            xmlrpc.client.loads(post(port_of(url))[1])
    assert fault.value.faultCode == 424
    (line,) = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert "\n" not in line
    assert "\x1b" not in line


def test_reply_that_cannot_be_encoded_is_a_bug() -> None:
    fake = FakeDesk("scheduler", answer=lambda _checked: {"raw": b"bytes"})
    with serving(fake) as (url,), pytest.raises(xmlrpc.client.Fault) as fault:
        xmlrpc.client.loads(post(port_of(url))[1])
    assert fault.value.faultCode == 500


def cut_after(port: int, *sent: bytes) -> bytes:
    """Send a beginning and wait to be cut; fail when that does not happen."""
    return raw(port, b"".join(sent))


HEAD = (
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n"
    % len(BODY)
)


@pytest.mark.parametrize(
    "beginning",
    [b"", b"POST / HT", b"POST / HTTP/1.1\r\nHost: loc", HEAD + BODY],
    ids=["silent", "line", "headers", "idle after a call"],
)
def test_slow_caller_is_cut(beginning: bytes) -> None:
    with serving(FakeDesk("scheduler"), limits=IMPATIENT) as (url,):
        cut_after(port_of(url), beginning)  # returns only when the peer has closed
        assert honest(port_of(url)) == "PENDING"


@pytest.mark.parametrize("beginning", [b"POST / HTTP/1.1\r\nX: ", HEAD], ids=["headers", "body"])
def test_byte_after_byte_does_not_win_time(beginning: bytes) -> None:
    with (
        serving(FakeDesk("scheduler"), limits=IMPATIENT) as (url,),
        socket.create_connection(("127.0.0.1", port_of(url)), timeout=PATIENCE_S) as peer,
    ):
        peer.sendall(beginning)
        deadline = Deadline(SystemClock(), PATIENCE_S)
        tick = threading.Event()
        with contextlib.suppress(ConnectionError):
            while not deadline.expired:
                peer.sendall(b"a")
                tick.wait(0.02)
        assert not deadline.expired


def test_slow_body_is_refused_with_408() -> None:
    with serving(FakeDesk("scheduler"), limits=IMPATIENT) as (url,):
        assert cut_after(port_of(url), HEAD, BODY[:50]).startswith(b"HTTP/1.1 408 ")


def test_caller_that_does_not_take_its_reply_is_cut() -> None:
    fake = FakeDesk("scheduler", answer=lambda _checked: {"text": "x" * 30_000_000})
    server = FrontDeskServer([(fake, "127.0.0.1", 0)], IMPATIENT)
    (port,) = server.start()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.sendall(HEAD + BODY)
            assert fake.arrived.wait(PATIENCE_S)
            eventually(lambda: server.gate.cut == 1)
    finally:
        server.stop()


class HangingDesk:
    """Never answers, and says when it was given up."""

    service = "hanging"

    def __init__(self) -> None:
        self.count = 0
        self.began = threading.Event()
        self.cancelled = threading.Event()
        self.finished = threading.Event()
        self.release = threading.Event()

    async def handle(self, order: object, caller: object) -> Reply:
        self.count += 1
        self.began.set()
        try:
            while not self.release.is_set():
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        self.finished.set()
        return {}


def test_desk_that_hangs_is_answered_for() -> None:
    hanging = HangingDesk()
    with serving(hanging, limits=IMPATIENT) as (url,):
        with pytest.raises(xmlrpc.client.Fault, match="no answer within"):
            xmlrpc.client.loads(post(port_of(url))[1])
        hanging.release.set()


def begin_and_leave(url: str, order: dict[str, Any], hanging: HangingDesk) -> None:
    body = xmlrpc.client.dumps((order,), "front_desk").encode()
    with socket.create_connection(("127.0.0.1", port_of(url)), timeout=PATIENCE_S) as peer:
        peer.sendall(HEAD.replace(b"%d" % len(BODY), b"%d" % len(body)) + body)
        assert hanging.began.wait(PATIENCE_S)


QUESTIONS: dict[str, dict[str, Any]] = {
    "news": {"WOType": "Status", "Wait": 60.0},
    "status": {"WOType": "Status"},
    "report": {"WOType": "Report", "Night": "2026-11-22"},
    "schema": {"WOType": "Script Queue", "Command": "showSchema"},
}


@pytest.mark.parametrize("order", QUESTIONS.values(), ids=QUESTIONS)
def test_a_question_ends_with_the_caller(order: dict[str, Any]) -> None:
    """Else whoever may read could heap up questions that nobody hears the answers of."""
    hanging = HangingDesk()
    with serving(hanging) as (url,):
        begin_and_leave(url, order, hanging)
        assert hanging.cancelled.wait(PATIENCE_S)


@pytest.mark.parametrize(
    "order",
    [ORDER, {"WOType": "Control", "Command": "close"}, {"WOType": "Heartbeat"}],
    ids=["observation", "close", "heartbeat"],
)
def test_deed_is_carried_through_when_the_caller_is_gone(order: dict[str, Any]) -> None:
    hanging = HangingDesk()
    with serving(hanging) as (url,):
        begin_and_leave(url, order, hanging)
        assert fault_of_unknown_method(url) == -32601  # another caller is served meanwhile
        hanging.release.set()
        assert hanging.finished.wait(PATIENCE_S)
        assert not hanging.cancelled.is_set()


@pytest.mark.parametrize(("connections", "of_one_address"), [(8, 64), (64, 8)])
def test_slow_callers_beyond_the_cap_do_not_lock_out_an_honest_one(
    connections: int, of_one_address: int
) -> None:
    limits = Limits(connections=connections, connections_per_address=of_one_address)
    with serving(FakeDesk("scheduler"), limits=limits) as (url,), contextlib.ExitStack() as stack:
        slow = []
        for _ in range(40):
            peer = socket.create_connection(("127.0.0.1", port_of(url)), timeout=PATIENCE_S)
            stack.enter_context(peer)
            peer.sendall(b"POST / HTTP/1.1\r\n")
            slow.append(peer)
        assert honest(port_of(url)) == "PENDING"
        assert read_all(slow[0]) == b""  # the one that waited longest gave way


def test_callers_being_answered_do_not_give_way() -> None:
    hanging = HangingDesk()
    limits = Limits(connections=2, connections_per_address=2)
    with serving(hanging, limits=limits) as (url,), ThreadPoolExecutor(2) as pool:
        first = [pool.submit(post, port_of(url)) for _ in range(2)]
        eventually(lambda: hanging.count == 2)
        assert raw(port_of(url), b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") == b""
        hanging.release.set()
        assert [answer.result(PATIENCE_S)[0] for answer in first] == [200, 200]


@pytest.mark.parametrize("order", QUESTIONS.values(), ids=QUESTIONS)
def test_callers_that_only_ask_do_not_lock_out_one_who_orders(order: dict[str, Any]) -> None:
    """Anybody who may read may ask and wait; a hundred of them must not keep a stop away."""
    hanging = HangingDesk()
    limits = Limits(connections=4, connections_per_address=4)
    question = xmlrpc.client.dumps((order,), "front_desk").encode()
    with serving(hanging, limits=limits) as (url,), contextlib.ExitStack() as stack:
        waiting = []
        for number in range(4):
            peer = socket.create_connection(("127.0.0.1", port_of(url)), timeout=PATIENCE_S)
            stack.enter_context(peer)
            peer.sendall(HEAD.replace(b"%d" % len(BODY), b"%d" % len(question)) + question)
            eventually(lambda wanted=number + 1: hanging.count == wanted)
            waiting.append(peer)
        assert fault_of_unknown_method(url) == -32601
        assert read_all(waiting[0]) == b""  # the one that waited longest gave way
        hanging.release.set()


def test_who_is_revoked_before_his_body_has_come_is_refused() -> None:
    """A head may come long before its body: who is known counts when the order is whole."""

    class OnceOnly:
        asked = 0

        def identify(self, _headers: object, address: str) -> Caller:
            self.asked += 1
            if self.asked > 1:
                raise NotIdentified(HTTPStatus.UNAUTHORIZED, "wrong name or token")
            return Caller("ada", Role.OPERATE, address, is_known=True)

    desk, access = FakeDesk("scheduler"), OnceOnly()
    server = FrontDeskServer([(desk, "127.0.0.1", 0)], None, access)
    (port,) = server.start()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as peer:
            peer.sendall(HEAD)
            eventually(lambda: access.asked == 1)
            peer.sendall(BODY)
            assert read_all(peer).startswith(b"HTTP/1.1 401 ")
        assert desk.orders == []
    finally:
        server.stop()


def test_what_a_broken_head_holds_is_not_logged(
    desk: tuple[FakeDesk, int], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    head = HEAD.replace(b"\r\n\r\n", b"\r\nAuthorization: Bearer\r\n ctmo_secret\r\n\r\n")
    assert b" 400 " in raw(desk[1], head + BODY).split(b"\r\n")[0]
    assert "http_refused" in caplog.text
    assert "ctmo_secret" not in caplog.text


@pytest.mark.parametrize("ip", ["0.0.0.0", "192.0.2.7", "::", "example.org"])
def test_address_that_is_not_loopback_is_a_configuration_error(ip: str) -> None:
    server = FrontDeskServer([(FakeDesk("scheduler"), ip, 0)])
    with pytest.raises(ConfigError, match=r"scheduler Address: IP is"):
        server.start()


def test_taken_port_is_a_configuration_error_and_frees_the_others() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        socket.create_server(("127.0.0.1", 0)) as free,
    ):
        free_port = free.getsockname()[1]
        free.close()
        server = FrontDeskServer(
            [
                (FakeDesk("telescope"), "127.0.0.1", free_port),
                (FakeDesk("dome"), "127.0.0.1", taken.getsockname()[1]),
            ]
        )
        with pytest.raises(ConfigError, match="dome Address: cannot listen"):
            server.start()
        socket.create_server(("127.0.0.1", free_port)).close()


def test_two_desks_of_one_process_answer_for_themselves() -> None:
    telescope, dome = FakeDesk("telescope"), FakeDesk("dome")
    with serving(telescope, dome) as (telescope_url, dome_url):
        with xmlrpc.client.ServerProxy(telescope_url) as proxy:
            reply: Any = proxy.front_desk(ORDER)
            assert reply["Kind"] == "Observation"
        with (
            xmlrpc.client.ServerProxy(dome_url) as proxy,
            pytest.raises(xmlrpc.client.Fault) as fault,
        ):
            proxy.front_desk(ORDER)
        assert fault.value.faultCode == 405
        assert "dome does not carry out" in fault.value.faultString


def test_stop_cuts_long_polls_and_frees_the_port() -> None:
    hanging = HangingDesk()
    server = FrontDeskServer([(hanging, "127.0.0.1", 0)])
    (port,) = server.start()
    with ThreadPoolExecutor(1) as pool:
        order = {"WOType": "Status", "Wait": 60.0}
        body = xmlrpc.client.dumps((order,), "front_desk").encode()
        waiting = pool.submit(raw, port, HEAD.replace(b"%d" % len(BODY), b"%d" % len(body)) + body)
        assert hanging.began.wait(PATIENCE_S)
        server.stop(timeout_s=PATIENCE_S)
        assert b"200 OK" not in waiting.result(PATIENCE_S)
    server.stop()  # harmless
    socket.create_server(("127.0.0.1", port)).close()


def test_anonymous_may_only_read_where_the_site_says_so() -> None:
    server = FrontDeskServer(
        [(FakeDesk("scheduler"), "127.0.0.1", 0)],
        access=LoopbackAccess(anonymous_may_operate=False),
    )
    (port,) = server.start()
    try:
        with pytest.raises(xmlrpc.client.Fault) as fault:
            honest(port)
        assert fault.value.faultCode == 403
        with xmlrpc.client.ServerProxy(f"http://127.0.0.1:{port}/") as proxy:
            reply: Any = proxy.front_desk({"WOType": "Status"})
            assert reply["Kind"] == "Status"
    finally:
        server.stop()


def test_access_that_trusts_nobody_is_a_403() -> None:
    class Nobody:
        def identify(self, headers: object, address: str) -> Caller:
            raise NotPermitted("no token")

    server = FrontDeskServer([(FakeDesk("scheduler"), "127.0.0.1", 0)], access=Nobody())
    (port,) = server.start()
    try:
        assert post(port)[0] == 403
    finally:
        server.stop()


def fault_of_unknown_method(url: str) -> int:
    """Return the fault code of a call with a wrong method, served beside whatever hangs."""
    body = xmlrpc.client.dumps((), "nothing").encode()
    try:
        xmlrpc.client.loads(post(port_of(url), body)[1])
    except xmlrpc.client.Fault as fault:
        return fault.faultCode
    return 0


def test_a_flood_of_strangers_does_not_cut_a_caller_at_work() -> None:
    """Kept connections of known callers outlive any number of new ones that ask for nothing."""
    limits = Limits(connections=8, connections_per_address=8)
    with serving(FakeDesk("scheduler"), limits=limits) as (url,), contextlib.ExitStack() as stack:
        known = http.client.HTTPConnection("127.0.0.1", port_of(url), timeout=PATIENCE_S)
        stack.enter_context(contextlib.closing(known))
        known.request("POST", "/RPC2", BODY, {"Content-Type": "text/xml"})
        known.getresponse().read()
        first = known.sock
        for _ in range(40):
            peer = socket.create_connection(("127.0.0.1", port_of(url)), timeout=PATIENCE_S)
            stack.enter_context(peer)
        known.request("POST", "/RPC2", BODY, {"Content-Type": "text/xml"})
        assert known.getresponse().status == 200
        assert known.sock is first


def test_a_refused_order_leaves_no_cycles_for_the_collector() -> None:
    """Under a flood such cycles, promoted while they were young, grew by 100 MB an hour."""
    wrong = BODY.replace(b"23.1", b"NaN")
    with serving(FakeDesk("scheduler")) as (url,):
        assert b"faultCode" in post(port_of(url), wrong)[1]
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            for _ in range(20):
                post(port_of(url), wrong)
            gc.collect()
            left = [one for one in gc.garbage if isinstance(one, BaseException | FrameType)]
        finally:
            gc.set_debug(0)
            gc.enable()
            gc.garbage.clear()
    assert left == []
