"""Fill ``${name}`` in the values of device files.

A value that is one placeholder takes the type of what it stands for; a placeholder inside longer
text becomes text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

Value = float | str | bool
_PLACEHOLDER = re.compile(r"\$\{([a-z0-9_.]+)\}")


def names(values: Iterable[Value]) -> frozenset[str]:
    """Return the placeholders that occur in ``values``."""
    return frozenset(
        name for value in values if isinstance(value, str) for name in _PLACEHOLDER.findall(value)
    )


def fill(value: Value, context: Mapping[str, Value]) -> Value:
    """Return ``value`` with its placeholders filled; KeyError names one that has no value."""
    if not isinstance(value, str):
        return value
    whole = _PLACEHOLDER.fullmatch(value)
    if whole:
        return context[whole.group(1)]
    return _PLACEHOLDER.sub(lambda match: _text(context[match.group(1)]), value)


def fill_all(values: Mapping[str, Value], context: Mapping[str, Value]) -> dict[str, Value]:
    """Return a vector of values with every placeholder filled; KeyError as :func:`fill`."""
    return {element: fill(value, context) for element, value in values.items()}


def _text(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
