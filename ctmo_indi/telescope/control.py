"""Control and Dome orders: what each does, whether it needs a SAFE verdict, whether it is urgent.

They set a state, so repeating one is harmless; only attempts make something (frames).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ctmo_indi.errors import BadOrder, Locked, SafetyError, Unsafe
from ctmo_indi.kill_points import passing
from ctmo_indi.models.states import AttemptState
from ctmo_indi.models.verdict import NOBODY, Hand, LockKind, Verdict
from ctmo_indi.telescope.hands import Deed, Hands
from ctmo_indi.telescope.procedure import All, Steps, while_awaited
from ctmo_indi.work_orders.model import ControlCommand, ControlRequest, DomeRequest, ShutterWish

MOTION_S = 600.0
ABORT_S = 20.0


@dataclass(slots=True)
class ControlTask:
    """One Control or Dome order under way; owned by the engine thread.

    Parameters
    ----------
    is_urgent
        Toward safe: ends what is under way instead of being refused.
    runs_beside
        Switches only: runs beside an attempt.
    stops_only
        Does not wait for a closing under way.
    acts_for
        Whose hand it is: his own observer lock does not forbid it.
    failure_code
        Fault code of what ended it, 0 when nothing did; not stored.
    turns_dome, points
        It sets the dome's azimuth: the dome does not follow the mount then, until an order points
        the mount anew.
    """

    receipt: str
    order_id: str
    user: str
    kind: str
    name: str
    run: Callable[[Hands], Steps[None]]
    is_urgent: bool = False
    runs_beside: bool = False
    stops_only: bool = False
    acts_for: Hand = NOBODY
    turns_dome: bool = False
    points: bool = False
    state: AttemptState = AttemptState.PENDING
    reason: str = ""
    failure_code: int = 0
    revision: int = 0

    def to_wire(self) -> dict[str, object]:
        """The keys of a Status reply that a control order adds."""
        code = {"Failure Code": self.failure_code} if self.failure_code else {}
        return {
            "ID": self.order_id,
            "Receipt": self.receipt,
            "Kind": self.kind,
            "Command": self.name,
            "Status": self.state.value,
            "Message": self.reason or self.name,
            "Failure": self.reason,
            **code,
        }


@dataclass(frozen=True, slots=True)
class Manner:
    """How a command stands to safety.

    Parameters
    ----------
    needs_safe
        Refused without a fresh SAFE verdict.
    is_toward_safe
        Allowed whatever the verdict, and while stopped; only a maintenance lock forbids it.
    stops_only
        Moves nothing: allowed even then.
    stays_inside
        Exposes nothing to the sky: needs no verdict, only that nobody holds lock or latch.
    """

    needs_safe: bool = False
    is_toward_safe: bool = False
    stops_only: bool = False
    stays_inside: bool = False


MANNERS: Mapping[ControlCommand, Manner] = {
    ControlCommand.SLEW: Manner(needs_safe=True),
    ControlCommand.TRACK: Manner(needs_safe=True),
    ControlCommand.UNPARK: Manner(needs_safe=True),
    ControlCommand.OPEN: Manner(needs_safe=True),
    ControlCommand.FILTER: Manner(stays_inside=True),
    ControlCommand.FOCUS: Manner(stays_inside=True),
    ControlCommand.PARK: Manner(is_toward_safe=True),
    ControlCommand.CLOSE: Manner(is_toward_safe=True),
    ControlCommand.ABORT: Manner(is_toward_safe=True, stops_only=True),
    ControlCommand.STOP: Manner(is_toward_safe=True, stops_only=True),
}


def refused(
    manner: Manner, verdict: Verdict | None, usual: SafetyError | None
) -> SafetyError | None:
    """Why a control order is refused, None when it may be carried out.

    Parameters
    ----------
    usual
        What :meth:`Vigil.refusal` says for the manner's ``needs_safe``.
    """
    if manner.stays_inside and isinstance(usual, Unsafe):
        return None
    if not manner.is_toward_safe:
        return usual
    lock = verdict.lock if verdict else None
    if lock is not None and lock.kind is LockKind.MAINTENANCE and not manner.stops_only:
        return Locked(f"maintenance lock of {lock.owner}: {lock.reason}")
    return None


def by_hand(task: ControlTask, hands: Hands) -> Steps[None]:
    """Carry an order out as the deed of who gave it."""
    with hands.by_hand_of(task.acts_for):
        yield from task.run(hands)


def control_steps(request: ControlRequest) -> Callable[[Hands], Steps[None]]:
    """Return what carries out one command.

    Raises
    ------
    BadOrder
        Something the command needs is missing.
    """
    ra_deg, dec_deg = request.ra_deg, request.dec_deg
    match request.command:
        case ControlCommand.SLEW | ControlCommand.TRACK:
            if ra_deg is None or dec_deg is None:
                if request.command is ControlCommand.SLEW:
                    raise BadOrder("RA, Dec: missing, slew needs both")
                return lambda hands: _wait(hands.track(True), "tracking")
            return lambda hands: _slew(hands, ra_deg, dec_deg)
        case ControlCommand.PARK:
            return lambda hands: _wait(hands.park(), "park")
        case ControlCommand.UNPARK:
            return lambda hands: _wait(hands.unpark(), "unpark")
        case ControlCommand.OPEN:
            return _open
        case ControlCommand.CLOSE:
            return lambda hands: _wait(hands.close(_untold), "closing")
        case ControlCommand.FILTER:
            if request.filter_name is None:
                raise BadOrder("Filter: missing")
            filter_name = request.filter_name
            return lambda hands: _wait(hands.select_filter(filter_name), "filter")
        case ControlCommand.FOCUS:
            if request.position is None:
                raise BadOrder("Position: missing")
            position = request.position
            return lambda hands: _wait(hands.focus(position), "focus")
        case ControlCommand.ABORT | ControlCommand.STOP:
            return lambda hands: _wait(hands.abort_motion(), "abort", ABORT_S)
    raise BadOrder(f"Command: {request.command} is not carried out by the telescope")


def dome_manner(request: DomeRequest) -> Manner:
    """How a Dome order stands to safety: opening and unparking need SAFE."""
    away = request.shutter is ShutterWish.OPEN or request.park is False
    toward = request.shutter is ShutterWish.CLOSE or request.park is True
    moves = request.azimuth_deg is not None
    return Manner(
        needs_safe=away,
        is_toward_safe=toward and not away and not moves,
        stays_inside=not dome_moves(request),
    )


def dome_moves(request: DomeRequest) -> bool:
    """Whether a Dome order moves anything, or only switches."""
    return not (request.shutter is None and request.azimuth_deg is None and request.park is None)


def dome_steps(request: DomeRequest) -> Callable[[Hands], Steps[None]]:
    """Return what carries out a Dome order: switches, unpark, azimuth, shutter, park."""

    def run(hands: Hands) -> Steps[None]:
        for key, on in request.switches.items():
            yield from _wait(hands.switch(key, on), key)
        if request.park is False:
            yield from _wait(hands.dome_park(False), "dome unpark")
        if request.azimuth_deg is not None:
            yield from _wait(hands.dome_azimuth(request.azimuth_deg), "dome azimuth")
        if request.shutter is not None:
            opened = request.shutter is ShutterWish.OPEN
            yield from _wait(hands.shutter(opened), f"shutter {request.shutter}")
        if request.park is True:
            yield from _wait(hands.dome_park(True), "dome park")

    return run


def _untold(_: str) -> None:
    """Steps of an order by hand are in the log only."""


def _open(hands: Hands) -> Steps[None]:
    with while_awaited() as give_way:
        yield from _wait(hands.open(_untold, give_way), "opening")


def _slew(hands: Hands, ra_deg: float, dec_deg: float) -> Steps[None]:
    hands.check_target(ra_deg, dec_deg, 0.0)
    if hands.sight().tracking is not True:
        yield from _wait(hands.track(True), "tracking")
    deeds = [hands.slew(ra_deg, dec_deg)]
    azimuth_deg = hands.dome_azimuth_for(ra_deg, dec_deg)
    if azimuth_deg is not None:
        deeds.append(hands.dome_azimuth(azimuth_deg))
    yield All(tuple(deeds), MOTION_S, "slew and dome")


def _wait(deed: Deed, what: str, timeout_s: float = MOTION_S) -> Steps[None]:
    passing("telescope.hand.sent")
    yield All((deed,), timeout_s, what)
