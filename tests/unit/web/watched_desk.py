"""A desk with a board behind it, to be looked at."""

from __future__ import annotations

from collections.abc import Mapping

from ctmo_indi.clock import SystemClock
from ctmo_indi.errors import ServiceUnreachable
from ctmo_indi.work_orders.access import Caller
from ctmo_indi.work_orders.desk import Reply
from ctmo_indi.work_orders.revisions import RevisionBoard, answer_on_change


class WatchedDesk:
    """Answers Status and Events of a board; counts what it is asked."""

    def __init__(self, service: str = "scheduler") -> None:
        self.service = service
        self.board = RevisionBoard(SystemClock(), keep=1024)
        self.state: dict[str, object] = {"Status": "STANDBY"}
        self.asked: list[str] = []
        self.is_silent = False

    async def handle(self, order: Mapping[str, object], _caller: Caller) -> Reply:
        if self.is_silent:
            raise ServiceUnreachable("nobody at that desk")
        self.asked.append(str(order["WOType"]))
        wait_s = float(str(order.get("Wait", 0.0)))
        if order["WOType"] == "Events":
            cursor = order.get("Cursor")
            kinds = order.get("Kinds", ())
            page = await self.board.next_events(
                cursor if isinstance(cursor, int) else None,
                wait_s,
                [str(kind) for kind in kinds] if isinstance(kinds, list) else (),
                int(str(order["Limit"])),
            )
            return page.to_wire()
        since = order.get("Since")
        return await answer_on_change(
            self.board,
            self._status,
            subject=None,
            since=since if isinstance(since, int) else None,
            wait_s=wait_s,
        )

    async def _status(self) -> Reply:
        return {"Kind": "Status", "Revision": self.board.revision, **self.state}

    def change(self, **state: object) -> None:
        """Be something else, and publish it."""
        self.state |= state
        self.board.publish("summaryState", "", dict(state))
