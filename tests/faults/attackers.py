"""Attackers for a front desk, all at once, in a process of their own: PORT SECONDS.

200 slow callers, bodies that cost the most to refuse, garbage, announced giants and a flood of new
connections. They come from the honest client's own address. Prints what they did as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from xmlrpc.client import dumps

SLOW, BOMBERS, BABBLERS, GIANTS, FLOODERS = 200, 6, 4, 2, 2

_WINDOW = {"Start": "a", "End": "b", "c": "d"}
_ORDER = {"WOType": "Observation", "User": "attacker"}
_MEMBER = b"<member><name>RA</name><value><double>1</double></value></member>"
_BODIES = (
    dumps((_ORDER | {"Windows": [_WINDOW] * 220},), "front_desk").encode(),
    dumps((_ORDER | {f"Exposure Tim{n}": 1 for n in range(254)},), "front_desk").encode(),
    dumps((_ORDER,), "front_desk").encode().replace(b"</struct>", _MEMBER * 900 + b"</struct>"),
    b"<!DOCTYPE a [" + b"".join(
        b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10)
    ) + b"]><methodCall>&a9;</methodCall>",
    dumps((_ORDER | {"Object": "A" * 60_000},), "front_desk").encode(),
)  # fmt: skip
_GIANT = (
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
    b"Content-Length: 300000000\r\n\r\n" + b"A" * 100_000
)


class Attack:
    """All attackers of one port."""

    def __init__(self, port: int, seconds: float) -> None:
        self._port = port
        self._end_s = time.monotonic() + seconds
        self._chance = random.Random(5)
        self.done: Counter[str] = Counter()

    async def run(self) -> None:
        """Attack until the time is over."""
        kinds: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (SLOW, self._slow),
            (BOMBERS, self._bomb),
            (BABBLERS, self._babble),
            (GIANTS, self._giant),
            (FLOODERS, self._flood),
        ]
        await asyncio.gather(*(self._again(one) for count, one in kinds for _ in range(count)))

    async def _again(self, one: Callable[[], Awaitable[None]]) -> None:
        while time.monotonic() < self._end_s:
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                async with asyncio.timeout(max(0.1, self._end_s - time.monotonic())):
                    await one()
            self.done[one.__name__] += 1
            await asyncio.sleep(0)

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port)

    async def _slow(self) -> None:
        reader, writer = await self._open()
        with contextlib.closing(writer):
            writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nX: ")
            while not reader.at_eof():
                writer.write(b"a")
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        if not await reader.read(100):
                            break
        await asyncio.sleep(0.5)

    async def _bomb(self) -> None:
        reader, writer = await self._open()
        with contextlib.closing(writer):
            for body in _BODIES:
                head = f"Content-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\n" + head.encode() + body)
                await writer.drain()
                await reader.readuntil(b"</methodResponse>")

    async def _babble(self) -> None:
        reader, writer = await self._open()
        with contextlib.closing(writer):
            writer.write(self._chance.randbytes(2000) + b"\r\n\r\n")
            await writer.drain()
            await reader.read(1000)

    async def _giant(self) -> None:
        reader, writer = await self._open()
        with contextlib.closing(writer):
            writer.write(_GIANT)
            await writer.drain()
            await reader.read(1000)

    async def _flood(self) -> None:
        _, writer = await self._open()
        writer.close()
        await asyncio.sleep(0.001)


def main() -> None:
    attack = Attack(int(sys.argv[1]), float(sys.argv[2]))
    asyncio.run(attack.run())
    print(json.dumps(attack.done))


if __name__ == "__main__":
    main()
