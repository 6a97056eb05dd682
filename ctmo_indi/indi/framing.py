"""Messages between us and the PyIndi child: a JSON head and raw bytes behind it.

JSON and not pickle or marshal: a child whose memory was damaged by native code must not be able to
damage its parent. A frame's pixels travel behind the head, uncopied by the parser.
"""

from __future__ import annotations

import json
import struct
from typing import Any, Protocol

_LENGTHS = struct.Struct("!II")
_HEAD_LIMIT = 16 * 2**20
_BODY_LIMIT = 2**30

Head = list[Any]  # Any: texts, numbers, flags and lists of them; the decoder checks


class Readable(Protocol):
    """A buffered stream."""

    def read(self, size: int, /) -> bytes:
        """Return ``size`` bytes, fewer only at the end."""
        ...


class BrokenPipeContent(Exception):
    """What came through the pipe is no message."""


def pack(head: Head, body: bytes | bytearray = b"") -> bytes:
    """Make one message; ``body`` follows the head."""
    text = json.dumps(head, separators=(",", ":")).encode("ascii")
    return b"".join((_LENGTHS.pack(len(text), len(body)), text, body))


def unpack(stream: Readable) -> tuple[Head, bytes] | None:
    """Read one message, blocking; None at the end of the stream.

    Raises
    ------
    BrokenPipeContent
        The bytes are no message: the other side is out of its mind.
    """
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    head_size, body_size = _LENGTHS.unpack(lengths)
    if head_size > _HEAD_LIMIT or body_size > _BODY_LIMIT:
        raise BrokenPipeContent(f"a message of {head_size} + {body_size} bytes")
    text = stream.read(head_size)
    body = stream.read(body_size) if body_size else b""
    if len(text) < head_size or len(body) < body_size:
        return None
    try:
        head = json.loads(text)
    except ValueError as error:
        raise BrokenPipeContent(f"not JSON: {text[:80]!r}") from error
    if not isinstance(head, list) or not head:
        raise BrokenPipeContent(f"not a list: {text[:80]!r}")
    return head, body
