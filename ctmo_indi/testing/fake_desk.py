"""Desks of services that do not exist: a telescope and safety, for tests of who talks to them.

Both can be called directly (``front_desk``, as of a DeskClient) or served by a real FrontDeskServer
(``handle``). The telescope carries attempts out at once, or as the test says.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ctmo_indi.clock import Clock
from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.errors import CtmoError, ServiceUnreachable, UnknownOrder
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import AttemptState, ObservatoryState
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.profiles import Profile
from ctmo_indi.work_orders.access import Caller
from ctmo_indi.work_orders.contract import CheckedOrder, Contract
from ctmo_indi.work_orders.lifecycle import SETTLED_ATTEMPTS
from ctmo_indi.work_orders.model import (
    CancelRequest,
    ControlCommand,
    ControlRequest,
    OrderKind,
    StatusRequest,
)

Reply = dict[str, object]


@dataclass(slots=True)
class FakeAttempt:
    """An attempt at the fake telescope."""

    attempt_id: str
    parent: str
    request: ObservationRequest
    state: AttemptState = AttemptState.IN_PROGRESS
    frames: int = 0
    failure: str = ""
    revision: int = 1


@dataclass(slots=True)
class FakeTelescope:
    """A telescope's desk.

    Attributes
    ----------
    outcome
        How a new attempt ends and with how many frames; None: as :meth:`finish` says.
    held
        Why it keeps its hands off after another INDI client.
    is_down
        True: does not answer (``front_desk`` only).
    mjd
        When every frame was taken.
    took
        What an attempt's steps took, as Status tells it.
    faults
        Raised one by one instead of the next answers.
    orders
        Every order that was taken, in order.
    barred
        What Status tells of attempts of the scheduler's that were canceled before they came.
    """

    profile: Profile
    clock: Clock
    service: str = "telescope"
    outcome: Callable[[ObservationRequest], tuple[AttemptState, int] | None] = field(
        default=lambda request: (AttemptState.COMPLETED, request.count)
    )
    observatory: ObservatoryState = ObservatoryState.CLOSED
    held: str = ""
    is_down: bool = False
    mjd: float = 61000.0
    took: Reply = field(default_factory=dict)
    faults: list[CtmoError] = field(default_factory=list)
    orders: list[CheckedOrder] = field(default_factory=list)
    attempts: dict[str, FakeAttempt] = field(default_factory=dict)
    barred: dict[str, Reply] = field(default_factory=dict)
    is_closed: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _contract: Contract = field(init=False)

    def __post_init__(self) -> None:
        self._contract = Contract.load(self.profile, self.clock)

    def front_desk(self, order: Mapping[str, object]) -> Reply:
        """Answer as a DeskClient would."""
        if self.is_down:
            raise ServiceUnreachable("http://telescope: connection refused")
        try:
            return self._answer(order)
        except (DeskFault, ServiceUnreachable):
            raise
        except CtmoError as error:
            raise DeskFault(error.fault_code, str(error)) from error

    async def handle(self, order: Mapping[str, object], caller: Caller) -> Reply:
        """Answer as a Desk."""
        return await asyncio.to_thread(self._answer, order)

    def finish(self, attempt_id: str, state: AttemptState, frames: int, failure: str = "") -> None:
        """End an attempt, or let it have that many frames and go on."""
        with self._changed:
            attempt = self.attempts[attempt_id]
            attempt.state, attempt.frames, attempt.failure = state, frames, failure
            attempt.revision += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Keep no Status waiting any more; before its server is stopped."""
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()

    def wait_for_attempts(self, count: int, timeout_s: float = 10.0) -> list[FakeAttempt]:
        """Wait until that many attempts came; AssertionError after ``timeout_s``."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.attempts) >= count, timeout_s):
                raise AssertionError(f"{len(self.attempts)} attempts came, expected {count}")
            return list(self.attempts.values())

    def controls(self) -> list[str]:
        """Commands of the Control orders taken so far."""
        return [
            order.request.command.value
            for order in self.orders
            if isinstance(order.request, ControlRequest)
        ]

    def _answer(self, order: Mapping[str, object]) -> Reply:
        if self.faults:
            raise self.faults.pop(0)
        checked = self._contract.check(order)
        request = checked.request
        with self._changed:
            self.orders.append(checked)
            if isinstance(request, ObservationRequest):
                return self._observe(checked, request)
            if isinstance(request, ControlRequest):
                return self._control(checked, request)
            if isinstance(request, CancelRequest):
                return self._cancel(request)
            if isinstance(request, StatusRequest):
                return self._status(request)
        raise UnknownOrder(f"the fake telescope does not serve {checked.kind}")

    def _observe(self, checked: CheckedOrder, request: ObservationRequest) -> Reply:
        if checked.id in self.barred:
            return self.barred[checked.id]
        attempt = self.attempts.get(checked.id)
        if attempt is None:
            attempt = FakeAttempt(checked.id, request.parent, request)
            self.attempts[checked.id] = attempt
            if request.frame_type.needs_sky:
                self.observatory = ObservatoryState.OPEN
            ended = self.outcome(request)
            if ended is not None:
                attempt.state, attempt.frames = ended
            self._changed.notify_all()
        return {**self._view(attempt), "Message": "Work order received."}

    def _control(self, checked: CheckedOrder, request: ControlRequest) -> Reply:
        if request.command is ControlCommand.CLOSE:
            self.observatory = ObservatoryState.CLOSED
        return {"ID": checked.id, "Receipt": "O-1", "Status": "COMPLETED", "Revision": 1}

    def _cancel(self, request: CancelRequest) -> Reply:
        attempt_id = request.name.receipt or request.name.order_id
        if attempt_id not in self.attempts and request.name.user == "scheduler":
            return self.barred.setdefault(
                attempt_id,
                {
                    "ID": attempt_id,
                    "Receipt": attempt_id,
                    "Status": AttemptState.CANCELED.value,
                    "Revision": 1,
                    "Failure": request.reason,
                },
            )
        attempt = self._require(attempt_id)
        if attempt.state not in SETTLED_ATTEMPTS:
            attempt.state, attempt.failure = AttemptState.ABORTED, request.reason
            attempt.revision += 1
            self._changed.notify_all()
        return self._view(attempt)

    def _status(self, request: StatusRequest) -> Reply:
        name = request.name.receipt or request.name.order_id
        if not name:
            return {
                "Kind": "Status",
                "Observatory": self.observatory.value,
                "Held": self.held,
                "Revision": 1,
            }
        if name in self.barred:
            return self.barred[name]
        attempt = self._require(name)
        since = request.since
        if since is not None:
            self._changed.wait_for(
                lambda: self.is_closed or attempt.revision > since, request.wait_s
            )
        return self._view(attempt)

    def _require(self, attempt_id: str) -> FakeAttempt:
        if attempt_id not in self.attempts:
            raise UnknownOrder(f"{attempt_id}: no such order here")
        return self.attempts[attempt_id]

    def _view(self, attempt: FakeAttempt) -> Reply:
        return {
            "ID": attempt.attempt_id,
            "Receipt": attempt.attempt_id,
            "Parent": attempt.parent,
            "Status": attempt.state.value,
            "Revision": attempt.revision,
            "Failure": attempt.failure,
            "Good Exposures": attempt.frames,
            "Exposures": [
                _frame(attempt, number, self.mjd) for number in range(1, attempt.frames + 1)
            ],
            "Took": dict(self.took),
        }


def _frame(attempt: FakeAttempt, number: int, mjd: float) -> Reply:
    request = attempt.request
    wire: Reply = {
        "Exposure ID": f"{attempt.attempt_id}-{number:03d}",
        "Path": f"/nights/{attempt.attempt_id}-{number:03d}.fits",
        "Filter": request.filter_name or "",
        "Exposure Time": request.exposure_s,
        "Frame Type": request.frame_type.value,
        "Sequence": number,
        "SHA256": "0" * 64,
        "MJD Start": mjd + number / 1000.0,
        "MJD End": mjd + (number + 0.5) / 1000.0,
    }
    if request.ra_deg is not None and request.dec_deg is not None:
        wire |= {"RA": request.ra_deg, "Dec": request.dec_deg}
    return wire


@dataclass(slots=True)
class FakeSafety:
    """Safety's desk: a verdict for every heartbeat, a new cycle each time.

    Attributes
    ----------
    takeover
        What the telescope's beats say of another INDI client.
    """

    profile: Profile
    clock: Clock
    service: str = "safety"
    level: VerdictLevel = VerdictLevel.SAFE
    reasons: tuple[str, ...] = ()
    takeover: str = ""
    is_down: bool = False
    beats: int = 0
    orders: list[CheckedOrder] = field(default_factory=list)
    _contract: Contract = field(init=False)

    def __post_init__(self) -> None:
        self._contract = Contract.load(self.profile, self.clock)

    def front_desk(self, order: Mapping[str, object]) -> Reply:
        """Answer as a DeskClient would."""
        if self.is_down:
            raise ServiceUnreachable("http://safety: connection refused")
        checked = self._contract.check(order)
        self.orders.append(checked)
        if checked.kind is OrderKind.HEARTBEAT:
            self.beats += 1
        return {
            "Kind": checked.kind.value,
            "Verdict": self.verdict().to_wire(),
            "Beats": {"telescope": {"Age": 0.1, "State": {"Held": self.takeover}}},
        }

    async def handle(self, order: Mapping[str, object], caller: Caller) -> Reply:
        """Answer as a Desk."""
        return self.front_desk(order)

    def verdict(self) -> Verdict:
        """Return the verdict as it is now."""
        return Verdict(
            self.level,
            self.reasons,
            self.beats,
            self.clock.utc().isoformat(),
            self.clock.machine_s(),
        )
