"""Which order a person means: a receipt, the own ID of an order, or that of somebody else's order.

A desk knows an order by its Receipt, or by User and ID. People type what they wrote into their
file; this module asks the desk until one order is found, or says what was found instead.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ctmo_indi.cli.nearest import nearest
from ctmo_indi.cli.output import structs
from ctmo_indi.errors import BadOrder, UnknownOrder

if TYPE_CHECKING:
    from ctmo_indi.desk_client.client import DeskClient

OWN_USER = "cli"
"""User of orders that are made on the command line without --user."""

_RECEIPT = re.compile(r"[AOT]-[0-9A-Z]+")
_MOST_LISTED = 500
_MOST_TOLD = 5


def ask(
    desk: DeskClient,
    order: Mapping[str, object],
    name: str,
    user: str | None,
    *,
    command: str,
    changes: bool = False,
) -> dict[str, Any]:  # Any: a reply holds whatever XML-RPC can carry
    """Send ``order`` about the order that ``name`` means, and return the reply.

    ``name`` is a receipt or an ID. An ID is first that of ``user``, or of the command line's own;
    then, without ``user``, that of anybody whose order is the only one of that ID.

    Parameters
    ----------
    command
        How it is asked for, such as ``ctmo-indi cancel``: said in errors.
    changes
        It does something to the order: then one of another user needs ``user``.

    Raises
    ------
    UnknownOrder
        No order has that name.
    BadOrder
        The orders of several users have that ID, or the one of another user would be changed.
    DeskFault, ServiceUnreachable
        As of the desk.
    """
    from ctmo_indi.desk_client.client import DeskFault

    asker = {**order, "User": user or OWN_USER}
    for key in ("Receipt", "ID") if _RECEIPT.fullmatch(name) else ("ID",):
        try:
            return desk.front_desk({**asker, key: name})
        except DeskFault as fault:
            if fault.code != UnknownOrder.fault_code:
                raise
    listed = _listed(desk)
    found = [one for one in listed if str(one.get("ID")) == name]
    if user is not None or not found:
        raise UnknownOrder(_unknown(name, user, found, listed, command))
    if changes or len(found) > 1:
        raise BadOrder(_whose(name, found, command))
    return desk.front_desk({**asker, "Receipt": str(found[0]["Receipt"])})


def _listed(desk: DeskClient) -> list[Mapping[str, object]]:
    """Return the orders that changed last; none where the desk does not list them."""
    from ctmo_indi.desk_client.client import DeskFault

    order = {"WOType": "Status", "User": OWN_USER, "All": True, "Limit": _MOST_LISTED}
    try:
        return structs(desk.front_desk(order).get("Orders"))
    except DeskFault:
        return []


def _unknown(
    name: str,
    user: str | None,
    found: Sequence[Mapping[str, object]],
    listed: Sequence[Mapping[str, object]],
    command: str,
) -> str:
    if found:  # of others than the user who was named
        return f"{user} has no order {name!r}. {_whose(name, found, command)}"
    meant = nearest(name, [str(one.get("ID")) for one in listed if user in (None, one.get("User"))])
    hint = f"; did you mean {meant!r}?" if meant else ""
    if user is not None:
        return f"no order of {user} has the ID {name!r}{hint}"
    return f"no order has the receipt or the ID {name!r}{hint}"


def _whose(name: str, found: Sequence[Mapping[str, object]], command: str) -> str:
    """Say whose orders have that ID, and what to type for each."""
    if len(found) == 1:
        lines = [f"the order {name!r} is another user's. If it is the one you mean:"]
    else:
        lines = [f"{len(found)} orders have the ID {name!r}. Say which one:"]
    for one in found[:_MOST_TOLD]:
        what = ", ".join(str(one[key]) for key in ("Object", "Status") if one.get(key))
        typed = shlex.join([*command.split(), "--user", str(one.get("User")), "--", name])
        if not name.startswith("-"):
            typed = shlex.join([*command.split(), name, "--user", str(one.get("User"))])
        lines.append(f"{typed}  ({what})")
    if len(found) > _MOST_TOLD:
        lines.append(f"and {len(found) - _MOST_TOLD} more: ctmo-indi status --all")
    return "\n  ".join(lines)
