"""Observing blocks against the scripts there are: which are valid, and what they come to.

A block is valid only when *all* its scripts are: each exists, and its parameters, with examples in
the place of every ``$name``, keep the script's schema. The real values are checked again when the
block is rendered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ctmo_indi.checked_yaml import nearest
from ctmo_indi.errors import BadOrder, UnknownOrder
from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.script_queue.block_files import Block, BlockScript, read_blocks, shipped_folder
from ctmo_indi.script_queue.kinds import Schema
from ctmo_indi.script_queue.registry import (
    ConfiguredScript,
    ScriptRegistry,
    completed,
    defaults,
    parameter_problems,
)
from ctmo_indi.script_queue.substitution import TARGET_VALUES, Values, substitute

Problems = Mapping[str, tuple[str, ...]]
"""Step of the block ("configuration", "2 sleep") -> what is wrong with it; empty: nothing."""

CONFIGURATION = "configuration"


class BlockLibrary:
    """Every observing block there is. Immutable; any thread.

    Parameters
    ----------
    blocks
        By name and by programme.
    """

    def __init__(self, blocks: Mapping[str, Block], registry: ScriptRegistry) -> None:
        self._blocks = dict(blocks)
        self._registry = registry
        self._invalid: dict[str, Problems] = {}
        for block in self.blocks:
            problems = self.validate(block.name)
            if problems:
                self._invalid[block.name] = problems

    @classmethod
    def load(cls, site_folder: Path | None, registry: ScriptRegistry) -> BlockLibrary:
        """Read the shipped blocks and those of a site, which win.

        Raises
        ------
        ConfigError
            A file cannot be read, or is no block; every one of them is named, with its line.
        """
        folders = [shipped_folder()] if site_folder is None else [site_folder, shipped_folder()]
        return cls(read_blocks(folders), registry)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks, by name."""
        found = {block.name: block for block in self._blocks.values()}
        return tuple(found[name] for name in sorted(found))

    @property
    def valid_names(self) -> tuple[str, ...]:
        """Names of the valid blocks."""
        return tuple(block.name for block in self.blocks if block.name not in self._invalid)

    def has(self, name: str) -> bool:
        """Whether there is a block of that name or programme."""
        return name in self._blocks

    def get(self, name: str) -> Block:
        """Return the block of that name or programme; UnknownOrder names those there are."""
        block = self._blocks.get(name)
        if block is None:
            known = sorted(self._blocks)
            raise UnknownOrder(
                f"no observing block {name!r}{nearest(name, known)}, there are {', '.join(known)}"
            )
        return block

    def invalid(self, name: str) -> Problems:
        """Return what is wrong with the block as its file has it; empty when it is valid."""
        return self._invalid.get(self.get(name).name, {})

    def validate(
        self, name: str, override: Mapping[str, object] | None = None, *, for_target: bool = True
    ) -> Problems:
        """Return what is wrong with a block, step by step, with examples for a target's values.

        Parameters
        ----------
        override
            Values for the block's own parameters. None: not known yet, examples take the places of
            those without a default.
        for_target
            False: it is to be carried out alone, so there is no target to give values and no
            attempt for an observing script.

        Raises
        ------
        UnknownOrder
            There is no such block.
        """
        block = self.get(name)
        schema = block.configuration_schema
        configuration = (
            {**_examples(schema), **defaults(schema)}
            if override is None
            else completed(schema, override)
        )
        problems: dict[str, tuple[str, ...]] = {}
        wrong = () if override is None else _override_problems(schema, configuration)
        if wrong:
            problems[CONFIGURATION] = wrong
            configuration = {**_examples(schema), **configuration}
        values = {**configuration, **TARGET_VALUES} if for_target else configuration
        for step, script in enumerate(block.scripts, 1):
            found = self._script_problems(script, values, for_target=for_target)
            if found:
                problems[f"{step} {script.name}"] = found
        return problems

    def needs_target(self, name: str) -> bool:
        """Whether one of its scripts carries out an attempt at an order."""
        return any(
            script.name in {kind.name for kind in self._registry.standard.values()}
            and self._registry.standard[script.name].needs_attempt
            for script in self.get(name).scripts
            if script.standard
        )

    def render(
        self, name: str, values: Values, override: Mapping[str, object] | None = None
    ) -> tuple[ConfiguredScript, ...]:
        """Return the block's scripts with all values put in and checked.

        Parameters
        ----------
        values
            Of the target (:data:`~ctmo_indi.script_queue.substitution.TARGET_VALUES` has the
            names); empty when there is none.
        override
            For the block's own parameters, over their defaults.

        Raises
        ------
        UnknownOrder
            There is no such block.
        BadOrder
            Everything that is wrong: an unknown ``$name``, a value that a script does not take.
        """
        block = self.get(name)
        configuration = completed(block.configuration_schema, override or {})
        problems = [
            f"{CONFIGURATION}: {problem}"
            for problem in _override_problems(block.configuration_schema, configuration)
        ]
        scripts: list[ConfiguredScript] = []
        everything = {**configuration, **values}
        for step, script in enumerate(block.scripts, 1):
            try:
                scripts.append(self._configure(script, everything))
            except BadOrder as error:
                problems += [f"{step} {problem}" for problem in error.problems]
        if problems:
            raise BadOrder([f"block {block.name}: {problem}" for problem in problems])
        return tuple(scripts)

    def outside(self, name: str, values: Values) -> tuple[str, ...]:
        """Return which of the block's constraints a target does not keep; UnknownOrder as get."""
        return tuple(_constraint_problems(self.get(name), values))

    def _configure(self, script: BlockScript, values: Values) -> ConfiguredScript:
        unknown: list[str] = []
        parameters = substitute(script.parameters, values, unknown.append)
        if unknown:
            raise BadOrder([_unknown(script.name, name, values) for name in unknown])
        return self._registry.configure(script.name, parameters, standard=script.standard)

    def _script_problems(
        self, script: BlockScript, values: Values, *, for_target: bool
    ) -> tuple[str, ...]:
        try:
            configured = self._configure(script, values)
        except BadOrder as error:
            return error.problems
        if configured.kind.needs_attempt and not for_target:
            return (f"{script.name}: it belongs to an order, and the block is to run without one",)
        return ()


def _unknown(script: str, name: str, values: Values) -> str:
    if name in TARGET_VALUES:
        why = "only a target gives it a value"
    else:
        why = f"expected one of {', '.join(sorted(values)) or 'none'}{nearest(name, list(values))}"
    return f"{script}: unknown ${name}, {why}"


def _override_problems(schema: Schema, configuration: Mapping[str, Any]) -> tuple[str, ...]:
    """Find what is wrong with a block's own parameters; Any: what YAML can hold."""
    properties = schema.get("properties", {})
    unknown = [
        f"{name}: unknown key{nearest(name, list(properties))}, expected one of "
        f"{', '.join(properties) or 'none'}"
        for name in configuration
        if name not in properties
    ]
    known = {name: value for name, value in configuration.items() if name in properties}
    return (*unknown, *parameter_problems(schema, known))


def _constraint_problems(block: Block, values: Values) -> Sequence[str]:
    altitude_deg = values.get("alt")
    if altitude_deg is None:
        return ()
    limits = block.constraints
    problems = []
    if limits.min_altitude_deg is not None and altitude_deg < limits.min_altitude_deg:
        problems.append(
            f"the target's altitude is {altitude_deg:.1f} deg, expected >= "
            f"{limits.min_altitude_deg:g} deg"
        )
    if limits.max_airmass is not None:
        with FIRST_IMPORT:
            from ctmo_indi.models.coordinates import airmass  # heavy: ERFA

        mass = float(airmass(altitude_deg))
        if mass > limits.max_airmass:
            problems.append(
                f"the target's airmass is {mass:.2f}, expected <= {limits.max_airmass:g}"
            )
    return problems


_EXAMPLE_OF_TYPE: Mapping[str, object] = {
    "string": "text",
    "boolean": False,
    "array": [],
    "object": {},
}


def _examples(schema: Schema) -> dict[str, Any]:  # Any: what YAML can hold
    """Return a value for each property: an example, a choice, the least, or one of the type."""
    found: dict[str, Any] = {}  # Any: as above
    for name, rule in schema.get("properties", {}).items():
        for key in ("examples", "enum"):
            if rule.get(key):
                found[name] = rule[key][0]
                break
        else:
            kind = rule.get("type")
            kind = kind[0] if isinstance(kind, list) else kind
            number = rule.get("minimum", rule.get("exclusiveMinimum", 0) + 1)
            found[name] = rule.get("const", _EXAMPLE_OF_TYPE.get(str(kind), number))
    return found
