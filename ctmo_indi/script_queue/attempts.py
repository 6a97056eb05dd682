"""Hand one attempt to the telescope's desk and wait for its end: observe and calibrations.

The attempt's id is chosen beforehand and stored, so submitting it again after a lost answer is the
same attempt. An attempt whose end cannot be learned stays *open* (state None): whoever started it
asks again later. It is never guessed: one the telescope does not know may still be on its way, and
is canceled there, before it comes or after.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.errors import ServiceUnreachable, WrongState
from ctmo_indi.kill_points import passing
from ctmo_indi.models.observation import StepDurations
from ctmo_indi.models.orders import ExposureRecord
from ctmo_indi.models.states import AttemptState, FrameType
from ctmo_indi.script_queue.peer import BackOff, FrontDesk, Refusal, meaning
from ctmo_indi.script_queue.script import (
    Outcome,
    PlainScript,
    ScriptFailed,
    ScriptMetadata,
    ScriptState,
    ScriptStopped,
    ScriptTerminated,
    Slot,
)
from ctmo_indi.work_orders.lifecycle import SETTLED_ATTEMPTS

_log = logging.getLogger(__name__)

LONG_POLL_S = 2.0
"""Machine seconds the telescope may keep a Status; a service that stops waits for it."""

STOPPING_PATIENCE_S = 10.0
"""Machine seconds a silent telescope is asked on after the script was stopped."""

CANCEL_PATIENCE_S = 600.0
"""Machine seconds a Cancel is sent again to a telescope that does not answer."""

GIVEN_UP = "the scheduler was restarted and may attempt its order anew"

_SCRIPT_STATE = {
    AttemptState.COMPLETED: ScriptState.DONE,
    AttemptState.FAILED: ScriptState.FAILED,
}
"""How the script of an attempt that ended so has ended itself; STOPPED when not listed."""

_NEVER_BEGUN = frozenset({AttemptState.CANCELED, AttemptState.NOT_ATTEMPTED})


@dataclass(frozen=True, slots=True)
class AttemptResult(Outcome):
    """How an attempt ended.

    Parameters
    ----------
    state
        Final state, None while it is not known ("open").
    failure
        Why it is not COMPLETED; "" otherwise.
    took
        What its steps took; None when the telescope does not say.
    is_unheard_of
        It was to be adopted, the telescope had never heard of it, and will not carry it out should
        it still come.
    """

    attempt_id: str
    state: AttemptState | None
    exposures: tuple[ExposureRecord, ...] = ()
    failure: str = ""
    is_unheard_of: bool = False
    took: StepDurations | None = None

    @property
    def script_state(self) -> ScriptState:
        """DONE only when the attempt is COMPLETED."""
        if self.state is None:
            return ScriptState.STOPPED
        return _SCRIPT_STATE.get(self.state, ScriptState.STOPPED)

    @property
    def script_reason(self) -> str:
        """Why it is not COMPLETED."""
        return self.failure


@dataclass(frozen=True, slots=True)
class AttemptProgress:
    """The telescope has begun the attempt, or has more frames of it."""

    attempt_id: str
    exposures: tuple[ExposureRecord, ...]


_OVER = threading.Event()
"""Of all attempts that are over."""
_OVER.set()


class AttemptScript(PlainScript):
    """Submit, wait, read the exposures.

    Parameters
    ----------
    wire
        The Observation order of the attempt; None to adopt one that was handed over before.
    order_receipt
        Receipt of the order it belongs to.
    timeout_s
        Sky seconds after which the attempt is cancelled.
    """

    def __init__(
        self,
        name: str,
        telescope: FrontDesk,
        attempt_id: str,
        order_receipt: str,
        *,
        wire: Mapping[str, object] | None,
        timeout_s: float,
        metadata: ScriptMetadata | None = None,
        long_poll_s: float = LONG_POLL_S,
    ) -> None:
        super().__init__(name, timeout_s=timeout_s, subject=attempt_id, metadata=metadata)
        self._telescope = telescope
        self._receipt = order_receipt
        self._wire = None if wire is None else dict(wire)
        self._long_poll_s = long_poll_s
        self._over = threading.Event()

    def run(self, slot: Slot) -> AttemptResult:
        """Do the attempt; see :class:`~ctmo_indi.script_queue.script.Script`."""
        is_over = True
        try:
            if self._wire is not None:
                refused = self._submit(slot, self._wire)
                if refused is not None:
                    return refused
            return self._follow(slot)
        except ScriptTerminated:
            # Nobody waits for this thread any more; the attempt is adopted by another script. An
            # order that was on its way when ``stop`` sent its Cancel must not be left alone.
            is_over = False
            self._cancel(slot.stop_reason)
            raise
        finally:
            if is_over:
                # The queue remembers hundreds of ended scripts: what none needs again is let go.
                over, self._over, self._wire = self._over, _OVER, None
                over.set()

    def stop(self, reason: str) -> None:
        """Send Cancel until the telescope has taken it or the attempt is over."""
        self._cancel(reason)

    def withdrawn(self, reason: str, is_failure: bool) -> AttemptResult | None:
        """Return that nothing was attempted, or that a step before it failed.

        An attempt that was to be adopted stays open: the telescope knows how it ended.
        """
        if self._wire is None:
            return None
        state = AttemptState.FAILED if is_failure else AttemptState.NOT_ATTEMPTED
        return self._ended(state, reason)

    def copy(self) -> AttemptScript:
        """Refuse: an attempt is made once; its order is attempted again by the scheduler."""
        raise WrongState(
            f"script {self.name}: attempt {self.subject} is made once; the scheduler attempts the "
            f"order {self._receipt} again when it has to"
        )

    def _cancel(self, reason: str) -> None:
        order = self._cancel_order(reason)
        back_off = BackOff()
        waited_s = 0.0
        while not self._over.is_set() and waited_s < CANCEL_PATIENCE_S:
            try:
                self._telescope.front_desk(order)
            except ServiceUnreachable as error:
                _log.warning("cancel not delivered attempt=%s error=%s", self.subject, error)
                wait_s = back_off.next_s()
                waited_s += wait_s
                self._over.wait(wait_s)
            except DeskFault as fault:
                _log.info("cancel refused attempt=%s fault=%s", self.subject, fault)
                return
            else:
                return

    def _submit(self, slot: Slot, wire: dict[str, object]) -> AttemptResult | None:
        """Hand the order in until it is taken (None) or refused (the result)."""
        back_off = BackOff()
        may_have_arrived = False
        while True:
            try:
                slot.check()
                passing("scheduler.attempt.handing")
                self._telescope.front_desk(wire)
            except ScriptTerminated:
                raise
            except ScriptStopped:
                if not may_have_arrived:
                    return self._ended(AttemptState.NOT_ATTEMPTED, slot.stop_reason)
                return self._ended(None, "stopped before the telescope answered")
            except ServiceUnreachable as error:
                may_have_arrived = True
                _log.warning("attempt not delivered attempt=%s error=%s", self.subject, error)
                self._wait_unless_stopped(slot, back_off.next_s())
            except DeskFault as fault:
                kind = meaning(fault)
                if kind is Refusal.ASK_AGAIN:
                    self._wait_unless_stopped(slot, back_off.next_s())
                elif kind is Refusal.NOT_NOW:
                    return self._ended(AttemptState.INTERRUPTED, str(fault))
                else:
                    return self._ended(AttemptState.FAILED, str(fault))
            else:
                passing("scheduler.attempt.handed")
                return None

    def _follow(self, slot: Slot) -> AttemptResult:
        """Long-poll the telescope until the attempt has ended."""
        back_off = BackOff()
        revision = -1
        silent_s = 0.0
        known_frames = -1
        unheard_of = ""
        order = self._question(revision)
        while True:
            if slot.is_cut:
                raise ScriptTerminated(slot.stop_reason)
            if slot.is_leaving:
                return self._ended(None, slot.stop_reason)
            try:
                reply = self._telescope.front_desk(order)
            except ServiceUnreachable as error:
                wait_s = back_off.next_s()
                silent_s += wait_s
                if slot.is_stopping and silent_s > STOPPING_PATIENCE_S:
                    return self._ended(None, f"stopped while the telescope was silent: {error}")
                slot.pause(wait_s)
                continue
            except DeskFault as fault:
                kind = meaning(fault)
                if kind is Refusal.UNKNOWN and not unheard_of:
                    unheard_of = f"restart: the telescope does not know the attempt ({fault})"
                    if self._wire is not None:  # it was taken, and then forgotten
                        return self._ended(AttemptState.INTERRUPTED, unheard_of)
                    order = self._cancel_order(GIVEN_UP)
                    continue
                if kind is Refusal.NEVER:
                    raise ScriptFailed(f"{order['WOType']} of {self.subject}: {fault}") from fault
                slot.pause(back_off.next_s())
                continue
            back_off.reset()
            silent_s = 0.0
            revision = _integer(reply.get("Revision"), revision)
            order = self._question(revision)
            state, exposures = self._read(reply)
            if unheard_of and state in _NEVER_BEGUN:
                return AttemptResult(
                    self.subject, AttemptState.NOT_ATTEMPTED, (), unheard_of, is_unheard_of=True
                )
            if state in SETTLED_ATTEMPTS:
                return AttemptResult(
                    self.subject,
                    state,
                    exposures,
                    str(reply.get("Failure") or ""),
                    took=StepDurations.of_wire(reply.get("Took")),
                )
            if state is AttemptState.IN_PROGRESS and len(exposures) > known_frames:
                known_frames = len(exposures)
                slot.report(AttemptProgress(self.subject, exposures))

    def _cancel_order(self, reason: str) -> dict[str, object]:
        return {"WOType": "Cancel", "User": "scheduler", "ID": self.subject, "Reason": reason}

    def _question(self, revision: int) -> dict[str, object]:
        order: dict[str, object] = {"WOType": "Status", "User": "scheduler", "ID": self.subject}
        if revision >= 0:
            order["Since"] = revision
            order["Wait"] = self._long_poll_s
        return order

    def _read(self, reply: Mapping[str, object]) -> tuple[AttemptState, tuple[ExposureRecord, ...]]:
        try:
            state = AttemptState(str(reply["Status"]))
            exposures = exposures_from_wire(reply.get("Exposures"), self.subject, self._receipt)
        except (KeyError, ValueError) as error:
            raise ScriptFailed(f"Status of {self.subject}: not understood: {error!r}") from error
        return state, exposures

    def _ended(self, state: AttemptState | None, failure: str) -> AttemptResult:
        return AttemptResult(self.subject, state, (), failure)

    @staticmethod
    def _wait_unless_stopped(slot: Slot, machine_s: float) -> None:
        try:
            slot.wait(machine_s)
        except ScriptStopped:
            return  # the loop's own check answers it, termination too


def exposures_from_wire(
    wire: object, attempt_id: str, order_receipt: str
) -> tuple[ExposureRecord, ...]:
    """Read "Exposures" of an attempt's status; KeyError or ValueError when it is something else."""
    if wire is None or wire == "":
        return ()
    if not isinstance(wire, Sequence) or isinstance(wire, str):
        raise ValueError(f"Exposures is {wire!r}, expected an array")  # noqa: TRY004
    return tuple(_exposure(entry, attempt_id, order_receipt) for entry in wire)


def _exposure(wire: object, attempt_id: str, order_receipt: str) -> ExposureRecord:
    if not isinstance(wire, Mapping):
        raise ValueError(f"an exposure is {wire!r}, expected a struct")  # noqa: TRY004
    return ExposureRecord(
        exposure_id=str(wire["Exposure ID"]),
        attempt_id=attempt_id,
        order_receipt=order_receipt,
        sequence=int(str(wire["Sequence"])),
        path=str(wire["Path"]),
        frame_type=FrameType(str(wire["Frame Type"])),
        filter_name=str(wire.get("Filter") or ""),
        t_exptime_s=float(str(wire["Exposure Time"])),
        t_min_mjd=float(str(wire["MJD Start"])),
        t_max_mjd=float(str(wire["MJD End"])),
        s_ra_deg=_number_or_none(wire.get("RA")),
        s_dec_deg=_number_or_none(wire.get("Dec")),
        target_name=str(wire.get("Name of object") or ""),
        sha256=str(wire["SHA256"]),
    )


def _number_or_none(wire: object) -> float | None:
    return None if wire is None or wire == "" else float(str(wire))


def _integer(wire: object, otherwise: int) -> int:
    return wire if isinstance(wire, int) else otherwise
