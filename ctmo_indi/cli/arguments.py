"""Structs and lists of words as people write them on a command line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import typer


def read_struct(option: str, text: str) -> dict[str, object]:
    """Return the struct that ``text`` is, as JSON, or that the file of that name holds.

    Parameters
    ----------
    text
        JSON when it begins with ``{``; else the name of a JSON or YAML file.

    Raises
    ------
    typer.BadParameter
        There is no such file, or no struct in it.
    """
    import yaml

    source = text
    if not text.lstrip().startswith("{"):
        try:
            source = Path(text).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise typer.BadParameter(
                f"{option} {text}: {error}; expected JSON such as '{{\"count\": 3}}', or a file"
            ) from error
    try:
        value = yaml.safe_load(source)  # JSON is YAML
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise typer.BadParameter(f"{option} {text}: {problem}; expected JSON or YAML") from error
    if not isinstance(value, Mapping):
        raise typer.BadParameter(f"{option} {text}: came {value!r:.60}, expected a struct")
    return {str(key): item for key, item in value.items()}


def read_pairs(pairs: Iterable[str]) -> dict[str, object]:
    """Return NAME=VALUE pairs as a struct; a value is JSON where it can be, else text."""
    struct: dict[str, object] = {}
    for pair in pairs:
        name, is_there, value = pair.partition("=")
        if not name or not is_there:
            raise typer.BadParameter(f"{pair!r}: expected NAME=VALUE, such as exposure_s=30")
        try:
            struct[name] = json.loads(value)
        except ValueError:
            struct[name] = value
    return struct


def read_words(texts: Iterable[str]) -> list[str]:
    """Return the words of texts in which they are separated by commas or blanks."""
    return [word for text in texts for word in text.replace(",", " ").split()]
