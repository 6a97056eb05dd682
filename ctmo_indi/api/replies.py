"""Read single keys of a reply: what is missing, or of another kind, is None, 0 or ""."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from ctmo_indi.work_orders.instants import read_instant

Reply = Mapping[str, object]


def text(reply: Reply, key: str) -> str:
    """Return a text; "" when there is none."""
    value = reply.get(key)
    return value if isinstance(value, str) else ""


def number(reply: Reply, key: str) -> float | None:
    """Return a number; None when there is none."""
    value = reply.get(key)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None  # type: ignore[arg-type] # is_number says so


def whole(reply: Reply, key: str) -> int:
    """Return a whole number, also where it came as text; 0 when there is none."""
    value = reply.get(key)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def whole_if_told(reply: Reply, key: str) -> int | None:
    """Return a whole number; None where the key is missing."""
    return whole(reply, key) if key in reply else None


def claim(reply: Reply, key: str) -> bool | None:
    """Return a boolean; None when there is none."""
    value = reply.get(key)
    return value if isinstance(value, bool) else None


def is_true(reply: Reply, key: str) -> bool:
    """Whether it is said to be so."""
    return reply.get(key) is True


def texts(reply: Reply, key: str) -> tuple[str, ...]:
    """Return the texts of an array."""
    value = reply.get(key)
    return tuple(str(one) for one in value) if isinstance(value, list | tuple) else ()


def struct(reply: Reply, key: str) -> Reply:
    """Return a struct; an empty one when there is none."""
    value = reply.get(key)
    return value if isinstance(value, Mapping) else {}


def structs(reply: Reply, key: str) -> tuple[Reply, ...]:
    """Return the structs of an array."""
    value = reply.get(key)
    found = value if isinstance(value, list | tuple) else ()
    return tuple(one for one in found if isinstance(one, Mapping))


def instant(reply: Reply, key: str) -> datetime | None:
    """Return an instant, aware, UTC; None when there is none."""
    try:
        return datetime.fromtimestamp(read_instant(text(reply, key)), UTC)
    except ValueError:
        return None
