"""The stop_tracking script: sent once when there is no target, so that the mount does not wander.

The telescope's ``abort`` stops motion and verifies that tracking is off; nothing else is under way
when this script runs.
"""

from __future__ import annotations

from ctmo_indi.script_queue.controls import ControlScript
from ctmo_indi.script_queue.kinds import ScriptKind, object_schema
from ctmo_indi.script_queue.peer import FrontDesk

NAME = "stop_tracking"
TIMEOUT_S = 60.0


def stop_tracking(telescope: FrontDesk) -> ControlScript:
    """Make the script."""
    command = {"Command": "abort", "Reason": "no target"}
    return ControlScript(NAME, telescope, command, timeout_s=TIMEOUT_S)


STOP_TRACKING = ScriptKind(
    NAME,
    "Let the mount stand still.",
    object_schema({}),
    lambda parts, _parameters: stop_tracking(parts.telescope),
)
