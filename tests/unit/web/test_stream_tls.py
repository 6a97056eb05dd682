"""The stream over TLS, as a page on another machine reads it: it comes, and ends with its token."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from ctmo_indi import tokens
from ctmo_indi.clock import Deadline, SystemClock
from ctmo_indi.config import AccessSettings, Address, Config
from ctmo_indi.desk_client.credentials import trusted
from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.front_desk.opening import open_front_desk
from ctmo_indi.front_desk.pages import Route, RouteTable
from ctmo_indi.tokens import Token
from ctmo_indi.web import stream as stream_module
from ctmo_indi.web.hub import Hub
from ctmo_indi.web.stream import Stream

from ...certificates import make_certificate
from ..front_desk.test_unauthorised import LOOPBACK, NETWORK
from .test_stream import PATIENCE_S, Reader, asking, eventually, is_service
from .watched_desk import WatchedDesk

OFTEN_S = 0.1


@dataclass
class Site:
    """A scheduler's desk on an address that other machines reach."""

    port: int
    certificate: Path
    file: Path
    hub: Hub
    desk: WatchedDesk

    def token(self, name: str, lasts: timedelta | None = None) -> str:
        """Give somebody a token that may look."""
        secret, now = tokens.new_secret(), SystemClock().utc()
        known = list(tokens.read_tokens(self.file)) if self.file.exists() else []
        end = None if lasts is None else now + lasts
        tokens.write_tokens(
            self.file, [*known, Token(name, "read", tokens.digest(secret), now, end)]
        )
        return secret

    def reader(self, secret: str) -> Reader:
        return Reader(self.port, secret, self.connection())

    def connection(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            NETWORK,
            self.port,
            timeout=PATIENCE_S,
            source_address=(NETWORK, 0),
            context=trusted(self.certificate),
        )


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(stream_module, "TOKEN_CHECK_S", OFTEN_S)
    pair = make_certificate(tmp_path)
    file = tmp_path / "tokens.json"
    tokens.write_tokens(file, [])
    access = AccessSettings(tokens=file, certificate=pair.certificate, key=pair.key)
    desk, sky = WatchedDesk("scheduler"), SystemClock()
    hub = Hub({"telescope": asking(WatchedDesk("telescope"))}, asking, sky)
    stream = Stream(hub, lambda: {"version": "1", "filters": ["V"]}, sky)
    server = open_front_desk(
        [(desk, Address(f"https://{NETWORK}:0", NETWORK, 0))],
        replace(Config(), data_dir=tmp_path, access=access),
        limits=Limits(sweep_s=0.02),
        is_local=lambda ip: ip == LOOPBACK,
        pages={
            "scheduler": RouteTable(
                (Route("/api/stream", stream.answer, methods=frozenset({"GET"})),)
            )
        },
    )
    (port,) = server.start()
    yield Site(port, pair.certificate, file, hub, desk)
    server.stop()


def read_to_the_end(reader: Reader) -> None:
    """Return when the other end has ended it; a time-out is an error of the test."""
    with suppress(http.client.IncompleteRead, ConnectionError, ssl.SSLEOFError):
        for _ in reader.messages():
            pass


def test_news_come_over_tls_as_they_happen(site: Site) -> None:
    with site.reader(site.token("ada")) as reader:
        found = reader.until(is_service("telescope", Status="STANDBY"))
        assert found[0][1]["caller"] == {"name": "ada", "role": "read"}
        for state in ("ENABLED", "FAULT"):
            site.desk.change(Status=state)
            reader.until(is_service("scheduler", Status=state))


def test_a_token_taken_back_ends_its_stream_over_tls_and_no_others(site: Site) -> None:
    with site.reader(site.token("ada")) as ada, site.reader(site.token("bob")) as bob:
        ada.until(is_service("scheduler"))
        left = [one for one in tokens.read_tokens(site.file) if one.name != "ada"]
        tokens.write_tokens(site.file, left)
        read_to_the_end(ada)
        site.desk.change(Status="ENABLED")
        bob.until(is_service("scheduler", Status="ENABLED"))


def test_a_token_that_expires_ends_its_stream_over_tls(site: Site) -> None:
    with site.reader(site.token("ada", timedelta(seconds=2.0))) as reader:
        reader.until(is_service("scheduler"))
        read_to_the_end(reader)


def test_a_reader_that_goes_away_over_tls_is_forgotten(site: Site) -> None:
    with site.reader(site.token("ada")) as reader:
        reader.until(is_service("scheduler"))
        assert len(site.hub.viewers) == 1
    site.desk.change(Status="ENABLED")
    eventually(lambda: not site.hub.viewers)


def test_without_a_token_there_is_no_stream_over_tls(site: Site) -> None:
    connection = site.connection()
    connection.request("GET", "/api/stream")
    assert connection.getresponse().status == 401
    connection.close()


def test_who_does_not_read_over_tls_is_cut_and_who_reads_is_not(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "PATIENCE_S", 0.5)
    with site.reader(site.token("ada")) as honest, ExitStack() as stack:
        honest.until(is_service("scheduler"))
        plain = stack.enter_context(socket.socket())
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.bind((NETWORK, 0))
        plain.connect((NETWORK, site.port))
        context = trusted(site.certificate)
        lazy = stack.enter_context(context.wrap_socket(plain, server_hostname=NETWORK))
        head = f"GET /api/stream HTTP/1.1\r\nHost: {NETWORK}\r\nAuthorization: Bearer "
        lazy.sendall(f"{head}{site.token('bob')}\r\n\r\n".encode())
        eventually(lambda: len(site.hub.viewers) == 2)
        (number, deadline) = (0, Deadline(SystemClock(), PATIENCE_S))
        while len(site.hub.viewers) == 2:
            assert not deadline.expired, "the lazy one was not cut"
            number += 1
            site.desk.board.publish("logMessage", str(number), {"Text": "x" * 400_000})
            honest.until(lambda _name, data, is_it=str(number): data.get("Subject") == is_it)
        site.desk.change(Status="ENABLED")
        honest.until(is_service("scheduler", Status="ENABLED"))
