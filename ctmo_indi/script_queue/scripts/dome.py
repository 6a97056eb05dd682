"""The dome script: one Dome order to the dome's desk."""

from __future__ import annotations

from ctmo_indi.script_queue.controls import ControlScript
from ctmo_indi.script_queue.kinds import Parameters, ScriptKind, ScriptParts, object_schema
from ctmo_indi.script_queue.script import ScriptMetadata

NAME = "dome"
TIMEOUT_S = 600.0

_WIRE_KEYS = {"shutter": "Shutter", "azimuth_deg": "Azimuth", "park": "Park"}

SCHEMA = object_schema(
    {
        "shutter": {"description": "where it shall be", "enum": ["open", "close"]},
        "azimuth_deg": {
            "description": "where the slit shall point, from north through east, degrees",
            "type": "number",
            "minimum": 0,
            "exclusiveMaximum": 360,
        },
        "park": {"description": "true parks, false unparks", "type": "boolean"},
        "switches": {
            "description": "switches of the profile, such as Blink01, and whether they are on",
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"description": "on or off", "type": "boolean"},
        },
        "timeout_s": {
            "description": "longest time, sky seconds",
            "type": "number",
            "minimum": 1,
            "maximum": 86400,
            "default": TIMEOUT_S,
        },
    },
    description="at least one of shutter, azimuth_deg, park, switches",
    anyOf=[{"required": [name]} for name in (*_WIRE_KEYS, "switches")],
)


def _make(parts: ScriptParts, parameters: Parameters) -> ControlScript:
    order: dict[str, object] = {
        _WIRE_KEYS[name]: value for name, value in parameters.items() if name in _WIRE_KEYS
    }
    order |= parameters.get("switches", {})
    is_toward_safe = parameters.get("shutter") == "close" or parameters.get("park") is True
    return ControlScript(
        NAME,
        parts.dome,
        {"WOType": "Dome", **order},
        timeout_s=float(parameters["timeout_s"]),
        cancels=not is_toward_safe,
        metadata=ScriptMetadata(parameters=dict(parameters)),
    )


DOME = ScriptKind(NAME, "One command to the dome, as a Dome order.", SCHEMA, _make)
