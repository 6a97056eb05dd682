"""Read an order that came as JSON, as strictly as one that came as XML-RPC.

``{"service": "scheduler", "order": {...}}``, in UTF-8. The same limits count: depth, members of an
object or array, values. A single value that cannot be read (NaN, a number beyond 64 bit, a key that
comes twice) becomes an :class:`~ctmo_indi.work_orders.unreadable.Unreadable`, so that the contract
can name it together with all other wrong keys.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from ctmo_indi.errors import BadOrder
from ctmo_indi.front_desk.encoder import clean
from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.work_orders.unreadable import Unreadable

LARGEST = 2**63 - 1
SMALLEST = -(2**63)
_LONGEST_NUMBER = 400
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class SentOrder:
    """An order and the service it is for."""

    service: str
    order: dict[str, object]


def read_order(body: bytes, limits: Limits) -> SentOrder:
    """Return the order in ``body``; pure, milliseconds for the largest body, any thread.

    Raises
    ------
    BadOrder
        It is not an order in JSON; the text says what is wrong.
    """
    try:
        found = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=lambda word: Unreadable(word, "a finite number"),
        )
    except UnicodeDecodeError as error:
        raise BadOrder(f"the body is not UTF-8: {error.reason}") from error
    except RecursionError:
        raise BadOrder(
            f"objects and arrays nested deeper than {limits.depth} in the order"
        ) from None
    except ValueError as error:
        raise BadOrder(f"the body is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadOrder(f"came {_name(found)}, expected an object with service and order")
    if set(found) != {"service", "order"}:
        came = ", ".join(sorted(map(repr, found)))[:_SHOWN] or "none"
        raise BadOrder(f"came the keys {came}, expected service and order")
    service, order = found["service"], found["order"]
    if not isinstance(service, str):
        raise BadOrder(f"service: came {_name(service)}, expected the name of a service")
    if not isinstance(order, dict):
        raise BadOrder(f"order: came {_name(order)}, expected an object, the Work Order")
    _Measure(limits).look(order)
    return SentOrder(service, order)


class _Measure:
    """Counts values; refuses what is too deep or too much."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._count = 0

    def look(self, value: object, depth: int = 1) -> None:
        self._count += 1
        if self._count > self._limits.values:
            raise BadOrder(f"more than {self._limits.values} values in the order")
        if isinstance(value, str):
            self._look_at_text(value)
        if not isinstance(value, dict | list):
            return
        if depth > self._limits.depth:
            raise BadOrder(
                f"objects and arrays nested deeper than {self._limits.depth} in the order"
            )
        if len(value) > self._limits.members:
            raise BadOrder(f"{_name(value)} with more than {self._limits.members} members")
        for key in value if isinstance(value, dict) else ():
            self._look_at_text(key)
        for item in value.values() if isinstance(value, dict) else value:
            self.look(item, depth + 1)

    def _look_at_text(self, text: str) -> None:
        if clean(text) != text:
            raise BadOrder(f"text with a control character: {text[:_SHOWN]!r}")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            first = found[key]
            if not isinstance(first, Unreadable):
                came = f"{_shown(repr(first))} and {_shown(repr(value))}"
                found[key] = Unreadable(came, "each key once")
        else:
            found[key] = value
    return found


def _integer(text: str) -> object:
    if len(text) <= 20:
        number = int(text)
        if SMALLEST <= number <= LARGEST:
            return number
    return Unreadable(_shown(text), "a whole number of 64 bits; a larger one is sent as text")


def _number(text: str) -> object:
    if len(text) <= _LONGEST_NUMBER:
        number = float(text)
        if math.isfinite(number):
            return number
    return Unreadable(_shown(text), "a finite number")


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _name(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, str):
        return "text"
    return "null" if value is None else f"{value!r:.80}"
