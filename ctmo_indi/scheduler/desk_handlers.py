"""The scheduler's desk: what each kind of order does here.

Coroutines on the front desk's loop. What belongs to the engine is asked through its inbox, what
blocks (store, peers) runs in threads with time-outs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.errors import (
    BadOrder,
    InternalError,
    ServiceUnreachable,
    UnknownOrder,
    WrongState,
)
from ctmo_indi.inbox import Inbox
from ctmo_indi.models.states import OrderState
from ctmo_indi.own_thread import FewOwnThreads, TooManyThreads, in_own_thread
from ctmo_indi.scheduler.answered import AnsweredOrders
from ctmo_indi.scheduler.command_call import CommandCall
from ctmo_indi.scheduler.explaining import Explainer
from ctmo_indi.scheduler.orders.intake import OrderIntake
from ctmo_indi.scheduler.orders.records import Records
from ctmo_indi.scheduler.tickets import Ticket
from ctmo_indi.script_queue.peer import FrontDesk
from ctmo_indi.work_orders.access import Caller, PassedOn
from ctmo_indi.work_orders.desk import Handler, Reply, order_reply
from ctmo_indi.work_orders.lifecycle import SETTLED_ORDERS
from ctmo_indi.work_orders.model import (
    CancelRequest,
    CheckedOrder,
    ControlCommand,
    ControlRequest,
    EventsRequest,
    ExplainRequest,
    OrderKind,
    PlanRequest,
    SchedulerCommand,
    SchedulerRequest,
    ScriptQueueCommand,
    ScriptQueueRequest,
    StatusRequest,
)
from ctmo_indi.work_orders.revisions import RevisionBoard, answer_on_change
from ctmo_indi.work_orders.status_keys import require_answered

ENGINE_ANSWERS_S = 10.0
CANCEL_WAIT_S = 6.0
"""Machine seconds Cancel waits for an attempt under way to end; then it answers all the same."""

PASSED_WAIT_S = 5.0
"""Longest Wait, machine seconds, of a Status that is passed on: below the time-out of that call."""

MOST_QUESTIONS = 64
"""To other services at once; who asked may have left, a peer that hangs answers none."""

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class Peers:
    """Desks of the other services."""

    telescope: FrontDesk
    dome: FrontDesk
    safety: FrontDesk
    preprocessor: FrontDesk


@dataclass(frozen=True, slots=True)
class EngineCalls:
    """What the desk may ask of the engine; each runs in the engine thread.

    Parameters
    ----------
    command
        Takes a command of the component; its ticket, which may have ended already.
    cancel
        Cancels an order: receipt, reason.
    status
        The service's own status.
    queue_command
        Looks at the script queue or changes it; the keys of the reply.
    """

    command: Callable[[CommandCall], Ticket]
    cancel: Callable[[str, str], bool]
    status: Callable[[], Reply]
    queue_command: Callable[[ScriptQueueRequest], Reply]


async def no_report(_checked: CheckedOrder, _caller: Caller) -> Reply:
    """Refuse a Report: there is nobody who makes one."""
    raise WrongState("this scheduler makes no night reports")


class DeskHandlers:
    """Handlers by kind of order; give :meth:`table` to a DispatchDesk."""

    def __init__(
        self,
        inbox: Inbox,
        engine: EngineCalls,
        records: Records,
        intake: OrderIntake,
        board: RevisionBoard,
        peers: Peers,
        explainer: Explainer,
        report: Handler = no_report,
    ) -> None:
        self._inbox = inbox
        self._engine = engine
        self._records = records
        self._intake = intake
        self._board = board
        self._peers = peers
        self._explainer = explainer
        self._report = report
        self._answered = AnsweredOrders()
        self._questions = FewOwnThreads(MOST_QUESTIONS)

    def table(self) -> Mapping[OrderKind, Handler]:
        """Return the handler of each kind that is served here."""
        return {
            OrderKind.OBSERVATION: self._intake.handle,
            OrderKind.DOME: self._dome,
            OrderKind.CONTROL: self._control,
            OrderKind.CALIBRATION: self._calibration,
            OrderKind.FRAMES: self._frames,
            OrderKind.SCHEDULER: self._scheduler,
            OrderKind.SCRIPT_QUEUE: self._script_queue,
            OrderKind.STATUS: self._status,
            OrderKind.CANCEL: self._cancel,
            OrderKind.EXPLAIN: self._explain,
            OrderKind.PLAN: self._plan,
            OrderKind.REPORT: self._report,
            OrderKind.EVENTS: self._events,
        }

    async def _dome(self, checked: CheckedOrder, caller: Caller) -> Reply:
        return await _pass_on(self._peers.dome, checked, caller)

    async def _calibration(self, checked: CheckedOrder, caller: Caller) -> Reply:
        return await _pass_on(self._peers.preprocessor, checked, caller)

    async def _frames(self, checked: CheckedOrder, caller: Caller) -> Reply:
        question = _passing(self._peers.preprocessor, checked, caller)
        try:
            return await self._questions.run(question, "scheduler-asks")
        except TooManyThreads as error:
            raise ServiceUnreachable(f"preprocessor: {error}; ask again later") from None

    async def _control(self, checked: CheckedOrder, caller: Caller) -> Reply:
        request = checked.request
        command = request.command if isinstance(request, ControlRequest) else None
        if command is ControlCommand.STOP:
            return await self._stop(checked, caller)
        if command is ControlCommand.RELEASE:
            return await self._release(checked, caller)
        if command in _SAFETYS:
            return await _pass_on(self._peers.safety, checked, caller)
        return await _pass_on(self._peers.telescope, checked, caller)

    async def _release(self, checked: CheckedOrder, caller: Caller) -> Reply:
        """Release: the telescope ends a takeover and has safety end a stop."""
        try:
            return await _pass_on(self._peers.telescope, checked, caller)
        except ServiceUnreachable as error:
            reply = await _pass_on(self._peers.safety, checked, caller)
            reply["Reasons"] = [f"a takeover is not released: {error}"]
            return reply

    async def _stop(self, checked: CheckedOrder, caller: Caller) -> Reply:
        """Stop: the telescope aborts, safety latches; one of them is enough for an answer."""
        answers = await asyncio.gather(
            _pass_on(self._peers.telescope, checked, caller),
            _pass_on(self._peers.safety, checked, caller),
            return_exceptions=True,
        )
        replies = [answer for answer in answers if isinstance(answer, dict)]
        errors = [answer for answer in answers if isinstance(answer, BaseException)]
        if not replies:
            raise errors[0]
        reply = replies[-1]
        if errors:
            reply["Reasons"] = [f"one service did not stop: {error}" for error in errors]
        return reply

    async def _scheduler(self, checked: CheckedOrder, _caller: Caller) -> Reply:
        request = checked.request
        if not isinstance(request, SchedulerRequest):
            raise BadOrder(f"WOType: came {checked.kind.value}, expected Scheduler")
        if request.command is SchedulerCommand.ADD_BLOCK:
            return await self._answered.once(checked, lambda: self._command(checked, request))
        return await self._command(checked, request)

    async def _command(self, checked: CheckedOrder, request: SchedulerRequest) -> Reply:
        call = command_call(request)
        ticket = await self._ask(lambda: self._engine.command(call))
        told = ticket.to_wire()
        return order_reply(
            checked,
            status=ticket.state.value,
            message=f"Work order received. {told['Message']}",
            receipt=ticket.receipt,
            revision=ticket.revision,
            extra={key: told[key] for key in _OF_A_TICKET if key in told},
        )

    async def _script_queue(self, checked: CheckedOrder, _caller: Caller) -> Reply:
        request = checked.request
        if not isinstance(request, ScriptQueueRequest):
            raise BadOrder(f"WOType: came {checked.kind.value}, expected Script Queue")

        async def carry_out() -> Reply:
            answer = await self._ask(lambda: self._engine.queue_command(request))
            return order_reply(checked, status="OK", message=f"{request.command}: done") | answer

        if request.command in _ADDING:
            return await self._answered.once(checked, carry_out)
        return await carry_out()

    async def _status(self, checked: CheckedOrder, caller: Caller) -> Reply:
        request = checked.request
        if not isinstance(request, StatusRequest):
            raise BadOrder(f"WOType: came {checked.kind.value}, expected Status")
        require_answered(checked, "scheduler")
        if request.debt_night:
            return await _pass_on(self._peers.preprocessor, checked, caller)
        if request.list_all:
            return await asyncio.to_thread(self._records.listing, request)
        if not request.name.is_given:
            return await answer_on_change(
                self._board,
                self._own_status,
                subject=None,
                since=request.since,
                wait_s=request.wait_s,
            )
        name = request.name
        try:
            first = await asyncio.to_thread(self._records.status, name)
        except UnknownOrder as unknown:
            return await self._status_elsewhere(checked, caller, unknown)

        async def read() -> Reply:
            return await asyncio.to_thread(self._records.status, name)

        return await answer_on_change(
            self._board,
            read,
            subject=str(first["Receipt"]),
            since=request.since,
            wait_s=request.wait_s,
        )

    async def _status_elsewhere(
        self, checked: CheckedOrder, caller: Caller, unknown: UnknownOrder
    ) -> Reply:
        """Ask the telescope, which keeps the Dome and Control orders that were passed on to it."""
        order = dict(checked.wire)
        if "Wait" in order:
            order["Wait"] = min(float(str(order["Wait"])), PASSED_WAIT_S)
        try:
            question = _passing(self._peers.telescope, replace(checked, wire=order), caller)
            return await self._questions.run(question, "scheduler-asks")
        except DeskFault as fault:
            if fault.code == UnknownOrder.fault_code:
                raise unknown from None
            raise
        except (ServiceUnreachable, TooManyThreads) as error:
            raise UnknownOrder(f"{unknown}; the telescope may know it: {error}") from error

    async def _own_status(self) -> Reply:
        revision = self._board.news
        counts = await asyncio.to_thread(self._records.counts)
        status = await self._ask(self._engine.status)
        return {**status, "Revision": revision, "Order Counts": counts}

    async def _cancel(self, checked: CheckedOrder, caller: Caller) -> Reply:
        request = checked.request
        if not isinstance(request, CancelRequest):
            raise BadOrder(f"WOType: came {checked.kind.value}, expected Cancel")
        row = await asyncio.to_thread(self._records.find, request.name)
        caller.require_own(row.user, f"order {row.receipt}")
        if row.state is OrderState.CANCELED:
            return await asyncio.to_thread(self._records.status, request.name)
        if row.state in SETTLED_ORDERS:
            raise WrongState(f"order {row.receipt} is {row.state}, there is nothing to cancel")
        mark = self._board.revision
        reason = request.reason or f"canceled by {request.user}"
        is_done = await self._ask(lambda: self._engine.cancel(row.receipt, reason))
        loop = asyncio.get_running_loop()
        end_s = loop.time() + CANCEL_WAIT_S
        while True:
            reply = await asyncio.to_thread(self._records.status, request.name)
            left_s = end_s - loop.time()
            if is_done or left_s <= 0 or str(reply["Status"]) in SETTLED_ORDERS:
                break
            mark = await self._board.wait(mark, left_s, row.receipt)
        if str(reply["Status"]) not in SETTLED_ORDERS:
            reply["Message"] = "the cancel is under way, the attempt has not ended yet"
        return reply

    async def _explain(self, checked: CheckedOrder, _caller: Caller) -> Reply:
        request = checked.request
        if not isinstance(request, ExplainRequest):
            raise BadOrder(f"WOType: came {checked.kind.value}, expected Explain")
        row = await asyncio.to_thread(self._records.find, request.name)
        if row.kind != OrderKind.OBSERVATION:
            raise BadOrder(f"Receipt: {row.receipt} is {row.kind}, expected an Observation")
        told = await self._explainer.explain(row, request.at_utc_s)
        words = told.get("Words")
        return order_reply(
            checked,
            status=row.state.value,
            message=str(words[0]) if isinstance(words, list) and words else "",
            receipt=row.receipt,
            revision=row.revision,
            priority=row.priority,
            extra={**told, "ID": row.order_id},
        )

    async def _plan(self, checked: CheckedOrder, _caller: Caller) -> Reply:
        request = checked.request
        if not isinstance(request, PlanRequest):
            raise BadOrder(f"WOType: came {checked.kind.value}, expected Plan")
        told = await self._explainer.plan(request.limit)
        if request.night not in ("", told["Night"]):
            raise WrongState(
                f"Night: came {request.night}, the plan that stands is of {told['Night']}"
            )
        count, gap = told["Number of Visits"], float(str(told.get("Gap", 0.0)))
        message = f"visits: {count}, within {100.0 * gap:.2g} % of the best possible"
        if told.get("Preview"):
            message = f"not followed yet: {told['Preview']}; {message}"
        return order_reply(checked, status="OK", message=message, extra=told)

    async def _events(self, checked: CheckedOrder, _caller: Caller) -> Reply:
        request = checked.request
        if not isinstance(request, EventsRequest):
            raise BadOrder(f"WOType: came {checked.kind.value}, expected Events")
        page = await self._board.next_events(
            request.cursor, request.wait_s, request.kinds, request.limit
        )
        return {"Kind": "Events", "Status": "OK", **page.to_wire()}

    async def _ask(self, call: Callable[[], AnswerT]) -> AnswerT:
        """Ask the engine; InternalError when it does not answer in time."""
        future = asyncio.wrap_future(self._inbox.ask(call))
        try:
            return await asyncio.wait_for(future, ENGINE_ANSWERS_S)
        except TimeoutError:
            raise InternalError(
                f"the scheduler's engine did not answer within {ENGINE_ANSWERS_S:g} s"
            ) from None


_ADDING = frozenset({ScriptQueueCommand.ADD, ScriptQueueCommand.REQUEUE})
_OF_A_TICKET = ("Command", "Failure", "Progress", "Result")
_SAFETYS = frozenset({ControlCommand.LOCK, ControlCommand.UNLOCK})


async def _pass_on(peer: FrontDesk, checked: CheckedOrder, caller: Caller) -> Reply:
    """Hand the order to the service that carries it out; its refusal is ours.

    In a thread of its own: a stop must not wait behind questions to a peer that is down.
    """
    return await in_own_thread(_passing(peer, checked, caller), "scheduler-pass-on")


def _passing(peer: FrontDesk, checked: CheckedOrder, caller: Caller) -> Callable[[], Reply]:
    return partial(peer.front_desk, PassedOn({**checked.wire, "User": checked.user}, caller))


def command_call(request: SchedulerRequest) -> CommandCall:
    """Return what the engine is asked for."""
    return CommandCall(
        command=request.command,
        abort=request.abort,
        reason=request.reason,
        configuration=request.configuration,
        uri=request.uri,
        block=request.block,
        override=request.override,
        level=request.level,
        status=request.status,
        note=request.note,
    )
