"""The server's bytes, cut into INDI elements; a stream that is torn is told, not mended.

indiserver writes well-formed elements only, so whatever is not was spoilt on the way. A parser that
finds its feet again would hide that messages are missing: a property that went Ok, or rained, in
between would stay as it was for ever. The link is therefore given up, and the next one begins with
fresh definitions. Bytes that drivers do send and XML forbids (control characters, a degree sign in
Latin-1) tear nothing: they are dropped or replaced before.
"""

from __future__ import annotations

import codecs
import xml.etree.ElementTree as ET

# What libindiclient and this let one element grow to; a frame of 100 Mpx is 270 MB in base64.
ELEMENT_LIMIT_BYTES = 512 * 2**20

_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r")


class StreamTorn(Exception):
    """Bytes are missing, or some came in between."""


class ElementStream:
    """Parser of one connection.

    Parameters
    ----------
    limit_bytes
        Longest element.
    """

    def __init__(self, limit_bytes: int = ELEMENT_LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._parser: ET.XMLPullParser[ET.Element] = ET.XMLPullParser(events=("start", "end"))
        self._depth = 0
        self._root: ET.Element | None = None
        self._unfinished_bytes = 0
        self._parser.feed("<root>")  # a stream has many elements, a document one
        self._finished()

    def feed(self, data: bytes) -> list[ET.Element]:
        """Return the elements that are complete with ``data``, in order.

        Raises
        ------
        StreamTorn
            What came is no sequence of elements, or one is too long.
        """
        self._unfinished_bytes += len(data)
        try:
            self._parser.feed(self._decoder.decode(data.translate(None, _CONTROLS)))
            elements = self._finished()
        except ET.ParseError as error:
            raise StreamTorn(f"the stream is torn: {error}") from error
        if elements:
            self._unfinished_bytes = 0
        elif self._unfinished_bytes > self._limit_bytes:
            raise StreamTorn(f"an element of more than {self._limit_bytes} bytes")
        return elements

    def _finished(self) -> list[ET.Element]:
        found: list[ET.Element] = []
        for news in self._parser.read_events():
            event, element = news[0], news[-1]
            if not isinstance(element, ET.Element):
                continue
            if event == "start":
                self._depth += 1
                self._root = self._root if self._root is not None else element
                continue
            self._depth -= 1
            if self._depth == 1 and self._root is not None:
                self._root.remove(element)  # or memory grows with every message
                found.append(element)
        return found
