"""indipyclient's events, as raw events: plain data, copied at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

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
    RawEvent,
    RawMessage,
    RawRemoved,
    RawUpdate,
)

_PACKED = (".z", ".fz", ".gz")


def raw_events(event: Any) -> Iterator[RawEvent]:  # Any: indipyclient has no types
    """Translate one event; most give one raw event, a BLOB two, some none."""
    kind = event.eventtype
    if kind in ("Set", "SetBLOB"):
        yield _update(event)
        if kind == "SetBLOB":
            yield from _blobs(event)
    elif kind in ("Define", "DefineBLOB"):
        yield _definition(event)
    elif kind == "Delete":
        yield RawRemoved(event.devicename, event.vectorname or None)
    if kind == "Message":
        yield RawMessage(event.devicename or "", event.message)
    elif getattr(event, "message", ""):
        yield RawMessage(event.devicename or "", event.message)


def _definition(event: Any) -> RawDefinition:
    vector = event.vector
    of_type = PropertyType(vector.vectortype.removesuffix("Vector"))
    return RawDefinition(
        event.devicename,
        event.vectorname,
        of_type,
        _state(event),
        Permission.RO if of_type is PropertyType.LIGHT else Permission(vector.perm),
        SwitchRule(vector.rule) if of_type is PropertyType.SWITCH else None,
        _values(vector, of_type),
        _ranges(vector) if of_type is PropertyType.NUMBER else {},
    )


def _update(event: Any) -> RawUpdate:
    vector = event.vector
    of_type = PropertyType(vector.vectortype.removesuffix("Vector"))
    ranges = None
    if of_type is PropertyType.NUMBER:
        _take_new_ranges(event)
        ranges = _ranges(vector)
    return RawUpdate(
        event.devicename,
        event.vectorname,
        _state(event),
        _values(vector, of_type),
        ranges,
    )


def _state(event: Any) -> PropertyState:
    """Read the state; what is none is the worst one, where indipyclient keeps the last."""
    told = event.root.get("state")
    if told is not None and told not in {each.value for each in PropertyState}:
        return PropertyState.ALERT
    return PropertyState(event.vector.state)


def _values(vector: Any, of_type: PropertyType) -> dict[str, Value]:
    members = vector.members()
    if of_type is PropertyType.NUMBER:
        return {name: float(member.getfloatvalue()) for name, member in members.items()}
    if of_type is PropertyType.SWITCH:
        return {name: member.membervalue == "On" for name, member in members.items()}
    if of_type is PropertyType.BLOB:
        return {name: member.blobformat or "" for name, member in members.items()}
    return {name: member.membervalue for name, member in members.items()}


def _ranges(vector: Any) -> dict[str, NumberRange]:
    return {
        name: NumberRange(
            member.getfloat(member.min), member.getfloat(member.max), member.getfloat(member.step)
        )
        for name, member in vector.members().items()
    }


def _take_new_ranges(event: Any) -> None:
    """Drivers may change limits with an update; indipyclient does not read those attributes."""
    members = event.vector.members()
    for element in event.root:
        member = members.get(element.get("name"))
        if member is None:
            continue
        for limit in ("min", "max", "step"):
            text = element.get(limit)
            if text is not None and math.isfinite(member.getfloat(text)):
                setattr(member, limit, text)


def _blobs(event: Any) -> Iterator[RawBlob]:
    for element, data in event.items():
        size, form = event.sizeformat[element]
        reason = ""
        if len(data) != size or form.endswith(_PACKED):
            reason = f"{len(data)} bytes came, {size} announced: compressed or cut"
        whole = None if reason else bytes(data)
        yield RawBlob(event.devicename, event.vectorname, element, form, whole, reason)
