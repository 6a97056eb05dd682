"""What a supervised child says of itself, and whether it hangs: systemd's protocol, our own ear.

``ctmo-indi up`` does for its children what systemd does for units: it gives each a socket in
``NOTIFY_SOCKET`` and expects ``WATCHDOG=1`` within a time (sd_notify(3), sd_watchdog_enabled(3)). A
child that is alive but hangs stops beating and can be told from one that works. Linux only: there
the kernel finds an abstract address that needs no file and is gone with the process. Anybody on the
machine may send to one, so the kernel is asked whose each message is (SO_PASSCRED, unix(7)).
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
from collections.abc import Mapping

from ctmo_indi.clock import Clock

_LONGEST_MESSAGE = 4096
_CREDENTIALS = struct.Struct("=iII")  # struct ucred: pid, uid, gid
_ABOUT_BYTES = socket.CMSG_SPACE(_CREDENTIALS.size) if hasattr(socket, "CMSG_SPACE") else 0
# Taken in at once: whoever floods us must not keep us from the other children.
_MOST_MESSAGES = 1000
# From its birth to READY=1, as the units' TimeoutStartSec.
START_LIMIT_S = 120.0
# When we did not run ourselves for so long (a busy machine, a sleep), silence says nothing.
_STARVED_S = 5.0


class ChildBeats:
    """The ear for one child process. One thread at a time.

    Parameters
    ----------
    limit_s
        Machine seconds without a beat after which the child counts as hanging.
    uid
        Whose messages count; our own user's when None.
    """

    def __init__(self, clock: Clock, limit_s: float, *, uid: int | None = None) -> None:
        self._clock = clock
        self._limit_s = limit_s
        self._uid = os.geteuid() if uid is None else uid
        self._socket: socket.socket | None = None
        self._address = ""
        self._asked_machine_s = self._heard_machine_s = clock.machine_s()
        self._is_stopping = False
        self.is_ready = False
        self.status = ""
        if sys.platform == "linux":
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            self._socket.bind("")  # the kernel chooses, unix(7) "autobind"
            self._address = "@" + self._socket.getsockname()[1:].decode()

    @property
    def environment(self) -> Mapping[str, str]:
        """What the child's environment needs; empty where there is no such protocol."""
        if self._socket is None:
            return {}
        return {"NOTIFY_SOCKET": self._address, "WATCHDOG_USEC": f"{self._limit_s * 1e6:.0f}"}

    def silent_s(self) -> float | None:
        """Take in what came; how long the child has been silent, when that is too long.

        None while all is well: heard in time, still starting within :data:`START_LIMIT_S`, or
        stopping. Machine seconds.
        """
        now_s = self._clock.machine_s()
        starved = now_s - self._asked_machine_s > _STARVED_S
        self._asked_machine_s = now_s
        if self._drain() or starved:
            self._heard_machine_s = now_s
        if self._socket is None or self._is_stopping:
            return None
        silent_s = now_s - self._heard_machine_s
        return silent_s if silent_s > (self._limit_s if self.is_ready else START_LIMIT_S) else None

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _drain(self) -> bool:
        """Whether anything came."""
        came = False
        if self._socket is not None:
            with contextlib.suppress(OSError):  # BlockingIOError: nothing more
                for _ in range(_MOST_MESSAGES):
                    message, about, _, _ = self._socket.recvmsg(_LONGEST_MESSAGE, _ABOUT_BYTES)
                    if _sender_uid(about) == self._uid:
                        self._take(message.decode(errors="replace"))
                        came = True
        return came

    def _take(self, message: str) -> None:
        for line in message.splitlines():
            key, _, value = line.partition("=")
            if key == "READY":
                self.is_ready = True
            elif key == "STOPPING":
                self._is_stopping = True
            elif key == "STATUS":
                self.status = value


def _sender_uid(about: list[tuple[int, int, bytes]]) -> int | None:
    """Return whose a message is, as the kernel says; None when it does not."""
    for level, kind, data in about:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            return int(_CREDENTIALS.unpack(data[: _CREDENTIALS.size])[1])
    return None
