"""Who asks, in whose name, and what that allows. What each order needs: ``permissions.py``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from ctmo_indi.errors import NotPermitted

#: Names in ``User`` under which the services speak to each other: a peer that bears one is believed
#: to be that service, so a person's token cannot be used with them.
SERVICE_NAMES = frozenset(
    {"scheduler", "telescope", "dome", "safety", "preprocessor", "supervisor"}
)
ANYBODY = "*"
#: HTTP header with which a service says for whom it hands an order on: NAME ROLE [known].
ON_BEHALF = "Ctmo-On-Behalf"


class Role(IntEnum):
    """What a caller may do; each role includes the ones below it."""

    READ = 1  # ask
    SUBMIT = 2  # orders that a service carries out in its own time; cancel one's own
    OPERATE = 3  # orders that move something now, the scheduler's commands, everybody's orders
    ADMIN = 4  # overrule another human, speak as a service


@dataclass(frozen=True, slots=True)
class Caller:
    """One who sent an order.

    Parameters
    ----------
    name
        Name of the token's owner, "anonymous" without a token; not the order's ``User``.
    address
        Peer address as the socket gave it.
    is_known
        Whether a token says so. Who is not known is taken at the order's ``User``, as with the
        original.
    users
        Names beside his own that a known submitter may put into ``User``; ``*`` for any.
    via
        Name of the caller that handed the order on for this one; empty when it came directly.
    """

    name: str
    role: Role
    address: str
    is_known: bool = False
    users: frozenset[str] = frozenset()
    via: str = ""

    def require(self, role: Role, what: str) -> None:
        """Raise NotPermitted unless the caller has ``role``; ``what`` names the refused order."""
        if self.role < role:
            raise NotPermitted(
                f"{what} needs the role {role.name.lower()}; {self.name} at {self.address}"
                f" has {self.role.name.lower()}"
            )

    def require_name(self, user: str) -> None:
        """Raise NotPermitted unless the caller may send orders with this ``User``."""
        if not self.is_known or self.via or self.role >= Role.ADMIN:
            return  # the desk that handed it on has looked already
        if user.casefold() in SERVICE_NAMES:
            raise NotPermitted(f"User: came {user!r}, the name of a service; that needs admin")
        if self.role < Role.OPERATE and not self._is_own(user):
            raise NotPermitted(
                f"User: came {user!r}, the token {self.name} may submit for"
                f" {', '.join(sorted({self.name, *self.users}))}; other names need operate"
            )

    def require_own(self, user: str, what: str) -> None:
        """Raise NotPermitted unless ``what`` is the caller's own, or he may touch everybody's."""
        if self.role < Role.OPERATE and not self._is_own(user):
            raise NotPermitted(
                f"{what} is {user}'s: that needs the role operate; {self.name} at {self.address}"
                f" has {self.role.name.lower()}"
            )

    def answers_to(self, user: str) -> str:
        """Return the name that counts for a lock: the token's where there is one."""
        return self.name if self.is_known else user

    def _is_own(self, user: str) -> bool:
        return not self.is_known or user == self.name or not self.users.isdisjoint({user, ANYBODY})


class PassedOn(dict[str, object]):
    """An order that a service hands on to another one in its caller's name.

    The client of the other desk tells who that is; the other desk gives it no more than the lesser
    of both roles. So a caller gets nothing by way of a service that he would not get directly.
    """

    def __init__(self, order: Mapping[str, object], caller: Caller) -> None:
        super().__init__(order)
        self.caller = caller

    @property
    def on_behalf(self) -> str:
        """Value of the header :data:`ON_BEHALF`."""
        known = " known" if self.caller.is_known else ""
        return f"{self.caller.name} {self.caller.role.name.lower()}{known}"
