"""Turn wanted values into a vector for the wire, or refuse them before anything is sent.

INDI drivers answer bad values with anything from Alert to silence (RA 25 h: no message, no Alert;
a read-only property: nothing at all), so every check that needs only the definition is done here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ctmo_indi.errors import InvalidCommand
from ctmo_indi.indi.snapshot import (
    Permission,
    PropertySnapshot,
    PropertyType,
    SwitchRule,
    Value,
)
from ctmo_indi.indi.transport import NewVector


def build_vector(snapshot: PropertySnapshot, values: Mapping[str, Value]) -> NewVector:
    """Check ``values`` against the definition in ``snapshot`` and complete them.

    Numbers and texts go out with all elements of the vector, as the protocol asks; of a
    one-of-many switch only the element to switch on.

    Raises
    ------
    InvalidCommand
        Every problem at once: read-only, unknown element, wrong type, not finite, out of range,
        too many switches.
    """
    problems = list(_vector_problems(snapshot, values))
    if not problems:
        for element, value in values.items():
            problem = _element_problem(snapshot, element, value)
            if problem:
                problems.append(problem)
    if problems:
        raise InvalidCommand(f"{snapshot.device}.{snapshot.name}: " + "; ".join(problems))
    return NewVector(
        snapshot.device, snapshot.name, snapshot.type, _complete(snapshot, values), snapshot.rule
    )


def _vector_problems(snapshot: PropertySnapshot, values: Mapping[str, Value]) -> list[str]:
    problems = []
    if snapshot.type in (PropertyType.LIGHT, PropertyType.BLOB):
        problems.append(f"a {snapshot.type} property cannot be set")
    if snapshot.permission is Permission.RO:
        problems.append("it is read-only")
    if not values:
        problems.append("no value given")
    if snapshot.type is PropertyType.SWITCH:
        switched_on = [element for element, value in values.items() if value is True]
        if snapshot.rule is SwitchRule.ONE_OF_MANY and len(switched_on) != 1:
            problems.append(f"exactly one switch must be on, came {switched_on or 'none'}")
        if snapshot.rule is SwitchRule.AT_MOST_ONE and len(switched_on) > 1:
            problems.append(f"at most one switch may be on, came {switched_on}")
    return problems


def _element_problem(snapshot: PropertySnapshot, element: str, value: Value) -> str | None:
    if element not in snapshot.values:
        return f"no element {element}, expected one of {', '.join(snapshot.values)}"
    if snapshot.type is PropertyType.SWITCH:
        return None if isinstance(value, bool) else f"{element} is {value!r}, expected on or off"
    if snapshot.type is PropertyType.TEXT:
        if not isinstance(value, str):
            return f"{element} is {value!r}, expected a text"
        if any(ord(character) < 32 and character not in "\t\n\r" for character in value):
            return f"{element} holds control characters: {value!r}"
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{element} is {value!r}, expected a number"
    if not math.isfinite(value):
        return f"{element} is {value}, expected a finite number"
    limits = snapshot.ranges.get(element)
    if limits is not None and not limits.contains(value):
        return f"{element} is {value:g}, expected {limits.minimum:g} to {limits.maximum:g}"
    return None


def _complete(snapshot: PropertySnapshot, values: Mapping[str, Value]) -> dict[str, Value]:
    if snapshot.type is PropertyType.SWITCH:
        if snapshot.rule is SwitchRule.ONE_OF_MANY:
            return {element: True for element, value in values.items() if value is True}
        if snapshot.rule is SwitchRule.AT_MOST_ONE:
            return {element: values.get(element) is True for element in snapshot.values}
        return {**snapshot.values, **values}
    if snapshot.type is PropertyType.NUMBER:
        wanted: dict[str, Value] = {name: float(value) for name, value in values.items()}
        return {**snapshot.values, **wanted}
    return {**snapshot.values, **values}
