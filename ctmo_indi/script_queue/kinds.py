"""What a script that can be queued by name is: its parameters, and how one is made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ctmo_indi.script_queue.peer import FrontDesk
from ctmo_indi.script_queue.script import Script, ScriptMetadata

Schema: TypeAlias = Mapping[str, Any]  # JSON: any depth of mapping, list and scalar
Parameters: TypeAlias = Mapping[str, Any]  # by the script's schema


@dataclass(frozen=True, slots=True)
class AttemptBinding:
    """The attempt that an observing script is to carry out.

    Parameters
    ----------
    wire
        The attempt's order; None adopts an attempt handed over before.
    duration_s
        Estimated sky seconds of its exposures and readouts.
    """

    attempt_id: str
    receipt: str
    wire: Mapping[str, object] | None
    duration_s: float
    metadata: ScriptMetadata | None = None


@dataclass(frozen=True, slots=True)
class ScriptParts:
    """What scripts are made from.

    Parameters
    ----------
    attempt
        What an observing script is for; None outside of targets.
    """

    telescope: FrontDesk
    dome: FrontDesk
    attempt: AttemptBinding | None = None


@dataclass(frozen=True, slots=True)
class ScriptKind:
    """One script that can be queued.

    Parameters
    ----------
    schema
        JSON Schema of its parameters, of type object; ``default`` of a property is filled in.
    make
        Makes one from checked and completed parameters; quick, starts nothing.
    needs_attempt
        It carries out an attempt at an order, and nobody can queue it by hand.
    """

    name: str
    description: str
    schema: Schema
    make: Callable[[ScriptParts, Parameters], Script]
    needs_attempt: bool = False


def object_schema(
    properties: Mapping[str, Schema], required: Iterable[str] = (), **more: object
) -> dict[str, Any]:  # Any: JSON
    """Return the schema of a script's parameters: these and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
        **more,
    }
