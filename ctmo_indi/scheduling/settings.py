"""The keys of a configuration, declared where they are used and read in one place.

A record (a driver's parameters, a basis function, a survey, a detailer) is a frozen dataclass; each
of its fields says with :func:`number`, :func:`text` and the like what it takes. :func:`read` checks
a mapping against it and notes every problem: key, what came, what was expected, the nearest name;
:func:`changed` does so for a record that is there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from ctmo_indi.checked_yaml import nearest
from ctmo_indi.errors import ConfigError

Record = TypeVar("Record")
_KEY = "setting"


@dataclass(frozen=True, slots=True)
class _Setting:
    """What a key takes, in words, and the function that returns it checked or raises."""

    expected: str
    check: Callable[[object], object]


def number(low: float, high: float, default: Any = MISSING, *, whole: bool = False) -> Any:
    """Declare a number from ``low`` to ``high``; None only where it is the default."""
    kind = "a whole number" if whole else "a number"

    def check(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError
        if not (math.isfinite(value) and low <= value <= high) or (whole and value != int(value)):
            raise ValueError
        return int(value) if whole else float(value)

    return _declared(_Setting(f"{kind} from {low:g} to {high:g}", check), default)


def text(default: Any = MISSING, *, longest: int = 128) -> Any:
    """Declare a text."""

    def check(value: object) -> object:
        if not isinstance(value, str) or len(value) > longest:
            raise TypeError
        return value

    return _declared(_Setting(f"text of at most {longest} characters", check), default)


def name(default: Any = MISSING) -> Any:
    """Declare a name: letters, digits, ``_``, ``.`` and ``-``."""

    def check(value: object) -> object:
        if not isinstance(value, str) or not value or len(value) > 64:
            raise TypeError
        if not all(one.isalnum() or one in "_.-" for one in value):
            raise ValueError
        return value

    return _declared(_Setting("a name of letters, digits, _ . and -", check), default)


def choice(options: Sequence[str], default: Any = MISSING) -> Any:
    """Declare one of some words."""

    def check(value: object) -> object:
        if value not in options:
            raise ValueError(nearest(value, options) if isinstance(value, str) else "")
        return value

    return _declared(_Setting(f"one of {', '.join(options)}", check), default)


def texts(default: Any = MISSING, *, options: Sequence[str] = ()) -> Any:
    """Declare a list of texts, none empty, each one of ``options`` where there are any."""

    def check(value: object) -> object:
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise TypeError
        if options:
            strangers = [one for one in value if one not in options]
            if strangers:
                raise ValueError(nearest(strangers[0], options))
        return tuple(value)

    of = f"each one of {', '.join(options)}" if options else "none empty"
    return _declared(_Setting(f"a list of texts, {of}", check), default)


def span(low: float, high: float, default: Any = MISSING) -> Any:
    """Declare two numbers, the first not larger than the second."""

    def check(value: object) -> object:
        if not isinstance(value, list) or len(value) != 2:
            raise TypeError
        if any(isinstance(one, bool) or not isinstance(one, int | float) for one in value):
            raise TypeError
        first, second = float(value[0]), float(value[1])
        if not low <= first <= second <= high:
            raise ValueError
        return first, second

    return _declared(_Setting(f"[least, most] from {low:g} to {high:g}", check), default)


def windows() -> Any:
    """Declare a list of spans of time, "start/end" in ISO 8601; read as Unix seconds."""

    def check(value: object) -> object:
        if not isinstance(value, list) or not value:
            raise TypeError
        if not all(isinstance(one, str) for one in value):
            raise TypeError
        return tuple(_window(one) for one in value)

    return _declared(_Setting('a list of "start/end", ISO 8601', check), MISSING)


def flag(default: bool) -> Any:
    """Declare true or false."""

    def check(value: object) -> object:
        if not isinstance(value, bool):
            raise TypeError
        return value

    return _declared(_Setting("true or false", check), default)


def read(
    kind: type[Record], data: object, key: str, problems: list[str], *, others: Sequence[str] = ()
) -> Record | None:
    """Make a record of a mapping; None after a problem, which is noted.

    Parameters
    ----------
    key
        Where ``data`` stands, for the problems.
    others
        Keys that the caller reads himself.
    """
    if not isinstance(data, Mapping):
        problems.append(f"{key}: came {shown(data)}, expected keys with values")
        return None
    before = len(problems)
    values = _checked(kind, data, key, problems, others)
    for name_, (one, setting) in _declared_in(kind).items():
        if name_ not in data and one.default is MISSING:
            problems.append(f"{key}: the key {name_!r} is missing, expected {setting.expected}")
    return kind(**values) if len(problems) == before else None


def changed(record: Record, data: Mapping[str, object], whose: str) -> Record:
    """Return a record with the keys of a mapping; those that are missing stay as they are.

    Parameters
    ----------
    whose
        What the keys are for, before each problem.

    Raises
    ------
    ConfigError
        Every key that is wrong or unknown.
    """
    problems: list[str] = []
    values = _checked(type(record), data, "", problems, ())
    if problems:
        raise ConfigError([f"{whose}: {problem}" for problem in problems])
    return replace(record, **values)  # type: ignore[type-var]  # every record is a dataclass


def _declared_in(kind: type[Any]) -> dict[str, tuple[Field[Any], _Setting]]:
    return {one.name: (one, one.metadata[_KEY]) for one in fields(kind) if _KEY in one.metadata}


def _checked(
    kind: type[Any],
    data: Mapping[str, object],
    key: str,
    problems: list[str],
    others: Sequence[str],
) -> dict[str, object]:
    """Return the values of the keys that are right; note what is wrong with the others."""
    settings = _declared_in(kind)
    known = [*settings, *others]
    values: dict[str, object] = {}
    for name_, value in data.items():
        where = f"{key}.{name_}" if key else str(name_)
        if name_ in others:
            continue
        if name_ not in settings:
            near = nearest(str(name_), known)
            expected = f"expected one of {', '.join(sorted(known))}" if known else "expected no key"
            problems.append(f"{where}: unknown key{near}, {expected}")
            continue
        one, setting = settings[name_]
        if value is None and one.default is None:
            values[name_] = None
            continue
        try:
            values[name_] = setting.check(value)
        except (TypeError, ValueError, OverflowError) as error:
            problems.append(f"{where}: came {shown(value)}{error}, expected {setting.expected}")
    return values


def shown(value: object) -> str:
    """Show what came, short."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "keys with values"
    if isinstance(value, list):
        return f"a list of {len(value)}" if len(value) > 4 else repr(value)
    words = repr(value) if not isinstance(value, bool) else str(value).lower()
    return words if len(words) <= 60 else f"{words[:57]}..."


def _window(text_: str) -> tuple[float, float]:
    """Return the Unix seconds of "start/end"; without a zone UTC is meant."""
    first, _, last = text_.partition("/")
    found = []
    for one in (first, last):
        try:
            when = datetime.fromisoformat(one.strip())
        except ValueError:
            raise ValueError(f", with {one.strip()!r}") from None
        found.append((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
    if found[1] <= found[0]:
        raise ValueError(", an end that is not after its start")
    return found[0], found[1]


def _declared(setting: _Setting, default: Any) -> Any:
    if default is MISSING:
        return field(metadata={_KEY: setting})
    return field(default=default, metadata={_KEY: setting})
