"""Values of replies and events as they come over the wire: read, or left out, never guessed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

Wire = Mapping[str, object]


def unix_s(instant: object) -> float:
    """Return Unix seconds of an instant in ISO 8601; NaN for anything else."""
    try:
        return datetime.fromisoformat(str(instant)).timestamp()
    except ValueError:
        return math.nan


def number(value: object, otherwise: float = math.nan) -> float:
    """Return a finite number, or what stands for none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return otherwise
    return float(value)


def text(value: object) -> str:
    """Return a text; empty for anything else."""
    return value if isinstance(value, str) else ""


def struct(value: object) -> Wire:
    """Return a struct; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def structs(value: object) -> list[Wire]:
    """Return the structs of an array; none for anything else."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
