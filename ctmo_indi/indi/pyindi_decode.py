"""What the PyIndi child says, as raw events. Anything else raises and costs the link."""

from __future__ import annotations

from typing import Any

from ctmo_indi.indi.framing import BrokenPipeContent, Head
from ctmo_indi.indi.snapshot import (
    NumberRange,
    Permission,
    PropertyState,
    PropertyType,
    SwitchRule,
    Value,
)
from ctmo_indi.indi.transport import (
    RawBlob,
    RawDefinition,
    RawDown,
    RawEvent,
    RawGhost,
    RawMessage,
    RawPing,
    RawRemoved,
    RawUp,
    RawUpdate,
)


def decode(head: Head, body: bytes) -> RawEvent:
    """Turn one message into a raw event.

    Raises
    ------
    BrokenPipeContent, ValueError, TypeError, IndexError
        It is none.
    """
    kind, *parts = head
    if kind == "set":
        device, name, state, values, ranges = parts
        changed = None if ranges is None else _ranges(ranges)
        return RawUpdate(device, name, PropertyState(state), _values(values), changed)
    if kind == "def":
        device, name, of_type, state, permission, rule, values, ranges = parts
        return RawDefinition(
            device,
            name,
            PropertyType(of_type),
            PropertyState(state),
            Permission(permission),
            None if rule is None else SwitchRule(rule),
            _values(values),
            _ranges(ranges),
        )
    if kind == "blob":
        device, name, element, form, reason = parts
        return RawBlob(device, name, element, form, None if reason else body, reason)
    simple = {
        "ping": RawPing,
        "message": RawMessage,
        "removed": RawRemoved,
        "ghost": RawGhost,
        "up": RawUp,
        "down": RawDown,
    }.get(kind)
    if simple is None:
        raise BrokenPipeContent(f"unknown message {kind!r}")
    event: RawEvent = simple(*parts)
    return event


def _values(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    return dict(pairs)


def _ranges(rows: list[list[Any]]) -> dict[str, NumberRange]:
    return {element: NumberRange(low, high, step) for element, low, high, step in rows}
