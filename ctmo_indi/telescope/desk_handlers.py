"""What outsiders may ask of the telescope and the dome: one handler for each kind of order.

They run on the front desk's asyncio loop. What touches the engine goes through its inbox, what
touches the disk or safety's desk through a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ctmo_indi.clock import Clock
from ctmo_indi.errors import (
    BadOrder,
    CtmoError,
    InternalError,
    Locked,
    SafetyError,
    Stopped,
    UnknownOrder,
    WrongState,
)
from ctmo_indi.kill_points import passing
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import AttemptState
from ctmo_indi.models.verdict import NOBODY, Hand, Latch
from ctmo_indi.own_thread import in_own_thread
from ctmo_indi.telescope.attempt import Attempt, Ending
from ctmo_indi.telescope.attempt_book import AttemptBook
from ctmo_indi.telescope.control import (
    MANNERS,
    ControlTask,
    Manner,
    control_steps,
    dome_manner,
    dome_moves,
    dome_steps,
    refused,
)
from ctmo_indi.telescope.engine import Engine
from ctmo_indi.telescope.hand_book import HandBook
from ctmo_indi.telescope.hands import Hands
from ctmo_indi.telescope.procedure import Steps
from ctmo_indi.telescope.safety_link import SafetyDesk
from ctmo_indi.telescope.vigil import Vigil
from ctmo_indi.work_orders.access import Caller, PassedOn, Role
from ctmo_indi.work_orders.desk import Handler, Reply, order_reply
from ctmo_indi.work_orders.lifecycle import SETTLED_ATTEMPTS
from ctmo_indi.work_orders.model import (
    CancelRequest,
    CheckedOrder,
    ControlCommand,
    ControlRequest,
    DomeRequest,
    EventsRequest,
    HeartbeatRequest,
    OrderKind,
    OrderName,
    StatusRequest,
)
from ctmo_indi.work_orders.problems import show
from ctmo_indi.work_orders.receipts import new_receipt
from ctmo_indi.work_orders.revisions import RevisionBoard, answer_on_change
from ctmo_indi.work_orders.status_keys import require_answered

SCHEDULER = "scheduler"
SCHEDULER_SILENT_MACHINE_S = 30.0
QUICK_MACHINE_S = 1.0
QUICK_SAFETY_MACHINE_S = 0.5
ENGINE_ANSWERS_MACHINE_S = 5.0
RECEIVED = "Work order received."
_OF_PLANS = ("Cadence", "Group")  # keys of an Observation; attempts have those of their order

ResultT = TypeVar("ResultT")
RequestT = TypeVar("RequestT")


@dataclass(frozen=True, slots=True)
class DeskParts:
    """What the handlers work with.

    Parameters
    ----------
    refresh
        Learns the newest lock and latch; blocks for a round trip to safety.
    press_stop
        Latches a stop here, see :meth:`SafetyLink.press_stop`; does not block.
    forget_stop
        Ends a latch that safety never heard of.
    scheduler_age_machine_s
        How long the scheduler has been silent, as safety knows; infinite when never heard at work.
    scheduler_rests_machine_s
        The same of a scheduler that is heard and is not ENABLED; infinite otherwise.
    read_elements
        Tells INDI elements by name, see ``elements.py``; any thread, does not block.
    frames
        Counts the frames; any thread, does not block.
    """

    engine: Engine
    vigil: Vigil
    book: AttemptBook
    hand_book: HandBook
    board: RevisionBoard
    clock: Clock
    safety: SafetyDesk
    scheduler_age_machine_s: Callable[[], float]
    refresh: Callable[[], None]
    press_stop: Callable[[Latch], None]
    forget_stop: Callable[[], None]
    read_elements: Callable[[Sequence[str]], dict[str, object]]
    frames: Callable[[], dict[str, object]] = dict
    scheduler_rests_machine_s: Callable[[], float] = lambda: math.inf


class DeskHandlers:
    """The handlers of both desks; they differ in the kinds they serve only."""

    def __init__(self, parts: DeskParts) -> None:
        self._parts = parts
        self._scheduler_heard_machine_s = -math.inf
        self._scheduler_looked_machine_s = -math.inf

    def telescope(self) -> Mapping[OrderKind, Handler]:
        """Kinds the telescope's desk serves."""
        return {
            OrderKind.OBSERVATION: self.observation,
            OrderKind.DOME: self.dome,
            OrderKind.CONTROL: self.control,
            OrderKind.STATUS: self.status,
            OrderKind.CANCEL: self.cancel,
            OrderKind.EVENTS: self.events,
            OrderKind.HEARTBEAT: self.heartbeat,
        }

    def dome_desk(self) -> Mapping[OrderKind, Handler]:
        """Kinds the dome's desk serves."""
        kinds = (OrderKind.OBSERVATION, OrderKind.HEARTBEAT)
        return {kind: one for kind, one in self.telescope().items() if kind not in kinds}

    # -- observations ------------------------------------------------------------------------------

    async def observation(self, checked: CheckedOrder, caller: Caller) -> Reply:
        """Take an attempt: the scheduler's, or a direct order while no scheduler is at work."""
        request = _request(checked, ObservationRequest)
        is_attempt = checked.user == SCHEDULER and bool(request.parent)
        if is_attempt:
            self._scheduler_heard_machine_s = self._parts.clock.machine_s()
        else:
            caller.require(Role.OPERATE, "Observation at the telescope, which moves it now,")
            _refuse_plans(checked)
            self._refuse_beside_scheduler()
        attempt = Attempt(
            attempt_id=checked.id if is_attempt else new_receipt("A", self._parts.clock.utc()),
            parent=request.parent,
            user=checked.user,
            order_id=checked.id,
            request=request,
        )
        passing("telescope.attempt.commit.before")
        row = await asyncio.wrap_future(self._parts.book.insert(attempt, checked))
        passing("telescope.attempt.commit.after")
        is_new = row.attempt_id == attempt.attempt_id and row.state is AttemptState.PENDING
        if is_new:  # or the same order twice at once: the engine takes it once
            known = await self._enqueue(attempt)
            passing("telescope.attempt.enqueued")
        else:
            known = await self._require(OrderName(receipt=row.attempt_id))
        failure = str(known["Failure"])
        return order_reply(
            checked,
            status=str(known["Status"]),
            message=" ".join(filter(None, (RECEIVED, failure))),
            receipt=row.attempt_id,
            revision=_revision(known),
            reasons=tuple(filter(None, (failure,))),
            extra={"Parent": attempt.parent},
        )

    async def _enqueue(self, attempt: Attempt) -> Reply:
        try:
            return await self._ask(lambda: self._parts.engine.enqueue(attempt))
        except CtmoError as error:  # else its row would wait for ever
            attempt.state, attempt.reason = AttemptState.NOT_ATTEMPTED, str(error)
            self._parts.book.on_state(attempt)
            raise

    def _refuse_beside_scheduler(self) -> None:
        heard_machine_s = self._scheduler_heard_machine_s
        if self._parts.scheduler_rests_machine_s() > SCHEDULER_SILENT_MACHINE_S:
            # Not known to rest: one that only looks may have been enabled just now.
            heard_machine_s = max(heard_machine_s, self._scheduler_looked_machine_s)
        heard_s = self._parts.clock.machine_s() - heard_machine_s
        age_s = min(heard_s, self._parts.scheduler_age_machine_s())
        if age_s <= SCHEDULER_SILENT_MACHINE_S:
            raise WrongState(
                f"a scheduler is at work (heard {age_s:.0f} s ago): send the order to it, or have "
                "it do nothing first (its command disable; stop alone leaves it at work)"
            )

    # -- orders by hand ----------------------------------------------------------------------------

    async def control(self, checked: CheckedOrder, caller: Caller) -> Reply:
        """Carry out one command by hand."""
        request = _request(checked, ControlRequest)
        match request.command:
            case ControlCommand.RELEASE:
                await self._ask(lambda: self._parts.engine.release(checked.user))
                self._parts.forget_stop()
                return await self._pass_to_safety(checked, caller)
            case ControlCommand.LOCK | ControlCommand.UNLOCK:
                return await self._pass_to_safety(checked, caller)
            case ControlCommand.STOP:
                return await self._stop(checked, request, caller)
        await self._hear_safety(MANNERS[request.command])
        acts_for = _acts_for(checked, caller)
        self._check(MANNERS[request.command], acts_for)
        if checked.user == SCHEDULER:
            self._refuse_in_hand()
        urgent = request.command in (ControlCommand.ABORT, ControlCommand.PARK)
        task = self._task(checked, request.command.value, control_steps(request))
        task.is_urgent = urgent or request.command is ControlCommand.CLOSE
        task.stops_only = MANNERS[request.command].stops_only
        task.acts_for = acts_for
        task.points = request.command in (ControlCommand.SLEW, ControlCommand.TRACK)
        engine = self._parts.engine
        closes = request.command is ControlCommand.CLOSE
        return await self._carry_out(
            checked, task, engine.close_by_order if closes else engine.enqueue
        )

    async def dome(self, checked: CheckedOrder, caller: Caller) -> Reply:
        """Set the dome, or what the profile binds to a key such as Blink01.

        Closing over a telescope that is not parked becomes the whole closing: park, shutter, dome.
        """
        request = _request(checked, DomeRequest)
        manner = dome_manner(request)
        await self._hear_safety(manner)
        acts_for = _acts_for(checked, caller)
        self._check(manner, acts_for)
        task = self._task(checked, "dome", dome_steps(request))
        task.acts_for = acts_for
        task.turns_dome = request.azimuth_deg is not None
        task.runs_beside = not dome_moves(request)
        task.is_urgent = manner.is_toward_safe
        engine = self._parts.engine
        parked = await self._ask(lambda: engine.sight().parked)
        closes = manner.is_toward_safe and parked is not True and not request.switches
        return await self._carry_out(
            checked, task, engine.close_by_order if closes else engine.enqueue
        )

    async def _carry_out(
        self, checked: CheckedOrder, task: ControlTask, take: Callable[[ControlTask], Reply]
    ) -> Reply:
        """Store the order, then have the engine carry it out; StoreUnavailable keeps it away."""
        book = self._parts.hand_book
        unwritten = await book.durable(task, book.insert(task, checked))
        try:
            await self._ask(lambda: take(task))
        except CtmoError as error:
            task.state, task.reason = AttemptState.NOT_ATTEMPTED, str(error)
            task.failure_code = error.fault_code
            book.on_state(task)
            raise
        return await self._soon(checked, task.receipt, unwritten)

    async def _stop(self, checked: CheckedOrder, request: ControlRequest, caller: Caller) -> Reply:
        """Stop at once by ourselves, then have safety latch it: neither waits for the other."""
        why = f"stop by {checked.user}" + (f": {request.reason}" if request.reason else "")
        task = self._task(checked, "stop", control_steps(request))
        task.is_urgent = task.stops_only = True
        engine = self._parts.engine

        def stop_all() -> None:
            engine.interrupt_and_flush(Ending(AttemptState.ABORTED, why))
            engine.enqueue(task)

        written = self._parts.hand_book.insert(task, checked)
        asked = self._parts.engine.inbox.ask(stop_all)
        utc = self._parts.clock.utc().isoformat(timespec="milliseconds")
        self._parts.press_stop(Latch(checked.user, request.reason or "stop", utc))
        stopping = asyncio.ensure_future(
            _answered(asyncio.shield(asyncio.wrap_future(asked)))  # a stop is never too late
        )
        try:
            latch = await self._pass_to_safety(checked, caller)
        finally:
            await stopping
        unwritten = await self._parts.hand_book.durable(task, written)
        reply = await self._soon(checked, task.receipt, unwritten)
        return {**reply, "Verdict": latch.get("Verdict", {})}

    async def _pass_to_safety(self, checked: CheckedOrder, caller: Caller) -> Reply:
        """Lock, latch and their release are safety's; ServiceUnreachable when it is silent."""
        order = PassedOn(checked.wire, caller)
        reply = await in_own_thread(lambda: self._parts.safety.front_desk(order), "ask-safety")
        await in_own_thread(self._parts.refresh, "ask-safety")
        return reply

    async def _hear_safety(self, manner: Manner) -> None:
        """Ask safety for what it says now; what goes toward safe waits for it a moment only."""
        hearing = in_own_thread(self._parts.refresh, "ask-safety")
        if not manner.is_toward_safe:
            await hearing
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(hearing, QUICK_SAFETY_MACHINE_S)

    def _check(self, manner: Manner, acts_for: Hand) -> None:
        vigil = self._parts.vigil
        error = refused(manner, vigil.verdict, vigil.refusal(manner.needs_safe, acts_for))
        if error is not None:
            raise error

    def _refuse_in_hand(self) -> None:
        """Refuse what no human asked for while one has the observatory in hand.

        By a lock, the latch or a takeover. Safety closes all the same when it must.
        """
        error: SafetyError | None = self._parts.engine.takeover.refusal()
        if error is None:
            refusal = self._parts.vigil.refusal(False)
            error = refusal if isinstance(refusal, Locked | Stopped) else None
        if error is not None:
            raise error

    def _task(
        self, checked: CheckedOrder, name: str, run: Callable[[Hands], Steps[None]]
    ) -> ControlTask:
        return ControlTask(
            receipt=new_receipt("O", self._parts.clock.utc()),
            order_id=checked.id,
            user=checked.user,
            kind=checked.kind.value,
            name=name,
            run=run,
        )

    async def _soon(self, checked: CheckedOrder, receipt: str, unwritten: str) -> Reply:
        """Answer with the result when it is there within a second, else with IN_PROGRESS."""
        view = await answer_on_change(
            self._parts.board,
            lambda: self._settled_or_zero(receipt),
            subject=receipt,
            since=0,
            wait_s=QUICK_MACHINE_S,
        )
        failure = str(view["Failure"])
        code = {"Failure Code": view["Failure Code"]} if "Failure Code" in view else {}
        lost = f"It will not be known after a restart: {unwritten}" if unwritten else ""
        passing("telescope.hand.reply")
        return order_reply(
            checked,
            status=str(view["Status"]),
            message=" ".join(filter(None, (RECEIVED, failure, lost))),
            receipt=receipt,
            revision=_revision(await self._view(receipt) or {}),
            reasons=tuple(filter(None, (failure, lost))),
            extra={"Failure": failure, **code},
        )

    async def _settled_or_zero(self, receipt: str) -> Reply:
        """Let :func:`answer_on_change` wait until the order has ended."""
        view = await self._require(OrderName(receipt=receipt))
        is_settled = AttemptState(str(view["Status"])) in SETTLED_ATTEMPTS
        return {**view, "Revision": 1 if is_settled else 0}

    # -- asking ------------------------------------------------------------------------------------

    async def status(self, checked: CheckedOrder, caller: Caller) -> Reply:
        """Tell how an order is, all orders, or the service; waits for a change when asked to."""
        request = _request(checked, StatusRequest)
        require_answered(checked, "telescope")
        if checked.user == SCHEDULER:
            self._scheduler_looked_machine_s = self._parts.clock.machine_s()
            if request.name.is_given:  # it follows an attempt
                self._scheduler_heard_machine_s = self._scheduler_looked_machine_s
        if request.list_all:
            views = await self._ask(
                lambda: self._parts.engine.tasks.views(request.state, request.limit)
            )
            return {"Kind": "Status", "Orders": views, "Revision": self._parts.board.revision}
        subject = None
        if request.name.is_given:
            subject = str((await self._require(request.name))["Receipt"])

        async def read() -> Reply:
            if subject is not None:
                return await self._require(OrderName(receipt=subject))
            wire = await self._ask(self._parts.engine.to_wire)
            if request.properties:
                wire["Properties"] = _shown(self._parts.read_elements(request.properties), caller)
            wire["Frame Counts"] = self._parts.frames()
            return {"Kind": "Status", "Revision": self._parts.board.revision, **wire}

        return await answer_on_change(
            self._parts.board,
            read,
            subject=subject,
            since=request.since,
            wait_s=request.wait_s,
        )

    async def cancel(self, checked: CheckedOrder, caller: Caller) -> Reply:
        """Cancel what waits, abort what runs; an order that has ended is left as it is.

        So is canceled an attempt of the scheduler's that has not come, see :meth:`_cancel_unknown`.
        """
        request = _request(checked, CancelRequest)
        why = f"canceled by {request.user}" + (f": {request.reason}" if request.reason else "")
        if request.name.receipt:  # by User and ID it is the caller's own
            caller.require(Role.OPERATE, "Cancel by Receipt at the telescope")
        elif checked.user == SCHEDULER:
            await self._cancel_unknown(request.name, why)
        view = await self._require(request.name)
        if AttemptState(str(view["Status"])) not in SETTLED_ATTEMPTS:
            receipt = str(view["Receipt"])
            view = await self._ask(lambda: self._parts.engine.cancel(receipt, request.user, why))
        return view

    async def _cancel_unknown(self, name: OrderName, why: str) -> None:
        """See to it that an attempt is known before it is canceled, also one still on its way.

        An order goes on without its sender: it may wait for its commit, or, while this process was
        stopped, in the buffer of a connection whose client is dead. A scheduler that has taken its
        place may not begin another attempt before this one certainly does not run. To wait for the
        commits under way would not do for the buffer: connections are read in any order.
        """
        key = (name.user, name.order_id)
        if await self._ask(lambda: self._parts.engine.tasks.named(*key)):
            return
        if await asyncio.to_thread(self._parts.hand_book.view, "", *key) is None:
            await asyncio.wrap_future(self._parts.book.cancel_unknown(*key, why))

    async def events(self, checked: CheckedOrder, caller: Caller) -> Reply:
        """Tell what was published since a cursor."""
        request = _request(checked, EventsRequest)
        page = await self._parts.board.next_events(
            request.cursor, request.wait_s, request.kinds, request.limit
        )
        return {"Kind": "Events", **page.to_wire()}

    async def heartbeat(self, checked: CheckedOrder, caller: Caller) -> Reply:
        """Hear that the scheduler is at work: while it is, direct observations are refused."""
        request = _request(checked, HeartbeatRequest)
        if request.service == SCHEDULER:
            self._scheduler_heard_machine_s = self._parts.clock.machine_s()
        return {"Kind": "Heartbeat", "Verdict": self._parts.vigil.to_wire()}

    async def _require(self, name: OrderName) -> Reply:
        receipt = name.receipt
        if not receipt:
            receipt = await self._ask(
                lambda: self._parts.engine.tasks.named(name.user, name.order_id)
            )
        view = await self._view(receipt) if receipt else None
        if view is None:
            view = await asyncio.to_thread(self._stored_view, name)
        if view is None:
            which = name.receipt or f"User {name.user!r}, ID {name.order_id!r}"
            raise UnknownOrder(f"{which}: no such order here")
        return view

    def _stored_view(self, name: OrderName) -> Reply | None:
        """View of what the engine does not remember, from the store; blocks."""
        key = (name.receipt, name.user, name.order_id)
        return self._parts.book.view(*key) or self._parts.hand_book.view(*key)

    async def _view(self, receipt: str) -> Reply | None:
        return await self._ask(lambda: self._parts.engine.tasks.view(receipt))

    async def _ask(self, call: Callable[[], ResultT]) -> ResultT:
        """Ask the engine; what it has not begun in time is not done later either."""
        return await _answered(asyncio.wrap_future(self._parts.engine.inbox.ask(call)))


async def _answered(answer: asyncio.Future[ResultT]) -> ResultT:
    """Wait for the engine; InternalError when it does not answer in time."""
    try:
        return await asyncio.wait_for(answer, ENGINE_ANSWERS_MACHINE_S)
    except TimeoutError:
        raise InternalError(
            f"the telescope's engine did not answer within {ENGINE_ANSWERS_MACHINE_S:g} s"
        ) from None


def _request(checked: CheckedOrder, wanted: type[RequestT]) -> RequestT:
    if not isinstance(checked.request, wanted):
        raise InternalError(f"{checked.kind}: {type(checked.request).__name__}")
    return checked.request


def _refuse_plans(checked: CheckedOrder) -> None:
    """Refuse what only a plan can keep: here a direct order is carried out once, by itself."""
    problems = [
        f"{key}: came {show(checked.wire[key])}, expected at the scheduler, which plans"
        for key in _OF_PLANS
        if checked.wire.get(key)
    ]
    if problems:
        raise BadOrder(problems)


def _shown(elements: Mapping[str, object], caller: Caller) -> dict[str, object]:
    """Leave out texts for a reader: some are keys of weather services and passwords."""
    if caller.role >= Role.OPERATE:
        return dict(elements)
    hidden = {"Reason": "a text, which needs the role operate"}
    return {
        name: hidden if isinstance(told, Mapping) and isinstance(told.get("Value"), str) else told
        for name, told in elements.items()
    }


def _acts_for(checked: CheckedOrder, caller: Caller) -> Hand:
    """Whose hand an order is; the scheduler's own orders are nobody's."""
    if checked.user == SCHEDULER:
        return NOBODY
    return Hand(caller.answers_to(checked.user), caller.is_known)


def _revision(view: Mapping[str, object]) -> int:
    revision = view.get("Revision", 0)
    return revision if isinstance(revision, int) else 0
