"""Scripts by name: ours, and those that other packages announce, each with its parameters.

A package offers a script with an entry point of the group ``ctmo_indi.scripts`` that names a
:class:`~ctmo_indi.script_queue.kinds.ScriptKind`. Ours are called standard, the others external, as
with the Rubin Scheduler. Parameters are checked against the script's JSON Schema (2020-12) before a
script is made, and completed with the schema's defaults.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from ctmo_indi.checked_yaml import Lines, dotted, nearest, schema_problems
from ctmo_indi.errors import BadOrder, CtmoError
from ctmo_indi.script_queue.kinds import Parameters, Schema, ScriptKind, ScriptParts
from ctmo_indi.script_queue.script import Script
from ctmo_indi.script_queue.scripts import STANDARD

_log = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "ctmo_indi.scripts"


@dataclass(frozen=True, slots=True)
class ConfiguredScript:
    """A script's name with its checked and completed parameters."""

    kind: ScriptKind
    parameters: Parameters

    def make(self, parts: ScriptParts) -> Script:
        """Make the script; CtmoError when it cannot be, BadOrder when its own code breaks."""
        try:
            return self.kind.make(parts, self.parameters)
        except CtmoError:
            raise
        except Exception as error:
            _log.exception("script not made name=%s", self.kind.name)
            raise BadOrder(f"script {self.kind.name}: it could not be made: {error!r}") from error


@dataclass(frozen=True, slots=True)
class ScriptRegistry:
    """Every script there is.

    Parameters
    ----------
    broken
        Name of an external script -> why it is not there.
    """

    standard: Mapping[str, ScriptKind]
    external: Mapping[str, ScriptKind] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls) -> ScriptRegistry:
        """Gather ours and those of other packages; one of theirs that is broken is left out."""
        external: dict[str, ScriptKind] = {}
        broken: dict[str, str] = {}
        for point in entry_points(group=ENTRY_POINT_GROUP):
            try:
                kind = point.load()
            except Exception as error:  # noqa: BLE001 - another package's import may raise anything
                kind = error
            if isinstance(kind, ScriptKind):
                external[point.name] = kind
            else:
                broken[point.name] = f"{point.value} is no ScriptKind: {kind!r}"
                _log.error("external script left out name=%s reason=%r", point.name, kind)
        return cls({kind.name: kind for kind in STANDARD}, external, broken)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all scripts, sorted."""
        return tuple(sorted({*self.standard, *self.external}))

    def kind(self, name: str, *, standard: bool | None = None) -> ScriptKind:
        """Return the script of that name; a standard one wins unless ``standard`` is False.

        Raises
        ------
        BadOrder
            There is none; the message names those there are.
        """
        places: Sequence[Mapping[str, ScriptKind]] = (self.standard, self.external)
        if standard is not None:
            places = (self.standard if standard else self.external,)
        for place in places:
            if name in place:
                return place[name]
        why = f"; {self.broken[name]}" if name in self.broken else ""
        known = sorted(known for place in places for known in place)
        what = {None: "script", True: "standard script", False: "external script"}[standard]
        raise BadOrder(
            f"{name!r} is no {what}{nearest(name, known)}, expected one of "
            f"{', '.join(known) or 'none'}{why}"
        )

    def configure(
        self, name: str, parameters: Parameters, *, standard: bool | None = None
    ) -> ConfiguredScript:
        """Check the parameters of a script and complete them.

        Raises
        ------
        BadOrder
            No such script, or everything that is wrong with the parameters.
        """
        kind = self.kind(name, standard=standard)
        problems = parameter_problems(kind.schema, parameters)
        if problems:
            raise BadOrder([f"{name}: {problem}" for problem in problems])
        return ConfiguredScript(kind, completed(kind.schema, parameters))


class _NoLines(Lines):
    """Words problems of data that came from no file."""

    def __init__(self) -> None:
        super().__init__(Path(), {})

    def problem(self, key_path: Sequence[str | int], text: str) -> str:
        return f"{dotted(key_path)}: {text}" if key_path else text


def parameter_problems(schema: Schema, parameters: Parameters) -> list[str]:
    """Return everything that is wrong with ``parameters`` as they came, one line each."""
    return schema_problems(dict(parameters), schema, _NoLines())


def completed(schema: Schema, parameters: Parameters) -> dict[str, Any]:  # Any: as Parameters
    """Return ``parameters`` with the schema's defaults where they are missing."""
    return {**defaults(schema), **parameters}


def defaults(schema: Schema) -> dict[str, Any]:  # Any: as Parameters
    """Return the defaults of a schema's properties."""
    properties: Mapping[str, Schema] = schema.get("properties", {})
    return {name: rule["default"] for name, rule in properties.items() if "default" in rule}
