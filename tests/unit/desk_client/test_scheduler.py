"""SchedulerClient: each call is the order it stands for; a failure is raised with its reason."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from ctmo_indi.desk_client import DeskClient, DeskFault, StillWaiting
from ctmo_indi.desk_client.scheduler import CommandFailed, SchedulerClient
from ctmo_indi.errors import WrongState
from ctmo_indi.testing.desks import FakeDesk, accept, serving
from ctmo_indi.work_orders.desk import Reply
from ctmo_indi.work_orders.model import (
    CheckedOrder,
    OrderKind,
    SchedulerCommand,
    ScriptQueueCommand,
)

Call = Callable[[SchedulerClient], object]

CALLS: dict[SchedulerCommand, tuple[Call, dict[str, object]]] = {
    SchedulerCommand.START: (
        lambda one: one.start(configuration="survey"), {"Configuration": "survey"},
    ),
    SchedulerCommand.ENABLE: (lambda one: one.enable(), {}),
    SchedulerCommand.DISABLE: (lambda one: one.disable(reason="r"), {"Reason": "r"}),
    SchedulerCommand.STANDBY: (lambda one: one.standby(), {}),
    SchedulerCommand.EXIT_CONTROL: (lambda one: one.exit_control(), {}),
    SchedulerCommand.RESUME: (lambda one: one.resume(), {}),
    SchedulerCommand.STOP: (lambda one: one.stop(abort=True), {"Abort": True}),
    SchedulerCommand.LOAD: (lambda one: one.load("file:///a"), {"URI": "file:///a"}),
    SchedulerCommand.COMPUTE_PREDICTED_SCHEDULE: (
        lambda one: one.compute_predicted_schedule(), {},
    ),
    SchedulerCommand.ADD_BLOCK: (
        lambda one: one.add_block("b", {"n": 2}), {"Block": "b", "Override": {"n": 2}},
    ),
    SchedulerCommand.GET_BLOCK_STATUS: (lambda one: one.get_block_status("b"), {"Block": "b"}),
    SchedulerCommand.REMOVE_BLOCK: (lambda one: one.remove_block("b"), {"Block": "b"}),
    SchedulerCommand.VALIDATE_BLOCK: (lambda one: one.validate_block("b"), {"Block": "b"}),
    SchedulerCommand.FLUSH: (lambda one: one.flush(), {}),
    SchedulerCommand.RESCHEDULE: (lambda one: one.reschedule(), {}),
    SchedulerCommand.SET_LOG_LEVEL: (lambda one: one.set_log_level("DEBUG"), {"Level": "DEBUG"}),
    SchedulerCommand.UPDATE_OBSERVATORY_STATUS: (
        lambda one: one.update_observatory_status("WEATHER", "IDLE", note="n"),
        {"Status": ["WEATHER", "IDLE"], "Note": "n"},
    ),
}  # fmt: skip
QUEUE_CALLS: dict[ScriptQueueCommand, tuple[Call, dict[str, object]]] = {
    ScriptQueueCommand.ADD: (
        lambda one: one.queue_add("sleep", {"s": 1}, location="after", at_index=3),
        {"Script": "sleep", "Parameters": {"s": 1}, "Location": "after", "At Index": 3},
    ),
    ScriptQueueCommand.MOVE: (
        lambda one: one.queue_move(3, "first"), {"Index": 3, "Location": "first"},
    ),
    ScriptQueueCommand.REQUEUE: (
        lambda one: one.queue_requeue(3), {"Index": 3, "Location": "last"},
    ),
    ScriptQueueCommand.STOP_SCRIPTS: (
        lambda one: one.queue_stop(3, 4, terminate=True), {"Indices": [3, 4], "Terminate": True},
    ),
    ScriptQueueCommand.PAUSE: (lambda one: one.queue_pause(reason="r"), {"Reason": "r"}),
    ScriptQueueCommand.RESUME: (lambda one: one.queue_resume(), {}),
    ScriptQueueCommand.SHOW_QUEUE: (lambda one: one.queue(), {}),
    ScriptQueueCommand.SHOW_SCHEMA: (lambda one: one.queue_schema("s"), {"Script": "s"}),
    ScriptQueueCommand.SHOW_AVAILABLE_SCRIPTS: (lambda one: one.queue_scripts(), {}),
    ScriptQueueCommand.SHOW_SCRIPT: (lambda one: one.queue_script(3), {"Index": 3}),
}  # fmt: skip


class Rig:
    """A desk whose tickets end as told."""

    def __init__(self) -> None:
        self.tickets: list[Reply] = [{"Status": "COMPLETED"}]
        self.events: list[Reply] = []
        self.progress: list[object] = []
        self.desk = FakeDesk("scheduler", answer=self._answer)

    def _answer(self, checked: CheckedOrder) -> Reply:
        if checked.kind is OrderKind.EVENTS:
            return self._page(checked.wire)
        now = self.tickets.pop(0) if len(self.tickets) > 1 else self.tickets[0]
        return {**accept(checked), "Receipt": "T-1", "Revision": len(self.desk.orders), **now}

    def _page(self, order: Mapping[str, Any]) -> Reply:  # Any: of the wire
        start = order.get("Cursor", len(self.events))
        found = [
            event
            for event in self.events[start:]
            if event["Kind"] in order.get("Kinds", [event["Kind"]])
        ][: order["Limit"]]
        cursor = found[-1]["Revision"] if len(found) == order["Limit"] else len(self.events)
        return {"Events": found, "Cursor": cursor, "Lost": False}

    def sent(self) -> dict[str, object]:
        """Return the keys of the first order, but those that all have."""
        wire = self.desk.orders[0].wire
        return {key: value for key, value in wire.items() if key not in ("WOType", "ID", "User")}


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def scheduler(rig: Rig) -> Iterator[SchedulerClient]:
    with serving(rig.desk) as (url,), DeskClient(url, user="ada") as desk:
        yield SchedulerClient(
            desk,
            wait_s=10.0,
            on_progress=lambda reply: rig.progress.append(reply.get("Progress")),
        )


@pytest.mark.parametrize("command", list(SchedulerCommand))
def test_a_call_is_the_order(
    rig: Rig, scheduler: SchedulerClient, command: SchedulerCommand
) -> None:
    call, keys = CALLS[command]
    ticket = call(scheduler)
    assert rig.sent() == {"Command": command.value, **keys}
    assert rig.desk.orders[0].user == "ada"
    assert getattr(ticket, "status", "") == "COMPLETED"


@pytest.mark.parametrize("command", list(ScriptQueueCommand))
def test_a_call_of_the_queue_is_the_order(
    rig: Rig, scheduler: SchedulerClient, command: ScriptQueueCommand
) -> None:
    call, keys = QUEUE_CALLS[command]
    reply = call(scheduler)
    assert rig.sent() == {"Command": command.value, **keys}
    assert isinstance(reply, dict)


def test_it_waits_for_the_end_and_tells_progress(rig: Rig, scheduler: SchedulerClient) -> None:
    rig.tickets = [
        {"Status": "IN_PROGRESS"},
        {"Status": "IN_PROGRESS", "Progress": "half"},
        {"Status": "COMPLETED", "Result": {"Problems": []}},
    ]
    ticket = scheduler.validate_block("b")
    assert (ticket.status, ticket.result) == ("COMPLETED", {"Problems": []})
    assert rig.progress == ["half", None]


def test_a_failed_command_is_raised_with_its_reason(rig: Rig, scheduler: SchedulerClient) -> None:
    rig.tickets = [
        {"Status": "IN_PROGRESS"},
        {"Status": "FAILED", "Command": "start", "Failure": "snapshot 7 is cut short"},
    ]
    with pytest.raises(CommandFailed, match="start: snapshot 7 is cut short") as failed:
        scheduler.start()
    assert failed.value.ticket.receipt == "T-1"


def test_without_waiting_the_ticket_comes_at_once(rig: Rig, scheduler: SchedulerClient) -> None:
    rig.tickets = [{"Status": "IN_PROGRESS", "Progress": "reading"}]
    ticket = scheduler.start(wait_s=0.0)
    assert (ticket.receipt, ticket.status, ticket.progress) == ("T-1", "IN_PROGRESS", "reading")
    assert len(rig.desk.orders) == 1


def test_one_that_lasts_longer_goes_on(rig: Rig, scheduler: SchedulerClient) -> None:
    rig.tickets = [{"Status": "IN_PROGRESS", "Revision": 1}]
    with pytest.raises(StillWaiting):
        scheduler.start(wait_s=0.01)


def test_a_refusal_is_a_fault() -> None:
    def refuse(_checked: CheckedOrder) -> Reply:
        raise WrongState("resume: refused in STANDBY, expected ENABLED")

    desk = FakeDesk("scheduler", answer=refuse)
    with (
        serving(desk) as (url,),
        DeskClient(url) as client,
        pytest.raises(DeskFault, match="expected ENABLED") as refused,
    ):
        SchedulerClient(client).resume()
    assert refused.value.code == WrongState.fault_code


def test_the_last_prediction_is_found_among_many_events(
    rig: Rig, scheduler: SchedulerClient
) -> None:
    kinds = ["heartbeat", *["predictedSchedule"] * 25, *["heartbeat"] * 5000]
    rig.events = [{"Revision": number, "Kind": kind} for number, kind in enumerate(kinds, 1)]
    last = scheduler.predicted_schedule()
    assert last is not None
    assert last["Revision"] == 26
    assert scheduler.last_event("observation") is None


def test_every_public_call_is_tried_here() -> None:
    public = {name for name, _ in inspect.getmembers(SchedulerClient, inspect.isfunction)}
    public = {name for name in public if not name.startswith("_")}
    others = {"send", "events", "past_events", "last_event", "predicted_schedule"}
    tried = len(CALLS) + len(QUEUE_CALLS)
    assert len(public - others) == tried == len(SchedulerCommand) + len(ScriptQueueCommand)
