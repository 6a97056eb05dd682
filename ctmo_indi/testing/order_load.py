"""A load of honest orders: many connections, one process, as little work an order as possible.

For benchmarks and for tests that attack a desk while somebody honest uses it. The client is an
asyncio protocol on plain sockets: it sends prepared bytes and looks only for the Receipt, so that
the desk and not the client is what is measured (some 40 us of CPU an order).
"""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from xmlrpc.client import dumps

_ID = "ID-000000000-00000000"
_RA, _DEC = "100.125", "+10.25"
_RECEIPT = re.compile(rb"<name>Receipt</name>\s*<value><string>([^<]+)</string>")
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)\r\n")
ANSWER_TIMEOUT_S = 10.0

ORDER = {
    "ID": _ID,
    "WOType": "Observation",
    "Priority": 1.3,
    "Datetime": "2019-03-05T14:34:54.234",
    "User": "Main Module",
    "RA": 100.125,
    "Dec": 10.25,
    "Filter": "I",
    "Exposure Time": 30.0,
    "Number of Exposures": 1,
    "Type of job": "Research",
    "Type of object": "Galaxy",
    "Calibration Frames": "Yes",
    "Output": "Analysis",
}
"""The order of the 2019 documents, without the telescope's name. Each one sent has its own place on
the sky, which rises at latitudes from -40 to 50 degrees."""


@dataclass(slots=True)
class Served:
    """What a load saw.

    Parameters
    ----------
    waits_s
        From sending (or connecting) to the whole answer, for each acknowledged order.
    acknowledged
        ID -> Receipt.
    errors
        What went wrong, by kind.
    passed_s
        Machine seconds from the first order to the last answer.
    """

    waits_s: list[float] = field(default_factory=list)
    acknowledged: dict[str, str] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    passed_s: float = 0.0

    @property
    def count(self) -> int:
        """Orders acknowledged."""
        return len(self.waits_s)

    @property
    def per_s(self) -> float:
        """Acknowledged orders a second."""
        return self.count / self.passed_s if self.passed_s else 0.0

    def quantile_ms(self, percent: int) -> float:
        """Wait that ``percent`` of the orders did not exceed, milliseconds."""
        if len(self.waits_s) < 2:
            return 1e3 * max(self.waits_s, default=float("nan"))
        return 1e3 * statistics.quantiles(self.waits_s, n=100)[percent - 1]

    @property
    def longest_ms(self) -> float:
        """Longest wait, milliseconds."""
        return 1e3 * max(self.waits_s, default=float("nan"))

    def went_wrong(self, kind: str) -> None:
        """Count an error."""
        self.errors[kind] = self.errors.get(kind, 0) + 1


class _Requests:
    """Prepared requests that differ in ID and place."""

    def __init__(self, run: int, *, keeps: bool, headers: Sequence[str]) -> None:
        order = dumps((ORDER,), "front_desk")
        body = order.replace("<double>10.25<", f"<double>{_DEC}<").encode()
        lines = [
            "POST / HTTP/1.1",
            "Host: localhost",
            "Content-Type: text/xml",
            f"Content-Length: {len(body)}",
            *([] if keeps else ["Connection: close"]),
            *headers,
        ]
        head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        text = (head + body).replace(b"%", b"%%")
        for sample, form in ((_ID, b"%s"), (_RA, b"%07.3f"), (_DEC, b"%+06.2f")):
            text = text.replace(sample.encode(), form)
        self._form = text
        self._run = run
        self._count = 0

    def next(self) -> tuple[str, bytes]:
        """Return an ID and the request with it."""
        self._count += 1
        name = f"ID-{self._run:09d}-{self._count:08d}"
        ra_deg = self._count * 137.508 % 359.999
        dec_deg = self._count * 0.618 % 40.0 - 10.0
        return name, self._form % (name.encode(), ra_deg, dec_deg)


class _Connection(asyncio.Protocol):
    """Sends orders one after the other until it is told to end."""

    def __init__(
        self, requests: _Requests, served: Served, end_s: float, *, keeps: bool, began_s: float
    ) -> None:
        self._requests = requests
        self._served = served
        self._end_s = end_s
        self._keeps = keeps
        self._began_s = began_s
        self._name = ""
        self._answer = b""
        self._transport: asyncio.WriteTransport | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not self._keeps:
            return
        top, found, body = self._answer.partition(b"\r\n\r\n")
        if found and (length := _LENGTH.search(top + b"\r\n")) and len(body) >= int(length[1]):
            self._note(time.perf_counter())
            if time.perf_counter() < self._end_s:
                self._began_s = time.perf_counter()
                self._send()
            else:
                self._close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._name and not self._keeps:
            self._note(time.perf_counter())
        elif self._name:
            self._served.went_wrong(f"cut: {type(exc).__name__}")
        if not self.ended.done():
            self.ended.set_result(None)

    def give_up(self, kind: str) -> None:
        """End without an answer."""
        self._served.went_wrong(kind)
        self._name = ""
        self._close()

    def _send(self) -> None:
        assert self._transport is not None
        self._answer = b""
        self._name, request = self._requests.next()
        self._transport.write(request)

    def _note(self, now_s: float) -> None:
        receipt = _RECEIPT.search(self._answer)
        if receipt is None:
            start = self._answer.split(b"\r\n", 1)[0].decode("latin-1")
            self._served.went_wrong(f"answer: {start or 'none'}")
        else:
            self._served.waits_s.append(now_s - self._began_s)
            self._served.acknowledged[self._name] = receipt[1].decode()
        self._name = ""

    def _close(self) -> None:
        assert self._transport is not None
        self._transport.close()


def send_orders(
    port: int,
    *,
    run: int,
    connections: int,
    keeps: bool,
    duration_s: float,
    headers: Sequence[str] = (),
) -> Served:
    """Send orders to a desk of this machine for a while; blocks.

    Parameters
    ----------
    run
        Number of this run, which all its IDs have: IDs of different runs are different.
    keeps
        Whether a connection carries many orders, or each order has its own.
    duration_s
        Machine seconds.
    headers
        Header lines beside the necessary ones, e.g. ``Authorization: Bearer ...``.
    """
    with asyncio.Runner() as runner:
        return runner.run(
            _send_orders(port, run, connections, duration_s, headers, keeps=keeps),
        )


def send_waves(
    port: int, *, run: int, callers: int, waves: int, headers: Sequence[str] = ()
) -> Served:
    """Have many callers send one order each at the same moment, again and again; blocks.

    A wave begins when the one before is answered: who waits longest decides about the rate, as for
    programs that all wake up at dusk.

    Parameters
    ----------
    run, headers
        As of :func:`send_orders`.
    callers
        Connections of a wave.
    """
    with asyncio.Runner() as runner:
        return runner.run(_send_waves(port, run, callers, waves, headers))


class _Load:
    """Opens connections and waits for their answers."""

    def __init__(self, port: int, run: int, headers: Sequence[str], *, keeps: bool) -> None:
        self._port = port
        self._requests = _Requests(run, keeps=keeps, headers=headers)
        self._keeps = keeps
        self.served = Served()
        self.began_s = time.perf_counter()

    async def one(self, end_s: float) -> None:
        """Use one connection, until ``end_s`` when it is kept."""
        start_s = time.perf_counter()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                _, connection = await loop.create_connection(
                    lambda: _Connection(
                        self._requests, self.served, end_s, keeps=self._keeps, began_s=start_s
                    ),
                    "127.0.0.1",
                    self._port,
                )
        except (OSError, TimeoutError) as error:
            self.served.went_wrong(f"connect: {type(error).__name__}")
            return
        patience_s = ANSWER_TIMEOUT_S + max(0.0, end_s - start_s)
        done, _ = await asyncio.wait([connection.ended], timeout=patience_s)
        if not done:
            connection.give_up("no answer")

    def over(self) -> Served:
        """Return what was seen."""
        self.served.passed_s = time.perf_counter() - self.began_s
        return self.served


async def _send_waves(
    port: int, run: int, callers: int, waves: int, headers: Sequence[str]
) -> Served:
    load = _Load(port, run, headers, keeps=False)
    for _ in range(waves):
        await asyncio.gather(*(load.one(0.0) for _ in range(callers)))
    return load.over()


async def _send_orders(
    port: int,
    run: int,
    connections: int,
    duration_s: float,
    headers: Sequence[str],
    *,
    keeps: bool,
) -> Served:
    load = _Load(port, run, headers, keeps=keeps)
    end_s = load.began_s + duration_s

    async def many() -> None:
        while time.perf_counter() < end_s:
            await load.one(end_s)
            if keeps:
                return

    await asyncio.gather(*(many() for _ in range(connections)))
    return load.over()
