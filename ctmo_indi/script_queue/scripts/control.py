"""The control script: one Control order to the telescope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ctmo_indi.script_queue.controls import ControlScript
from ctmo_indi.script_queue.kinds import Parameters, ScriptKind, ScriptParts, object_schema
from ctmo_indi.script_queue.script import ScriptMetadata

NAME = "control"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one command takes.

    Parameters
    ----------
    timeout_s
        Sky seconds, unless the parameters say another.
    cancels
        Stopping the script cancels the order; not what leads toward safe.
    """

    timeout_s: float
    needs: tuple[str, ...] = ()
    may_have: tuple[str, ...] = ()
    cancels: bool = True


COMMANDS: Mapping[str, Rule] = {
    "slew": Rule(300.0, needs=("ra_deg", "dec_deg")),
    "track": Rule(300.0, may_have=("ra_deg", "dec_deg")),
    "park": Rule(600.0, cancels=False),
    "unpark": Rule(120.0),
    "open": Rule(600.0),
    "close": Rule(1440.0, cancels=False),
    "filter": Rule(300.0, needs=("filter_name",)),
    "focus": Rule(300.0, needs=("position",)),
    "abort": Rule(60.0, cancels=False),
}

_ALWAYS = ("command", "timeout_s", "reason")

_PROPERTIES: Mapping[str, dict[str, Any]] = {  # Any: JSON
    "command": {"description": "what to do", "enum": list(COMMANDS)},
    "ra_deg": {
        "description": "right ascension, ICRS, degrees",
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 360,
    },
    "dec_deg": {
        "description": "declination, ICRS, degrees",
        "type": "number",
        "minimum": -90,
        "maximum": 90,
    },
    "filter_name": {
        "description": "filter, as the profile names it",
        "type": "string",
        "minLength": 1,
    },
    "position": {
        "description": "absolute position of the focuser, steps",
        "type": "number",
        "minimum": 0,
        "maximum": 1000000,
    },
    "reason": {"description": "for the logs", "type": "string", "maxLength": 1000},
    "timeout_s": {
        "description": "longest time, sky seconds; by the command when missing",
        "type": "number",
        "minimum": 1,
        "maximum": 86400,
    },
}

_WIRE_KEYS = {
    "command": "Command",
    "ra_deg": "RA",
    "dec_deg": "Dec",
    "filter_name": "Filter",
    "position": "Position",
    "reason": "Reason",
}


def _rule_schema(command: str, rule: Rule) -> dict[str, Any]:  # Any: JSON
    taken = (*_ALWAYS, *rule.needs, *rule.may_have)
    return {
        "if": {"required": ["command"], "properties": {"command": {"const": command}}},
        "then": {
            "required": list(rule.needs),
            "properties": {name: _PROPERTIES[name] for name in taken},
            "additionalProperties": False,
        },
    }


SCHEMA = object_schema(
    _PROPERTIES,
    required=["command"],
    dependentRequired={"ra_deg": ["dec_deg"], "dec_deg": ["ra_deg"]},
    allOf=[_rule_schema(command, rule) for command, rule in COMMANDS.items()],
)


def _make(parts: ScriptParts, parameters: Parameters) -> ControlScript:
    rule = COMMANDS[parameters["command"]]
    order: dict[str, object] = {
        _WIRE_KEYS[name]: value for name, value in parameters.items() if name in _WIRE_KEYS
    }
    if "RA" in order:
        order["RA Unit"] = "deg"
    return ControlScript(
        NAME,
        parts.telescope,
        order,
        timeout_s=float(parameters.get("timeout_s", rule.timeout_s)),
        cancels=rule.cancels,
        metadata=ScriptMetadata(
            ra_deg=parameters.get("ra_deg"),
            dec_deg=parameters.get("dec_deg"),
            filter_name=parameters.get("filter_name"),
            parameters=dict(parameters),
        ),
    )


CONTROL = ScriptKind(NAME, "One command to the telescope, as a Control order.", SCHEMA, _make)
