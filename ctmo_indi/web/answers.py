"""Answers of the page in JSON: written once, compressed where it is worth it.

What is not known (None, not finite) is null; whole numbers that JavaScript cannot hold, beyond
2^53, become text.
"""

from __future__ import annotations

import json
import math
import numbers
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import PurePath

from aiohttp import hdrs, web

LARGEST_EXACT = 2**53
WORTH_BYTES = 1024
"""Below it compressing costs more than it saves."""

_GZIP = 16 + zlib.MAX_WBITS
_FAST = 1


def to_json(value: object) -> bytes:
    """Return ``value`` as JSON in UTF-8, without line breaks.

    Raises
    ------
    TypeError
        A value of a type that has no place in an answer: a bug of ours.
    """
    text = json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")  # a lone surrogate is "?"


def plain(value: object) -> object:
    """Return ``value`` made of what JSON has."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= LARGEST_EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [plain(item) for item in value]
    return _plain_of_library(value)


def _plain_of_library(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, numbers.Integral):
        return plain(int(value))
    if isinstance(value, numbers.Real):
        return plain(float(value))
    if isinstance(value, set | frozenset):
        return [plain(item) for item in sorted(value, key=str)]
    raise TypeError(f"an answer cannot carry {type(value).__name__}: {value!r:.80}")


def accepts_gzip(request: web.BaseRequest) -> bool:
    """Whether the caller takes gzip; a weight of 0 is a no."""
    for one in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower().split(","):
        name, _, weight = one.partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def packed(body: bytes, level: int = _FAST) -> bytes:
    """Return ``body`` as gzip, without a date: the same bytes each time."""
    packer = zlib.compressobj(level, zlib.DEFLATED, _GZIP)
    return packer.compress(body) + packer.flush()


def json_answer(request: web.BaseRequest, value: object, status: int = 200) -> web.Response:
    """Return an answer with ``value``; compressed when it is long and the caller takes that.

    100 kB cost about 3 ms; what is much longer is written in a thread.
    """
    return bytes_answer(request, to_json(value), status=status)


def bytes_answer(request: web.BaseRequest, body: bytes, *, status: int = 200) -> web.Response:
    """Return an answer with JSON that is written already."""
    headers = {hdrs.CACHE_CONTROL: "no-store", hdrs.VARY: hdrs.ACCEPT_ENCODING}
    if len(body) >= WORTH_BYTES and accepts_gzip(request):
        body = packed(body)
        headers[hdrs.CONTENT_ENCODING] = "gzip"
    return web.Response(
        status=status,
        body=body,
        headers={**headers, hdrs.CONTENT_TYPE: "application/json; charset=utf-8"},
    )


def fault(code: int, text: str) -> dict[str, object]:
    """Return the object that stands for a refused order."""
    return {"fault": {"code": code, "text": text}}
