"""The stream over real sockets: what comes first, what comes then, and when it ends."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ctmo_indi import tokens
from ctmo_indi.clock import Clock, Deadline, SystemClock
from ctmo_indi.front_desk.access import Access, LoopbackAccess
from ctmo_indi.front_desk.identity import TokenAccess, TokenFile
from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.front_desk.pages import Route, RouteTable
from ctmo_indi.front_desk.server import FrontDeskServer
from ctmo_indi.tokens import Token
from ctmo_indi.web import hub as hub_module
from ctmo_indi.web import stream as stream_module
from ctmo_indi.web.hub import Hub
from ctmo_indi.web.service_watch import Ask
from ctmo_indi.web.stream import Stream
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.desk import Desk

from .watched_desk import WatchedDesk

WATCHER = Caller("page", Role.READ, "here")
PATIENCE_S = 10.0
Message = tuple[str, dict[str, Any]]  # Any: JSON


def asking(desk: Desk) -> Ask:
    return lambda order: desk.handle(order, WATCHER)


class Site:
    """A front desk with a stream over two services."""

    def __init__(
        self, access: Access | None = None, limits: Limits | None = None, clock: Clock | None = None
    ) -> None:
        self.desk = WatchedDesk("scheduler")
        self.telescope = WatchedDesk("telescope")
        sky = clock or SystemClock()
        self.hub = Hub({"telescope": asking(self.telescope)}, asking, sky)
        stream = Stream(self.hub, lambda: {"version": "1", "filters": ["V"]}, sky)
        table = RouteTable((Route("/api/stream", stream.answer, methods=frozenset({"GET"})),))
        self.server = FrontDeskServer(
            [(self.desk, "127.0.0.1", 0)], limits, access, pages={"scheduler": table}
        )
        (self.port,) = self.server.start()


@contextmanager
def a_site(access: Access | None = None, limits: Limits | None = None) -> Iterator[Site]:
    made = Site(access, limits)
    try:
        yield made
    finally:
        made.server.stop()


@pytest.fixture
def site() -> Iterator[Site]:
    with a_site() as made:
        yield made


class Reader:
    """Reads one stream."""

    def __init__(
        self, port: int, token: str = "", connection: http.client.HTTPConnection | None = None
    ) -> None:
        self._connection = connection or http.client.HTTPConnection(
            "127.0.0.1", port, timeout=PATIENCE_S
        )
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._connection.request("GET", "/api/stream", headers=headers)
        self.response = self._connection.getresponse()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()
        self._connection.close()

    def lines(self) -> Iterator[str]:
        while line := self.response.readline():
            yield line.decode().rstrip("\n")

    def messages(self) -> Iterator[Message]:
        name = ""
        for line in self.lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))

    def until(self, condition: Callable[[str, dict[str, Any]], object]) -> list[Message]:
        """Return the messages up to the one that is wanted."""
        deadline = Deadline(SystemClock(), PATIENCE_S)
        found: list[Message] = []
        for message in self.messages():
            found.append(message)
            if condition(*message):
                return found
            assert not deadline.expired, found
        raise AssertionError(f"the stream ended: {found}")


def eventually(condition: Callable[[], object]) -> None:
    deadline = Deadline(SystemClock(), PATIENCE_S)
    tick = threading.Event()
    while not condition():
        assert not deadline.expired
        tick.wait(0.01)


def is_service(service: str, **keys: object) -> Callable[[str, dict[str, Any]], bool]:
    """Whether a message tells this of a service."""

    def matches(name: str, data: dict[str, Any]) -> bool:
        reply = data.get("reply") or {}
        return (
            name == "service"
            and data["service"] == service
            and all(reply.get(key) == value for key, value in keys.items())
        )

    return matches


def test_it_begins_with_hello_and_tells_how_each_service_is(site: Site) -> None:
    with Reader(site.port) as reader:
        assert reader.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        found = reader.until(is_service("telescope", Status="STANDBY"))
    name, hello = found[0]
    assert name == "hello"
    assert hello["caller"] == {"name": "anonymous", "role": "operate"}
    assert hello["services"] == ["scheduler", "telescope"]
    assert hello["filters"] == ["V"]
    assert [data["service"] for name, data in found if name == "service"][:2] == [
        "scheduler",
        "telescope",
    ]


def test_a_change_is_told_as_a_state_and_as_what_happened(site: Site) -> None:
    with Reader(site.port) as reader:
        reader.until(is_service("scheduler", Status="STANDBY"))
        site.desk.change(Status="ENABLED")
        found = reader.until(is_service("scheduler", Status="ENABLED"))
        if not any(name == "happened" for name, _ in found):
            found += reader.until(lambda name, _: name == "happened")
    (event,) = [data for name, data in found if name == "happened"]
    assert event["service"] == "scheduler"
    assert (event["Kind"], event["Data"]) == ("summaryState", {"Status": "ENABLED"})


def test_who_comes_later_gets_what_is_known_and_the_last_events_at_once(site: Site) -> None:
    site.desk.board.publish("alarm", "before anybody looked", {})
    with Reader(site.port) as first:
        first.until(lambda name, data: name == "happened" and data["Kind"] == "alarm")
        for number in range(310):
            site.desk.board.publish("logMessage", str(number), {})
        first.until(lambda name, data: name == "happened" and data["Subject"] == "309")
        asked = len(site.desk.asked)
        with Reader(site.port) as second:
            found = second.until(lambda name, data: name == "happened" and data["Subject"] == "309")
        assert len(site.desk.asked) - asked <= 4  # not asked again for the second one's sake
    old = [data["Subject"] for name, data in found if name == "happened"]
    assert old == [str(number) for number in range(10, 310)]


def test_what_happened_before_comes_in_the_order_of_time_whoever_says_it(site: Site) -> None:
    boards = (site.telescope.board, site.desk.board, site.telescope.board)
    for number, board in enumerate(boards):
        board.publish("logMessage", str(number), {})
    with Reader(site.port) as reader:
        found = reader.until(lambda name, data: name == "happened" and data["Subject"] == "2")
    assert [data["Subject"] for name, data in found if name == "happened"] == ["0", "1", "2"]


def test_a_service_that_is_down_does_not_keep_back_what_the_others_say(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "BEGIN_S", 0.2)
    site.telescope.is_silent = True
    site.desk.board.publish("logMessage", "heard", {})
    with Reader(site.port) as reader:
        reader.until(lambda name, data: name == "happened" and data["Subject"] == "heard")


def test_telemetry_is_not_kept(site: Site) -> None:
    with Reader(site.port) as first:
        site.desk.board.publish("heartbeat", "", {})
        site.desk.board.publish("logMessage", "last", {})
        found = first.until(lambda name, data: name == "happened" and data["Subject"] == "last")
    assert [data["Kind"] for name, data in found if name == "happened"] == ["logMessage"]


def test_a_device_that_changed_is_told_by_itself(site: Site) -> None:
    site.telescope.state["Devices"] = {"Filter Wheel": {"Slot": 1, "Age (s)": 1.0}}
    with Reader(site.port) as reader:
        reader.until(lambda name, data: name == "happened" and data["Data"].get("Slot") == 1)
        site.telescope.state["Devices"] = {"Filter Wheel": {"Slot": 2, "Age (s)": 0.5}}
        found = reader.until(
            lambda name, data: name == "happened" and data["Data"].get("Slot") == 2
        )
    assert found[-1][1]["Kind"] == "telemetry"
    assert found[-1][1]["Subject"] == "filter_wheel"


def test_a_service_that_does_not_answer_is_told_with_what_it_said_last(site: Site) -> None:
    with Reader(site.port) as reader:
        reader.until(is_service("telescope", Status="STANDBY"))
        site.telescope.is_silent = True
        found = reader.until(
            lambda name, data: (
                name == "service" and data["service"] == "telescope" and data["error"] != ""
            )
        )
        assert found[-1][1]["error"] == "nobody at that desk"
        assert found[-1][1]["reply"]["Status"] == "STANDBY"
        site.telescope.is_silent = False
        reader.until(
            lambda name, data: (
                name == "service" and data["service"] == "telescope" and data["error"] == ""
            )
        )


def test_names_with_line_breaks_and_markup_stay_data(site: Site) -> None:
    subject = "<img src=x>\n\ndata: {}\r\nevent: hello"
    with Reader(site.port) as reader:
        reader.until(is_service("scheduler", Status="STANDBY"))
        site.desk.board.publish("logMessage", subject, {})
        found = reader.until(lambda name, _: name == "happened")
    assert found[-1][1]["Subject"] == subject


def test_a_stream_where_nothing_happens_is_kept_alive(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "KEEP_ALIVE_S", 0.2)
    monkeypatch.setattr(stream_module, "TOKEN_CHECK_S", 0.1)
    with Reader(site.port) as reader:
        assert any(line.startswith(": ") for line in reader.lines())


def test_the_services_are_asked_only_while_somebody_looks(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "LINGER_S", 0.1)
    assert site.desk.asked == []
    with Reader(site.port) as reader:
        reader.until(is_service("telescope", Status="STANDBY"))
        assert site.hub.is_watching
    eventually(lambda: not site.hub.is_watching)
    with Reader(site.port) as reader:  # and again for who comes then
        reader.until(is_service("telescope", Status="STANDBY"))


def test_a_bug_in_the_asking_ends_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "DIED_PAUSE_S", 0.1)
    with Reader(site.port) as reader:
        reader.until(is_service("telescope", Status="STANDBY"))
        site.telescope.state["Devices"] = {"Mount": {"Bad": object()}}  # JSON has none
        site.desk.change(Status="FAULT")
        reader.until(is_service("scheduler", Status="FAULT"))
        site.telescope.state["Devices"] = {"Mount": {"Good": 1}}
        reader.until(lambda name, data: name == "happened" and data["Data"].get("Good") == 1)


@pytest.fixture
def token_site(tmp_path: Path) -> Iterator[tuple[Site, Path, str]]:
    path, secret = tmp_path / "tokens.json", tokens.new_secret()
    now = SystemClock().utc()
    tokens.write_tokens(path, (Token("ada", "read", tokens.digest(secret), now),))
    access = TokenAccess(TokenFile(path).tokens, is_local=lambda _address: False)
    with a_site(access) as made:
        yield made, path, secret


def test_a_token_that_is_revoked_ends_the_stream(
    token_site: tuple[Site, Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "TOKEN_CHECK_S", 0.1)
    site, path, secret = token_site
    with Reader(site.port, secret) as reader:
        found = reader.until(is_service("scheduler", Status="STANDBY"))
        assert found[0][1]["caller"] == {"name": "ada", "role": "read"}
        tokens.write_tokens(path, ())
        for _ in reader.messages():  # until it ends
            pass


def test_without_a_token_there_is_no_stream_and_no_dialogue_of_the_browser(
    token_site: tuple[Site, Path, str],
) -> None:
    site = token_site[0]
    for token in ("", tokens.new_secret()):
        with Reader(site.port, token) as reader:
            assert reader.response.status == 401
            assert "WWW-Authenticate" not in reader.response.headers
    assert site.desk.asked == []


def test_who_does_not_read_is_cut_and_the_others_go_on(site: Site) -> None:
    with Reader(site.port) as honest, socket.create_server(("127.0.0.1", 0)):
        honest.until(is_service("scheduler", Status="STANDBY"))
        lazy = socket.socket()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect(("127.0.0.1", site.port))
        lazy.sendall(b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        eventually(lambda: len(site.hub.viewers) == 2)
        for number in range(50):
            site.desk.board.publish("logMessage", str(number), {"Text": "x" * 800_000})
            honest.until(
                lambda name, data, number=number: (
                    name == "happened" and data["Subject"] == str(number)
                )
            )
            if len(site.hub.viewers) == 1:
                break
        else:
            raise AssertionError("the lazy one was not cut")
        lazy.close()


def test_who_reads_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "PATIENCE_S", 0.3)
    monkeypatch.setattr(stream_module, "TOKEN_CHECK_S", 0.05)
    with a_site(limits=Limits(sweep_s=0.02)) as site, Reader(site.port) as reader:
        reader.until(is_service("scheduler", Status="STANDBY"))
        threading.Event().wait(1.0)
        site.desk.change(Status="ENABLED")
        reader.until(is_service("scheduler", Status="ENABLED"))


def test_too_many_viewers_are_sent_away_and_those_who_look_stay(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "MOST_VIEWERS", 1)
    with Reader(site.port) as first:
        first.until(is_service("scheduler", Status="STANDBY"))
        with Reader(site.port) as second:
            assert second.response.status == 503
            assert second.response.headers["Retry-After"] == "30"
        site.desk.change(Status="ENABLED")
        first.until(is_service("scheduler", Status="ENABLED"))


def test_only_get_is_a_stream(site: Site) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE_S)
    connection.request("HEAD", "/api/stream")
    assert connection.getresponse().status == 405
    connection.close()


def test_anonymous_readers_may_look() -> None:
    with a_site(LoopbackAccess(anonymous_may_operate=False)) as site, Reader(site.port) as reader:
        found = reader.until(is_service("scheduler", Status="STANDBY"))
        assert found[0][1]["caller"]["role"] == "read"
