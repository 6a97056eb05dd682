"""Fields from a file: YAML for a few, CSV for many; every problem of a file is found at once.

YAML::

    fields:
      - {name: COSMOS, ra_deg: 150.1, dec_deg: 2.2, goal: 2.0, priority: 7.0}

CSV: a first line with the same names, ``name,ra_deg,dec_deg`` and, if wanted, ``goal`` and
``priority``. ICRS, decimal degrees.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ctmo_indi import checked_yaml
from ctmo_indi.checked_yaml import nearest
from ctmo_indi.errors import ConfigError
from ctmo_indi.scheduling.feature.fields import FieldSet

MOST_PROBLEMS = 50
LARGEST_FILE_BYTES = 64_000_000

_RANGES: Mapping[str, tuple[float, float, float | None]] = {
    "ra_deg": (0.0, 360.0, None),
    "dec_deg": (-90.0, 90.0, None),
    "goal": (0.0, 1e6, 1.0),
    "priority": (0.0, 10.0, 5.0),
}
"""Column -> least, most, and what it is when nothing is said; None: it has to be said."""


def read_fields(name: str, path: Path) -> FieldSet:
    """Read a set of fields; blocks for the file.

    Raises
    ------
    ConfigError
        Everything that is wrong: file, line, key, what came, what was expected.
    """
    entries = _of_csv(path) if path.suffix.lower() == ".csv" else _of_yaml(path)
    problems: list[str] = []
    ids: list[str] = []
    seen: dict[str, str] = {}
    columns: dict[str, list[float]] = {column: [] for column in _RANGES}
    for where, entry in entries:
        _read(entry, where, ids, columns, problems)
        if ids and ids[-1] in seen:
            problems.append(f"{where}, name: came {ids[-1]!r} again, it stands in {seen[ids[-1]]}")
        elif ids:
            seen[ids[-1]] = where
    if not entries:
        problems.append(f"{path}: no field, expected at least one")
    if problems:
        left = len(problems) - MOST_PROBLEMS
        more = [f"{path}: and {left} problems more"] if left > 0 else []
        raise ConfigError([*problems[:MOST_PROBLEMS], *more])
    arrays = {column: np.array(values) for column, values in columns.items()}
    return FieldSet.of(
        name, ids, arrays["ra_deg"] % 360.0, arrays["dec_deg"], arrays["goal"], arrays["priority"]
    )


def _read(
    entry: object,
    where: str,
    ids: list[str],
    columns: Mapping[str, list[float]],
    problems: list[str],
) -> None:
    known = ["name", *_RANGES]
    if not isinstance(entry, Mapping):
        problems.append(f"{where}: came {entry!r}, expected {', '.join(known)}")
        return
    for key in entry:
        if key not in known:
            expected = f"expected one of {', '.join(known)}"
            problems.append(f"{where}, {key}: unknown key{nearest(str(key), known)}, {expected}")
    given = entry.get("name")
    if not isinstance(given, str) or not 0 < len(given) <= 64 or not given.isprintable():
        problems.append(f"{where}, name: came {given!r}, expected text of 1 to 64 characters")
        given = f"field at {where}"
    ids.append(given)
    for key, (low, high, default) in _RANGES.items():
        value = entry.get(key, default)
        if isinstance(value, str):
            value = _number(value)
        if (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and low <= value <= high  # not NaN
        ):
            columns[key].append(float(value))
        else:
            came = repr(entry.get(key)) if key in entry else "nothing"
            expected = f"expected a number from {low:g} to {high:g}"
            problems.append(f"{where}, {key}: came {came}, {expected}")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _of_yaml(path: Path) -> list[tuple[str, object]]:
    data, lines = checked_yaml.read(path)
    strangers = [key for key in data if key != "fields"]
    if strangers:
        raise ConfigError(
            [lines.problem((key,), "unknown key, expected one of fields") for key in strangers]
        )
    listed = data.get("fields")
    if not isinstance(listed, list):
        raise ConfigError([lines.problem(("fields",), "expected a list of fields")])
    return [
        (f"{path}, line {lines.line(('fields', row))}", entry) for row, entry in enumerate(listed)
    ]


def _of_csv(path: Path) -> list[tuple[str, object]]:
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise ConfigError(f"{path}: the file is larger than {LARGEST_FILE_BYTES:,} bytes")
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            found: list[tuple[str, object]] = []
            for row in reader:
                cells = {key: value for key, value in row.items() if value not in (None, "")}
                found.append((f"{path}, line {reader.line_num}", cells))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    return found
