"""One module a script: observe and calibrations, park, stop_tracking, control, dome, sleep."""

from __future__ import annotations

from ctmo_indi.script_queue.kinds import ScriptKind
from ctmo_indi.script_queue.scripts import (
    control,
    dome,
    observing,
    park,
    sleep,
    stop_tracking,
)

STANDARD: tuple[ScriptKind, ...] = (
    observing.OBSERVE,
    observing.CALIBRATIONS,
    park.PARK,
    stop_tracking.STOP_TRACKING,
    control.CONTROL,
    dome.DOME,
    sleep.SLEEP,
)
"""Every script of ours."""
