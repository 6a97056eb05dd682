"""The transport through indipyclient: pure Python, in this process, on an event loop of its own.

For the safety service, whose link must not depend on native code, and for systems without a PyIndi
wheel. Of indipyclient the devices and the connection are used; its own ideas of life are not: it
notices a dead server after 40 s, reconnects by itself after 5 and goes on behind what it cannot
parse. Here the end of the stream is looked for 20 times a second, a torn one ends the link, pings
are sent as ``pingRequest``, and one connection is one object.
Commands are elements made here, since its own ``send_newVector`` marks the local copy Busy.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

from indipyclient import IPyClient

from ctmo_indi.clock import Clock
from ctmo_indi.errors import NotConnected
from ctmo_indi.indi.endpoint import Endpoint
from ctmo_indi.indi.tcp import without_delay
from ctmo_indi.indi.transport import (
    BlobMode,
    NewVector,
    RawDown,
    RawEvent,
    RawGhost,
    RawPing,
    RawUp,
)
from ctmo_indi.indi.wire_news import raw_events
from ctmo_indi.indi.wire_stream import ElementStream, StreamTorn

_log = logging.getLogger(__name__)

_LOOK_S = 0.05
_CHUNK = 65536


class _Client(IPyClient):  # type: ignore[misc]  # indipyclient has no types
    """indipyclient with our ears: every piece of news becomes a raw event at once."""

    _reader: Any  # indipyclient's, which has no types
    _writer: Any

    def __init__(self, endpoint: Endpoint, on_event: Callable[[RawEvent], None]) -> None:
        super().__init__(endpoint.host, endpoint.port)
        self._on_event = on_event
        self._was_connected = False
        self._torn = ""
        self._acknowledge: Callable[[], None] = lambda: None
        self.enable_reports = False
        self.timeout_enable = False
        self.resend_enableBLOB_on_def = False
        self.debug_verbosity(0)

    async def rxevent(self, event: Any) -> None:
        """Translate; indipyclient catches and logs what goes wrong here."""
        if event.eventtype == "ConnectionMade":
            self._was_connected = True
            connection = self._writer.get_extra_info("socket")
            if connection is not None:
                self._acknowledge = without_delay(connection)
            self._on_event(RawUp())
            await self.send_getProperties()
            return
        for raw in raw_events(event):
            self._on_event(raw)
        if event.eventtype == "Delete":
            self._forget(event.devicename, event.vectorname)

    def _forget(self, device: str, name: str | None) -> None:
        """Drop what indipyclient only disables: a driver may come back with other elements."""
        if not name:
            self.data.pop(device, None)
        elif device in self.data:
            self.data[device].data.pop(name, None)

    async def _rxhandler(self, element: Any) -> None:
        """Take what indipyclient would drop without a word: ping replies and ghosts."""
        self._acknowledge()
        device, tag = element.get("device"), element.tag
        if tag == "pingReply":
            self._on_event(RawPing(element.get("uid") or ""))
            return
        if device is not None and tag.startswith("set"):
            known = self.data.get(device)
            name = element.get("name")
            if known is None or name not in known:
                self._on_event(RawGhost(device, name))
                return
        await super()._rxhandler(element)

    async def warning(self, message: str) -> None:
        """Log what indipyclient would mix into the devices' messages."""
        _log.debug("indipyclient text=%r", message[:200])

    async def hardware(self) -> None:
        """Watch for the end of the stream; indipyclient runs this beside its own loops."""
        while not self.stop:
            reader = self._reader
            if reader is not None and reader.at_eof():
                await self._clear_connection()
            await asyncio.sleep(_LOOK_S)

    def write(self, data: bytes) -> None:
        """Send bytes in one write; in the loop's thread. A server that stalls misses its pings."""
        if self._writer is not None:
            self._writer.write(data)

    async def _run_rx(self) -> None:
        """Read and dispatch until the stream ends or tears, in place of indipyclient's reading."""
        reader, stream = self._reader, ElementStream()
        while self._reader is reader and not self.stop:
            try:
                data = await reader.read(_CHUNK)
                elements = stream.feed(data)
            except (OSError, StreamTorn) as error:
                self._torn = self._torn or str(error)
                break
            if not data:
                break
            for element in elements:
                await self._rxhandler(element)
        await self._clear_connection()

    async def _clear_connection(self) -> None:
        """End for good; indipyclient comes here after every failure and would try again."""
        where = f"{self.indihost}:{self.indiport}"
        reason = f"{where} hung up" if self._was_connected else f"no INDI server at {where}"
        self.shutdown()
        self._on_event(RawDown(f"{where}: {self._torn}" if self._torn else reason))
        writer, self._writer, self._reader = self._writer, None, None
        if writer is not None:
            writer.close()  # without waiting for what the other side may never take
        self.clear()


class IndipyTransport:
    """One connection through indipyclient; TCP only, so the endpoint's local socket is not used."""

    name = "indipyclient"

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: _Client | None = None
        self._on_event: Callable[[RawEvent], None] = lambda _: None
        self._down = False
        self._thread = threading.Thread(target=self._run, name="indipy-loop", daemon=True)

    def start(self, on_event: Callable[[RawEvent], None]) -> None:
        """Begin connecting; returns at once."""
        self._on_event = on_event
        self._loop = asyncio.new_event_loop()
        self._client = _Client(self._endpoint, self._receive)
        self._thread.start()

    def send(self, command: NewVector) -> None:
        """Put one command on the wire in one write."""
        kind = command.type.value
        vector = ET.Element(f"new{kind}Vector", device=command.device, name=command.name)
        for element, value in command.values.items():
            one = ET.SubElement(vector, f"one{kind}", name=element)
            if isinstance(value, bool):
                one.text = "On" if value else "Off"
            else:
                one.text = value if isinstance(value, str) else repr(value)
        self._put(vector)

    def ping(self, uid: str) -> None:
        """Ask the server for a sign of life."""
        self._put(ET.Element("pingRequest", uid=uid))

    def ask(self, device: str | None, name: str | None) -> None:
        """Ask drivers for definitions; they come as such."""
        element = ET.Element("getProperties", version="1.7")
        if device is not None:
            element.set("device", device)
        if name is not None:
            element.set("name", name)
        self._put(element)

    def set_blob_mode(self, device: str, mode: BlobMode) -> None:
        """Choose which BLOBs of a device come."""
        element = ET.Element("enableBLOB", device=device)
        element.text = mode.value
        self._put(element)

    def close(self, timeout_s: float = 5.0) -> None:
        """End the connection and its thread."""
        self._down = True
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(self._stop)
        except RuntimeError:
            pass  # the loop has ended by itself
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)

    def _put(self, element: ET.Element) -> None:
        loop, client = self._loop, self._client
        if loop is None or client is None or self._down or not client.connected:
            raise NotConnected("no connection to the INDI server")
        # UTF-8 as it is: indiserver and drivers do not read character references beyond ASCII
        data = ET.tostring(element, encoding="unicode").encode()
        try:
            loop.call_soon_threadsafe(client.write, data)
        except RuntimeError as error:
            raise NotConnected("the connection to the INDI server is closed") from error

    def _receive(self, raw: RawEvent) -> None:
        if self._down:
            return
        self._down = isinstance(raw, RawDown)
        self._on_event(raw)

    def _stop(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    def _run(self) -> None:
        loop, client = self._loop, self._client
        if loop is None or client is None:
            return
        reason = "indipyclient ended"
        try:
            loop.run_until_complete(client.asyncrun())
        except asyncio.CancelledError:
            pass  # closed from outside
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a lost link
            _log.exception("indipyclient_failed")
            reason = f"indipyclient failed: {error}"
        finally:
            self._receive(RawDown(reason))
            self._end_loop(loop)

    def _end_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
