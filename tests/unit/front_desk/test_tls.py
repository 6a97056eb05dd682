"""TLS of a front desk: who is let in, handshakes that hang, certificates that change."""

from __future__ import annotations

import contextlib
import http.client
import logging
import socket
import ssl
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ctmo_indi import tokens
from ctmo_indi.access_settings import AccessSettings
from ctmo_indi.clock import SystemClock
from ctmo_indi.config import Config
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.desk_client.credentials import TokenFileReader, TrustFile, open_desk, trusted
from ctmo_indi.errors import ConfigError, ServiceUnreachable
from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.front_desk.opening import open_front_desk
from ctmo_indi.front_desk.server import FrontDeskServer
from ctmo_indi.front_desk.tls import TlsFiles
from ctmo_indi.service_addresses import Address
from ctmo_indi.testing.desks import FakeDesk
from ctmo_indi.tokens import Token

from ...certificates import Certificate, make_certificate

SECRET = tokens.new_secret()
NETWORK = "127.0.0.2"  # stands for an address that other machines reach
IMPATIENT = Limits(headers_s=0.4, sweep_s=0.05)
STATUS = {"WOType": "Status"}


def is_local(address: str) -> bool:
    return address == "127.0.0.1"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def config(tmp_path: Path, certificate: Certificate) -> Config:
    path = tmp_path / "tokens.json"
    made = Token("ada", "operate", tokens.digest(SECRET), SystemClock().utc())
    tokens.write_tokens(path, (made,))
    access = AccessSettings(tokens=path, certificate=certificate.certificate, key=certificate.key)
    return replace(Config(), data_dir=tmp_path, access=access)


@contextmanager
def open_to_network(
    config: Config, limits: Limits | None = None
) -> Iterator[tuple[FakeDesk, FrontDeskServer, int]]:
    desk = FakeDesk("scheduler")
    address = Address(f"https://{NETWORK}:0", NETWORK, 0)
    server = open_front_desk([(desk, address)], config, limits=limits, is_local=is_local)
    (port,) = server.start()
    try:
        yield desk, server, port
    finally:
        server.stop()


def proxy(port: int, config: Config, credentials: str = f"ada:{SECRET}@") -> Any:
    url = f"https://{credentials}{NETWORK}:{port}/"
    return xmlrpc.client.ServerProxy(url, context=trusted(config.access.certificate))


def drain(raw: socket.socket) -> None:
    """Read until the peer closes, however it does."""
    with contextlib.suppress(ConnectionError):
        while raw.recv(4096):
            pass


def test_a_stock_client_gets_in_with_name_and_token(config: Config) -> None:
    with open_to_network(config) as (desk, _, port), proxy(port, config) as stock:
        for _ in range(2):
            assert stock.front_desk(STATUS)["Kind"] == "Status"
        assert len(desk.orders) == 2


def test_our_client_gets_in_with_a_token_from_a_file(config: Config, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text(SECRET + "\n")
    with open_to_network(config) as (desk, _, port):
        access = replace(config.access, client_token_file=file, ca_file=config.access.certificate)
        address = Address(f"https://{NETWORK}:{port}", NETWORK, port)
        with open_desk(replace(config, access=access, scheduler=address), "scheduler") as client:
            assert client.front_desk(STATUS)["Kind"] == "Status"
            assert client.front_desk(STATUS)["Kind"] == "Status"
            assert SECRET not in client.url
        assert len(desk.orders) == 2


def test_without_a_token_there_is_401_and_how_to_send_one(config: Config) -> None:
    with open_to_network(config) as (desk, _, port):
        connection = http.client.HTTPSConnection(
            NETWORK, port, context=trusted(config.access.certificate), source_address=(NETWORK, 0)
        )
        connection.request("POST", "/", b"<x/>", {"Content-Type": "text/xml"})
        response = connection.getresponse()
        assert response.status == 401
        assert str(response.getheader("WWW-Authenticate")).startswith("Basic realm=")
        connection.close()
        assert desk.orders == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_protocols_are_refused(config: Config, version: ssl.TLSVersion) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with (
        open_to_network(config) as (_, _, port),
        socket.create_connection((NETWORK, port), 5.0) as raw,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(raw)


def test_another_certificate_is_not_believed(config: Config, tmp_path: Path) -> None:
    other = make_certificate(tmp_path, "other")
    with open_to_network(config) as (_, _, port):
        client = DeskClient(
            f"https://{NETWORK}:{port}", trust=trusted(other.certificate), token=SECRET
        )
        with pytest.raises(ServiceUnreachable, match="certificate verify failed"):
            client.front_desk(STATUS)


def test_plain_http_gets_nothing_from_a_tls_desk(config: Config) -> None:
    with open_to_network(config) as (desk, _, port):
        client = DeskClient(f"http://{NETWORK}:{port}", token=SECRET)
        with pytest.raises(ServiceUnreachable):
            client.front_desk(STATUS)
        assert desk.orders == []


def test_a_handshake_that_is_not_finished_is_cut_and_counted(config: Config) -> None:
    with open_to_network(config, IMPATIENT) as (_, server, port):
        with socket.create_connection((NETWORK, port), 10.0) as silent:
            assert silent.recv(1) == b""  # cut by the gate
        assert server.gate.cut == 1
        assert len(server.gate) == 0


def test_silent_handshakes_cannot_crowd_out_an_honest_caller(config: Config) -> None:
    limits = Limits(connections=16, connections_per_address=8)
    with open_to_network(config, limits) as (_, server, port):
        silent = [socket.create_connection((NETWORK, port), 10.0) for _ in range(40)]
        with proxy(port, config) as stock:
            assert stock.front_desk(STATUS)["Kind"] == "Status"
        assert len(server.gate) <= 8
        for each in silent:
            each.close()


@pytest.mark.parametrize("junk", [b"", b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x00\x05hello"])
def test_junk_instead_of_a_handshake_is_one_line_in_the_log(
    config: Config, junk: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), open_to_network(config, IMPATIENT) as (_, server, port):
        with socket.create_connection((NETWORK, port), 10.0) as raw:
            raw.sendall(junk)
            raw.shutdown(socket.SHUT_WR)
            drain(raw)
        with proxy(port, config) as stock:
            assert stock.front_desk(STATUS)["Kind"] == "Status"
    assert "Traceback" not in caplog.text
    assert len(server.gate) == 0


def test_floods_do_not_flush_the_log(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), open_to_network(config) as (_, _, port):
        for _ in range(40):
            with socket.create_connection((NETWORK, port), 10.0) as raw:
                raw.sendall(b"junk junk junk junk")
                drain(raw)
            with (
                proxy(port, config, "ada:wrong@") as stock,
                pytest.raises(xmlrpc.client.ProtocolError),
            ):
                stock.front_desk(STATUS)
    assert len([line for line in caplog.messages if "tls_refused" in line]) == 7
    assert len([line for line in caplog.messages if "unidentified" in line]) == 7
    assert len([line for line in caplog.messages if "http_refused" in line]) == 20


def test_the_whole_request_may_come_with_the_end_of_the_handshake(config: Config) -> None:
    body = xmlrpc.client.dumps((STATUS,), "front_desk").encode()
    head = (
        f"POST / HTTP/1.1\r\nHost: {NETWORK}\r\nContent-Type: text/xml\r\n"
        f"Authorization: Bearer {SECRET}\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    ).encode()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusted(config.access.certificate).wrap_bio(
        incoming, outgoing, server_hostname=NETWORK
    )
    with (
        open_to_network(config) as (desk, _, port),
        socket.create_connection((NETWORK, port), 10.0) as raw,
    ):
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                raw.sendall(outgoing.read())
                incoming.write(raw.recv(65536))
        client.write(head + body)
        raw.sendall(outgoing.read())  # Finished and the request in one segment
        answer = b""
        while b"</methodResponse>" not in answer:
            incoming.write(raw.recv(65536))
            try:
                answer += client.read(65536)
            except ssl.SSLWantReadError:
                continue
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert len(desk.orders) == 1


def test_a_new_certificate_is_used_by_the_next_connection(config: Config, tmp_path: Path) -> None:
    mine = make_certificate(tmp_path, "mine")
    access = replace(config.access, certificate=mine.certificate, key=mine.key)
    with open_to_network(replace(config, access=access)) as (_, _, port):
        old = ssl.get_server_certificate((NETWORK, port))
        newer = make_certificate(tmp_path, "newer")
        newer.key.replace(mine.key)
        assert ssl.get_server_certificate((NETWORK, port)) == old  # key and certificate differ
        newer.certificate.replace(mine.certificate)
        new = ssl.get_server_certificate((NETWORK, port))
        assert new == mine.certificate.read_text()
        assert new != old


def test_a_running_client_believes_a_renewed_certificate(config: Config, tmp_path: Path) -> None:
    """As the guide makes it: the server's certificate is the authority of its clients."""
    mine = make_certificate(tmp_path, "mine")
    access = replace(config.access, certificate=mine.certificate, key=mine.key)
    with open_to_network(replace(config, access=access)) as (_, _, port):
        trust = TrustFile(mine.certificate)
        with DeskClient(f"https://{NETWORK}:{port}", trust=trust, token=SECRET) as client:
            assert client.front_desk(STATUS)["Kind"] == "Status"
            newer = make_certificate(tmp_path, "newer")
            newer.key.replace(mine.key)
            newer.certificate.replace(mine.certificate)
            client.close()  # of its connections; the next call makes another
            assert client.front_desk(STATUS)["Kind"] == "Status"
            mine.certificate.write_text("nonsense")
            before = trust()
            assert trust() is before


def test_a_key_that_everybody_could_read_is_taken_when_that_is_mended(tmp_path: Path) -> None:
    mine = make_certificate(tmp_path, "mine")
    files = TlsFiles(mine.certificate, mine.key)
    before = files.context()
    newer = make_certificate(tmp_path, "newer")
    newer.certificate.replace(mine.certificate)
    newer.key.chmod(0o644)
    newer.key.replace(mine.key)
    assert files.context() is before
    mine.key.chmod(0o600)
    assert files.context() is not before


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda pair: pair.key.chmod(0o644), "lets everybody read it"),
        (lambda pair: pair.key.unlink(), "no such file"),
        (lambda pair: pair.certificate.write_text("nonsense"), "expected a certificate"),
    ],
)
def test_files_that_cannot_be_used_are_refused(tmp_path: Path, spoil: Any, words: str) -> None:
    pair = make_certificate(tmp_path)
    spoil(pair)
    with pytest.raises(ConfigError, match=words):
        TlsFiles(pair.certificate, pair.key)


def test_a_key_with_a_password_is_refused_and_nobody_is_asked(tmp_path: Path) -> None:
    pair = make_certificate(tmp_path)
    import subprocess

    subprocess.run(
        ["openssl", "ec", "-in", pair.key, "-out", pair.key, "-aes128", "-passout", "pass:x"],
        capture_output=True, check=True,
    )  # fmt: skip
    with pytest.raises(ConfigError, match="no password"):
        TlsFiles(pair.certificate, pair.key)


def test_a_token_that_changes_in_its_file_is_sent_anew(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text("ctmo_one")
    read = TokenFileReader(file)
    assert read() == "ctmo_one"
    other = tmp_path / "other"
    other.touch(0o600)
    other.write_text("ctmo_two")
    other.replace(file)
    assert read() == "ctmo_two"
