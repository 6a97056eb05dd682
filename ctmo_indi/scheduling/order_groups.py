"""Groups of orders outside a plan: the first of a group is begun only when all of it can be.

A user's orders of one ``group`` are wanted together or not at all. A plan of the night takes them
whole (``planner/groups``). A driver that looks at one order at a time asks here before it begins a
member: every other member that still waits must have a start before the night ends, and all of them
together must fit into what is left of it. What was begun is not undone: weather or an order of a
larger priority can tear a group all the same, and what is left of it is then a smaller group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import tee

from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.scheduling.conditions import Night
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.target import PendingOrder


class OrderGroups:
    """The groups among the orders that wait; made anew when others wait, if anybody asks.

    What stands against a group at an instant is worked out once, as far as it is asked for, however
    many of its members are tried: each would have to look at all the others.
    """

    def __init__(self) -> None:
        self._pending: Sequence[PendingOrder] | None = None
        self._members: dict[str, list[PendingOrder]] = {}
        self._asked: tuple[Night, datetime] | None = None
        self._found: dict[str, Iterator[tuple[str, str]]] = {}

    def obstacles(
        self,
        request: ObservationRequest,
        receipt: str,
        pending: Sequence[PendingOrder],
        models: Models,
        night: Night,
        utc: datetime,
    ) -> Iterator[str]:
        """Say what of a request's group stands against beginning it now; nothing without one.

        Parameters
        ----------
        pending
            All that waits.
        models
            The same with each call.
        night
            That lasts.
        """
        if not request.group:
            return
        members = self._of(request, pending)
        if self._asked != (night, utc):
            self._asked, self._found = (night, utc), {}
        group = group_of(request)
        found = self._found.get(group) or _against(request.group, members, models, night, utc)
        self._found[group], mine = tee(found)
        for whose, reason in mine:
            if whose != receipt:
                yield reason

    def _of(
        self, request: ObservationRequest, pending: Sequence[PendingOrder]
    ) -> list[PendingOrder]:
        if pending is not self._pending:
            self._members, self._found = {}, {}
            for one in pending:
                if one.request.group:
                    self._members.setdefault(group_of(one.request), []).append(one)
            self._pending = pending
        return self._members.get(group_of(request), [])


def _against(
    group: str, members: Sequence[PendingOrder], models: Models, night: Night, utc: datetime
) -> Iterator[tuple[str, str]]:
    """Yield what stands against a group, each with the receipt whose lack it is; "" of no one's."""
    for one in members:
        if not one.request.frame_type.needs_sky:
            continue
        rest_s = max(one.not_before_utc_s, one.due_utc_s, utc.timestamp())
        first = min(datetime.fromtimestamp(rest_s, UTC), night.morning)
        when = models.sky.next_observable(one.request, first, night.morning)
        latest_s = one.request.latest_start_utc_s
        if when is None or (latest_s is not None and when.timestamp() > latest_s):
            yield one.receipt, f"group {group!r}: {one.receipt} of it has no start in this night"
    took_s = sum(models.observatory.exposures_s(one.request, one.missing_count) for one in members)
    left_s = (night.morning - utc).total_seconds()
    whole_s = (night.morning - night.evening).total_seconds()
    if len(members) > 1 and left_s < took_s <= whole_s:
        yield (
            "",
            f"group {group!r}: its {len(members)} orders take {took_s:.0f} s,"
            f" {left_s:.0f} s are left of the night",
        )


def group_of(request: ObservationRequest) -> str:
    """Return the name of a request's group, of its user's; "" without one."""
    return f"{request.user}/{request.group}" if request.group else ""
