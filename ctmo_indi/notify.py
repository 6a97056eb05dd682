"""Tell systemd how a service is doing: sd_notify(3), a datagram to ``NOTIFY_SOCKET``.

Without that variable (launchd, a terminal, ``ctmo-indi up``) every call does nothing. A message
that cannot be sent is dropped: systemd acts on missing watchdog beats by itself.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


class Notifier:
    """Sends a service's state to its supervisor. Any thread; no call raises or blocks.

    Parameters
    ----------
    environment
        Where ``NOTIFY_SOCKET``, ``WATCHDOG_USEC`` and ``WATCHDOG_PID`` are looked up; None for that
        of the process.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        found = os.environ if environment is None else environment
        address = found.get("NOTIFY_SOCKET", "")
        # "@name" stands for Linux's abstract sockets, whose names begin with a zero byte
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog_period_s = _watchdog_period_s(found)

    @property
    def watchdog_period_s(self) -> float | None:
        """How often to call :meth:`watchdog`, machine seconds; None when nobody listens."""
        return self._watchdog_period_s

    def ready(self, status: str = "") -> bool:
        """Say that orders are taken, once databases are recovered and ports bound."""
        return self._send("READY=1", *([_status(status)] if status else []))

    def status(self, text: str) -> bool:
        """Show one line in ``systemctl status``."""
        return self._send(_status(text))

    def watchdog(self) -> bool:
        """Say that the loop is alive."""
        return self._send("WATCHDOG=1")

    def stopping(self) -> bool:
        """Say that an orderly stop has begun."""
        return self._send("STOPPING=1")

    def _send(self, *assignments: str) -> bool:
        """Return whether the message was handed over."""
        if not self._address:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(assignments).encode(), self._address)
        except OSError:
            return False
        return True


def _status(text: str) -> str:
    return "STATUS=" + " ".join(text.split())  # a newline would begin another assignment


def _watchdog_period_s(environment: Mapping[str, str]) -> float | None:
    """Half of what systemd waits for, as sd_watchdog_enabled(3) advises; None when not for us."""
    try:
        timeout_us = int(environment.get("WATCHDOG_USEC", "0"))
        addressee = int(environment.get("WATCHDOG_PID", os.getpid()))
    except ValueError:
        return None
    if timeout_us <= 0 or addressee != os.getpid():
        return None
    return timeout_us / 2e6
