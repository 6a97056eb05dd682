"""Write XML-RPC replies that every client can read.

No nil, no integers beyond 32 bits (they become text), no NaN or infinity. What is not known (None,
not finite) is left out of a struct and empty text in an array. Characters that XML cannot carry
become U+FFFD.
"""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import PurePath

from ctmo_indi.front_desk.limits import LARGEST_INTEGER, SMALLEST_INTEGER

_HEAD = "<?xml version='1.0' encoding='utf-8'?>\n<methodResponse>"
_UNSENDABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_SPECIAL = re.compile("[&<>\r]")
_NOT_PLAIN = re.compile("[\x00-\x08\x0b-\x1f&<>\x7f\ud800-\udfff\ufffe\uffff]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_LONGEST_FAULT = 4000


def clean(text: str) -> str:
    """Return ``text`` with what XML cannot carry replaced by U+FFFD."""
    return _UNSENDABLE.sub("�", text)


def encode_reply(value: Mapping[str, object]) -> bytes:
    """Return a methodResponse with ``value``.

    Raises
    ------
    TypeError
        A value of a type that has no place in a reply: a bug of the desk.
    """
    parts = [_HEAD, "<params><param>"]
    _value(value, parts)
    parts.append("</param></params></methodResponse>\n")
    return "".join(parts).encode("utf-8")


def encode_fault(code: int, text: str) -> bytes:
    """Return a methodResponse with a fault."""
    parts = [_HEAD, "<fault>"]
    _value({"faultCode": code, "faultString": text[:_LONGEST_FAULT]}, parts)
    parts.append("</fault></methodResponse>\n")
    return "".join(parts).encode("utf-8")


def _escape(text: str) -> str:
    if _NOT_PLAIN.search(text) is None:
        return text
    return _SPECIAL.sub(lambda match: _ESCAPES[match[0]], clean(text))


def _is_unknown(value: object) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _value(value: object, parts: list[str]) -> None:
    if isinstance(value, str):
        parts.append(f"<value><string>{_escape(value)}</string></value>")
    elif isinstance(value, bool):
        parts.append(f"<value><boolean>{value:d}</boolean></value>")
    elif isinstance(value, int):
        tag = "int" if SMALLEST_INTEGER <= value <= LARGEST_INTEGER else "string"
        parts.append(f"<value><{tag}>{value:d}</{tag}></value>")
    elif _is_unknown(value):
        parts.append("<value><string></string></value>")
    elif isinstance(value, float):
        parts.append(f"<value><double>{float(value)!r}</double></value>")
    elif isinstance(value, Mapping):
        parts.append("<value><struct>")
        for key, item in value.items():
            if not _is_unknown(item):
                parts.append(f"<member><name>{_escape(str(key))}</name>")
                _value(item, parts)
                parts.append("</member>")
        parts.append("</struct></value>")
    elif isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        parts.append("<value><array><data>")
        for item in value:
            _value(item, parts)
        parts.append("</data></array></value>")
    else:
        _value(_plain(value), parts)


def _plain(value: object) -> object:
    """Return a value of a library's type as one of Python's own."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    raise TypeError(f"a reply cannot carry {type(value).__name__}: {value!r:.80}")
