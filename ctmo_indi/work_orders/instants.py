"""Read instants: ISO 8601 text, UTC unless it has a zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_ISO = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)[T ](\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?"
    r"(Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_FIRST_UTC_S = -62135596800.0  # 0001-01-01T00:00:00Z
END_UTC_S = 253402300800.0
"""Unix seconds of 10000-01-01T00:00:00Z, which no calendar has: all instants are before it."""


def read_instant(text: str) -> float:
    """Return Unix seconds of ``text`` such as ``2019-03-05T14:34:54.234``, or with a zone.

    The compact form of XML-RPC, ``20190305T14:34:54``, is read as well.

    Raises
    ------
    ValueError
        Not an instant, or one that no calendar has in UTC.
    """
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise ValueError("expected ISO 8601 text such as 2026-11-21T03:04:05Z")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    iso = f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}"
    if fraction:
        iso += f".{fraction[:6]:0<6}"
    try:
        instant = datetime.fromisoformat(iso + (zone or ""))
    except ValueError as error:
        raise ValueError(f"expected an instant of the calendar: {error}") from error
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    utc_s = instant.timestamp()
    if not _FIRST_UTC_S <= utc_s < END_UTC_S:  # by its zone, or rounded
        raise ValueError("expected an instant of the years 1 to 9999 in UTC")
    return utc_s
