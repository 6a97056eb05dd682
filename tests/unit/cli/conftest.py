"""A command line and a fake scheduler's desk behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ctmo_indi import cli
from ctmo_indi.testing.desks import FakeDesk, serving
from ctmo_indi.work_orders.desk import Reply, order_reply
from ctmo_indi.work_orders.model import (
    CheckedOrder,
    EventsRequest,
    SchedulerRequest,
    ScriptQueueRequest,
    StatusRequest,
)


class FakeScheduler:
    """Answers Scheduler, Status, Script Queue and Events orders as told, and keeps them.

    Attributes
    ----------
    ticket
        Status replies of the ticket, one after the other; the last one stays. The first answers
        the command itself.
    queue
        Keys of the reply to a Script Queue order.
    answers
        Keys of the reply by WOType, for kinds that only ask.
    events
        What is published: kind, data. Revisions are 1, 2, ...
    """

    def __init__(self) -> None:
        self.orders: list[dict[str, object]] = []
        self.ticket: list[Reply] = [{"Status": "COMPLETED"}]
        self.queue: Reply = {}
        self.answers: dict[str, Reply] = {}
        self.events: list[tuple[str, Reply]] = []
        self.page_length = 100
        self._revision = 0
        self.desk = FakeDesk("scheduler", answer=self._answer)

    def _answer(self, checked: CheckedOrder) -> Reply:
        self.orders.append(
            {key: value for key, value in checked.wire.items() if key not in ("ID", "User")}
        )
        request = checked.request
        if isinstance(request, SchedulerRequest):
            told = {"Receipt": "T-1", "Command": request.command.value, **self._next_ticket()}
            return order_reply(checked, status="", message="") | told
        if isinstance(request, StatusRequest):
            return {"Kind": "Ticket", "Receipt": "T-1", "Failure": "", **self._next_ticket()}
        if isinstance(request, ScriptQueueRequest):
            return order_reply(checked, status="OK", message="done") | self.queue
        if checked.kind in self.answers:
            return order_reply(checked, status="OK", message="") | self.answers[checked.kind]
        assert isinstance(request, EventsRequest)
        return self._page(request)

    def _next_ticket(self) -> Reply:
        now = self.ticket.pop(0) if len(self.ticket) > 1 else self.ticket[0]
        self._revision += 1
        return {"Revision": self._revision, "Message": f"it is {now['Status']}", **now}

    def _page(self, request: EventsRequest) -> Reply:
        start = len(self.events) if request.cursor is None else request.cursor
        wanted = [
            {"Revision": number, "Kind": kind, "Subject": "", "UTC": "2026-11-21T02:00:00.5+00:00",
             "Data": data}
            for number, (kind, data) in enumerate(self.events, 1)
            if number > start and (not request.kinds or kind in request.kinds)
        ][: self.page_length]  # fmt: skip
        cursor = wanted[-1]["Revision"] if wanted else len(self.events)
        return {"Events": wanted, "Cursor": cursor, "Lost": False}


@pytest.fixture
def scheduler() -> FakeScheduler:
    return FakeScheduler()


@pytest.fixture
def run(scheduler: FakeScheduler, tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Run a command line against the fake scheduler; return its exit code."""
    with serving(scheduler.desk) as (url,):
        port = int(url.rpartition(":")[2])
        config = tmp_path / "ctmo.conf.yaml"
        config.write_text(f"Scheduler Address:\n  HTTP: {url}\n  IP: 127.0.0.1\n  Port: {port}\n")
        yield lambda *words: cli.run([*words, "--config", str(config)])
