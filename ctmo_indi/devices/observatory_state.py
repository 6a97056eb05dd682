"""What mount and dome are together, as one word. Pure.

The state is read from the devices, never assumed: a restart of ours finds the truth.
"""

from __future__ import annotations

from ctmo_indi.devices.dome import DomeStatus
from ctmo_indi.devices.interlocks import ShutterState
from ctmo_indi.devices.mount import MountStatus
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.state_machine import TransitionTable

OBSERVATORY_TABLE = TransitionTable(
    "observatory",
    {
        ObservatoryState.CLOSED: {
            ObservatoryState.OPENING,
            ObservatoryState.CLOSING,  # a closing that finds everything closed
            ObservatoryState.UNKNOWN,
            ObservatoryState.ALARM,
        },
        ObservatoryState.OPENING: {
            ObservatoryState.OPEN,
            ObservatoryState.CLOSED,
            ObservatoryState.CLOSING,
            ObservatoryState.UNKNOWN,
            ObservatoryState.ALARM,
        },
        ObservatoryState.OPEN: {
            ObservatoryState.CLOSING,
            ObservatoryState.UNKNOWN,
            ObservatoryState.ALARM,
        },
        ObservatoryState.CLOSING: {
            ObservatoryState.CLOSED,
            ObservatoryState.UNKNOWN,
            ObservatoryState.ALARM,
        },
        ObservatoryState.UNKNOWN: {
            ObservatoryState.CLOSED,
            ObservatoryState.OPENING,
            ObservatoryState.OPEN,
            ObservatoryState.CLOSING,
            ObservatoryState.ALARM,
        },
        # Only what was read as closed ends an alarm.
        ObservatoryState.ALARM: {ObservatoryState.CLOSING, ObservatoryState.CLOSED},
    },
)
"""What may follow what when only the manager moves things; a jump beside it is somebody else's."""

_BY_SHUTTER = {
    ShutterState.OPEN: ObservatoryState.OPEN,
    ShutterState.OPENING: ObservatoryState.OPENING,
    ShutterState.CLOSING: ObservatoryState.CLOSING,
    ShutterState.UNKNOWN: ObservatoryState.UNKNOWN,
}


def read_state(
    mount: MountStatus | None, dome: DomeStatus | None, *, mount_can_park: bool = True
) -> ObservatoryState:
    """Return the state that the devices show.

    Parameters
    ----------
    mount, dome
        None when the profile has none.

    Returns
    -------
    ObservatoryState
        CLOSED needs a closed shutter and a parked mount; a closed shutter over a telescope that is
        not parked is UNKNOWN: closing it properly, or opening, ends that.
    """
    if dome is not None:
        if not dome.connected:
            return ObservatoryState.UNKNOWN
        if dome.shutter is not ShutterState.CLOSED:
            return _BY_SHUTTER[dome.shutter]
    return _of_mount(mount, dome is not None, mount_can_park)


def _of_mount(
    mount: MountStatus | None, under_dome: bool, mount_can_park: bool
) -> ObservatoryState:
    if mount is None:
        return ObservatoryState.CLOSED
    if not mount.connected:
        return ObservatoryState.UNKNOWN
    if mount.parked is True:
        return ObservatoryState.CLOSED
    if not mount_can_park and mount.slewing is False and mount.tracking is not True:
        return ObservatoryState.CLOSED
    if under_dome or mount.parked is None:
        return ObservatoryState.UNKNOWN
    return ObservatoryState.OPEN
