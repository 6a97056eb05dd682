"""A second connection that hears drivers' answers which libindiclient keeps to itself.

libindiclient is silent about a definition of something it knows, so a driver's answer to
``getProperties`` cannot be seen through it. A connection that asks for one property of one device
is sent that property only: this one costs next to nothing and is opened when it is first needed.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from xml.sax.saxutils import quoteattr

from ctmo_indi.indi.endpoint import Endpoint
from ctmo_indi.indi.wire_stream import ElementStream, StreamTorn

_log = logging.getLogger(__name__)

_CONNECT_S = 2.0
_CHUNK = 65536


class DriverEar:
    """Asks drivers and calls ``on_answer(device)`` in a thread of its own.

    Thread: :meth:`ask` blocks for the connection, 2 machine seconds at most; call it where that
    does not matter. What fails is not told: the next question connects anew.
    """

    def __init__(self, endpoint: Endpoint, on_answer: Callable[[str], None]) -> None:
        self._endpoint = endpoint
        self._on_answer = on_answer
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def ask(self, device: str, name: str | None) -> None:
        """Ask the driver to define a property (None: all) of a device."""
        which = "" if name is None else f" name={quoteattr(name)}"
        text = f"<getProperties version='1.7' device={quoteattr(device)}{which}/>\n"
        try:
            connection = self._connected()
            if connection is not None:
                connection.sendall(text.encode())
        except OSError as error:
            _log.debug("driver_ear_failed error=%s", error)
            self._hang_up()

    def close(self, timeout_s: float) -> None:
        """Hang up, and hear nothing more."""
        self._closed = True
        self._hang_up()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def _connected(self) -> socket.socket | None:
        with self._lock:
            if self._closed or self._connection is not None:
                return self._connection
            local = self._endpoint.local_address()
            if local is None:
                address = (self._endpoint.host, self._endpoint.port)
                connection = socket.create_connection(address, _CONNECT_S)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            else:
                connection = socket.socket(socket.AF_UNIX)
                connection.settimeout(_CONNECT_S)
                connection.connect(local)
            connection.settimeout(None)
            self._connection = connection
            self._thread = threading.Thread(
                target=self._listen, args=(connection,), name="driver-ear", daemon=True
            )
            self._thread.start()
            return connection

    def _hang_up(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other end was faster

    def _listen(self, connection: socket.socket) -> None:
        stream = ElementStream()
        with connection:
            try:
                while data := connection.recv(_CHUNK):
                    for element in stream.feed(data):
                        device = element.get("device")
                        if device and element.tag.startswith("def"):
                            self._on_answer(device)
            except (OSError, StreamTorn) as error:
                _log.debug("driver_ear_lost error=%s", error)
            self._hang_up()
