"""Everything the manager may ask a device to do, and which command of a device file does it.

A command that is not in :data:`OPERATION_MOTIONS` cannot be sent at all, so none can slip past the
interlocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ctmo_indi.profiles import Role


class MotionKind(StrEnum):
    """Everything the manager may ask a device to do."""

    SLEW = "slew"
    TRACK = "track"
    UNPARK_MOUNT = "unpark mount"
    PARK_MOUNT = "park mount"
    STOP_TRACKING = "stop tracking"
    ABORT_MOUNT = "abort mount"
    OPEN_SHUTTER = "open shutter"
    CLOSE_SHUTTER = "close shutter"
    ROTATE_DOME = "rotate dome"
    PARK_DOME = "park dome"
    UNPARK_DOME = "unpark dome"
    ABORT_DOME = "abort dome"
    EXPOSE_LIGHT = "expose light"
    EXPOSE_CALIBRATION = "expose calibration"
    ABORT_EXPOSURE = "abort exposure"
    SELECT_FILTER = "select filter"
    FOCUS = "focus"
    SWITCH = "switch"


M = MotionKind

ALL = frozenset(MotionKind)
STOPPING = frozenset({M.STOP_TRACKING, M.ABORT_MOUNT, M.ABORT_DOME, M.ABORT_EXPOSURE})
TOWARD_SAFE = STOPPING | {M.PARK_MOUNT, M.CLOSE_SHUTTER, M.PARK_DOME}

OPERATION_MOTIONS: Mapping[Role, Mapping[str, tuple[MotionKind, ...]]] = {
    Role.MOUNT: {
        "slew": (M.SLEW,),
        "track_on": (M.TRACK,),
        "track_off": (M.STOP_TRACKING,),
        "park": (M.PARK_MOUNT,),
        "unpark": (M.UNPARK_MOUNT,),
        "abort": (M.ABORT_MOUNT,),
        "set_time": (),
    },
    Role.DOME: {
        "open_shutter": (M.OPEN_SHUTTER,),
        "close_shutter": (M.CLOSE_SHUTTER,),
        "goto": (M.ROTATE_DOME,),
        "park": (M.PARK_DOME,),
        "unpark": (M.UNPARK_DOME,),
        "abort": (M.ABORT_DOME,),
    },
    Role.CAMERA: {
        "expose": (M.EXPOSE_LIGHT, M.EXPOSE_CALIBRATION),
        "abort": (M.ABORT_EXPOSURE,),
        "set_temperature": (),
        "set_binning": (),
        "set_frame": (),
        "set_upload": (),
        "frame_light": (),
        "frame_bias": (),
        "frame_dark": (),
        "frame_flat": (),
    },
    Role.FILTER_WHEEL: {"select": (M.SELECT_FILTER,)},
    Role.FOCUSER: {"goto": (M.FOCUS,), "abort": (M.FOCUS,)},
    Role.LIGHT_PANEL: {"on": (M.SWITCH,), "off": (M.SWITCH,), "set_brightness": (M.SWITCH,)},
    Role.WEATHER: {"refresh": ()},
    Role.WATCHDOG: {"beat": (), "arm": (), "disarm": (), "forget": ()},
}
"""Role -> operation of its device files -> what it is to the interlocks. None named: it moves
nothing. Several: the role says which, the first when it does not."""


class ShutterState(StrEnum):
    """What the dome's shutter is."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    OPENING = "OPENING"
    CLOSING = "CLOSING"
    UNKNOWN = "UNKNOWN"


class MountPlace(StrEnum):
    """Whether the telescope is out of the shutter's way; on its way to the park it is not yet."""

    PARKED = "PARKED"
    OUT = "OUT"
    UNKNOWN = "UNKNOWN"


class DomePlace(StrEnum):
    """Whether the dome may turn."""

    PARKED = "PARKED"
    FREE = "FREE"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class MotionRequest:
    """One motion somebody asks for.

    Parameters
    ----------
    target_icrs_deg
        (ra_deg, dec_deg) of a slew or a light exposure.
    closed_dome
        The order says that the telescope moves under a closed dome.
    emergency
        The site's policy is to close over a telescope that does not park.
    """

    motion: MotionKind
    target_icrs_deg: tuple[float, float] | None = None
    closed_dome: bool = False
    emergency: bool = False


Guard = Callable[[MotionRequest], None]
"""Raises SafetyError when the motion is forbidden now."""
