"""What a Dome or Control order wants the devices to be, compared with what they are. Pure.

After a crash nobody knows whether such an order was carried out. It sets a state, so that the
devices can tell; the order itself is never given again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ctmo_indi.models.coordinates import separation_deg
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.telescope.hands import Sight
from ctmo_indi.work_orders.model import ControlCommand, ControlRequest, DomeRequest, ShutterWish

AZIMUTH_DEG = 3.0
TARGET_DEG = 0.2
FOCUS_STEPS = 2.0

ValueT = TypeVar("ValueT")


class NotKnown(Exception):
    """The devices have not said yet, or still move; ask again."""


def shortfalls(request: ControlRequest | DomeRequest, sight: Sight) -> tuple[str, ...]:
    """Say what is not as the order wanted it; empty when all of it is.

    Raises
    ------
    NotKnown
        A device is not there, has not said, or moves.
    """
    if not sight.link_up:
        raise NotKnown("no link to the INDI server")
    if sight.slewing or sight.dome_moving or sight.shutter in ("OPENING", "CLOSING"):
        raise NotKnown("mount or dome moves")
    if isinstance(request, DomeRequest):
        return _of_dome(request, sight)
    return _CONTROL[request.command](request, sight)


def _of_dome(request: DomeRequest, sight: Sight) -> tuple[str, ...]:
    found: tuple[str, ...] = ()
    for key, on in request.switches.items():
        found += _differs(key, sight.switches.get(key), on)
    if request.azimuth_deg is not None:
        azimuth_deg = _known("the dome's azimuth", sight.dome_azimuth_deg)
        if abs((azimuth_deg - request.azimuth_deg + 180.0) % 360.0 - 180.0) > AZIMUTH_DEG:
            found += (f"the dome is at {azimuth_deg:.1f} deg, wanted {request.azimuth_deg:.1f}",)
    if request.shutter is not None:
        wanted = "OPEN" if request.shutter is ShutterWish.OPEN else "CLOSED"
        found += _differs("shutter", _shutter(sight), wanted)
    if request.park is not None:
        found += _differs("dome parked", sight.dome_parked, request.park)
    return found


def _of_pointing(request: ControlRequest, sight: Sight) -> tuple[str, ...]:
    found = _differs("tracking", sight.tracking, True)
    if request.ra_deg is not None and request.dec_deg is not None:
        ra_deg = _known("where the mount points", sight.ra_deg)
        dec_deg = _known("where the mount points", sight.dec_deg)
        off_deg = separation_deg(request.ra_deg, request.dec_deg, ra_deg, dec_deg)
        if off_deg > TARGET_DEG:
            found += (f"the mount points {off_deg:.1f} deg beside the target",)
    return found


def _of_state(wanted: ObservatoryState) -> Callable[[ControlRequest, Sight], tuple[str, ...]]:
    def compare(_: ControlRequest, sight: Sight) -> tuple[str, ...]:
        _known("whether the mount is parked", sight.parked)
        _shutter(sight)
        return _differs("observatory", sight.state, wanted)

    return compare


def _of_focus(request: ControlRequest, sight: Sight) -> tuple[str, ...]:
    position = _known("the focuser's position", sight.focus_position)
    if request.position is None or abs(position - request.position) <= FOCUS_STEPS:
        return ()
    return (f"the focuser is at {position:g}, wanted {request.position:g}",)


_CONTROL: dict[ControlCommand, Callable[[ControlRequest, Sight], tuple[str, ...]]] = {
    ControlCommand.SLEW: _of_pointing,
    ControlCommand.TRACK: _of_pointing,
    ControlCommand.PARK: lambda _, sight: _differs("mount parked", sight.parked, True),
    ControlCommand.UNPARK: lambda _, sight: _differs("mount parked", sight.parked, False),
    ControlCommand.OPEN: _of_state(ObservatoryState.OPEN),
    ControlCommand.CLOSE: _of_state(ObservatoryState.CLOSED),
    ControlCommand.FILTER: lambda order, sight: _differs(
        "filter", sight.filter_name, order.filter_name
    ),
    ControlCommand.FOCUS: _of_focus,
    ControlCommand.ABORT: lambda _, sight: _differs("tracking", sight.tracking, False),
    ControlCommand.STOP: lambda _, sight: _differs("tracking", sight.tracking, False),
}


def _differs(what: str, now: object, wanted: object) -> tuple[str, ...]:
    known = _known(what, now)
    return () if known == wanted else (f"{what} is {_said(known)}, wanted {_said(wanted)}",)


def _known(what: str, value: ValueT | None) -> ValueT:
    if value is None:
        raise NotKnown(f"{what} is not known")
    return value


def _shutter(sight: Sight) -> str:
    if sight.shutter not in ("OPEN", "CLOSED"):
        raise NotKnown(f"the shutter is {sight.shutter}")
    return sight.shutter


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
