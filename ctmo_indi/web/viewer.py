"""One who looks at the stream: what waits for him, up to a bound."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

MOST_BYTES = 1024 * 1024
"""Of what waits; who reads more slowly is cut, connects again and gets a new beginning."""


class Viewer:
    """A bounded queue; on the front desk's loop.

    Parameters
    ----------
    cut
        Closes the viewer's connection at once.
    """

    def __init__(self, cut: Callable[[], object], most_bytes: int = MOST_BYTES) -> None:
        self._cut = cut
        self._most_bytes = most_bytes
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self.is_cut = False

    def put(self, chunk: bytes) -> None:
        """Have ``chunk`` sent; the same bytes serve all viewers."""
        if self.is_cut:
            return
        if self._waiting and self._bytes + len(chunk) > self._most_bytes:
            self.is_cut = True
            self._waiting.clear()
            self._cut()
            return
        self._waiting.append(chunk)
        self._bytes += len(chunk)
        self._news.set()

    async def take(self, timeout_s: float) -> bytes:
        """Return all that waits; empty when nothing came within ``timeout_s`` machine seconds."""
        if not self._waiting:
            self._news.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._news.wait()
            except TimeoutError:
                return b""
        chunk = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        return chunk
