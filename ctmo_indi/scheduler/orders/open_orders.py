"""Orders that may still need work, and attempts at them, as the scheduler's engine has them."""

from __future__ import annotations

from dataclasses import dataclass

from ctmo_indi.models.observation import Observation
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import AttemptState, OrderState
from ctmo_indi.profiles import NightPolicy
from ctmo_indi.scheduler.orders.internal_orders import is_internal
from ctmo_indi.scheduler.orders.settlement import (
    OrderFacts,
    missing,
    order_state,
    visits_done,
)
from ctmo_indi.scheduling.target import PendingOrder
from ctmo_indi.store.attempts import AttemptRow
from ctmo_indi.store.orders import OrderRow

_UNIX_EPOCH_MJD = 40587.0
_DAY_S = 86400.0


@dataclass(slots=True)
class OpenOrder:
    """An order that may still need work; the engine's copy.

    Parameters
    ----------
    request
        What it asks for; of an unreadable one as much of it as can be read.
    unreadable
        Why it keeps the contract no longer; "" where it does. Nothing is begun for such an order:
        it is HELD as soon as no attempt at it is under way.
    due_utc_s
        Unix seconds before which the next visit of an order with a cadence does not begin.
    is_cancel_requested
        It is canceled as soon as its attempt has ended.
    told
        What drivers were told of it last, and of which row.
    """

    row: OrderRow
    request: ObservationRequest
    is_cancel_requested: bool = False
    cancel_reason: str = ""
    due_utc_s: float = 0.0
    told: tuple[OrderRow, PendingOrder] | None = None
    unreadable: str = ""

    def pending(self, not_before_utc_s: float) -> PendingOrder:
        """Return it as drivers see it: the same object as long as nothing of it has changed."""
        if self.told is not None:
            row, seen = self.told
            times_s = seen.not_before_utc_s, seen.due_utc_s
            if row is self.row and times_s == (not_before_utc_s, self.due_utc_s):
                return seen
        seen = PendingOrder(
            receipt=self.row.receipt,
            request=self.request,
            priority=self.row.priority,
            created_utc_s=self.row.created_utc_s,
            missing_count=self.missing,
            not_before_utc_s=not_before_utc_s,
            due_utc_s=self.due_utc_s,
            visits_left=self.request.visits - visits_done(self.request, self.row.good_count),
        )
        self.told = self.row, seen
        return seen

    @property
    def missing(self) -> int:
        """How many frames an attempt is to make at most."""
        if is_internal(self.row):
            return max(1, self.row.wanted_count - self.row.good_count)
        return missing(self.request, self.row.good_count)

    def observed_at(self, mjd: float) -> None:
        """Learn of a visit: when the next one of an order with a cadence is due."""
        cadence = self.request.cadence
        utc_s = (mjd - _UNIX_EPOCH_MJD) * _DAY_S
        self.due_utc_s = 0.0 if cadence is None else cadence.due_utc_s(utc_s)

    def state_after(
        self,
        after: OrderRow,
        ended: AttemptState,
        failure: str,
        policy: NightPolicy,
        now_utc_s: float,
    ) -> tuple[OrderState, str]:
        """Return state and reason of it when an attempt has ended.

        Parameters
        ----------
        after
            Its row with what the attempt has brought.
        failure
            Why the attempt failed; "" where it did not.
        """
        facts = OrderFacts(
            fraction=after.good_count / after.wanted_count,
            failures=after.failures,
            visits_done=visits_done(self.request, after.good_count),
            is_cancel_requested=self.is_cancel_requested,
            now_utc_s=now_utc_s,
            last_attempt=ended,
            last_failure=self.cancel_reason or failure,
        )
        state, reason = order_state(self.request, facts, policy)
        if is_internal(self.row) and state is not OrderState.COMPLETED:
            return OrderState.CANCELED, reason
        return state, reason


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """An attempt that has not ended, as far as we know.

    Parameters
    ----------
    target_id
        As its observation will have it.
    is_readable
        Whether its order keeps the contract. Else ``request`` is as much of it as can be read; no
        driver and no model is shown it.
    """

    row: AttemptRow
    request: ObservationRequest
    target_id: str
    is_readable: bool = True


@dataclass(frozen=True, slots=True)
class Settled:
    """What an attempt's end meant; an ``observation`` is stored and to be registered."""

    attempt: AttemptRow
    order: OrderRow
    observation: Observation | None
