"""Values of a driver's answer as XML-RPC can carry them. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from ctmo_indi.work_orders.desk import Reply

LARGEST_INTEGER = 2**31 - 1


def plain(told: Mapping[str, object]) -> Reply:
    """Return what XML-RPC can carry: None is left out, tuples are arrays, large integers text."""
    return {str(key): _plain(value) for key, value in told.items() if value is not None}


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return plain(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value if item is not None]
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= LARGEST_INTEGER else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)
