"""An INDI server on a TCP port that says exactly what a test tells it to, right or wrong.

It keeps every byte a client sends. It answers pings unless told to be silent; everything else is
scripted: the test pushes raw XML, or broken XML, or hangs up.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable

_PING = re.compile(rb"<pingRequest\s+uid=['\"]([^'\"]*)['\"]\s*(?:/>|>\s*</pingRequest>)")
_KEEP_TAIL = 4096


class FakeIndiServer:
    """Listens on a free port of the loopback; one thread per connection.

    Attributes
    ----------
    greeting
        Sent to each client when it asks for properties.
    answers_pings
        Set to False for a black hole.
    on_data
        Called with each chunk a client sent, in the connection's thread.
    """

    def __init__(self, greeting: bytes = b"") -> None:
        self.greeting = greeting
        self.answers_pings = True
        self.on_data: Callable[[bytes], None] | None = None
        self.connections = 0
        self._changed = threading.Condition()
        self._received = bytearray()
        self._clients: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._accepting = threading.Thread(target=self._accept, name="fake-indi", daemon=True)
        self._accepting.start()

    @property
    def received(self) -> bytes:
        """Everything clients have sent so far."""
        with self._changed:
            return bytes(self._received)

    def wait_received(self, condition: Callable[[bytes], bool], timeout_s: float) -> bytes:
        """Block until ``condition`` holds for what was received; AssertionError after the time."""
        with self._changed:
            if not self._changed.wait_for(lambda: condition(bytes(self._received)), timeout_s):
                raise AssertionError(f"not received in {timeout_s} s: {self._received[-300:]!r}")
            return bytes(self._received)

    def push(self, data: bytes) -> None:
        """Send bytes to every client."""
        for client in self._snapshot():
            try:
                client.sendall(data)
            except OSError:
                continue  # that client is gone

    def hang_up(self) -> None:
        """Close every connection."""
        for client in self._snapshot():
            self._drop(client)

    def close(self) -> None:
        """End everything."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # not everywhere may a listening socket be shut down
        self._listener.close()
        self.hang_up()
        self._accepting.join(5.0)
        for thread in self._threads:
            thread.join(5.0)

    def _snapshot(self) -> list[socket.socket]:
        with self._changed:
            return list(self._clients)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._changed:
                self.connections += 1
                self._clients.append(client)
                self._changed.notify_all()
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        tail = b""
        greeted = False
        while True:
            try:
                data = client.recv(65536)
            except OSError:
                break
            if not data:
                break
            with self._changed:
                self._received += data
                self._changed.notify_all()
            if self.on_data is not None:
                self.on_data(data)
            tail = (tail + data)[-_KEEP_TAIL:]
            if not greeted and b"<getProperties" in tail:
                greeted = True
                self._answer(client, self.greeting)
            answered = 0
            for match in _PING.finditer(tail):
                answered = match.end()
                if self.answers_pings:
                    self._answer(client, b"<pingReply uid='" + match.group(1) + b"'/>\n")
            tail = tail[answered:]
        self._drop(client)

    @staticmethod
    def _answer(client: socket.socket, data: bytes) -> None:
        if data:
            try:
                client.sendall(data)
            except OSError:
                pass  # it hung up meanwhile

    def _drop(self, client: socket.socket) -> None:
        with self._changed:
            if client in self._clients:
                self._clients.remove(client)
        try:
            client.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # already closed
        client.close()


def number_definition(
    device: str = "Fake",
    name: str = "POSITION",
    element: str = "X",
    value: str = "0",
    *,
    state: str = "Idle",
    permission: str = "rw",
    limits: tuple[float, float] = (0.0, 1000.0),
) -> bytes:
    """XML of a number definition with one element."""
    return (
        f"<defNumberVector device='{device}' name='{name}' label='{name}' group='Main' "
        f"state='{state}' perm='{permission}' timeout='60'>"
        f"<defNumber name='{element}' label='{element}' format='%g' min='{limits[0]}' "
        f"max='{limits[1]}' step='0'>{value}</defNumber></defNumberVector>\n"
    ).encode()


def number_update(
    device: str = "Fake",
    name: str = "POSITION",
    element: str = "X",
    value: str = "0",
    *,
    state: str = "Ok",
) -> bytes:
    """XML of a number update with one element."""
    return (
        f"<setNumberVector device='{device}' name='{name}' state='{state}' timeout='60'>"
        f"<oneNumber name='{element}'>{value}</oneNumber></setNumberVector>\n"
    ).encode()


def blob_definition(device: str = "Fake", name: str = "CCD1") -> bytes:
    """XML of a BLOB definition with one element of the property's name."""
    return (
        f"<defBLOBVector device='{device}' name='{name}' label='{name}' group='Main' state='Idle' "
        f"perm='ro' timeout='60'><defBLOB name='{name}' label='{name}'/></defBLOBVector>\n"
    ).encode()


def blob_update(
    content: bytes, size: int, form: str = ".fits", device: str = "Fake", name: str = "CCD1"
) -> bytes:
    """XML of a BLOB; ``content`` is what stands between the tags."""
    return (
        (
            f"<setBLOBVector device='{device}' name='{name}' state='Ok' timeout='60'>"
            f"<oneBLOB name='{name}' size='{size}' format='{form}'>"
        ).encode()
        + content
        + b"</oneBLOB></setBLOBVector>\n"
    )
