"""How a number is found in a reply: small readers from which the tables of metrics are made.

A reader takes a reply and gives its values, each with the values of the metric's labels. What is
not known is not in a reply, and then there is no value: a gap in a graph, never a zero.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

Reply = Mapping[str, object]
Values = Iterator[tuple[tuple[str, ...], float]]
Read = Callable[[Reply], Values]


class Kind(StrEnum):
    """What Prometheus calls the type of a metric."""

    GAUGE = "gauge"
    COUNTER = "counter"


class Source(StrEnum):
    """Which reply a metric is read from."""

    STATUS = "Status"
    PLAN = "Plan"
    DEBT = "Debt"
    DESK = "the front desk"
    PROFILE = "the profile"


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of a table.

    Parameters
    ----------
    name
        With its base unit; a counter's ends with ``_total``.
    about
        HELP text: what a value means.
    """

    name: str
    kind: Kind
    about: str
    read: Read
    labels: tuple[str, ...] = ()
    source: Source = Source.STATUS


def gauge(
    name: str,
    about: str,
    read: Read,
    labels: tuple[str, ...] = (),
    source: Source = Source.STATUS,
) -> Metric:
    """Return the row of something that goes up and down."""
    return Metric(name, Kind.GAUGE, about, read, labels, source)


def counter(
    name: str,
    about: str,
    read: Read,
    labels: tuple[str, ...] = (),
    source: Source = Source.STATUS,
) -> Metric:
    """Return the row of something that only grows, from the start of its service on."""
    return Metric(name, Kind.COUNTER, about, read, labels, source)


def found(reply: object, path: Sequence[str]) -> object:
    """Return what stands at ``path``; None where there is nothing."""
    for key in path:
        if not isinstance(reply, Mapping):
            return None
        reply = reply.get(key)
    return reply


def number(value: object) -> float | None:
    """Return a finite or infinite number, a truth as 1 or 0; None for anything else."""
    return float(value) if isinstance(value, int | float) else None


def at(*path: str, scale: float = 1.0) -> Read:
    """Return the number, or the truth, at ``path``, times ``scale``."""

    def read(reply: Reply) -> Values:
        value = number(found(reply, path))
        if value is not None:
            yield (), value * scale

    return read


def any_at(*path: str) -> Read:
    """Return 1 where a text or a struct stands at ``path``, 0 where an empty one does."""

    def read(reply: Reply) -> Values:
        value = found(reply, path)
        if value is not None:
            yield (), 1.0 if value else 0.0

    return read


def count_at(*path: str) -> Read:
    """Return how many elements the array at ``path`` has."""

    def read(reply: Reply) -> Values:
        value = found(reply, path)
        if isinstance(value, Sequence) and not isinstance(value, str):
            yield (), float(len(value))

    return read


def state_at(states: Collection[str], *path: str) -> Read:
    """Return 1 for the state that stands at ``path`` and 0 for each other one of ``states``."""

    def read(reply: Reply) -> Values:
        value = found(reply, path)
        if isinstance(value, str) and value:
            for state in dict.fromkeys((*states, value)):
                yield (str(state),), float(state == value)

    return read


def words_at(words: Collection[str], *path: str) -> Read:
    """Return 1 for each of ``words`` that the array at ``path`` holds, 0 for the others."""

    def read(reply: Reply) -> Values:
        value = found(reply, path)
        if isinstance(value, Sequence) and not isinstance(value, str):
            for word in words:
                yield (str(word),), float(word in value)

    return read


def each_at(*path: str, inner: Sequence[str] = ()) -> Read:
    """Return the number of each key of the struct at ``path``; below each, at ``inner``."""

    def read(reply: Reply) -> Values:
        value = found(reply, path)
        if isinstance(value, Mapping):
            for key, below in value.items():
                told = number(found(below, inner))
                if told is not None:
                    yield (str(key),), told

    return read


def grade_at(grades: Mapping[str, float], name: str, grade: str, *path: str) -> Read:
    """Return for each struct of the array at ``path`` the number of its ``grade``, by ``name``."""

    def read(reply: Reply) -> Values:
        worst: dict[str, float] = {}
        value = found(reply, path)
        for one in value if isinstance(value, Sequence) else ():
            told = grades.get(str(found(one, (grade,))))
            key = str(found(one, (name,)))
            if told is not None:
                worst[key] = max(told, worst.get(key, told))
        for key, told in worst.items():
            yield (key,), told

    return read


def sum_at(keys: Collection[str], *path: str) -> Read:
    """Return the sum of the numbers under ``keys`` of the struct at ``path``."""

    def read(reply: Reply) -> Values:
        value = found(reply, path)
        if isinstance(value, Mapping):
            yield (), sum(number(value.get(key)) or 0.0 for key in keys)

    return read


def sum_of_at(key: str, *path: str) -> Read:
    """Return the sum of ``key`` over the structs of the array at ``path``."""

    def read(reply: Reply) -> Values:
        value = found(reply, path)
        if isinstance(value, Sequence) and not isinstance(value, str):
            yield (), sum(number(found(one, (key,))) or 0.0 for one in value)

    return read


def pairs_at(*path: str) -> Read:
    """Return the numbers of a struct at ``path`` whose keys are tuples of label values."""

    def read(reply: Reply) -> Values:
        value = found(reply, path)
        if isinstance(value, Mapping):
            for key, one in value.items():
                yield tuple(map(str, key)), float(one)

    return read


def unix_at(*path: str) -> Read:
    """Return the instant at ``path`` as Unix seconds."""

    def read(reply: Reply) -> Values:
        instant = _instant(found(reply, path))
        if instant is not None:
            yield (), instant.timestamp()

    return read


def age_at(*paths: Sequence[str]) -> Read:
    """Return seconds from the first instant that stands at one of ``paths`` to the ``UTC``."""

    def read(reply: Reply) -> Values:
        now = _instant(reply.get("UTC"))
        instants = (_instant(found(reply, path)) for path in paths)
        instant = next((one for one in instants if one is not None), None)
        if now is not None and instant is not None:
            yield (), (now - instant).total_seconds()

    return read


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str) or not value:
        return None
    instant = datetime.fromisoformat(value)
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
