"""Scheduler and Script Queue orders at the desk: what reaches the engine, what comes back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.errors import (
    BadOrder,
    ConflictingOrder,
    ServiceUnreachable,
    UnknownOrder,
    WrongState,
)
from ctmo_indi.inbox import Inbox
from ctmo_indi.scheduler.command_call import CommandCall
from ctmo_indi.scheduler.desk_handlers import DeskHandlers, EngineCalls, Peers
from ctmo_indi.scheduler.orders.records import Records
from ctmo_indi.scheduler.states import Command
from ctmo_indi.scheduler.tickets import Ticket, TicketBook, TicketState
from ctmo_indi.testing.desks import reply_faults, small_profile, wire_contract
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.desk import DispatchDesk, Reply
from ctmo_indi.work_orders.model import OrderName, SchedulerCommand, ScriptQueueRequest
from ctmo_indi.work_orders.revisions import RevisionBoard

CALLER = Caller("ada", Role.OPERATE, "127.0.0.1")
CONTRACT = Contract.load(small_profile())
PATIENCE_S = 20.0


class Engine:
    """Records what it is asked, in its own thread; opens real tickets."""

    def __init__(self) -> None:
        clock = SystemClock()
        self.inbox = Inbox("test")
        self.board = RevisionBoard(clock)
        self.calls: list[CommandCall] = []
        self.asked: list[ScriptQueueRequest] = []
        self.threads: set[str] = set()
        self.on_command: Callable[[Ticket], object] = lambda _ticket: None
        self.queue_answer: Callable[[ScriptQueueRequest], Reply] = lambda _request: {}
        numbers = iter(range(1, 100))
        self.tickets = TicketBook(
            lambda: f"T-{next(numbers)}",
            lambda ticket: self.board.publish("ticket", ticket.receipt, ticket.to_wire()),
        )
        self._thread = threading.Thread(target=self.inbox.run, name="engine-under-test")
        self._thread.start()

    def command(self, call: CommandCall) -> Ticket:
        self.threads.add(threading.current_thread().name)
        self.calls.append(call)
        ticket = self.tickets.open(call.command)
        self.on_command(ticket)
        return self.tickets.get(ticket.receipt)

    def queue_command(self, request: ScriptQueueRequest) -> Reply:
        self.threads.add(threading.current_thread().name)
        self.asked.append(request)
        return self.queue_answer(request)

    def desk(
        self,
        telescope: object = None,
        records: object = None,
        safety: object = None,
        preprocessor: object = None,
    ) -> DispatchDesk:
        calls = EngineCalls(
            self.command,
            lambda _receipt, _reason: True,
            dict,
            self.queue_command,
        )
        nobody = cast(Any, None)  # Any: neither store, intake nor peers are asked in these tests
        handlers = DeskHandlers(
            self.inbox, calls, cast(Any, records) or Records(nobody, self.tickets),
            cast(Any, _NoIntake()), self.board,
            Peers(cast(Any, telescope), nobody, cast(Any, safety), cast(Any, preprocessor)), nobody,
        )  # fmt: skip
        return DispatchDesk("scheduler", CONTRACT, handlers.table())

    def close(self) -> None:
        self.inbox.close()
        self._thread.join(PATIENCE_S)


class _NoIntake:
    async def handle(self, *_: object) -> Reply:
        raise AssertionError("no order is handed in here")


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine()
    yield made
    made.close()


async def ask(engine: Engine, **keys: object) -> dict[str, Any]:  # Any: of the wire
    order = {key.replace("_", " "): value for key, value in keys.items()}
    async with asyncio.timeout(PATIENCE_S):
        return await engine.desk().handle({"User": "Ada", **order}, CALLER)


def test_the_desk_takes_what_the_contract_says(engine: Engine) -> None:
    served = {kind.value for kind in engine.desk().kinds}
    assert served == set(wire_contract()["services"]["scheduler"]["orders"])


def test_the_component_knows_the_commands_of_the_contract() -> None:
    assert {command.value for command in Command} == {one.value for one in SchedulerCommand}


async def test_a_command_reaches_the_engine_with_all_its_keys(engine: Engine) -> None:
    orders: list[tuple[dict[str, object], CommandCall]] = [
        ({"Command": "start", "Configuration": "survey"},
         CommandCall(Command.START, configuration="survey")),
        ({"Command": "stop", "Abort": True, "Reason": "clouds"},
         CommandCall(Command.STOP, abort=True, reason="clouds")),
        ({"Command": "exit"}, CommandCall(Command.EXIT_CONTROL)),
        ({"Command": "load", "URI": "file:///a"}, CommandCall(Command.LOAD, uri="file:///a")),
        ({"Command": "addBlock", "Block": "b", "Override": {"n": 2}},
         CommandCall(Command.ADD_BLOCK, block="b", override={"n": 2})),
        ({"Command": "setLogLevel", "Level": "DEBUG"},
         CommandCall(Command.SET_LOG_LEVEL, level="DEBUG")),
        ({"Command": "updateObservatoryStatus", "Status": ["IDLE"], "Note": "n"},
         CommandCall(Command.UPDATE_OBSERVATORY_STATUS, status=("IDLE",), note="n")),
    ]  # fmt: skip
    for order, call in orders:
        await ask(engine, WOType="Scheduler", **order)
        assert engine.calls[-1] == call
    assert engine.threads == {"engine-under-test"}


async def test_a_slow_command_is_answered_at_once_with_its_ticket(engine: Engine) -> None:
    reply = await ask(engine, WOType="Scheduler", Command="computePredictedSchedule")
    assert (reply["Receipt"], reply["Status"], reply["Revision"]) == ("T-1", "IN_PROGRESS", 1)
    assert reply["Message"].startswith("Work order received.")
    assert reply_faults("Scheduler", reply) == []


async def test_status_of_a_ticket_waits_for_progress_then_for_the_end(engine: Engine) -> None:
    given = await ask(engine, WOType="Scheduler", Command="getBlockStatus", Block="b")
    receipt = given["Receipt"]

    async def news(since: int) -> dict[str, Any]:  # Any: of the wire
        return await ask(engine, WOType="Status", Receipt=receipt, Since=since, Wait=10)

    waiting = asyncio.create_task(news(given["Revision"]))
    await asyncio.sleep(0)
    engine.tickets.tell(receipt, "3 of 7 targets")
    told = await waiting
    assert (told["Kind"], told["Status"], told["Progress"]) == (
        "Ticket", "IN_PROGRESS", "3 of 7 targets",
    )  # fmt: skip
    waiting = asyncio.create_task(news(told["Revision"]))
    await asyncio.sleep(0)
    engine.tickets.close(receipt, TicketState.COMPLETED, result={"Status": "AVAILABLE"})
    ended = await waiting
    assert (ended["Status"], ended["Result"]) == ("COMPLETED", {"Status": "AVAILABLE"})
    assert ended["Revision"] > told["Revision"] > given["Revision"]
    for reply in (told, ended):
        assert reply_faults("Ticket", reply) == []


async def test_what_a_quick_command_found_is_in_its_reply(engine: Engine) -> None:
    engine.on_command = lambda ticket: engine.tickets.close(
        ticket.receipt, TicketState.COMPLETED, result={"Problems": []}
    )
    reply = await ask(engine, WOType="Scheduler", Command="validateBlock", Block="b")
    assert (reply["Status"], reply["Result"]) == ("COMPLETED", {"Problems": []})


async def test_a_failed_command_says_why_in_its_reply(engine: Engine) -> None:
    engine.on_command = lambda ticket: engine.tickets.close(
        ticket.receipt, TicketState.FAILED, "no such file"
    )
    reply = await ask(engine, WOType="Scheduler", Command="load", URI="file:///a")
    assert (reply["Status"], reply["Failure"]) == ("FAILED", "no such file")


async def test_a_command_that_is_not_taken_is_refused_with_the_reason(engine: Engine) -> None:
    def refuse(_ticket: Ticket) -> None:
        raise WrongState("resume: refused in STANDBY, expected ENABLED")

    engine.on_command = refuse
    with pytest.raises(WrongState, match="refused in STANDBY"):
        await ask(engine, WOType="Scheduler", Command="resume")


async def test_the_queue_answers_in_the_engine_thread(engine: Engine) -> None:
    engine.queue_answer = lambda _request: {
        "Message": "added", "Index": 5, "Queue": [{"Index": 5}], "Current": {}, "History": [],
        "Paused": False,
    }  # fmt: skip
    reply = await ask(engine, WOType="Script Queue", Command="add", Script="park", Location="first")
    assert (reply["Kind"], reply["Status"], reply["Index"]) == ("Script Queue", "OK", 5)
    assert reply["Message"] == "added"
    assert reply_faults("Script Queue", reply) == []
    assert engine.asked[0].script == "park"
    assert engine.threads == {"engine-under-test"}


async def test_a_refusal_of_the_queue_is_the_orders(engine: Engine) -> None:
    def refuse(_request: ScriptQueueRequest) -> Reply:
        raise UnknownOrder("script 7: does not wait in the queue")

    engine.queue_answer = refuse
    with pytest.raises(UnknownOrder, match="script 7"):
        await ask(engine, WOType="Script Queue", Command="move", Index=7, Location="first")


ADDING: list[dict[str, object]] = [
    {"WOType": "Script Queue", "Command": "add", "Script": "park"},
    {"WOType": "Script Queue", "Command": "requeue", "Index": 3},
    {"WOType": "Scheduler", "Command": "addBlock", "Block": "b"},
]


@pytest.mark.parametrize("order", ADDING, ids=lambda order: str(order["Command"]))
async def test_what_adds_is_carried_out_once_however_often_it_is_sent(
    engine: Engine, order: dict[str, object]
) -> None:
    engine.queue_answer = lambda _request: {"Index": len(engine.asked)}
    desk = engine.desk()
    sent = {"User": "Ada", "ID": "7", **order}
    replies = await asyncio.gather(*(desk.handle(sent, CALLER) for _ in range(3)))
    assert replies[0] == replies[1] == replies[2]
    assert len(engine.asked) + len(engine.calls) == 1
    await desk.handle({**sent, "ID": "8"}, CALLER)
    await desk.handle({**sent, "User": "Bob"}, CALLER)
    assert len(engine.asked) + len(engine.calls) == 3
    with pytest.raises(ConflictingOrder, match="'7' of user 'Ada'"):
        await desk.handle({**sent, "Reason": "another one"}, CALLER)


async def test_what_was_refused_may_be_sent_again(engine: Engine) -> None:
    def refuse(_request: ScriptQueueRequest) -> Reply:
        raise WrongState("the queue is full")

    engine.queue_answer = refuse
    desk = engine.desk()
    order = {"WOType": "Script Queue", "Command": "add", "Script": "park", "ID": "7"}
    with pytest.raises(WrongState):
        await desk.handle(order, CALLER)
    engine.queue_answer = lambda _request: {"Index": 1}
    assert (await desk.handle(order, CALLER))["Index"] == 1


async def test_other_commands_are_carried_out_each_time(engine: Engine) -> None:
    desk = engine.desk()
    for wo_type, command in (("Scheduler", "resume"), ("Script Queue", "pause")):
        for _ in range(2):
            order = {"WOType": wo_type, "Command": command, "User": "Ada", "ID": "1"}
            await desk.handle(order, CALLER)
    assert (len(engine.calls), len(engine.asked)) == (2, 2)


class _NoRecords:
    def status(self, name: OrderName) -> Reply:
        raise UnknownOrder(f"no order {name.receipt}")


class _Telescope:
    """Knows one receipt, or does not answer."""

    def __init__(self, *, answers: bool = True) -> None:
        self.asked: list[dict[str, object]] = []
        self._answers = answers

    def front_desk(self, order: dict[str, object]) -> dict[str, object]:
        self.asked.append(order)
        if not self._answers:
            raise ServiceUnreachable("nobody at the telescope's desk")
        if order["Receipt"] != "O-dome":
            raise DeskFault(404, "no such order")
        return {"Receipt": "O-dome", "Status": "COMPLETED"}


async def _status(engine: Engine, telescope: _Telescope, receipt: str, **keys: object) -> Reply:
    order = {"WOType": "Status", "User": "Ada", "Receipt": receipt, **keys}
    async with asyncio.timeout(PATIENCE_S):
        return await engine.desk(telescope, _NoRecords()).handle(order, CALLER)


async def test_an_order_that_was_passed_on_is_asked_about_at_the_telescope(engine: Engine) -> None:
    telescope = _Telescope()
    reply = await _status(engine, telescope, "O-dome", Since=1, Wait=60.0)
    assert reply["Status"] == "COMPLETED"
    assert float(str(telescope.asked[0]["Wait"])) < 10.0  # what the client between desks waits


async def test_what_neither_knows_is_unknown(engine: Engine) -> None:
    with pytest.raises(UnknownOrder, match="no order O-other"):
        await _status(engine, _Telescope(), "O-other")


async def test_properties_are_the_telescopes_to_tell(engine: Engine) -> None:
    with pytest.raises(BadOrder, match=r"Properties: came \['a.B.C'\], which scheduler does not"):
        await ask(engine, WOType="Status", Properties=["a.B.C"])


async def test_a_silent_telescope_is_named_as_who_may_know(engine: Engine) -> None:
    with pytest.raises(UnknownOrder, match="the telescope may know it: nobody"):
        await _status(engine, _Telescope(answers=False), "O-dome")


class _Peer:
    """Takes every order, or does not answer."""

    def __init__(self, *, answers: bool = True) -> None:
        self.commands: list[object] = []
        self._answers = answers

    def front_desk(self, order: dict[str, object]) -> dict[str, object]:
        if not self._answers:
            raise ServiceUnreachable("nobody at that desk")
        self.commands.append(order["Command"])
        return {"Status": "OK"}


async def _control(engine: Engine, telescope: _Peer, safety: _Peer, command: str) -> Reply:
    order = {"WOType": "Control", "Command": command, "User": "ada"}
    async with asyncio.timeout(PATIENCE_S):
        return await engine.desk(telescope=telescope, safety=safety).handle(order, CALLER)


async def test_a_release_goes_to_the_telescope_which_alone_can_end_a_takeover(
    engine: Engine,
) -> None:
    telescope, safety = _Peer(), _Peer()
    reply = await _control(engine, telescope, safety, "release")
    assert (telescope.commands, safety.commands) == (["release"], [])  # it passes it on itself
    assert reply["Reasons"] == []


async def test_a_release_without_a_telescope_ends_the_latch_and_says_what_it_does_not(
    engine: Engine,
) -> None:
    safety = _Peer()
    reply = await _control(engine, _Peer(answers=False), safety, "release")
    assert safety.commands == ["release"]
    assert "a takeover is not released" in str(reply["Reasons"])


@pytest.mark.parametrize("command", ["lock", "unlock"])
async def test_locks_are_safetys(engine: Engine, command: str) -> None:
    telescope, safety = _Peer(), _Peer()
    await _control(engine, telescope, safety, command)
    assert (telescope.commands, safety.commands) == ([], [command])


async def test_a_stop_does_not_wait_for_what_hangs(engine: Engine) -> None:
    over = threading.Event()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
    hanging = [asyncio.create_task(asyncio.to_thread(over.wait)) for _ in range(4)]
    await asyncio.sleep(0.0)  # they have begun
    telescope, safety = _Peer(), _Peer()
    try:
        await _control(engine, telescope, safety, "stop")
        assert (telescope.commands, safety.commands) == (["stop"], ["stop"])
    finally:
        over.set()
        await asyncio.gather(*hanging)
