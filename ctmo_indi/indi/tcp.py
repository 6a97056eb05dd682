"""TCP without waiting: neither ours for small packets nor the server's for our acknowledgements.

Two delays of 40 ms hide in a TCP connection to indiserver, both from Nagle's algorithm meeting
delayed acknowledgements. libindiclient writes a command in some 16 small pieces: TCP_NODELAY at our
end. And indiserver, which does not set it either, holds an answer back as long as an earlier
message, say the mount's last position, is not acknowledged: Linux acknowledges at once after
TCP_QUICKACK, which lasts only until the next data and so is set again with each message.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Protocol


class Options(Protocol):
    """A socket, or asyncio's stand-in for one."""

    def setsockopt(self, level: int, name: int, value: int, /) -> None:
        """Set an option."""
        ...


def without_delay(connection: Options) -> Callable[[], None]:
    """Send small packets at once from now on; returns what to call with each message received."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    option = getattr(socket, "TCP_QUICKACK", None)  # Linux only

    def acknowledge() -> None:
        if option is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, 1)

    acknowledge()
    return acknowledge
