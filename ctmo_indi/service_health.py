"""How a service says that it does its work: what the watchdog of its process is fed from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """How a service is.

    Parameters
    ----------
    is_alive
        Its own loops have come round lately; a desk that answers is not enough.
    status
        Its state in one line, for ``systemctl status``.
    is_over
        A thread it cannot do without has ended: only a new process helps.
    """

    is_alive: bool
    status: str
    is_over: bool = False
