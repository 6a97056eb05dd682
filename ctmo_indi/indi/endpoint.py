"""Where an INDI server is reached."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Address of an indiserver.

    Parameters
    ----------
    host, port
        TCP address; ``port`` also names the server in messages when the socket is used.
    socket
        Path given to ``indiserver -u``; used instead of TCP when it is set. Since INDI 1.9 it names
        an abstract socket on Linux: no file of that name exists, see :meth:`local_address`.
    """

    host: str = "localhost"
    port: int = 7624
    socket: Path | None = None

    def local_address(self) -> str | None:
        """What to hand to ``connect`` of an AF_UNIX socket, None without a socket."""
        if self.socket is None:
            return None
        return f"\0{self.socket}" if sys.platform == "linux" else str(self.socket)
