"""The scheduler's orders and attempts: the database is the truth, this is its one keeper.

Only the engine thread calls it. Every change is durable before the call returns and is then
published; waiting for a commit costs milliseconds. Orders that may still need work are kept in
memory as well, so that a decision does not read a thousand rows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError, UnknownOrder, WrongState
from ctmo_indi.kill_points import passing
from ctmo_indi.models.observation import Observation
from ctmo_indi.models.orders import ExposureRecord, ObservationRequest
from ctmo_indi.models.states import AttemptState, OrderState
from ctmo_indi.profiles import NightPolicy, Site
from ctmo_indi.scheduler.orders import book_writes
from ctmo_indi.scheduler.orders.book_events import attempt_event, observation_event, order_event
from ctmo_indi.scheduler.orders.book_rows import attempt_row, first_born, resting, target_id
from ctmo_indi.scheduler.orders.internal_orders import driver_user, internal_order, is_internal
from ctmo_indi.scheduler.orders.open_orders import OpenAttempt, OpenOrder, Settled
from ctmo_indi.scheduler.orders.rests import DAY, Resting, Rests
from ctmo_indi.scheduler.orders.settlement import Cause, is_blameless, why_passed, windows_passed
from ctmo_indi.scheduler.orders.unreadable_orders import readable_part
from ctmo_indi.scheduling.target import DriverTarget, PendingOrder
from ctmo_indi.script_queue.attempts import AttemptResult
from ctmo_indi.store import attempts, cancel_requests, observations, orders
from ctmo_indi.store.attempts import AttemptRow
from ctmo_indi.store.database import Database
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.orders import OrderRow
from ctmo_indi.store.recent_attempts import ended_since
from ctmo_indi.work_orders.lifecycle import SETTLED_ORDERS

_log = logging.getLogger(__name__)

OPEN_STATES = frozenset(OrderState) - SETTLED_ORDERS
UNREADABLE = "the order no longer keeps the contract: "
TELLING = (
    AttemptState.COMPLETED,
    AttemptState.FAILED,
    AttemptState.ABORTED,
    AttemptState.INTERRUPTED,
)
"""Ends of an attempt that tell something a restart has to know; of the others nothing had begun."""

_UNDER_WAY = (OrderState.SCHEDULED, OrderState.IN_PROGRESS)
_NOT_UNDER_WAY = "restart: no attempt was under way"


@dataclass(slots=True)
class OrdersBook:
    """Keeper of orders and attempts; engine thread only.

    Parameters
    ----------
    read_request
        Checks a stored order against the contract again and gives its request; it raises when the
        order no longer keeps the contract.
    publish
        Told of every change: kind ("order", "attempt", "observation"), subject, data.
    """

    database: Database
    writer: Writer
    clock: Clock
    policy: NightPolicy
    read_request: Callable[[OrderRow], ObservationRequest]
    publish: Callable[[str, str, dict[str, object]], object]
    site: Site
    _open: dict[str, OpenOrder] = field(default_factory=dict)
    _attempts: dict[str, AttemptRow] = field(default_factory=dict)
    _rests: Rests = field(init=False)

    def __post_init__(self) -> None:
        self._rests = Rests(self.clock, self.site, self.policy.failure_limit)

    def load(self) -> None:
        """Read what is open from the database; at a start, before anything else."""
        with self.database.read() as connection:
            rows = orders.in_states(connection, OPEN_STATES)
            open_attempts = attempts.open_attempts(connection)
            to_cancel = cancel_requests.of_orders_in(connection, OPEN_STATES)
            recent = ended_since(connection, first_born(self.clock.utc() - DAY), TELLING)
        passing("scheduler.recovery.loaded")
        for row in rows:
            self.adopt(row)
        self._read_cadences()
        for one in recent:
            who = resting(one)
            if who is not None and (who.driver or who.name in self._open):
                self._rests.ended(who, one.state, one.frames, one.reason, one.ended_utc_s)
        self._attempts = {row.attempt_id: row for row in open_attempts if row.parent in self._open}
        for receipt, reason in to_cancel.items():
            if receipt in self._open:
                self._open[receipt].is_cancel_requested = True
                self._open[receipt].cancel_reason = reason
        busy = {row.parent for row in self._attempts.values()}
        for receipt, known in list(self._open.items()):
            if receipt in busy:
                continue
            if is_internal(known.row):
                self._change(receipt, OrderState.CANCELED, _NOT_UNDER_WAY)
            elif known.is_cancel_requested:
                self._change(receipt, OrderState.CANCELED, known.cancel_reason)
            elif known.row.state in _UNDER_WAY:
                self._change(receipt, OrderState.PENDING, _NOT_UNDER_WAY)
                self._hold_unreadable(known)
        _log.info("orders loaded open=%d attempts=%d", len(self._open), len(self._attempts))

    def _read_cadences(self) -> None:
        """Learn when orders with a cadence are due: a search of the history, if there are any."""
        paced = [receipt for receipt, known in self._open.items() if known.request.cadence]
        if not paced:
            return
        with self.database.read() as connection:
            last_mjd = observations.last_mjd(connection, paced)
        for receipt, mjd in last_mjd.items():
            self._open[receipt].observed_at(mjd)

    def adopt(self, row: OrderRow, request: ObservationRequest | None = None) -> None:
        """Take an order that was just stored, or read back, among the open ones.

        One that no longer keeps the contract (the profile was changed) is HELD until it does; if an
        attempt at it is under way, when that has ended.

        Parameters
        ----------
        request
            What it asks for, of an order that was just checked.
        """
        if row.receipt in self._open or row.state not in OPEN_STATES:
            return
        if request is not None:
            self._open[row.receipt] = OpenOrder(row, request)
            return
        try:
            request = self.read_request(row)
        except CtmoError as error:
            _log.error("order unreadable receipt=%s error=%s", row.receipt, error)
            known = OpenOrder(row, readable_part(row), unreadable=f"{UNREADABLE}{error}")
            self._open[row.receipt] = known
            self._hold_unreadable(known)
            return
        if row.state is OrderState.HELD and row.reason.startswith(UNREADABLE):
            row = self._store(row.receipt, OrderState.PENDING, "")
        self._open[row.receipt] = OpenOrder(row, request)

    def _hold_unreadable(self, known: OpenOrder) -> None:
        if known.unreadable and known.row.state is OrderState.PENDING:
            self._change(known.row.receipt, OrderState.HELD, known.unreadable)

    def adopt_unknown(self, receipt: str) -> OrderRow | None:
        """Take an order that is stored and not known here; return it, None when it is known.

        Of a commit that was reported as failed and had happened. Read anew: meanwhile it may have
        ended.
        """
        if receipt in self._open:
            return None
        with self.database.read() as connection:
            row = orders.get(connection, receipt)
        if row is None or row.state is not OrderState.PENDING:
            return None
        _log.warning("order adopted that was stored in doubt receipt=%s", receipt)
        self.adopt(row)
        return row

    def order(self, receipt: str) -> OpenOrder:
        """Return the open order; UnknownOrder when there is none."""
        try:
            return self._open[receipt]
        except KeyError:
            raise UnknownOrder(f"no open order with receipt {receipt!r}") from None

    def is_open(self, receipt: str) -> bool:
        """Whether the order may still need work."""
        return receipt in self._open

    def pending(self, also: Collection[str] = ()) -> tuple[PendingOrder, ...]:
        """Orders that wait for an attempt, as a scheduling driver sees them.

        One of which nothing has changed since the last call is the same object, so that a driver
        sees at a glance what is new among ten thousand.

        Parameters
        ----------
        also
            Receipts of orders whose attempt is about to be withdrawn: as if they waited.
        """
        return tuple(
            known.pending(self._rests.not_before_utc_s(Resting("", known.row.receipt)))
            for known in self._open.values()
            if not known.is_cancel_requested and not is_internal(known.row) and not known.unreadable
            if known.row.state is OrderState.PENDING
            or (known.row.state is OrderState.SCHEDULED and known.row.receipt in also)
        )

    def resting(self, driver: str) -> dict[str, float]:
        """Return which of a driver's own targets are left alone: ``target_id`` -> Unix seconds."""
        return self._rests.of_driver(driver_user(driver))

    def resting_for_the_night(self, driver: str) -> list[str]:
        """Say which of a driver's own targets failed too often in this night, one line each."""
        return self._rests.for_the_night(driver_user(driver))

    def open_attempts(self) -> tuple[OpenAttempt, ...]:
        """Attempts that have not ended, oldest first."""
        return tuple(
            OpenAttempt(row, known.request, target_id(known.row), not known.unreadable)
            for row in self._attempts.values()
            for known in (self._open[row.parent],)
        )

    def attempt_of(self, receipt: str) -> str:
        """Id of the open attempt at an order; "" when there is none."""
        return next(
            (row.attempt_id for row in self._attempts.values() if row.parent == receipt), ""
        )

    def begin_attempt(self, target: DriverTarget, driver: str = "") -> OpenAttempt:
        """Store an attempt at a target; its order becomes SCHEDULED.

        Parameters
        ----------
        target
            Of a pending order: at most the frames it still wants. Of the driver's own: an order is
            made for it in the same transaction.
        driver
            Name of the scheduling driver.

        Raises
        ------
        UnknownOrder, WrongState
            The order was canceled, or has ended, meanwhile; or an attempt at it is open.
        BadOrder
            The driver's own target does not keep the contract of Work Orders.
        """
        now = self.clock.utc()
        if target.receipt:
            known, made = self.order(target.receipt), None
            if self.attempt_of(target.receipt):
                raise WrongState(f"order {target.receipt}: an attempt at it is open")
            count = min(max(1, target.count), known.missing)
        else:
            made = internal_order(target, driver, now)
            known, count = OpenOrder(made, self.read_request(made)), target.count
        row = attempt_row(known.row, count, now)
        receipt = known.row.receipt
        known.row, after = book_writes.begin(
            self.writer, known.row, row, now.timestamp(), is_new=made is not None
        )
        self._open[receipt] = known
        self._note(after)
        self._attempts[row.attempt_id] = row
        self.publish("attempt", row.attempt_id, attempt_event(row))
        return OpenAttempt(row, known.request, target_id(known.row))

    def progressed(self, attempt_id: str, frames: Sequence[ExposureRecord]) -> None:
        """The telescope has begun the attempt, or has these frames of it so far."""
        row = self._attempts.get(attempt_id)
        if row is None:
            return
        now_utc_s = self.clock.utc().timestamp()
        begun, after = book_writes.progress(self.writer, row, frames, now_utc_s)
        if begun.state not in attempts.OPEN_STATES:
            return  # its end is stored already, and is told when it is settled
        self._attempts[attempt_id] = begun
        self.publish("attempt", begun.attempt_id, attempt_event(begun))
        self._note(after)

    def settle(self, result: AttemptResult, cause: Cause) -> Settled | None:
        """Note how an attempt ended and what that means for its order.

        Returns
        -------
        Settled or None
            None when its end is not known: it stays open and is asked for again.
        """
        row = self._attempts.get(result.attempt_id)
        if row is None or result.state is None:
            return None
        known = self.order(row.parent)
        settled, good = book_writes.settle(
            self.writer,
            known,
            row,
            result,
            result.state,
            cause,
            self.policy,
            self.clock.utc().timestamp(),
        )
        attempt, after = settled.attempt, settled.order
        del self._attempts[row.attempt_id]
        who = resting(known.row)
        if who is not None and not is_blameless(attempt.state, cause):
            self._rests.ended(who, attempt.state, good, result.failure)
        self.publish("attempt", attempt.attempt_id, attempt_event(attempt))
        if settled.observation is not None:
            known.observed_at(settled.observation.mjd)
        self._note(after)
        if settled.observation is not None:
            self.publish("observation", attempt.attempt_id, observation_event(settled.observation))
        return settled

    def observations_after(self, number: int) -> list[Observation]:
        """Everything observed after a number, in order; blocks for the database."""
        with self.database.read() as connection:
            return observations.after(connection, number)

    def cancel(self, receipt: str, reason: str) -> str:
        """Cancel a waiting order at once, or note that one under way is to be canceled.

        Returns
        -------
        str
            Id of the attempt that must be ended first; "" when the order is CANCELED now.
        """
        known = self.order(receipt)
        attempt_id = self.attempt_of(receipt)
        if attempt_id:
            now_utc_s = self.clock.utc().timestamp()
            book_writes.request_cancel(self.writer, receipt, reason, now_utc_s)
            known.is_cancel_requested = True
            known.cancel_reason = reason
            return attempt_id
        self._change(receipt, OrderState.CANCELED, reason)
        return ""

    def hold_is_over(self) -> None:
        """No human holds the observatory any more: what was not done for one waits no longer."""
        self._rests.hold_is_over()

    def expire(self) -> int:
        """End the waiting orders whose windows are over; return how many."""
        now_utc_s = self.clock.utc().timestamp()
        over = [
            receipt
            for receipt, known in self._open.items()
            if known.row.state in (OrderState.PENDING, OrderState.HELD)
            and windows_passed(known.request, now_utc_s)
        ]
        for receipt in over:
            reason = why_passed(self._open[receipt].request)
            self._change(receipt, OrderState.WINDOW_EXPIRED, reason)
        return len(over)

    def _change(self, receipt: str, to: OrderState, reason: str) -> None:
        self._note(self._store(receipt, to, reason))

    def _store(self, receipt: str, to: OrderState, reason: str) -> OrderRow:
        now_utc_s = self.clock.utc().timestamp()
        return book_writes.change(self.writer, receipt, to, reason, now_utc_s)

    def _note(self, row: OrderRow) -> None:
        """Keep the engine's copy in step with a committed row, and publish it."""
        known = self._open[row.receipt]
        is_news = row.revision != known.row.revision
        known.row = row
        if row.state not in OPEN_STATES:
            del self._open[row.receipt]
            self._rests.forget(Resting("", row.receipt))
        if is_news:
            _log.info(
                "order %s receipt=%s good=%d/%d reason=%r",
                row.state,
                row.receipt,
                row.good_count,
                row.wanted_count,
                row.reason,
            )
            self.publish("order", row.receipt, order_event(row))
