"""TLS of a front desk: certificates that may change while it runs, and handshakes under guard.

asyncio's own TLS server tells of a connection only when its handshake is done; thousands that never
finish one would hold descriptors beside every cap. :class:`TlsDoor` is the protocol of a connection
before that: admitted by the same :class:`~.connections.Gate`, under the deadline of the headers,
and replaced by a :class:`~.connections.DeskConnection` when the handshake is done.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from weakref import WeakSet

from ctmo_indi.errors import ConfigError
from ctmo_indi.front_desk.connections import Gate, Phase
from ctmo_indi.front_desk.failures import Failures

_log = logging.getLogger(__name__)

_SHUTDOWN_S = 2.0


class TlsFiles:
    """Certificate and key; :meth:`context` reads them again when they have changed.

    Parameters
    ----------
    certificate
        PEM file: the server's own certificate first, then those that lead to its authority.
    key
        PEM file without a password, which not everybody may read.

    Raises
    ------
    ConfigError
        They cannot be used.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        self._stamp = self._look()
        self._context = _context(certificate, key)

    def context(self) -> ssl.SSLContext:
        """Return what the next handshake uses. Never raises: what cannot be used is not taken."""
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._context = _context(self._certificate, self._key)
            except ConfigError as error:
                _log.error("certificate_not_taken error=%s; the old one goes on", error)
            else:
                _log.info("certificate_read file=%s", self._certificate)
        return self._context

    def _look(self) -> tuple[tuple[int, ...] | None, ...]:
        return tuple(map(_stamp, (self._certificate, self._key)))


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    # A key that everybody could read is refused: that it may be used now is a change of its mode.
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    for path in (certificate, key):
        if not path.is_file():
            raise ConfigError(f"{path}: no such file, expected a PEM file")
    mode = key.stat().st_mode & 0o777
    if mode & 0o007:
        raise ConfigError(
            f"{key}: its mode is {mode:04o}, which lets everybody read it; expected 0600 or 0640"
        )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password="")  # else it asks the terminal
    except OSError as error:  # ssl's errors are
        reason = getattr(error, "reason", None) or error.strerror or str(error)
        raise ConfigError(
            f"{certificate}, {key}: {reason}; expected a certificate and its own key, PEM, no"
            " password"
        ) from error
    return context


class TlsDoor(asyncio.Protocol):
    """A connection until its handshake is done.

    Parameters
    ----------
    make
        Makes the connection that follows.
    opened
        Remembers the transports below TLS, which nobody else holds: those that wait for the peer's
        farewell when the server ends are cut.
    failures
        Says how often a failed handshake is worth a line in the log.
    """

    def __init__(
        self,
        make: Callable[[], asyncio.Protocol],
        gate: Gate,
        files: TlsFiles,
        loop: asyncio.AbstractEventLoop,
        opened: WeakSet[asyncio.Transport],
        failures: Failures,
    ) -> None:
        self._make = make
        self._gate = gate
        self._files = files
        self._loop = loop
        self._opened = opened
        self._failures = failures
        self._transport: asyncio.Transport | None = None
        self._shaking: asyncio.Task[None] | None = None
        self._early: list[bytes] = []
        self.address = ""
        self.phase = Phase.HEADERS
        self.since_s = loop.time()
        self.deadline_s = self.since_s + gate.limits.headers_s

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the caller and begin the handshake, or close."""
        assert isinstance(transport, asyncio.Transport)  # of a TCP server
        self._transport = transport
        self._opened.add(transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        if not self._gate.admit(self):
            self.abort()
            return
        self._shaking = self._loop.create_task(self._shake(transport), name="tls-handshake")

    def data_received(self, data: bytes) -> None:
        """Keep what came in the same breath as the end of the handshake."""
        self._early.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the gate."""
        self._gate.leave(self)

    async def _shake(self, transport: asyncio.Transport) -> None:
        secure: asyncio.Transport | None = None
        try:
            secure = await self._loop.start_tls(
                transport,
                self,
                self._files.context(),
                server_side=True,
                ssl_handshake_timeout=2.0 * self._gate.limits.headers_s,  # the gate is first
                ssl_shutdown_timeout=_SHUTDOWN_S,
            )
        except OSError as error:  # ssl's errors, time-outs and resets are all of them
            reason = getattr(error, "reason", None) or type(error).__name__
            count = self._failures.note(self.address)
            if count.is_news:
                _log.info(
                    "tls_refused address=%s reason=%s times=%d", self.address, reason, count.number
                )
        finally:
            self._gate.leave(self)
        if secure is None or secure.is_closing():
            return
        connection = self._make()
        secure.set_protocol(connection)
        connection.connection_made(secure)
        for data in self._early:
            connection.data_received(data)
        self._early.clear()
