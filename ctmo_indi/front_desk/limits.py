"""How much a front desk takes from one caller, and how long it waits for it."""

from __future__ import annotations

from dataclasses import dataclass

LARGEST_INTEGER = 2**31 - 1
SMALLEST_INTEGER = -(2**31)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of every exchange; times in machine seconds.

    Parameters
    ----------
    body_bytes
        Of a request; longer ones are refused by their Content-Length, unread.
    depth
        Structs and arrays inside each other.
    members
        Of one struct or array.
    values
        Of a call, at all depths: reading one costs a microsecond.
    connections, connections_per_address
        Beyond them the connection that has kept us waiting longest gives way to a new one.
    headers_s, body_s
        From the first byte (or the connection) to the end of the headers; from there to the end
        of the body.
    idle_s
        Between two requests on a kept connection.
    answer_s
        For the desk to answer; above the longest Wait.
    reply_s
        For the caller to take the reply.
    sweep_s
        How often connections over their time are looked for.
    """

    body_bytes: int = 64 * 1024
    depth: int = 8
    members: int = 256
    values: int = 2048
    connections: int = 128
    connections_per_address: int = 112
    headers_s: float = 5.0
    body_s: float = 10.0
    idle_s: float = 75.0
    answer_s: float = 90.0
    reply_s: float = 10.0
    sweep_s: float = 0.5
