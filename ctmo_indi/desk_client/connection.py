"""HTTP to one front desk: kept connections, a time-out, and one careful second try.

Plain ``http.client``; ``xmlrpc.client.ServerProxy`` would serve as well but has no time-out and one
connection that threads must not share.
"""

from __future__ import annotations

import base64
import http.client
import threading
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from ctmo_indi.errors import ConfigError, ServiceUnreachable

_LARGEST_REPLY_BYTES = 64 * 1024 * 1024
_MOST_KEPT = 8
#: The peer closed a kept connection before it answered a single byte.
_DROPPED = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class DeskConnections:
    """A pool of kept connections to one address. Thread-safe; each call blocks its own thread.

    Parameters
    ----------
    url
        ``http://[name:token@]host[:port][/path]``.
    token
        Sent as Bearer; wins over one in ``url``.

    Raises
    ------
    ConfigError
        ``url`` is something else.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"{url!r}: {error}, expected http://host:port") from error
        if parts.scheme != "http" or not parts.hostname:
            raise ConfigError(f"address is {url!r}, expected http://host:port")
        self._host = parts.hostname
        self._port = port or 80
        self._path = parts.path or "/"
        self.name = f"http://{parts.hostname}:{self._port}"
        self._headers: dict[str, str] = {
            "Content-Type": "text/xml; charset=utf-8",
            "User-Agent": "ctmo-indi",
        }
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        elif parts.username:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            basic = base64.b64encode(user.encode()).decode("ascii")
            self._headers["Authorization"] = f"Basic {basic}"
        self._lock = threading.Lock()
        self._kept: list[http.client.HTTPConnection] = []

    def post(self, body: bytes, timeout_s: float) -> tuple[int, bytes]:
        """Return HTTP status and body of the answer; blocks for at most about ``timeout_s``.

        A kept connection that the peer closed meanwhile is replaced once, only when not a byte of
        an answer came.

        Raises
        ------
        ServiceUnreachable
            No connection, or no complete answer in time. The order may have been carried out.
        """
        connection, is_kept = self._take(timeout_s)
        try:
            try:
                return self._exchange(connection, body)
            except _DROPPED:
                if not is_kept:
                    raise
                connection.close()
                connection = self._new(timeout_s)
                return self._exchange(connection, body)
        except TimeoutError as error:
            connection.close()
            raise ServiceUnreachable(
                f"{self.name} gave no answer within {timeout_s:g} s"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            reason = str(error) or type(error).__name__
            raise ServiceUnreachable(f"{self.name} cannot be reached: {reason}") from error

    def close(self) -> None:
        """Close the kept connections; those in use close when they are done."""
        with self._lock:
            kept, self._kept = self._kept, []
        for connection in kept:
            connection.close()

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes) -> tuple[int, bytes]:
        connection.request("POST", self._path, body, self._headers)
        response = connection.getresponse()
        answer = response.read(_LARGEST_REPLY_BYTES + 1)
        if len(answer) > _LARGEST_REPLY_BYTES:
            raise http.client.HTTPException("the answer is too large")
        if response.will_close:
            connection.close()
        else:
            with self._lock:
                room = len(self._kept) < _MOST_KEPT
                if room:
                    self._kept.append(connection)
            if not room:
                connection.close()
        return response.status, answer

    def _take(self, timeout_s: float) -> tuple[http.client.HTTPConnection, bool]:
        with self._lock:
            connection = self._kept.pop() if self._kept else None
        if connection is None:
            return self._new(timeout_s), False
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        return connection, True

    def _new(self, timeout_s: float) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._host, self._port, timeout=timeout_s)

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of every request."""
        return self._headers
