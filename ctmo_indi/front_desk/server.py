"""The front desks of a process: several desks, one loop in one thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from weakref import WeakSet

from ctmo_indi.clock import SystemClock
from ctmo_indi.errors import ConfigError
from ctmo_indi.front_desk.access import (
    Access,
    HostNames,
    LoopbackAccess,
    listening_address,
)
from ctmo_indi.front_desk.connections import DeskHttpServer, Gate
from ctmo_indi.front_desk.exchange import Exchange
from ctmo_indi.front_desk.failures import Failures
from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.front_desk.pages import Pages
from ctmo_indi.front_desk.tls import TlsDoor, TlsFiles
from ctmo_indi.service_addresses import is_loopback
from ctmo_indi.work_orders.desk import Desk

_log = logging.getLogger(__name__)

_BACKLOG = 512  # a burst of callers must not be dropped by the kernel and retried a second later
# Before what came on them is read: in a flood the caps would cut those that have asked already.
_ACCEPTED_AT_ONCE = 16
_GRACE_S = 0.5  # for exchanges under way when the server stops; long polls are cut


class FrontDeskServer:
    """Serves desks over XML-RPC, on loopback addresses unless told otherwise.

    Parameters
    ----------
    desks
        (desk, IP address, port); port 0 takes a free one.
    limits
        Of every exchange.
    access
        Who is calling; :class:`LoopbackAccess` when None.
    hosts
        Names accepted in the Host header beside those of loopback.
    is_network_allowed
        Whether an address may be one that other machines reach; what that takes is looked at in
        ``opening.py``.
    tls
        Spoken on such addresses; None for plain HTTP. On loopback it is always plain.
    is_local
        Which listening addresses count as loopback.
    on_stopped
        Called at the end of :meth:`stop`.
    pages
        What the port of a service serves besides orders, by its name.

    Examples
    --------
    >>> server = FrontDeskServer([(desk, "127.0.0.1", 8000)])  # doctest: +SKIP
    >>> server.start()  # doctest: +SKIP
    """

    def __init__(
        self,
        desks: Sequence[tuple[Desk, str, int]],
        limits: Limits | None = None,
        access: Access | None = None,
        *,
        hosts: Iterable[str] = (),
        is_network_allowed: bool = False,
        tls: TlsFiles | None = None,
        is_local: Callable[[str], bool] = is_loopback,
        on_stopped: Callable[[], object] = lambda: None,
        pages: Mapping[str, Pages] | None = None,
    ) -> None:
        self._pages = dict(pages or {})
        self._desks = tuple(desks)
        self._limits = limits or Limits()
        self._access = access or LoopbackAccess()
        self._is_network_allowed = is_network_allowed
        self._tls = tls
        self._is_local = is_local
        self._on_stopped = on_stopped
        self._hosts = HostNames(hosts, any_ip=is_network_allowed)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ports: tuple[int, ...] = ()
        self._below_tls: WeakSet[asyncio.Transport] = WeakSet()
        self._tls_failures = Failures(SystemClock())
        self.gate = Gate(self._limits)

    @property
    def ports(self) -> tuple[int, ...]:
        """Ports listened on, in the order of the desks; empty before :meth:`start`."""
        return self._ports

    def start(self, timeout_s: float = 10.0) -> tuple[int, ...]:
        """Listen, and serve in a thread; return the ports once callers are answered.

        Raises
        ------
        ConfigError
            An address is not loopback, or its port is taken; nothing is left listening.
        """
        if self._thread is not None:
            raise RuntimeError("the front desk server is already started")
        sockets = self._bind()
        self._ports = tuple(listener.getsockname()[1] for listener in sockets)
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(sockets, ready), name="front-desk", daemon=True
        )
        self._thread.start()
        ready.result(timeout_s)
        for (desk, ip, _), port in zip(self._desks, self._ports, strict=True):
            scheme = "http" if self._tls_on(ip) is None else "https"
            _log.info(
                "front_desk_open service=%s ip=%s port=%d scheme=%s", desk.service, ip, port, scheme
            )
        return self._ports

    def stop(self, timeout_s: float = 5.0) -> None:
        """Stop listening, let exchanges under way end for a moment, close; harmless when stopped.

        Raises
        ------
        TimeoutError
            The thread did not end within ``timeout_s`` machine seconds.
        """
        thread, loop, stop = self._thread, self._loop, self._stop
        if thread is None:
            return
        if loop is not None and stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                loop.call_soon_threadsafe(stop.set)
        thread.join(timeout_s)
        if thread.is_alive():
            raise TimeoutError(f"the front desk did not stop within {timeout_s:g} s")
        self._thread = None
        self._on_stopped()

    def _bind(self) -> list[socket.socket]:
        sockets: list[socket.socket] = []
        problems: list[str] = []
        for desk, ip, port in self._desks:
            try:
                address = listening_address(
                    desk.service, ip, is_network_allowed=self._is_network_allowed
                )
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                sockets.append(
                    socket.create_server((address, port), family=family, backlog=_BACKLOG)
                )
            except ConfigError as error:
                problems.extend(error.problems)
            except OSError as error:
                problems.append(
                    f"{desk.service} Address: cannot listen on {ip} port {port}:"
                    f" {error.strerror or error}; expected a free port"
                )
        if problems:
            for listener in sockets:
                listener.close()
            raise ConfigError(problems)
        return sockets

    def _tls_on(self, ip: str) -> TlsFiles | None:
        return None if self._is_local(ip) else self._tls

    def _door(
        self, http: DeskHttpServer, tls: TlsFiles | None, loop: asyncio.AbstractEventLoop
    ) -> Callable[[], asyncio.Protocol]:
        if tls is None:
            return http
        return lambda: TlsDoor(http, self.gate, tls, loop, self._below_tls, self._tls_failures)

    def _run(self, sockets: list[socket.socket], ready: Future[None]) -> None:
        with asyncio.Runner() as runner:
            try:
                runner.run(self._serve(sockets, ready))
            except Exception as error:  # noqa: BLE001 - outermost of the thread: log, tell start()
                _log.exception("front_desk_died")
                if not ready.done():
                    ready.set_exception(error)

    async def _serve(self, sockets: list[socket.socket], ready: Future[None]) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        https: list[DeskHttpServer] = []
        listeners: list[asyncio.Server] = []
        for (desk, ip, _), listener in zip(self._desks, sockets, strict=True):
            pages = self._pages.get(desk.service)
            exchange = Exchange(desk, self._limits, self._access, self._hosts, pages)
            http = DeskHttpServer(exchange.answer, self.gate)
            https.append(http)
            door = self._door(http, self._tls_on(ip), loop)
            server = await loop.create_server(door, sock=listener, backlog=_ACCEPTED_AT_ONCE)
            listener.listen(_BACKLOG)  # asyncio has one number for both
            listeners.append(server)
        sweeper = loop.create_task(self.gate.sweep_for_ever(), name="front-desk-sweeper")
        ready.set_result(None)
        try:
            await self._stop.wait()
        finally:
            sweeper.cancel()
            for one in listeners:
                one.close()
            for http in https:
                http.pre_shutdown()
            await asyncio.gather(*(http.shutdown(_GRACE_S) for http in https))
            for transport in list(self._below_tls):
                transport.abort()
            await asyncio.sleep(0.0)  # asyncio closes their sockets in its next turn
