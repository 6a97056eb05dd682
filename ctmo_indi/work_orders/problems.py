"""Say what is wrong with an order: each wrong key, what came, what was expected and in which unit.

The words come from the schemas: type, range, ``x-unit``, ``x-expected``, ``x-because``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice

import jsonschema_rs

from ctmo_indi.work_orders.schemas import Schema
from ctmo_indi.work_orders.unreadable import Unreadable

_KIND = jsonschema_rs.ValidationErrorKind
_LONGEST_VALUE = 60
_MOST_ITEMS_SHOWN = 30
_MOST_EXPLAINED = 60  # errors of an order; a fault's text has no room for more
_MOST_HINTS = 8  # looking for the nearest key costs 0.1 ms
_INSIDE = re.compile(r"[.\[]")
_TYPE_WORDS = {
    "number": "a number",
    "integer": "a whole number",
    "string": "text",
    "boolean": "true or false",
    "array": "an array",
    "object": "a struct",
    "null": "nothing",
}


class Problems:
    """What is wrong, by key, in the order found; the first finding about a key stands."""

    def __init__(self) -> None:
        self._by_key: dict[str, str] = {}
        self._concerned: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._by_key)

    def __contains__(self, key: str) -> bool:
        """Whether the top-level ``key``, or anything inside it, is already found wrong."""
        return key in self._concerned

    def __len__(self) -> int:
        """How many keys are wrong."""
        return len(self._by_key)

    def add(self, key: str, text: str) -> None:
        """Note that ``key`` is wrong; ``text`` follows "key: "."""
        if key not in self._by_key:
            self._by_key[key] = f"{key}: {text}"
            self._concerned.update(key[: found.start()] for found in _INSIDE.finditer(key))
            self._concerned.add(key)

    def came(self, key: str, value: object, expected: str) -> None:
        """Note that ``value`` came for ``key`` where ``expected`` was."""
        self.add(key, f"came {show(value)}, {expected}")

    def lines(self) -> list[str]:
        """One line a wrong key."""
        return list(self._by_key.values())


def show(value: object) -> str:
    """Return ``value`` as a message shows it: short, one line, control characters escaped."""
    if isinstance(value, Mapping | list | tuple) and len(value) > _MOST_ITEMS_SHOWN:
        return f"{'a struct' if isinstance(value, Mapping) else 'an array'} of {len(value)} items"
    text = repr(value.came) if isinstance(value, Unreadable) else repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."


def expected(schema: Schema) -> str:
    """Return what ``schema`` wants, in words: "a number, 0 <= value <= 60, in s"."""
    if "x-expected" in schema:
        return str(schema["x-expected"])
    if "const" in schema:
        return show(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(
            str(choice) if isinstance(choice, str) else show(choice) for choice in schema["enum"]
        )
    types = schema.get("type", "object")
    words = " or ".join(
        _TYPE_WORDS[name] for name in ([types] if isinstance(types, str) else types)
    )
    parts = [words, *_range(schema)]
    if "properties" in schema:
        parts.append("with " + ", ".join(schema["properties"]))
    if "x-unit" in schema:
        parts.append(f"in {schema['x-unit']}")
    return ", ".join(parts)


def _range(schema: Schema) -> Iterable[str]:
    low, high = "", ""
    if "exclusiveMinimum" in schema:
        low = f"{schema['exclusiveMinimum']:g} < "
    elif "minimum" in schema:
        low = f"{schema['minimum']:g} <= "
    if "exclusiveMaximum" in schema:
        high = f" < {schema['exclusiveMaximum']:g}"
    elif "maximum" in schema:
        high = f" <= {schema['maximum']:g}"
    if low or high:
        yield f"{low}value{high}"
    least, most = schema.get("minLength", schema.get("minItems")), schema.get("maxLength")
    most = most if most is not None else schema.get("maxItems")
    if least is not None or most is not None:
        yield f"length {least or 0} to {most}" if most is not None else f"length at least {least}"


def explain_errors(
    schema: Schema, order: Mapping[str, object], errors: Iterable[object], problems: Problems
) -> bool:
    """Put the schema errors of ``order`` into ``problems``, so many as a fault has room for.

    Parameters
    ----------
    errors
        :class:`jsonschema_rs.ValidationError`, as ``iter_errors`` gives them.

    Returns
    -------
    is_all
        Whether there are no more: what is not in ``problems`` is right.
    """
    left = iter(errors)
    for error in islice(left, _MOST_EXPLAINED):
        assert isinstance(error, jsonschema_rs.ValidationError)
        path: list[str | int] = list(error.instance_path)
        rule, because = _rule(schema, error.schema_path)
        why = f" ({because})" if because else ""
        here = _schema_at(schema, path)
        kind = error.kind
        if isinstance(kind, _KIND.Required):
            wanted = _schema_at(schema, [*path, kind.property])
            problems.add(
                _label([*path, kind.property]), f"missing, expected {expected(wanted)}{why}"
            )
        elif isinstance(kind, _KIND.AdditionalProperties):
            known = list(here.get("properties", {}))
            for count, name in enumerate(kind.unexpected[:_MOST_EXPLAINED]):
                value = _value_at(order, [*path, name])
                hint = _hint(name, known) if count < _MOST_HINTS else ""
                problems.add(_label([*path, name]), f"unknown key, came {show(value)}{hint}")
        elif isinstance(kind, _KIND.FalseSchema):
            problems.add(_label(path), f"came {show(_value_at(order, path))}, not used here{why}")
        else:
            narrowed = {**here, **rule.get("properties", {}).get(path[0], {})} if path else here
            wanted_text = f"expected {expected(narrowed)}{why}"
            problems.came(_label(path) or "order", _value_at(order, path), wanted_text)
    return next(left, None) is None


def _hint(name: str, known: Sequence[str]) -> str:
    folded = {key.casefold(): key for key in known}
    near = get_close_matches(name[:_LONGEST_VALUE].casefold(), folded, n=1, cutoff=0.5)
    return (
        f"; the nearest known key is {folded[near[0]]}" if near else f"; known: {', '.join(known)}"
    )


def _rule(schema: Schema, schema_path: Sequence[str | int]) -> tuple[Schema, str]:
    """Return the then or else block an error comes from, and why it stands there."""
    if len(schema_path) >= 3 and schema_path[0] == "allOf":
        rule = schema["allOf"][schema_path[1]].get(schema_path[2], {})
        if isinstance(rule, dict):
            return rule, str(rule.get("x-because", ""))
    return {}, ""


def _schema_at(schema: Schema, path: Sequence[str | int]) -> Schema:
    for step in path:
        if isinstance(step, int):
            schema = schema.get("items", {})
        else:
            schema = schema.get("properties", {}).get(step, {})
    return schema


def _value_at(order: object, path: Sequence[str | int]) -> object:
    for step in path:
        if isinstance(order, Mapping):
            order = order.get(str(step))
        elif isinstance(order, Sequence) and isinstance(step, int):
            order = order[step]
    return order


def _label(path: Sequence[str | int]) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else (f".{step}" if text else step)
    return text
