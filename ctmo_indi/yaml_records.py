"""Make frozen dataclasses of the entries of a YAML file that its schema found right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

_Made = TypeVar("_Made")


def made(kind: type[_Made], entry: Mapping[str, Any]) -> _Made:
    """Make a dataclass; YAML's 15 becomes 15.0 where the field is a float."""
    floats = {
        one.name
        for one in fields(kind)  # type: ignore[arg-type]  # every kind here is a dataclass
        if str(one.type).startswith(("float", "Mapping[str, float]"))
    }
    return kind(**{key: as_float(entry[key]) if key in floats else entry[key] for key in entry})


def as_float(value: Any) -> Any:  # Any: a number becomes a float, the rest stays what it is
    """Return whole numbers, also inside of mappings, as floats."""
    if isinstance(value, Mapping):
        return {key: as_float(inner) for key, inner in value.items()}
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value
