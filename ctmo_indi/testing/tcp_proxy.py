"""A TCP proxy that spoils a connection on demand: late, torn, silent, ended, or as it should be.

Between any INDI client and indiserver, or any two that speak TCP. One thread serves all
connections; the test switches faults at any moment from its own.

Example
-------
>>> with TcpProxy("127.0.0.1", server_port) as proxy:
...     client = open_client(Endpoint(proxy.host, proxy.port), SystemClock())
...     proxy.half_open()       # nothing arrives any more, nobody is told
...     proxy.heal()
"""

from __future__ import annotations

import queue
import random
import selectors
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Self

_CHUNK = 65536
_TURN_S = 0.02
_BUFFER_LIMIT = 64 * 2**20
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close() sends RST


class Side(StrEnum):
    """Where bytes go to."""

    CLIENT = "client"
    SERVER = "server"


BOTH = frozenset(Side)


@dataclass(slots=True)
class _Treatment:
    """What is done to the bytes of one direction."""

    delay_s: float = 0.0
    swallow: bool = False
    drop_share: float = 0.0
    bytes_per_s: float = 0.0
    garbage: bytes = b""


@dataclass(slots=True, eq=False)
class _Flow:
    """One direction of one connection."""

    to: Side
    source: socket.socket
    sink: socket.socket
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)
    held: int = 0
    free_at_s: float = 0.0
    is_torn: bool = False
    has_ended: bool = False
    is_full: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyCounts:
    """What has passed since the proxy was made.

    Parameters
    ----------
    connections, refused
        Clients taken, and clients hung up on at once by :meth:`TcpProxy.refuse`.
    open_connections
        Now.
    to_client, to_server, lost, inserted
        Bytes delivered each way, taken away, and added as garbage.
    late_s
        Most seconds since the last :meth:`TcpProxy.heal` that bytes were sent after they were due,
        though their sink took them: what the proxy added to a delay because it could not run.
    """

    connections: int
    refused: int
    open_connections: int
    to_client: int
    to_server: int
    lost: int
    inserted: int
    late_s: float


class TcpProxy:
    """Listens on a free port of the loopback and passes everything on to a server.

    Any thread may call any method; a fault is in force when the call returns.

    Parameters
    ----------
    host, port
        The server behind it. It need not be there yet: a client is then hung up on.
    seed
        Of what is random: dropped bytes and garbage.
    """

    host = "127.0.0.1"

    def __init__(self, host: str, port: int, *, seed: int = 1) -> None:
        self._server = (host, port)
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._treatments = {side: _Treatment() for side in Side}
        self._refuses = False
        self._cuts: set[Side] = set()
        self._flows: list[_Flow] = []
        self._counts = dict.fromkeys(("connections", "refused", "lost", "inserted"), 0)
        self._delivered = dict.fromkeys(Side, 0)
        self._late_s = 0.0
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server((self.host, 0), backlog=64)
        self._listener.setblocking(False)
        self._bell, self._ear = socket.socketpair()
        self._ear.setblocking(False)
        self._closing = False
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._ear, selectors.EVENT_READ)
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._run, name="tcp-proxy", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up on everybody and end the thread."""
        if self._thread.is_alive():
            self._do(self._end)
            self._thread.join(5.0)

    @property
    def counts(self) -> ProxyCounts:
        """Counters, read at once."""
        return ProxyCounts(
            **self._counts,
            open_connections=len(self._flows) // 2,
            to_client=self._delivered[Side.CLIENT],
            to_server=self._delivered[Side.SERVER],
            late_s=self._late_s,
        )

    # -- faults that last until heal() ----------------------------------------------------------

    def heal(self) -> None:
        """Pass everything again.

        A connection that lost bytes while half open is reset, as a peer does that has forgotten
        it; one torn by :meth:`drop` or :meth:`garbage` goes on, torn.
        """

        def heal() -> None:
            self._treatments = {side: _Treatment() for side in Side}
            self._refuses = False
            self._cuts.clear()
            self._late_s = 0.0
            for flow in [flow for flow in self._flows if flow.is_torn]:
                self._drop_pair(flow, reset=True)

        self._do(heal)

    def delay(self, seconds: float, to: frozenset[Side] | Side = BOTH) -> None:
        """Deliver every byte ``seconds`` later; order and rate stay as they are."""
        self._treat(to, lambda one: setattr(one, "delay_s", seconds))

    def half_open(self, to: frozenset[Side] | Side = BOTH) -> None:
        """Swallow every byte, tell nobody; new connections are taken and swallowed, too."""
        self._treat(to, lambda one: setattr(one, "swallow", True))

    def drop(self, share: float = 0.02, to: frozenset[Side] | Side = BOTH) -> None:
        """Take away single bytes, ``share`` of all and at least one of each chunk."""
        self._treat(to, lambda one: setattr(one, "drop_share", share))

    def garbage(self, data: bytes | None = None, to: frozenset[Side] | Side = Side.CLIENT) -> None:
        """Insert ``data`` (None: 200 random bytes) now and into each chunk from now on."""
        wanted = data if data is not None else self._random.randbytes(200)

        def insert() -> None:
            for flow in self._flows:
                if flow.to in _sides(to):
                    self._counts["inserted"] += len(wanted)
                    self._queue(flow, wanted)

        self._treat(to, lambda one: setattr(one, "garbage", wanted))
        self._do(insert)

    def trickle(self, bytes_per_s: float, to: frozenset[Side] | Side = BOTH) -> None:
        """Pass no more than so many bytes a second."""
        self._treat(to, lambda one: setattr(one, "bytes_per_s", bytes_per_s))

    def refuse(self) -> None:
        """Reset new connections as soon as they are made."""
        self._do(lambda: setattr(self, "_refuses", True))

    # -- faults of an instant -------------------------------------------------------------------

    def fin(self, *, refuse: bool = False) -> None:
        """End every connection in the proper way (FIN) at both ends.

        Parameters
        ----------
        refuse
            Also :meth:`refuse` new ones, or the client is back at once.
        """
        self._end_all(reset=False, refuse=refuse)

    def rst(self, *, refuse: bool = False) -> None:
        """Reset every connection (RST) at both ends; else as :meth:`fin`."""
        self._end_all(reset=True, refuse=refuse)

    def cut(self, to: frozenset[Side] | Side = Side.CLIENT) -> None:
        """Deliver the first half of the next chunk that way, then end its connection (FIN)."""
        self._do(lambda: self._cuts.update(_sides(to)))

    # -- the thread -----------------------------------------------------------------------------

    def _do(self, call: Callable[[], None]) -> None:
        """Run a call in the proxy's thread and wait for it."""
        done = threading.Event()

        def and_tell() -> None:
            call()
            done.set()

        self._calls.put(and_tell)
        self._bell.send(b"!")
        if not done.wait(10.0):
            raise RuntimeError("the proxy's thread does not answer")

    def _treat(self, to: frozenset[Side] | Side, change: Callable[[_Treatment], None]) -> None:
        def treat() -> None:
            for side in _sides(to):
                change(self._treatments[side])

        self._do(treat)

    def _end_all(self, *, reset: bool, refuse: bool) -> None:
        def end() -> None:
            self._refuses = self._refuses or refuse
            while self._flows:
                self._drop_pair(self._flows[0], reset=reset)

        self._do(end)

    def _end(self) -> None:
        self._closing = True
        while self._flows:
            self._drop_pair(self._flows[0], reset=False)

    def _run(self) -> None:
        while not self._closing:
            for key, _ in self._selector.select(self._pause_s()):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._ear:
                    self._obey()
                elif key.data in self._flows:
                    self._read(key.data)
            for flow in list(self._flows):
                if flow in self._flows:
                    self._deliver(flow)
        self._selector.close()
        for one in (self._listener, self._bell, self._ear):
            one.close()

    def _pause_s(self) -> float:
        due_s = [flow.waiting[0][0] for flow in self._flows if flow.waiting]
        if not due_s:
            return 1.0
        # A sink that takes nothing is looked at each turn.
        return min(1.0, max(min(due_s) - time.monotonic(), _TURN_S))

    def _obey(self) -> None:
        self._ear.recv(4096)
        while not self._calls.empty():
            self._calls.get()()

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if self._refuses:
            self._counts["refused"] += 1
            _hang_up(client, reset=True)
            return
        try:
            server = socket.create_connection(self._server, 2.0)
        except OSError:
            self._counts["refused"] += 1
            _hang_up(client, reset=True)
            return
        self._counts["connections"] += 1
        for to, source, sink in ((Side.SERVER, client, server), (Side.CLIENT, server, client)):
            source.setblocking(False)
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            flow = _Flow(to, source, sink)
            self._flows.append(flow)
            self._selector.register(source, selectors.EVENT_READ, flow)

    def _read(self, flow: _Flow) -> None:
        if flow.held > _BUFFER_LIMIT:
            return
        try:
            data = flow.source.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self._drop_pair(flow, reset=True)
            return
        if not data:
            self._selector.unregister(flow.source)
            flow.has_ended = True
            return
        self._spoil(flow, data)

    def _spoil(self, flow: _Flow, data: bytes) -> None:
        treatment = self._treatments[flow.to]
        if treatment.swallow:
            self._counts["lost"] += len(data)
            flow.is_torn = True
            return
        if flow.to in self._cuts:
            self._cuts.discard(flow.to)
            flow.sink.setblocking(True)
            flow.sink.sendall(data[: max(1, len(data) // 2)])
            self._drop_pair(flow, reset=False)
            return
        if treatment.drop_share > 0.0:
            count = max(1, round(len(data) * treatment.drop_share))
            gone = set(self._random.sample(range(len(data)), min(count, len(data))))
            self._counts["lost"] += len(gone)
            data = bytes(byte for place, byte in enumerate(data) if place not in gone)
        if treatment.garbage:
            place = self._random.randrange(len(data) + 1)
            self._counts["inserted"] += len(treatment.garbage)
            data = data[:place] + treatment.garbage + data[place:]
        self._queue(flow, data)

    def _queue(self, flow: _Flow, data: bytes) -> None:
        if data:
            due_s = time.monotonic() + self._treatments[flow.to].delay_s
            if flow.waiting:
                due_s = max(due_s, flow.waiting[-1][0])
            flow.waiting.append((due_s, data))
            flow.held += len(data)

    def _deliver(self, flow: _Flow) -> None:
        rate = self._treatments[flow.to].bytes_per_s
        now_s = time.monotonic()
        while flow.waiting and flow.waiting[0][0] <= now_s:
            due_s, data = flow.waiting[0]
            piece = data
            if rate > 0.0:
                if flow.free_at_s > now_s:
                    return
                piece = data[: max(1, int(rate * _TURN_S))]
            try:
                sent = flow.sink.send(piece)
            except BlockingIOError:
                flow.is_full = True
                return
            except OSError:
                self._drop_pair(flow, reset=True)
                return
            if not flow.is_full and rate == 0.0:
                self._late_s = max(self._late_s, now_s - due_s)
            flow.is_full = False
            if rate > 0.0:
                flow.free_at_s = now_s + sent / rate
            flow.held -= sent
            self._delivered[flow.to] += sent
            flow.waiting.popleft()
            if sent < len(data):
                flow.waiting.appendleft((due_s, data[sent:]))
        if flow.has_ended and not flow.waiting and not self._treatments[flow.to].swallow:
            self._drop_pair(flow, reset=False)

    def _drop_pair(self, flow: _Flow, *, reset: bool) -> None:
        pair = [one for one in self._flows if one.source in (flow.source, flow.sink)]
        for one in pair:
            self._flows.remove(one)
            if not one.has_ended:
                self._selector.unregister(one.source)
        for one in pair:
            _hang_up(one.source, reset=reset)


def _sides(to: frozenset[Side] | Side) -> frozenset[Side]:
    return frozenset((to,)) if isinstance(to, Side) else to


def _hang_up(connection: socket.socket, *, reset: bool) -> None:
    try:
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        else:
            connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the other end was faster
    connection.close()
