"""Read the text of XML-RPC's scalars, strictly.

A value that cannot be read gives an :class:`~ctmo_indi.work_orders.unreadable.Unreadable`: the
contract names it together with all other wrong keys. dateTime.iso8601 is checked and kept as text;
base64 is not used in Work Orders.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

from ctmo_indi.front_desk.limits import LARGEST_INTEGER, SMALLEST_INTEGER
from ctmo_indi.work_orders.instants import read_instant
from ctmo_indi.work_orders.unreadable import Unreadable

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
# Possessive: digits given back one by one would make a number of 400 digits cost milliseconds.
_DOUBLE = re.compile(
    r"[+-]?(?:[0-9]{1,400}+(?:\.[0-9]{0,400}+)?|\.[0-9]{1,400}+)(?:[eE][+-]?[0-9]{1,3})?"
)
_LONGEST_SHOWN = 80


def shown(text: str) -> str:
    """Return ``text`` as a message quotes it: its beginning."""
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."


def _integer(text: str) -> object:
    if _INTEGER.fullmatch(text):
        number = int(text)
        if SMALLEST_INTEGER <= number <= LARGEST_INTEGER:
            return number
    return Unreadable(shown(text), "a whole number of 32 bits; a larger one is sent as text")


def _double(text: str) -> object:
    if _DOUBLE.fullmatch(text):
        number = float(text)
        if math.isfinite(number):
            return number
    return Unreadable(shown(text), "a finite number")


def _boolean(text: str) -> object:
    if text in ("0", "1"):
        return text == "1"
    return Unreadable(shown(text), "a boolean, 0 or 1")


def _date_time(text: str) -> object:
    try:
        read_instant(text)
    except ValueError as error:
        return Unreadable(shown(text), str(error).removeprefix("expected "))
    return text


def _base64(text: str) -> object:
    return Unreadable(shown(text), "no base64: it is not used in Work Orders")


def _nil(text: str) -> object:
    return None if not text else Unreadable(shown(text), "nothing inside nil")


SCALARS: Mapping[str, Callable[[str], object]] = {
    "string": str,
    "int": _integer,
    "i4": _integer,
    "i8": _integer,
    "double": _double,
    "boolean": _boolean,
    "dateTime.iso8601": _date_time,
    "base64": _base64,
    "nil": _nil,
}
