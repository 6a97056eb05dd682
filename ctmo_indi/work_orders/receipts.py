"""Names for orders (O-), attempts (A-), tickets (T-): unique, and sorted by time of birth.

48 bits of milliseconds and 80 random bits in Crockford's base 32, as the ULID specification has it.
"""

from __future__ import annotations

import secrets
from datetime import datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U


def new_receipt(prefix: str, utc: datetime) -> str:
    """Return a name such as ``O-01J8Z3N9QK4WXYV5T2R7M6P8AB``.

    Parameters
    ----------
    prefix
        "O" for an order, "A" for an attempt, "T" for a ticket, "W" for an ID we give.
    utc
        Birth; :meth:`ctmo_indi.clock.Clock.utc`.
    """
    number = (int(utc.timestamp() * 1000) & 0xFFFFFFFFFFFF) << 80 | secrets.randbits(80)
    return f"{prefix}-" + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
