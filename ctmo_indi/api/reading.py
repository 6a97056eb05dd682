"""A reply as a frozen value: each field says once under which key it comes and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Self, TypeVar

from ctmo_indi.api.replies import Reply, struct, structs

_READ = "read"
_Value = TypeVar("_Value")
_One = TypeVar("_One", bound="Reading")


def told(read: Callable[[Reply, str], _Value], *path: str) -> _Value:
    """Declare a field of a :class:`Reading`.

    Parameters
    ----------
    read
        How the value is taken from its struct; see :mod:`ctmo_indi.api.replies`.
    path
        The value's key, after those of the structs that it is in.
    """

    def value(reply: Reply) -> _Value:
        for key in path[:-1]:
            reply = struct(reply, key)
        return read(reply, path[-1])

    declared: _Value = field(metadata={_READ: value})
    return declared


def as_it_came() -> Reply:
    """Declare the field that has the reply itself; it is neither shown nor compared."""
    declared: Reply = field(repr=False, compare=False, metadata={_READ: lambda reply: reply})
    return declared


def each(kind: type[_One]) -> Callable[[Reply, str], tuple[_One, ...]]:
    """Return how an array of structs is read, each as one of ``kind``."""
    return lambda reply, key: tuple(map(kind.from_wire, structs(reply, key)))


@dataclass(frozen=True, slots=True)
class Reading:
    """What comes back; all fields are declared by :func:`told` and :func:`as_it_came`."""

    @classmethod
    def from_wire(cls, reply: Reply) -> Self:
        """Read a reply, or one struct of it."""
        return cls(**{one.name: one.metadata[_READ](reply) for one in fields(cls)})
