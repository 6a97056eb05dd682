"""Mount, shutter and dome as one table: what may begin in which arrangement of the three.

One row for each motion that needs the three to stand in some way; the interlocks read its columns
(:mod:`~ctmo_indi.devices.interlocks`), which add what is not arrangement: verdict, Sun, locks,
limits. ``begins`` is how things count from the moment the command is sent until the device has
answered it (:mod:`~ctmo_indi.devices.unanswered`).

=================  ==============  ==================  ==========  ================================
motion             mount           shutter             dome        else
=================  ==============  ==================  ==========  ================================
open shutter       any             any                 free
unpark dome        any             any                 any         it may open the shutter
close shutter      parked          any                 any         emergency: any mount
park dome          parked          any                 any         over a closed shutter: any mount
rotate dome        any             any                 free
unpark mount       any             open                any         closed-dome order: closed
slew, track        out             open                any         closed-dome order: closed
expose light       any             open                any         closed-dome order: closed
park mount, stop   any             any                 any
=================  ==============  ==================  ==========  ================================

Closing over a mount that is not parked is an emergency: only a closer
may declare one, and only where the site's policy is to close when the mount fails. UNKNOWN is not
among the places that a row names, so what is not known forbids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ctmo_indi.devices.motion_kinds import DomePlace, MotionKind, MountPlace, ShutterState

_ANY_MOUNT = frozenset(MountPlace)
_ANY_SHUTTER = frozenset(ShutterState)
_ANY_DOME = frozenset(DomePlace)
_PARKED = frozenset({MountPlace.PARKED})
_OUT = frozenset({MountPlace.OUT})
_OPEN = frozenset({ShutterState.OPEN})
_CLOSED = frozenset({ShutterState.CLOSED})
_FREE = frozenset({DomePlace.FREE})


@dataclass(frozen=True, slots=True)
class Begun:
    """What counts from the moment of sending; None: as the device says.

    Parameters
    ----------
    aim, slit
        Where the telescope points and where the dome's slit is are not known.
    """

    mount: MountPlace | None = None
    shutter: ShutterState | None = None
    dome: DomePlace | None = None
    aim: bool = False
    slit: bool = False


@dataclass(frozen=True, slots=True)
class Arrangement:
    """One row: in which places of the three the motion may begin.

    Parameters
    ----------
    emergency_mount
        Places of the mount in which a closer may do it all the same, by the site's policy.
    closed_dome_shutter
        States of the shutter in which an order for a closed dome may do it all the same.
    any_mount_under
        States of the shutter in which the mount may stand anywhere: nothing closes over it.
    """

    mount: frozenset[MountPlace] = _ANY_MOUNT
    shutter: frozenset[ShutterState] = _ANY_SHUTTER
    dome: frozenset[DomePlace] = _ANY_DOME
    emergency_mount: frozenset[MountPlace] = frozenset()
    closed_dome_shutter: frozenset[ShutterState] = frozenset()
    any_mount_under: frozenset[ShutterState] = frozenset()
    begins: Begun = Begun()


ARRANGEMENTS: Mapping[MotionKind, Arrangement] = {
    MotionKind.OPEN_SHUTTER: Arrangement(dome=_FREE, begins=Begun(shutter=ShutterState.OPENING)),
    MotionKind.UNPARK_DOME: Arrangement(
        begins=Begun(shutter=ShutterState.OPENING, dome=DomePlace.UNKNOWN)
    ),
    MotionKind.CLOSE_SHUTTER: Arrangement(
        mount=_PARKED, emergency_mount=_ANY_MOUNT, begins=Begun(shutter=ShutterState.CLOSING)
    ),
    MotionKind.PARK_DOME: Arrangement(
        mount=_PARKED,
        any_mount_under=_CLOSED,
        begins=Begun(shutter=ShutterState.CLOSING, dome=DomePlace.UNKNOWN),
    ),
    MotionKind.ROTATE_DOME: Arrangement(dome=_FREE, begins=Begun(slit=True)),
    MotionKind.UNPARK_MOUNT: Arrangement(
        shutter=_OPEN, closed_dome_shutter=_CLOSED, begins=Begun(mount=MountPlace.UNKNOWN)
    ),
    MotionKind.SLEW: Arrangement(
        mount=_OUT, shutter=_OPEN, closed_dome_shutter=_CLOSED, begins=Begun(aim=True)
    ),
    MotionKind.TRACK: Arrangement(mount=_OUT, shutter=_OPEN, closed_dome_shutter=_CLOSED),
    MotionKind.EXPOSE_LIGHT: Arrangement(shutter=_OPEN, closed_dome_shutter=_CLOSED),
    MotionKind.PARK_MOUNT: Arrangement(begins=Begun(mount=MountPlace.UNKNOWN, aim=True)),
    MotionKind.ABORT_MOUNT: Arrangement(begins=Begun(aim=True)),
    MotionKind.STOP_TRACKING: Arrangement(begins=Begun(aim=True)),
}


def motions_that_need(column: str) -> frozenset[MotionKind]:
    """Return the motions for which not every place in a column of the table will do."""
    anything = {"mount": _ANY_MOUNT, "shutter": _ANY_SHUTTER, "dome": _ANY_DOME}[column]
    return frozenset(kind for kind, row in ARRANGEMENTS.items() if getattr(row, column) != anything)


def may_begin(
    motion: MotionKind,
    mount: MountPlace,
    shutter: ShutterState,
    dome: DomePlace,
    *,
    emergency: bool = False,
    closed_dome: bool = False,
) -> bool:
    """Whether the table lets a motion begin; verdict, Sun, locks and limits are not asked."""
    row = ARRANGEMENTS.get(motion)
    if row is None:
        return True
    mounts = row.mount | (row.emergency_mount if emergency else frozenset())
    if shutter in row.any_mount_under:
        mounts = _ANY_MOUNT
    shutters = row.shutter | (row.closed_dome_shutter if closed_dome else frozenset())
    return mount in mounts and shutter in shutters and dome in row.dome
