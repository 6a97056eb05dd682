"""Names for orders (O-), attempts (A-), tickets (T-): unique, and sorted by time of birth.

48 bits of milliseconds and 80 random bits in Crockford's base 32, as the ULID specification has it.
A name is no secret: its random bits come from a generator that the operating system's has seeded,
which saves each order a call of the system.
"""

from __future__ import annotations

import os
import random
import secrets
from datetime import datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)  # of 10 bits
_random = random.Random(secrets.randbits(256))  # noqa: S311 - unique, not secret
os.register_at_fork(after_in_child=lambda: _random.seed(secrets.randbits(256)))


def new_receipt(prefix: str, utc: datetime) -> str:
    """Return a name such as ``O-01J8Z3N9QK4WXYV5T2R7M6P8AB``.

    Parameters
    ----------
    prefix
        "O" for an order, "A" for an attempt, "T" for a ticket, "W" for an ID we give.
    utc
        Birth; :meth:`ctmo_indi.clock.Clock.utc`.
    """
    number = (int(utc.timestamp() * 1000) & 0xFFFFFFFFFFFF) << 80 | _random.getrandbits(80)
    return f"{prefix}-" + "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])
