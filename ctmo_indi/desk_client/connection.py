"""HTTP to one front desk: kept connections, a time-out, and one careful second try.

Plain ``http.client``; ``xmlrpc.client.ServerProxy`` would serve as well but has no time-out and one
connection that threads must not share.
"""

from __future__ import annotations

import base64
import http.client
import ssl
import threading
from collections.abc import Callable, Collection, Mapping
from urllib.parse import unquote, urlsplit

from ctmo_indi.desk_client.local_peer import check_peer
from ctmo_indi.errors import ConfigError, ServiceUnreachable

_LARGEST_REPLY_BYTES = 64 * 1024 * 1024
_MOST_KEPT = 8
#: The peer closed a kept connection before it answered a single byte.
_DROPPED = (
    http.client.RemoteDisconnected,
    ConnectionResetError,
    BrokenPipeError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)


class DeskConnections:
    """A pool of kept connections to one address. Thread-safe; each call blocks its own thread.

    Parameters
    ----------
    url
        ``http[s]://[name:token@]host[:port][/path]``.
    token
        Sent as Bearer, asked for at each call; wins over one in ``url``.
    trust
        Whom to believe with https, or what says so at each new connection; the system's authorities
        when None.
    believed_uids
        Whose processes may answer on this machine, see ``local_peer.py``; everybody's when None.

    Raises
    ------
    ConfigError
        ``url`` is something else.
    """

    def __init__(
        self,
        url: str,
        token: str | Callable[[], str] | None = None,
        trust: ssl.SSLContext | Callable[[], ssl.SSLContext] | None = None,
        believed_uids: Collection[int] | None = None,
    ) -> None:
        parts = urlsplit(url)
        shown = url.rpartition("@")[2]  # never name and token
        try:
            port = parts.port
        except ValueError as error:
            raise ConfigError(
                f"{shown!r}: expected http://host:port, a port below 65536"
            ) from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"address is {shown!r}, expected http://host:port or https://...")
        self._trust: Callable[[], ssl.SSLContext] | None = None
        self._believed_uids = believed_uids
        if parts.scheme == "https":
            context = trust or ssl.create_default_context()
            self._trust = (lambda: context) if isinstance(context, ssl.SSLContext) else context
        self._host = parts.hostname
        self._port = port or (443 if self._trust else 80)
        self._path = parts.path or "/"
        self.name = f"{parts.scheme}://{parts.hostname}:{self._port}"
        self._headers: dict[str, str] = {
            "Content-Type": "text/xml; charset=utf-8",
            "User-Agent": "ctmo-indi",
        }
        self._token = (lambda: token) if isinstance(token, str) else token
        if parts.username:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            basic = base64.b64encode(user.encode()).decode("ascii")
            self._headers["Authorization"] = f"Basic {basic}"
        self._lock = threading.Lock()
        self._kept: list[http.client.HTTPConnection] = []
        self._is_closed = False

    def post(
        self, body: bytes, timeout_s: float, more: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Return HTTP status and body of the answer; blocks for at most about ``timeout_s``.

        A kept connection that the peer closed meanwhile is replaced once, only when not a byte of
        an answer came.

        Parameters
        ----------
        more
            Further headers.

        Raises
        ------
        ConfigError
            The token cannot be read; nothing was sent.
        ServiceUnreachable
            No connection, or no complete answer in time. The order may have been carried out.
        """
        headers = {**self.headers, **(more or {})}
        connection, is_kept = self._take(timeout_s)
        try:
            try:
                return self._exchange(connection, body, headers)
            except _DROPPED:
                if not is_kept:
                    raise
                connection.close()
                connection = self._new(timeout_s)
                return self._exchange(connection, body, headers)
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
            self._is_closed = True  # whoever asks all the same gets a connection for one order
        for connection in kept:
            connection.close()

    def _exchange(
        self, connection: http.client.HTTPConnection, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        connection.request("POST", self._path, body, headers)
        response = connection.getresponse()
        answer = response.read(_LARGEST_REPLY_BYTES + 1)
        if len(answer) > _LARGEST_REPLY_BYTES:
            raise http.client.HTTPException("the answer is too large")
        if response.will_close:
            connection.close()
        else:
            with self._lock:
                room = not self._is_closed and len(self._kept) < _MOST_KEPT
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
        if self._trust is None:
            return _PlainConnection(self._host, self._port, timeout_s, self._believed_uids)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=timeout_s, context=self._trust()
        )

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of every request; ConfigError when the token cannot be read."""
        if self._token is None:
            return self._headers
        return {**self._headers, "Authorization": f"Bearer {self._token()}"}


class _PlainConnection(http.client.HTTPConnection):
    """HTTP that says nothing before it is known who listens."""

    def __init__(
        self, host: str, port: int, timeout_s: float, believed_uids: Collection[int] | None
    ) -> None:
        super().__init__(host, port, timeout=timeout_s)
        self._timeout_s = timeout_s
        self._believed_uids = believed_uids

    def connect(self) -> None:
        """Connect; PermissionError when a stranger answers."""
        super().connect()
        if self._believed_uids is None:
            return
        try:
            check_peer(self.sock, self._believed_uids, self._timeout_s)
        except OSError:
            self.close()
            raise
