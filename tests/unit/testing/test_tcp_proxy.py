"""Each fault does to a connection what it says."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from ctmo_indi.testing.tcp_proxy import Side, TcpProxy

LIMIT_S = 5.0


class Echo:
    """A server that sends back what it gets, and tells how connections ended."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.received = bytearray()
        self.ends: list[str] = []
        self.ended = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                while data := client.recv(65536):
                    self.received += data
                    client.sendall(data)
                self.ends.append("FIN")
            except ConnectionResetError:
                self.ends.append("RST")
            except OSError:
                self.ends.append("other")
            self.ended.set()


@pytest.fixture
def echo() -> Iterator[Echo]:
    echo = Echo()
    yield echo
    echo.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[TcpProxy]:
    with TcpProxy("127.0.0.1", echo.port) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: TcpProxy) -> Iterator[socket.socket]:
    with socket.create_connection((proxy.host, proxy.port), LIMIT_S) as client:
        assert said(client, b"hello") == b"hello"
        yield client


def exactly(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        got = client.recv(size - len(data))
        assert got, f"hung up after {data!r}"
        data += got
    return data


def said(client: socket.socket, text: bytes) -> bytes:
    client.sendall(text)
    return exactly(client, len(text))


def expect_reset(proxy: TcpProxy) -> None:
    with pytest.raises(ConnectionResetError):
        with socket.create_connection((proxy.host, proxy.port), LIMIT_S) as refused:
            refused.recv(1)


def everything(client: socket.socket, for_s: float = 0.3) -> bytes:
    client.settimeout(for_s)
    data = b""
    try:
        while got := client.recv(65536):
            data += got
    except TimeoutError:
        pass
    client.settimeout(LIMIT_S)
    return data


def test_large_data_pass_whole_in_both_directions(proxy, client, echo):
    data = bytes(range(256)) * 8000
    sender = threading.Thread(target=client.sendall, args=(data,))
    sender.start()
    assert exactly(client, len(data)) == data
    sender.join()
    counts = proxy.counts
    assert (counts.to_client, counts.to_server) == (len(data) + 5, len(data) + 5)
    assert (counts.connections, counts.open_connections) == (1, 1)


def test_a_delay_shifts_and_keeps_the_order(proxy, client):
    proxy.delay(0.15)
    begun_s = time.monotonic()
    for letter in (b"a", b"b", b"c"):
        client.sendall(letter)
    assert exactly(client, 3) == b"abc"
    assert 0.3 <= time.monotonic() - begun_s < 0.6  # there and back once, not for each letter


def test_a_delay_of_one_way_is_that_of_one_way(proxy, client):
    proxy.delay(0.2, Side.CLIENT)
    begun_s = time.monotonic()
    assert said(client, b"x") == b"x"
    assert 0.2 <= time.monotonic() - begun_s < 0.35


@pytest.mark.parametrize(("to", "arrives"), [(Side.CLIENT, True), (Side.SERVER, False)])
def test_half_open_swallows_one_way_without_a_word(proxy, client, echo, to, arrives):
    proxy.half_open(to)
    client.sendall(b"lost")
    assert everything(client) == b""
    assert bytes(echo.received) == (b"hellolost" if arrives else b"hello")
    assert not echo.ends
    assert proxy.counts.lost == 4


def test_healing_resets_a_connection_that_was_half_open_and_takes_new_ones(proxy, client):
    proxy.half_open()
    client.sendall(b"lost")
    assert everything(client) == b""
    proxy.heal()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with socket.create_connection((proxy.host, proxy.port), LIMIT_S) as again:
        assert said(again, b"again") == b"again"


def test_dropping_takes_bytes_out_and_stops_when_healed(proxy, client):
    proxy.drop(0.1, Side.CLIENT)
    client.sendall(b"0123456789" * 10)
    assert len(everything(client)) == 90
    proxy.heal()
    assert said(client, b"whole") == b"whole"


def test_garbage_is_inserted_at_once_and_into_each_chunk(proxy, client):
    proxy.garbage(b"#!")
    client.sendall(b"abc")
    got = everything(client)
    assert got.startswith(b"#!")
    assert got.count(b"#!") == 2
    assert got.replace(b"#!", b"") == b"abc"


def test_a_trickle_is_slow_and_whole(proxy, client):
    proxy.trickle(200.0, Side.CLIENT)
    begun_s = time.monotonic()
    assert said(client, b"0123456789" * 8) == b"0123456789" * 8
    assert 0.3 <= time.monotonic() - begun_s < 1.5


def test_fin_is_seen_at_both_ends(proxy, client, echo):
    proxy.fin()
    assert client.recv(1) == b""
    assert echo.ended.wait(LIMIT_S)
    assert echo.ends == ["FIN"]


def test_rst_is_seen_at_both_ends(proxy, client, echo):
    proxy.rst()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    assert echo.ended.wait(LIMIT_S)
    assert echo.ends == ["RST"]


def test_a_cut_delivers_half_and_hangs_up(proxy, client):
    proxy.cut()
    client.sendall(b"0123456789")
    assert exactly(client, 5) == b"01234"
    assert client.recv(1) == b""


def test_refused_until_healed(proxy, client):
    proxy.fin(refuse=True)
    expect_reset(proxy)
    assert proxy.counts.refused == 1
    proxy.heal()
    with socket.create_connection((proxy.host, proxy.port), LIMIT_S) as again:
        assert said(again, b"x") == b"x"


def test_a_server_that_is_gone_is_a_client_hung_up_on():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with TcpProxy("127.0.0.1", port) as proxy:
        expect_reset(proxy)


def test_closing_leaves_no_thread(echo):
    before = threading.active_count()
    with TcpProxy("127.0.0.1", echo.port) as proxy:
        socket.create_connection((proxy.host, proxy.port), LIMIT_S).close()
    proxy.close()
    assert threading.active_count() <= before + 1  # the echo's own
