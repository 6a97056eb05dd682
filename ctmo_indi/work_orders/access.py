"""Who asks, and what they may ask for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from ctmo_indi.errors import NotPermitted


class Role(IntEnum):
    """What a caller may do; each role includes the ones below it."""

    READ = 1  # Status, Events, Explain, Plan
    SUBMIT = 2  # orders that a service carries out in its own time
    OPERATE = 3  # orders that move something now, and the scheduler's commands
    ADMIN = 4


@dataclass(frozen=True, slots=True)
class Caller:
    """One who sent an order.

    Parameters
    ----------
    name
        Name of the token's owner, "anonymous" without a token; not the order's ``User``.
    address
        Peer address as the socket gave it.
    """

    name: str
    role: Role
    address: str

    def require(self, role: Role, what: str) -> None:
        """Raise NotPermitted unless the caller has ``role``; ``what`` names the refused order."""
        if self.role < role:
            raise NotPermitted(
                f"{what} needs the role {role.name.lower()}; {self.name} at {self.address}"
                f" has {self.role.name.lower()}"
            )
