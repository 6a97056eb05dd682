"""Connections that cannot be held for nothing: a cap, and a deadline for each phase.

aiohttp reads HTTP but waits for ever for headers and has no cap. :class:`DeskConnection` is its
protocol with a phase and a deadline; :class:`Gate` keeps the connections of all desks of a process
and cuts those over their time. When the cap is reached a connection gives way: one that never had
an order answered before one that had, the one that has kept us waiting longest first. So slow or
idle callers cannot lock out others, and a flood of new ones does not cut those at work.

Everything here runs on the front desk's loop. Times are the loop's: machine seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Protocol, TypeAlias

from aiohttp import hdrs, web

from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.front_desk.sparing import SparingLog
from ctmo_indi.work_orders.desk import Reply

_log = logging.getLogger(__name__)

SERVER = "ctmo-indi"
"""All an answer tells of the program: no version for those who look for one."""

RequestHandler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Phase(Enum):
    """What a connection is about; in the first three it is the caller's turn."""

    IDLE = "idle"
    HEADERS = "headers"
    BODY = "body"
    ANSWER = "answer"
    QUESTION = "question"  # an answer that has no effect; or news are waited for
    STREAM = "stream"  # an answer without an end: news as they come
    REPLY = "reply"


_GIVES_WAY = frozenset({Phase.IDLE, Phase.HEADERS, Phase.BODY, Phase.QUESTION, Phase.STREAM})
"""Nothing is under way there. Whoever may read may ask: he must not lock out others."""


class Held(Protocol):
    """What the gate knows of a connection; times are the loop's."""

    address: str
    phase: Phase
    since_s: float
    deadline_s: float

    def abort(self) -> None:
        """Close at once, without sending what is left."""
        ...


class Gate:
    """Counts connections, refuses and cuts."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.cut = 0
        self.refused = 0
        self._connections: set[Held] = set()
        self.sparing = SparingLog(_log)

    def __len__(self) -> int:
        return len(self._connections)

    def admit(self, connection: Held) -> bool:
        """Take in a connection, cutting another for it if need be; False when there is no room."""
        same = [other for other in self._connections if other.address == connection.address]
        crowd: list[Held] | None = None
        if len(same) >= self.limits.connections_per_address:
            crowd = same
        elif len(self._connections) >= self.limits.connections:
            crowd = list(self._connections)
        if crowd is not None:
            waiting = [other for other in crowd if other.phase in _GIVES_WAY]
            if not waiting:
                self.refused += 1
                self.sparing.log(
                    logging.WARNING,
                    "connection_refused",
                    "address=%s reason=cap",
                    connection.address,
                )
                return False
            self._cut(min(waiting, key=_last_to_keep), "cap")
        self._connections.add(connection)
        return True

    def leave(self, connection: Held) -> None:
        """Forget a connection that has ended."""
        self._connections.discard(connection)

    def sweep(self, now_s: float) -> None:
        """Cut every connection that is over its time."""
        for connection in list(self._connections):
            if isinstance(connection, DeskConnection):
                connection.look_at_answer(now_s)
            if now_s > connection.deadline_s:
                self._cut(connection, "time")

    async def sweep_for_ever(self) -> None:
        """Sweep until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.limits.sweep_s)
            self.sweep(loop.time())

    def _cut(self, connection: Held, reason: str) -> None:
        self.cut += 1
        self._connections.discard(connection)
        self.sparing.log(
            logging.INFO,
            "connection_cut",
            "address=%s phase=%s reason=%s",
            connection.address,
            connection.phase.value,
            reason,
        )
        connection.abort()


def _last_to_keep(connection: Held) -> tuple[bool, float]:
    """Strangers give way first, of those alike the one that has kept us waiting longest."""
    is_known = isinstance(connection, DeskConnection) and connection.has_been_answered
    return is_known, connection.since_s


class DeskConnection(web.RequestHandler):
    """aiohttp's HTTP protocol of one connection, with a phase and a deadline."""

    __slots__ = (
        "_answer",
        "_answer_by_s",
        "_gate",
        "address",
        "deadline_s",
        "has_been_answered",
        "phase",
        "right_head",
        "since_s",
    )

    def __init__(self, manager: web.Server, gate: Gate, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            manager,
            loop=loop,
            keepalive_timeout=gate.limits.idle_s,
            logger=_log,
            access_log=None,  # type: ignore[arg-type] # aiohttp documents None as "no log"
            max_line_size=2048,
            max_field_size=4096,
            max_headers=64,
            lingering_time=1.0,
            auto_decompress=False,
        )
        self._gate = gate
        self.address = ""
        self.has_been_answered = False
        self.right_head: object = None
        self._answer: asyncio.Future[Reply] | None = None
        self._answer_by_s = 0.0
        self.phase = Phase.HEADERS
        self.since_s = loop.time()
        self.deadline_s = self.since_s + gate.limits.headers_s

    def enter(self, phase: Phase, timeout_s: float) -> None:
        """Begin ``phase``, which must end within ``timeout_s`` machine seconds."""
        self.phase = phase
        self.since_s = self._loop.time()
        self.deadline_s = self.since_s + timeout_s

    async def answered(self, answer: asyncio.Future[Reply], *, only_asks: bool = False) -> Reply:
        """Wait for an answer of the desk.

        Parameters
        ----------
        only_asks
            The order has no effect: it may be cut to make room.

        Raises
        ------
        TimeoutError
            It did not come in time; told at the next sweep.
        """
        limits = self._gate.limits
        phase = Phase.QUESTION if only_asks else Phase.ANSWER
        self.enter(phase, limits.answer_s + limits.reply_s)
        self._answer_by_s = self.since_s + limits.answer_s
        self._answer = answer
        try:
            reply = await answer
        finally:
            self._answer = None
            del answer  # it holds its error, whose traceback holds this frame: no cycle
        self.has_been_answered = True
        return reply

    def look_at_answer(self, now_s: float) -> None:
        """Give up an answer that does not come in time."""
        answer = self._answer
        if answer is not None and now_s > self._answer_by_s and not answer.done():
            answer.set_exception(TimeoutError("no answer of the desk"))

    def stream_goes_on(self, timeout_s: float) -> None:
        """Renew the deadline of a stream, whose reader took what was sent."""
        self.has_been_answered = True
        self.enter(Phase.STREAM, timeout_s)

    @property
    def unsent_bytes(self) -> int:
        """How much waits to be sent because the caller does not read; 0 when closed."""
        transport = self.transport
        return transport.get_write_buffer_size() if transport is not None else 0

    def abort(self) -> None:
        """Close at once, without sending what is left."""
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the caller, or close."""
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        super().connection_made(transport)
        if not self._gate.admit(self):
            self.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Leave the gate."""
        self._gate.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Start the clock of the next headers with their first byte."""
        if self.phase is Phase.IDLE:
            self.enter(Phase.HEADERS, self._gate.limits.headers_s)
        super().data_received(data)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the reply; the caller must take it in time."""
        self.enter(Phase.REPLY, self._gate.limits.reply_s)
        result = await super().finish_response(request, resp, start_time)
        self.enter(Phase.IDLE, self._gate.limits.idle_s)
        return result

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is not HTTP, or a bug, with one line; the traceback stays in the log."""
        if status >= 500:
            _log.error("http_failed address=%s status=%d", self.address, status, exc_info=exc)
            text = "internal error"
        else:
            self._gate.sparing.log(
                logging.INFO,
                "http_refused",
                "address=%s status=%d reason=%r",
                self.address,
                status,
                (message or "").partition(":")[0][:80],  # what follows is the head, token and all
            )
            text = "not an HTTP request this front desk understands"
            if exc is not None:
                exc.__traceback__ = None  # its frames hold the connection, and it them
        response = web.Response(
            status=status, text=f"{status}: {text}\n", headers={hdrs.SERVER: SERVER}
        )
        response.force_close()
        return response


class DeskHttpServer(web.Server):
    """aiohttp's low-level server making :class:`DeskConnection`."""

    def __init__(self, handler: RequestHandler, gate: Gate) -> None:
        super().__init__(handler, handler_cancellation=True)
        self._gate = gate

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return DeskConnection(self, self._gate, loop=self._loop)
