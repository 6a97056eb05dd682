"""The park script: the end of the night. The telescope parks, closes and parks the dome."""

from __future__ import annotations

from ctmo_indi.script_queue.controls import ControlScript
from ctmo_indi.script_queue.kinds import ScriptKind, object_schema
from ctmo_indi.script_queue.peer import FrontDesk
from ctmo_indi.script_queue.script import ScriptMetadata

NAME = "park"
TIMEOUT_S = 1440.0
"""Sky seconds: four times what the slowest profile of ours allows for parking and the shutter."""


def park(telescope: FrontDesk, *, timeout_s: float) -> ControlScript:
    """Make the script.

    Parameters
    ----------
    timeout_s
        Sky seconds for the whole closing sequence, its repetitions included.
    """
    return ControlScript(
        NAME,
        telescope,
        {"Command": "close"},
        timeout_s=timeout_s,
        metadata=ScriptMetadata(parameters={"timeout_s": timeout_s}),
    )


PARK = ScriptKind(
    NAME,
    "Park the telescope, close, park the dome.",
    object_schema(
        {
            "timeout_s": {
                "description": "longest time of the whole closing, sky seconds",
                "type": "number",
                "minimum": 1,
                "maximum": 86400,
                "default": TIMEOUT_S,
            }
        }
    ),
    lambda parts, parameters: park(parts.telescope, **parameters),
)
