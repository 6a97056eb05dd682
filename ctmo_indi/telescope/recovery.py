"""What a crash left, settled by asking the disk and the devices; a plain thread.

The desk answers meanwhile: reading frames needs astropy, and devices take seconds to come back. No
attempt begins before the exposures cut off are settled and the camera is free. Nothing is ever done
again by itself, least of all a motion away from safe: what was not done is told, and whoever
ordered it decides.

An exposure the camera still makes is aborted, not adopted: the driver does not say which exposure
it is, and neither verdict, filter nor pointing was watched while the service was gone.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from ctmo_indi.clock import Clock, Deadline
from ctmo_indi.errors import CtmoError
from ctmo_indi.kill_points import passing
from ctmo_indi.models.states import AttemptState
from ctmo_indi.store.hand_orders import HandOrder
from ctmo_indi.store.journal import Effect, Outcome
from ctmo_indi.telescope.hand_targets import NotKnown, shortfalls
from ctmo_indi.telescope.hands import Deed, Sight
from ctmo_indi.telescope.leftovers import Leftovers
from ctmo_indi.work_orders.model import ControlRequest, DomeRequest

_log = logging.getLogger(__name__)

CAMERA_MACHINE_S = 60.0
DEVICES_MACHINE_S = 60.0
MOTION_S = 600.0
READOUT_S = 60.0
LOOK_MACHINE_S = 0.2
ANSWER_MACHINE_S = 10.0
AGAIN_MACHINE_S = 2.0
MAX_NOTICES = 50


class Frames(Protocol):
    """Journal and folder of the exposures."""

    def open_exposures(self) -> list[Effect]:
        """Exposures without an end."""
        ...

    def reconcile(self, effect: Effect) -> Outcome:
        """Settle one by asking the disk."""
        ...

    def look_around(self) -> Leftovers:
        """Compare folders and rows."""
        ...


class Attempts(Protocol):
    """Rows of the attempts."""

    def cut_off(self) -> list[str]:
        """Attempts that had begun; the others are ended now."""
        ...

    def settle(self, attempt_id: str) -> AttemptState:
        """End one."""
        ...


class HandOrders(Protocol):
    """Rows of the orders by hand."""

    def open_orders(self) -> list[HandOrder]:
        """Orders without an end."""
        ...

    def settle(self, receipt: str, state: AttemptState, outcome: Outcome, reason: str) -> HandOrder:
        """End one."""
        ...


@dataclass(frozen=True, slots=True)
class RecoveryParts:
    """What it works with.

    Parameters
    ----------
    sight, abort_exposure
        Ask the engine for them; any thread, the future has what the engine's thread found.
    read_request
        The request of a stored order by hand; CtmoError when it keeps the contract no longer.
    publish
        (kind, subject, data) -> revision.
    """

    frames: Frames
    attempts: Attempts
    hand_orders: HandOrders
    sight: Callable[[], Future[Sight]]
    abort_exposure: Callable[[], Future[Deed]]
    read_request: Callable[[HandOrder], object]
    publish: Callable[[str, str, dict[str, object]], int]
    clock: Clock


class Recovery:
    """Settles what was open when the service died; :meth:`begin` first, then :meth:`start`."""

    def __init__(self, parts: RecoveryParts) -> None:
        self._parts = parts
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telescope-recovery", daemon=True)
        self._exposures: list[Effect] = []
        self._running: list[Effect] = []
        self._attempts: list[str] = []
        self._hand_orders: list[HandOrder] = []
        self._notices: deque[str] = deque(maxlen=MAX_NOTICES)
        self._doing = "begins"
        self._may_attempt = False

    def may_attempt(self) -> bool:
        """Whether attempts may begin; any thread."""
        return self._may_attempt

    def to_wire(self) -> dict[str, object]:
        """Keys of the service's Status; any thread."""
        return {"Doing": self._doing, "Notices": list(self._notices)}

    def begin(self) -> None:
        """Read what is open, before anything new is taken; blocks for a commit."""
        self._exposures = self._parts.frames.open_exposures()
        now_utc_s = self._parts.clock.utc().timestamp()
        self._running = [one for one in self._exposures if _end_utc_s(one) > now_utc_s]
        self._attempts = self._parts.attempts.cut_off()
        self._hand_orders = self._parts.hand_orders.open_orders()
        passing("telescope.recovery.begun")

    def start(self) -> None:
        """Settle it in a thread; returns at once."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End; what is not settled is open for the next start."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    # -- the thread --------------------------------------------------------------------------------

    def _run(self) -> None:
        steps = (
            ("settles exposures", self._settle_exposures),
            ("settles attempts", self._settle_attempts),
            ("frees the camera", self._free_camera),
            ("looks around", self._look_around),
            ("settles orders by hand", self._settle_hand_orders),
        )
        for doing, step in steps:
            self._doing = doing
            while not self._ending.is_set():
                try:
                    step()
                    break
                except (CtmoError, OSError) as error:  # a full disk, say: until there is room
                    _log.error("recovery_waits step=%r error=%s", doing, error)
                    self._doing = f"{doing}: {error}"
                    self._ending.wait(AGAIN_MACHINE_S)
                except Exception:  # noqa: BLE001 - outermost loop: told, the rest is still done
                    _log.exception("recovery_failed step=%r", doing)
                    self._tell("service", f"{doing}: failed, see the log")
                    break
            if step == self._look_around:
                self._may_attempt = True
        if not self._ending.is_set():
            self._doing = ""

    def _settle_exposures(self) -> None:
        while self._exposures:
            effect = self._exposures[0]
            name = str(effect.target.get("exposure_id", effect.effect_id))
            outcome = self._parts.frames.reconcile(effect)
            self._exposures.pop(0)
            what = "its frame was found" if outcome is Outcome.FOUND_DONE else "there is no frame"
            self._tell(effect.attempt_id, f"exposure {name} was cut off by a restart: {what}")

    def _settle_attempts(self) -> None:
        while self._attempts:
            attempt_id = self._attempts[0]
            state = self._parts.attempts.settle(attempt_id)
            self._attempts.pop(0)
            self._tell(attempt_id, f"attempt was cut off by a restart: {state}")

    def _free_camera(self) -> None:
        """Abort an exposure of ours that the camera still makes."""
        if not self._running:
            return
        deadline = Deadline(self._parts.clock, 0.0, CAMERA_MACHINE_S)
        while not self._ending.is_set() and not deadline.expired:
            sight = self._parts.sight().result(ANSWER_MACHINE_S)
            if sight.link_up and sight.exposing is False:
                return
            if sight.link_up and sight.exposing:
                self._tell(self._running[-1].attempt_id, "the camera still exposed; aborted")
                self._parts.abort_exposure().result(ANSWER_MACHINE_S).result(ANSWER_MACHINE_S)
                return
            self._ending.wait(LOOK_MACHINE_S)

    def _look_around(self) -> None:
        for notice in self._parts.frames.look_around().notices():
            self._tell("frames", notice)

    def _settle_hand_orders(self) -> None:
        deadline = Deadline(self._parts.clock, MOTION_S, DEVICES_MACHINE_S)
        while self._hand_orders:
            order = self._hand_orders[0]
            outcome, told = self._ask_devices(order, deadline)
            if self._ending.is_set():
                return
            if outcome is Outcome.FOUND_DONE:
                self._parts.hand_orders.settle(order.receipt, AttemptState.COMPLETED, outcome, "")
            else:
                reason = f"restart of the telescope service: {told}; it is not done again by itself"
                state = AttemptState.INTERRUPTED
                self._parts.hand_orders.settle(order.receipt, state, outcome, reason)
            self._hand_orders.pop(0)
            name = f"{order.command} by {order.user}"
            self._tell(order.receipt, f"{name} was cut off by a restart: {told}")

    def _ask_devices(self, order: HandOrder, deadline: Deadline) -> tuple[Outcome, str]:
        """Ask until the devices can tell, or the deadline."""
        try:
            request = self._parts.read_request(order)
        except CtmoError as error:
            return Outcome.UNKNOWN, f"the order is not understood any more ({error})"
        if not isinstance(request, ControlRequest | DomeRequest):
            return Outcome.UNKNOWN, "the order is not understood any more"
        why = ""
        while not self._ending.is_set():
            try:
                found = shortfalls(request, self._parts.sight().result(ANSWER_MACHINE_S))
            except NotKnown as error:
                why = str(error)
            else:
                if not found:
                    return Outcome.FOUND_DONE, "the devices are as it wanted"
                return Outcome.NOT_DONE, "; ".join(found)
            if deadline.expired:
                break
            self._ending.wait(LOOK_MACHINE_S)
        return Outcome.UNKNOWN, f"the devices could not be asked whether it was done: {why}"

    def _tell(self, subject: str, text: str) -> None:
        _log.warning("recovery subject=%s notice=%s", subject, text)
        self._notices.append(text)
        self._parts.publish("recovery", subject, {"Notice": text})


def _end_utc_s(effect: Effect) -> float:
    """When the camera is certainly through with an exposure, Unix seconds."""
    exposure_s = effect.target.get("exposure_s", 0.0)
    return (
        effect.intent_utc_s
        + READOUT_S
        + (float(exposure_s) if isinstance(exposure_s, int | float) else 0.0)
    )
