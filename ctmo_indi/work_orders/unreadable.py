"""A value that came but could not be read: kept in its place until all faults can be named."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands in a decoded order where a value should be.

    No schema accepts it, so nobody can take it for a value; the contract names it together with
    all other wrong keys.

    Parameters
    ----------
    came
        The text as it came.
    expected
        What its type wanted, e.g. "a finite number".
    """

    came: str
    expected: str
