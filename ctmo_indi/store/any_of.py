"""``IN`` for lists of any length, with few statements.

A list of another length is another statement, and a connection keeps those it prepared last: 128
lengths of one query on the orders took 3 MB of each connection, and days to come together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import sqlalchemy as sa

ValueT = TypeVar("ValueT", str, int)

LONGEST = 4096
"""Longer lists are left as they are: rare, and a database takes 32766 values at most, or 65535."""


def any_of(column: sa.ColumnElement[ValueT], values: Sequence[ValueT]) -> sa.ColumnElement[bool]:
    """Return the condition that a column is one of some values; of none: false."""
    return column.in_(rounded_up(values))


def rounded_up(values: Sequence[ValueT]) -> list[ValueT]:
    """Return the values with the last one repeated, to a length that is a power of two, if few."""
    if not values or len(values) > LONGEST:
        return list(values)
    length: int = 1 << (len(values) - 1).bit_length()
    return list(values) + [values[-1]] * (length - len(values))
