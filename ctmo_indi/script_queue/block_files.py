"""Observing blocks as files: ``profiles/blocks/*.yaml`` and the site's own folder.

A block is a list of scripts with parameters. The idea, the words and the ``$name`` places are the
Rubin Scheduler's; the format is described in ``profiles/README.md``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctmo_indi import catalogue
from ctmo_indi.checked_yaml import Lines, broken_schema, load_checked
from ctmo_indi.errors import ConfigError
from ctmo_indi.script_queue.kinds import Schema
from ctmo_indi.script_queue.substitution import TARGET_VALUES

FOLDER = "blocks"
SCHEMA_NAME = "block.schema.json"


@dataclass(frozen=True, slots=True)
class BlockScript:
    """One script of a block as the file has it; ``parameters`` may hold ``$name``."""

    name: str
    standard: bool
    parameters: Mapping[str, Any]  # Any: what YAML can hold


@dataclass(frozen=True, slots=True)
class BlockConstraints:
    """Limits for the target of a block; None is no limit."""

    min_altitude_deg: float | None = None
    max_airmass: float | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """One observing block.

    Parameters
    ----------
    program
        A second name; the block's own when the file gives none.
    configuration_schema
        JSON Schema of the block's own parameters.
    uid
        First digits of the SHA-256 of ``definition``: tells whether it is the same block.
    definition
        The file's content as JSON.
    """

    name: str
    program: str
    description: str
    constraints: BlockConstraints
    configuration_schema: Schema
    scripts: tuple[BlockScript, ...]
    uid: str
    definition: str
    file: Path


def shipped_folder() -> Path:
    """Return the folder of the blocks that come with the manager."""
    return catalogue.folder("profiles") / FOLDER


def read_blocks(folders: Sequence[Path]) -> dict[str, Block]:
    """Read every block below ``folders``; a name of an earlier folder hides that of a later one.

    Raises
    ------
    ConfigError
        Everything that is wrong in all files: file, line, key; a folder that is not there.
    """
    blocks: dict[str, Block] = {}
    problems: list[str] = []
    for folder in folders:
        if not folder.is_dir():
            problems.append(f"{folder}: no such folder, expected one of observing blocks")
            continue
        here: dict[str, Block] = {}
        for path in sorted(folder.rglob("*.yaml")):
            try:
                block = _read(path)
            except ConfigError as error:
                problems += error.problems
                continue
            for name in {block.name, block.program}:
                if name in here:
                    problems.append(
                        f"{path}: the name {name!r} again, {here[name].file} has it already"
                    )
                here[name] = block
        blocks = {**here, **blocks}
    if problems:
        raise ConfigError(problems)
    return blocks


def _read(path: Path) -> Block:
    data, lines = load_checked(path, shipped_folder() / SCHEMA_NAME)
    schema = data.get("configuration_schema", {"type": "object", "additionalProperties": False})
    problems = _schema_problems(schema, lines)
    if problems:
        raise ConfigError(problems)
    definition = json.dumps(data, sort_keys=True)
    return Block(
        name=data["name"],
        program=data.get("program", data["name"]),
        description=data.get("description", ""),
        constraints=BlockConstraints(
            **{name: float(limit) for name, limit in data.get("constraints", {}).items()}
        ),
        configuration_schema=schema,
        scripts=tuple(
            BlockScript(entry["name"], entry.get("standard", True), entry.get("parameters") or {})
            for entry in data["scripts"]
        ),
        uid=hashlib.sha256(definition.encode()).hexdigest()[:16],
        definition=definition,
        file=path,
    )


def _schema_problems(schema: Schema, lines: Lines) -> list[str]:
    """Find what is wrong with a block's own schema."""
    key = ("configuration_schema",)
    broken = broken_schema(schema)
    if broken is not None:
        where, why = broken
        return [lines.problem((*key, *where), why)]
    return [
        lines.problem(
            (*key, "properties", name), "a target gives a value to this name, expected another"
        )
        for name in schema.get("properties", {})
        if name in TARGET_VALUES
    ]
