"""Read one YAML file of the site strictly, and say exactly what is wrong with it.

Every problem of a file is found in one go, and names the file, the line, the key, what came and
what was expected. The schema (JSON Schema 2020-12) is checked on the plain data; the lines come
from YAML's node tree.

Plain scalars are read by the rules of YAML 1.2's core schema, not of 1.1 as PyYAML does: ``on`` and
``no`` are text, ``12:30`` is not 750. Keys are always text. Refused: duplicate keys, tags,
``.nan``, ``.inf``, merge keys, two documents in a file; and what would only wear the machine out:
huge files and numbers, deep nesting, aliases that multiply.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ctmo_indi.errors import ConfigError
from ctmo_indi.yaml_nodes import compose

KeyPath = tuple[str | int, ...]

LARGEST_FILE_BYTES = 4_000_000
"""Reading a million takes a second, and without libyaml, or when it is not YAML, five."""
DEEPEST = 40
LONGEST_INTEGER = 300
"""Digits; any such number is also a finite float."""
MOST_REPEATED = 10_000
"""Values that aliases may repeat in one file."""

_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value", "map", "seq")
)
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: Mapping[str, bool | None] = {
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
    "null": None, "Null": None, "NULL": None, "~": None, "": None,
}  # fmt: skip
_TYPE_NAMES = {
    "number": "a number",
    "integer": "a whole number",
    "string": "text",
    "boolean": "true or false",
    "object": "keys with values",
    "array": "a list",
    "null": "nothing",
}


class Lines:
    """Where each key of a file stands, and the wording of a problem with it.

    Parameters
    ----------
    path
        The file.
    numbers
        Key path -> line, counted from 1.
    """

    def __init__(self, path: Path, numbers: Mapping[KeyPath, int]) -> None:
        self.path = path
        self._numbers = numbers

    def line(self, key_path: Sequence[str | int]) -> int:
        """Return the line of a key; of its nearest parent when the key is not in the file."""
        key = tuple(key_path)
        while key and key not in self._numbers:
            key = key[:-1]
        return self._numbers.get(key, 1)

    def problem(self, key_path: Sequence[str | int], text: str) -> str:
        """Return one line for :class:`ConfigError`: file, line, key, then ``text``."""
        where = f"{self.path}, line {self.line(key_path)}"
        return f"{where}, {dotted(key_path)}: {text}" if key_path else f"{where}: {text}"


def dotted(key_path: Sequence[str | int]) -> str:
    """Write a key path as a human would: ``limits.horizon_mask_deg[2]``."""
    text = ""
    for part in key_path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def nearest(name: str, known: Sequence[str]) -> str:
    """Return `` (did you mean ...?)`` for a misspelt name, "" when nothing is near."""
    folded = {entry.casefold(): entry for entry in known}
    close = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    return f" (did you mean {folded[close[0]]!r}?)" if close else ""


def load_checked(
    path: Path,
    schema: Path | Mapping[str, Any],
    *,
    formats: Mapping[str, Callable[[str], bool]] | None = None,
) -> tuple[dict[str, Any], Lines]:  # Any: what YAML holds; the schema has checked it
    """Read a YAML file and check it against a JSON Schema.

    Parameters
    ----------
    path
        The YAML file; an empty one is an empty mapping.
    schema
        A JSON Schema, or the file that holds it.
    formats
        The schema's own ``format`` words: whether a text is one.

    Returns
    -------
    data
        Plain dicts, lists, str, int, float, bool, None.
    lines
        For problems the schema cannot express.

    Raises
    ------
    ConfigError
        Everything that is wrong: unreadable, not YAML, or one problem for each wrong key.
    """
    data, lines = read(path)
    rules = _read_schema(schema) if isinstance(schema, Path) else schema
    problems = schema_problems(data, rules, lines, formats=formats)
    if problems:
        raise ConfigError(problems)
    return data, lines


def read(path: Path) -> tuple[dict[str, Any], Lines]:  # Any: unchecked data of a file
    """Read a YAML file without a schema; ConfigError when it is not a plain mapping."""
    data, lines = read_any(path)
    if data is None:
        return {}, lines
    if not isinstance(data, dict):
        raise ConfigError([lines.problem((), f"came {_shown(data)}, expected keys")])
    return data, lines


def read_any(path: Path) -> tuple[Any, Lines]:  # Any: unchecked data of a file
    """Read a YAML file that may hold a list, too; None for an empty one, ConfigError as above."""
    text = _text_of(path)
    try:
        node = compose(text)
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply, expected {DEEPEST} levels") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(f"{path}, line {line}: not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {error}") from error
    if node is None:
        return None, Lines(path, {})
    builder = _Builder(path)
    data = builder.build(node, ())
    lines = Lines(path, builder.numbers)
    if builder.problems:
        raise ConfigError(builder.problems)
    return data, lines


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE_BYTES + 1)
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as text: {error}") from error
    if len(content) > LARGEST_FILE_BYTES:
        raise ConfigError(f"{path}: the file is larger than {LARGEST_FILE_BYTES:,} bytes")
    return text


def schema_problems(
    data: object,
    schema: Mapping[str, Any],
    lines: Lines,
    *,
    formats: Mapping[str, Callable[[str], bool]] | None = None,
) -> list[str]:  # Any: a JSON Schema
    """Return every problem of ``data`` with a JSON Schema, in the order of the file's lines."""
    import jsonschema_rs  # here: not needed to read a file without a schema

    found: list[tuple[int, int, str]] = []
    validator = jsonschema_rs.validator_for(
        dict(schema), formats=dict(formats or {}), validate_formats=formats is not None
    )
    for error in validator.iter_errors(data):
        for key_path, text in _explain(error, schema):
            line = lines.line(key_path)
            found.append((line, len(key_path), lines.problem(key_path, text)))
    return list(dict.fromkeys(text for _, _, text in sorted(found, key=lambda entry: entry[:2])))


def broken_schema(schema: Mapping[str, Any]) -> tuple[KeyPath, str] | None:
    """Return where a JSON Schema that stands in a file is none, and why; None when it is one."""
    import jsonschema_rs  # here: as above

    try:
        jsonschema_rs.meta.validate(dict(schema))
    except jsonschema_rs.ValidationError as error:
        return tuple(error.instance_path), f"{error.message}, expected a JSON Schema"
    return None


class _Builder:
    """Turns YAML nodes into plain data and notes the line of every key."""

    def __init__(self, path: Path) -> None:
        self.numbers: dict[KeyPath, int] = {}
        self.problems: list[str] = []
        self._path = path
        self._open: set[int] = set()
        self._built: set[int] = set()
        self._repeated = 0

    def build(self, node: yaml.Node, key: KeyPath) -> Any:  # Any: whatever the file holds
        self.numbers.setdefault(key, node.start_mark.line + 1)
        if node.tag not in _PLAIN_TAGS:
            self._refuse(node, key, f"the tag {node.tag}, expected none")
            return None
        if id(node) in self._open:
            self._refuse(node, key, "an alias that contains itself, expected none")
            return None
        if not self._is_bearable(node, key):
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, key)
            if isinstance(node, yaml.SequenceNode):
                return [self.build(child, (*key, i)) for i, child in enumerate(node.value)]
            return self._scalar(node, key)
        finally:
            self._open.discard(id(node))

    def _is_bearable(self, node: yaml.Node, key: KeyPath) -> bool:
        """Refuse, once for each kind, what would only wear the machine out."""
        if len(key) > DEEPEST:
            if len(key) == DEEPEST + 1:
                self._refuse(node, key, f"more than {DEEPEST} levels")
            return False
        if id(node) in self._built:
            self._repeated += 1
            if self._repeated == MOST_REPEATED:
                self._refuse(node, key, f"aliases that repeat more than {MOST_REPEATED:,} values")
        self._built.add(id(node))
        return self._repeated < MOST_REPEATED

    def _mapping(self, node: yaml.MappingNode, key: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}  # Any: as above
        for name_node, value_node in node.value:
            if not isinstance(name_node, yaml.ScalarNode):
                self._refuse(name_node, key, "a key that is not text, expected text")
                continue
            name = str(name_node.value)
            here = (*key, name)
            if name in result:
                first = self.numbers[here]
                self._refuse(name_node, here, f"this key again, it stands in line {first} already")
                continue
            self.numbers[here] = name_node.start_mark.line + 1
            result[name] = self.build(value_node, here)
        return result

    def _scalar(self, node: yaml.Node, key: KeyPath) -> object:
        text = str(node.value)
        if getattr(node, "style", None) in ("'", '"', "|", ">"):
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            if len(text) > LONGEST_INTEGER:
                self._refuse(node, key, f"a number of {len(text)} digits")
                return None
            return int(text)
        if _NOT_FINITE.fullmatch(text) or (_FLOAT.fullmatch(text) and math.isinf(float(text))):
            self._refuse(node, key, f"{text}, expected a finite number")
            return None
        return float(text) if _FLOAT.fullmatch(text) else text

    def _refuse(self, node: yaml.Node, key: KeyPath, text: str) -> None:
        line = node.start_mark.line + 1
        what = f", {dotted(key)}" if key else ""
        self.problems.append(f"{self._path}, line {line}{what}: came {text}")


def _read_schema(path: Path) -> Mapping[str, Any]:  # Any: a JSON Schema
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: the schema cannot be read: {error}") from error
    if not isinstance(schema, dict):
        raise ConfigError(f"{path}: the schema is not an object")
    return schema


def _explain(error: Any, schema: Mapping[str, Any]) -> list[tuple[KeyPath, str]]:
    """Word one error of jsonschema-rs; ``error`` is Any since its classes are not typed."""
    key = tuple(error.instance_path)
    rule = _subschema(schema, error.schema_path[:-1])
    kind = error.kind.name
    if kind == "additionalProperties":
        known = sorted(rule.get("properties", {}))
        expected = f"expected one of {', '.join(known)}" if known else "expected no key"
        return [
            ((*key, name), f"unknown key{nearest(name, known)}, {expected}")
            for name in error.kind.unexpected
        ]
    if kind == "required":
        name = error.kind.property
        wanted = _expected(_property(schema, rule, name))
        return [(key, f"the key {name!r} is missing, expected {wanted}")]
    if kind == "propertyNames":
        inner = rule.get("propertyNames", {})
        return [(key, f"{error.message}, expected names: {_expected(inner)}")]
    return [(key, f"came {_shown(error.instance)}, expected {_expected(rule)}")]


def _property(
    schema: Mapping[str, Any], rule: Mapping[str, Any], name: str
) -> Mapping[str, Any]:  # Any: a JSON Schema
    entry = rule.get("properties", {}).get(name, {})
    return _follow(schema, entry) if isinstance(entry, Mapping) else {}


def _follow(schema: Mapping[str, Any], entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Resolve a local ``$ref``, keeping the words that stand beside it."""
    reference = entry.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return entry
    target: Any = schema  # Any: walks a JSON Schema
    for part in reference[2:].split("/"):
        target = target[part]
    return {**target, **{name: value for name, value in entry.items() if name != "$ref"}}


def _subschema(schema: Mapping[str, Any], path: Sequence[str | int]) -> Mapping[str, Any]:
    current: Any = schema  # Any: walks a JSON Schema
    for part in path:
        if part == "$ref":
            current = _follow(schema, current)
            continue
        try:
            current = current[part]
        except (KeyError, IndexError, TypeError):
            return {}
    return _follow(schema, current) if isinstance(current, Mapping) else {}


def _expected(rule: Mapping[str, Any]) -> str:
    """Say in words what a (sub)schema wants."""
    words: list[str] = []
    if "enum" in rule:
        words.append("one of " + ", ".join(str(option) for option in rule["enum"]))
    elif "const" in rule:
        words.append(str(rule["const"]))
    elif "type" in rule:
        kinds = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
        words.append(" or ".join(_TYPE_NAMES.get(kind, str(kind)) for kind in kinds))
    low, high = rule.get("minimum"), rule.get("maximum")
    if low is not None and high is not None:
        words.append(f"from {low} to {high}")
    elif low is not None:
        words.append(f">= {low}")
    elif high is not None:
        words.append(f"<= {high}")
    if "exclusiveMinimum" in rule:
        words.append(f"> {rule['exclusiveMinimum']}")
    if "exclusiveMaximum" in rule:
        words.append(f"< {rule['exclusiveMaximum']}")
    for keyword, text in (
        ("minLength", "of at least {} characters"),
        ("maxLength", "of at most {} characters"),
        ("minItems", "of at least {} entries"),
        ("maxItems", "of at most {} entries"),
        ("minProperties", "with at least {} keys"),
        ("pattern", "matching {}"),
    ):
        if keyword in rule:
            words.append(text.format(rule[keyword]))
    said = " ".join(words) or "something else"
    return f"{said} ({rule['description']})" if "description" in rule else said


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "keys with values"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = repr(value) if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= 60 else f"{text[:57]}..."
