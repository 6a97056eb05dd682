"""Names of standard INDI properties, and which of them a stored configuration may not touch.

Property names stand only here and in ``devices/*.yaml``. Spelling as in the INDI standard
properties (indilib.org) and as measured on INDI 1.9.9.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CONNECTION = "CONNECTION"
CONNECT = "CONNECT"
DISCONNECT = "DISCONNECT"
SIMULATION = "SIMULATION"
DRIVER_INFO = "DRIVER_INFO"

DRIVER_EXEC = "DRIVER_EXEC"
DRIVER_INTERFACE = "DRIVER_INTERFACE"

# What a server can tell of a site it was set up for.
GEOGRAPHIC_COORD = "GEOGRAPHIC_COORD"
LATITUDE, LONGITUDE, ELEVATION = "LAT", "LONG", "ELEV"
FILTER_NAME = "FILTER_NAME"
OPTICS: tuple[tuple[str, str, str], ...] = (
    ("TELESCOPE_INFO", "TELESCOPE_APERTURE", "TELESCOPE_FOCAL_LENGTH"),
    ("SCOPE_INFO", "APERTURE", "FOCAL_LENGTH"),
)
"""Property, aperture, focal length in mm: of mounts, and of cameras since INDI 2."""

CCD_COMPRESSION = "CCD_COMPRESSION"
COMPRESSION_OFF = ("INDI_DISABLED", "CCD_RAW")
"""Element that switches compression off: INDI 1.9 and later, and before."""

CCD_FILE_PATH = "CCD_FILE_PATH"
FILE_PATH = "FILE_PATH"
MAIN_CHIP = "CCD1"

_ALL: frozenset[str] = frozenset()

MOTION: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        # mount: where it points, whether it tracks, whether it is parked
        "EQUATORIAL_EOD_COORD": _ALL,
        "EQUATORIAL_COORD": _ALL,
        "HORIZONTAL_COORD": _ALL,
        "TARGET_EOD_COORD": _ALL,
        "TELESCOPE_MOTION_NS": _ALL,
        "TELESCOPE_MOTION_WE": _ALL,
        "TELESCOPE_TIMED_GUIDE_NS": _ALL,
        "TELESCOPE_TIMED_GUIDE_WE": _ALL,
        "TELESCOPE_TRACK_STATE": _ALL,
        "TELESCOPE_PARK": _ALL,
        "TELESCOPE_PARK_OPTION": _ALL,
        "TELESCOPE_HOME": _ALL,
        "TELESCOPE_ABORT_MOTION": _ALL,
        "TELESCOPE_SATELLITE": _ALL,
        "SAT_TRACKING_STAT": _ALL,
        # dome: parking and unparking move the shutter, autosync moves the dome
        "DOME_SHUTTER": _ALL,
        "DOME_PARK": _ALL,
        "DOME_PARK_OPTION": _ALL,
        "DOME_MOTION": _ALL,
        "DOME_GOTO": _ALL,
        "DOME_ABORT_MOTION": _ALL,
        "ABS_DOME_POSITION": _ALL,
        "REL_DOME_POSITION": _ALL,
        "DOME_AUTOSYNC": frozenset({"DOME_AUTOSYNC_ENABLE"}),
        # camera: anything that takes a frame
        "CCD_EXPOSURE": _ALL,
        "GUIDER_EXPOSURE": _ALL,
        "CCD_ABORT_EXPOSURE": _ALL,
        "GUIDER_ABORT_EXPOSURE": _ALL,
        "CCD_VIDEO_STREAM": _ALL,
        "CCD_EXPOSURE_LOOP": _ALL,
        "RECORD_STREAM": _ALL,
        # whatever else turns
        "FILTER_SLOT": _ALL,
        "ABS_FOCUS_POSITION": _ALL,
        "REL_FOCUS_POSITION": _ALL,
        "FOCUS_MOTION": _ALL,
        "FOCUS_TIMER": _ALL,
        "FOCUS_SYNC": _ALL,
        "FOCUS_ABORT_MOTION": _ALL,
        "ABS_ROTATOR_ANGLE": _ALL,
        "REL_ROTATOR_ANGLE": _ALL,
        "SYNC_ROTATOR_ANGLE": _ALL,
        "ROTATOR_ABORT_MOTION": _ALL,
        "ROTATOR_HOME": _ALL,
        "CAP_PARK": _ALL,
        # not motion, but never to be repeated blindly
        CONNECTION: _ALL,
        "CONFIG_PROCESS": _ALL,
        "CCD_SIMULATE_CRASH": _ALL,
    }
)
"""Properties that :meth:`IndiClient.keep` refuses; an empty set means whatever the element, else
only switching one of those elements on."""


def may_be_kept(name: str, values: Mapping[str, object]) -> bool:
    """Whether re-sending ``values`` to property ``name`` by itself cannot move anything."""
    refused = MOTION.get(name)
    if refused is None:
        return True
    if not refused:
        return False
    return not any(values.get(element) for element in refused)
