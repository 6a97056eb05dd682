"""The transport through PyIndi: one child process per connection, supervised from here.

Native code that crashes (compressed BLOBs, callbacks) takes its process with it; the child's death
is here only a :class:`RawDown`, and the next connection gets a new child.
"""

from __future__ import annotations

import io
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ctmo_indi
from ctmo_indi.clock import Clock
from ctmo_indi.errors import NotConnected
from ctmo_indi.indi import framing
from ctmo_indi.indi.driver_ear import DriverEar
from ctmo_indi.indi.endpoint import Endpoint
from ctmo_indi.indi.pyindi_decode import decode
from ctmo_indi.indi.stderr_tap import StderrTap
from ctmo_indi.indi.transport import BlobMode, NewVector, RawDown, RawEvent, RawHeard

_log = logging.getLogger(__name__)

# libindiclient tells nobody else that its stream is torn. It either loses single messages or takes
# nothing for ever (measured, 2.1.2). It says nothing when a whole message came in the same read:
# then the malformed one alone is lost, and whoever waits for it ends by the deadline.
_TORN = b"Bad XML from"


class PyIndiTransport:
    """One connection through one PyIndi child.

    Parameters
    ----------
    endpoint
        Where the server is; the local socket is taken when it names one.
    """

    name = "pyindi"

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._sending = threading.Lock()
        self._pipe: socket.socket | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._tap: StderrTap | None = None
        self._reader: threading.Thread | None = None
        self._ear: DriverEar | None = None
        self._closing = False

    @property
    def pid(self) -> int | None:
        """Process id of the child; None before :meth:`start`."""
        return self._child.pid if self._child else None

    @property
    def stderr_dropped(self) -> int:
        """Bytes of the child's chatter that were not logged."""
        return self._tap.dropped if self._tap else 0

    def start(self, on_event: Callable[[RawEvent], None]) -> None:
        """Start the child and connect; returns at once."""
        ours, theirs = socket.socketpair()
        endpoint = self._endpoint
        self._ear = DriverEar(endpoint, lambda device: on_event(RawHeard(device)))
        local = "" if endpoint.socket is None else str(endpoint.socket)
        arguments = [str(theirs.fileno()), endpoint.host, str(endpoint.port), local]
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "ctmo_indi.indi.pyindi_child", *arguments],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for us; the child ends with us
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._pipe = ours
        if self._child.stderr is not None:
            self._tap = StderrTap(
                self._child.stderr,
                "pyindi_child",
                self._clock,
                alarm=_TORN,
                on_alarm=lambda: on_event(RawDown("the stream is torn: libindiclient said so")),
            )
            self._tap.start()
        self._reader = threading.Thread(
            target=self._read, args=(ours, on_event), name="pyindi-reader", daemon=True
        )
        self._reader.start()

    def send(self, command: NewVector) -> None:
        """Hand one command to the child."""
        values = [[element, value] for element, value in command.values.items()]
        rule = None if command.rule is None else command.rule.value
        self._write(["send", command.type.value, command.device, command.name, rule, values])

    def ping(self, uid: str) -> None:
        """Have the child ping the server."""
        self._write(["ping", uid])

    def ask(self, device: str | None, name: str | None) -> None:
        """Ask every driver through the child, or one on a connection of its own.

        The server sends one driver's answer to every client that asked for all: what libindiclient
        misses is defined then; what it knows it keeps to itself, hence the ear.
        """
        if device is None:
            self._write(["ask"])
        elif self._ear is None or self._closing:
            raise NotConnected("the PyIndi child is not running")
        else:
            self._ear.ask(device, name)

    def set_blob_mode(self, device: str, mode: BlobMode) -> None:
        """Choose which BLOBs of a device come."""
        self._write(["blob", device, mode.value])

    def close(self, timeout_s: float = 5.0) -> None:
        """Hang up; the child ends by itself, or is ended after half of ``timeout_s``."""
        self._closing = True
        if self._pipe is not None:
            try:
                self._pipe.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the child hung up first
        if self._ear is not None:
            self._ear.close(timeout_s)
        if self._child is not None:
            try:
                self._child.wait(timeout_s / 2)
            except subprocess.TimeoutExpired:
                _log.warning("pyindi_child_killed pid=%d", self._child.pid)
                self._child.kill()
                self._child.wait(timeout_s / 2)
        current = threading.current_thread()
        if self._reader is not None and self._reader is not current:
            self._reader.join(timeout_s)
        if self._tap is not None:
            self._tap.join(timeout_s)
        if self._pipe is not None:
            self._pipe.close()

    def _write(self, head: framing.Head) -> None:
        message = framing.pack(head)
        pipe = self._pipe
        if pipe is None or self._closing:
            raise NotConnected("the PyIndi child is not running")
        try:
            with self._sending:
                pipe.sendall(message)
        except OSError as error:
            raise NotConnected(f"the PyIndi child is gone: {error}") from error

    def _read(self, pipe: socket.socket, on_event: Callable[[RawEvent], None]) -> None:
        reason = ""
        try:
            with io.BufferedReader(socket.SocketIO(pipe, "r"), 65536) as stream:
                while (message := framing.unpack(stream)) is not None:
                    raw = decode(*message)
                    if isinstance(raw, RawDown):
                        reason = raw.reason
                        break
                    on_event(raw)
                    del message, raw  # a frame must not stay in memory until the next message
        except OSError:
            pass  # the child died with our commands unread; below is told how
        except Exception as error:  # noqa: BLE001 - nonsense from the child is a lost link
            _log.exception("pyindi_child_nonsense")
            reason = f"nonsense from the PyIndi child: {error}"
        on_event(RawDown(reason or self._death()))

    def _death(self) -> str:
        child: Any = self._child  # Any: set before this thread was started
        try:
            code = child.wait(0.05)  # it is ending, but waiters must not wait for that
        except subprocess.TimeoutExpired:
            return "the PyIndi child hung up"
        if code < 0:
            return f"the PyIndi child {child.pid} was ended by signal {-code}"
        return f"the PyIndi child {child.pid} ended with code {code}"


def _environment() -> dict[str, str]:
    """Our environment, with this package importable wherever the child starts."""
    root = str(Path(ctmo_indi.__file__).resolve().parent.parent)
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if root not in paths:
        paths.append(root)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
