"""The sleep script: wait for some time; stopping ends it at once."""

from __future__ import annotations

from ctmo_indi.script_queue.kinds import ScriptKind, object_schema
from ctmo_indi.script_queue.script import PlainScript, ScriptMetadata, Slot

NAME = "sleep"
MARGIN_S = 60.0


class SleepScript(PlainScript):
    """Wait ``duration_s`` sky seconds."""

    def __init__(self, duration_s: float) -> None:
        super().__init__(
            NAME,
            timeout_s=duration_s + MARGIN_S,
            metadata=ScriptMetadata(duration_s=duration_s, parameters={"duration_s": duration_s}),
        )
        self._duration_s = duration_s

    def run(self, slot: Slot) -> None:
        """Return when the time is over."""
        slot.wait(self._duration_s / slot.clock.speed)


SLEEP = ScriptKind(
    NAME,
    "Wait.",
    object_schema(
        {
            "duration_s": {
                "description": "how long, sky seconds",
                "type": "number",
                "minimum": 0,
                "maximum": 86400,
            }
        },
        required=["duration_s"],
    ),
    lambda _parts, parameters: SleepScript(float(parameters["duration_s"])),
)
